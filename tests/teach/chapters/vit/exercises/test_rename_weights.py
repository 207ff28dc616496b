"""check.rename_weights: every way to rename, and names that do not fit."""

import re
from collections import OrderedDict

import torch
from answers import is_named, is_right, right, wrong

from vitlib import ViT
from vitlib.teach import check
from vitlib.teach.chapters.vit.exercises.rename_weights import abroad

PAIRS = [
    (r"^class_token", "cls_token"),
    (r"^conv_proj", "patch_embed.proj"),
    (r"^encoder\.pos_embedding", "pos_embed"),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head", "head"),
    (r"^encoder\.layers\.encoder_layer_(\d+)", r"blocks.\1"),
    (r"\.ln_", ".norm"),
    (r"self_attention\.in_proj_", "attn.qkv."),
    (r"self_attention\.out_proj", "attn.proj"),
    (r"mlp\.0", "mlp.fc1"),
    (r"mlp\.3", "mlp.fc2"),
]


def by_patterns(weights, pairs=PAIRS):
    found = OrderedDict()
    for name, weight in weights.items():
        for theirs, ours in pairs:
            name = re.sub(theirs, ours, name)
        found[name] = weight
    return found


def by_asking_backwards(weights):
    """Go through the names that a ViT wants."""
    depth = 1 + max(
        int(n.split("_layer_")[1].split(".")[0])
        for n in weights
        if "_layer_" in n
    )
    with torch.device("meta"):
        wanted = ViT.from_name("Ti/16", depth=depth).state_dict()
    return {name: weights[abroad(name)] for name in wanted}


def by_order(weights):
    """Sort into the order of a ViT, whatever the names are."""
    depth = sum(name.endswith("ln_1.weight") for name in weights)
    with torch.device("meta"):
        wanted = list(ViT.from_name("Ti/16", depth=depth).state_dict())
    first = ["class_token", "encoder.pos_embedding"]
    rest = [n for n in weights if n not in first]
    return {
        ours: weights[theirs]
        for ours, theirs in zip(wanted, first + rest, strict=True)
    }


@right(by_patterns, by_asking_backwards, by_order)
def test_every_way_to_rename_is_right(answer):
    is_right(check.rename_weights(answer))


def without(part):
    pairs = [pair for pair in PAIRS if part not in pair[0]]
    return lambda weights: by_patterns(weights, pairs)


def replaced(part, other):
    pairs = [(a, other if part in a else b) for a, b in PAIRS]
    return lambda weights: by_patterns(weights, pairs)


def norms_turned(weights):
    turned = {
        name.replace("ln_1", "ln_x")
        .replace("ln_2", "ln_1")
        .replace("ln_x", "ln_2"): weight
        for name, weight in weights.items()
    }
    return by_patterns(turned)


def sorted_as_text(weights):
    numbers = {n.split(".")[2] for n in weights if "_layer_" in n}
    found = {}
    for index, layer in enumerate(sorted(numbers)):
        for name, weight in weights.items():
            if f".{layer}." in name:
                number = f"encoder_layer_{index}"
                found[name.replace(layer, number)] = weight
            elif "_layer_" not in name:
                found[name] = weight
    return by_patterns(found)


def cut(weights, order):
    found = by_patterns(weights)
    for name, weight in found.items():
        if "qkv" in name:
            thirds = weight.chunk(3)
            found[name] = torch.cat([thirds[i] for i in order])
    return found


def one_block(weights):
    found = by_patterns(weights)
    return {
        name: found[re.sub(r"blocks\.\d+", "blocks.0", name)]
        for name in found
    }


def second_norm_twice(weights):
    found = by_patterns(weights)
    return {n: found[n.replace("norm1", "norm2")] for n in found}


def each(change):
    """Change every weight under its new name."""
    return lambda weights: {
        name: change(weight)
        for name, weight in by_patterns(weights).items()
    }


def in_half(weights):
    return each(torch.Tensor.half)(weights)


def last_one_lost(weights):
    return dict(list(by_patterns(weights).items())[:-1])


def all_cleared(weights):
    weights.clear()


def only_twelve(weights):
    """Forget that a model may have more layers than ViT-B."""
    names = r"blocks\.(1[2-9]|2\d)\."
    found = by_patterns(weights)
    return {n: w for n, w in found.items() if not re.match(names, n)}


@wrong(
    ("missing_names", only_twelve),
    ("norms_swapped", norms_turned),
    ("second_norm_twice", second_norm_twice),
    ("blocks_sorted_as_text", sorted_as_text),
    ("queries_and_keys_swapped", lambda w: cut(w, [1, 0, 2])),
    ("queries_and_values_swapped", lambda w: cut(w, [2, 1, 0])),
    ("first_block_repeated", one_block),
    ("other_names", lambda weights: weights),
    ("other_names", without("mlp")),
    ("other_names", replaced(r"\.ln_", ".norm_")),
    (
        "unknown_names",
        lambda w: {**by_patterns(w), "version": torch.ones(1)},
    ),
    ("missing_names", last_one_lost),
    ("other_shape", lambda w: cut(w, [0, 1])),
    ("other_dtype", in_half),
    ("other_dtype", each(lambda weight: weight.to(torch.complex128))),
    ("no_tensor", lambda w: dict.fromkeys(by_patterns(w), 5)),
    ("no_dict", lambda w: list(by_patterns(w))),
    ("stops", lambda w: w["cls_token"]),
    ("stops", each(lambda weight: weight.to("meta"))),
    ("stops", each(torch.Tensor.to_sparse)),
    ("gives_nothing", all_cleared),
)
def test_wrong_names_are_understood(mistake, answer):
    is_named(mistake, check.rename_weights(answer))


def test_the_names_that_do_not_fit_are_said():
    said = str(check.rename_weights(lambda weights: weights))
    assert "Of 32 names 0 fit. The first that is missing is" in said
    said = str(check.rename_weights(without("mlp")))
    assert "missing is `blocks.0.mlp.fc1.weight`" in said
    said = str(check.rename_weights(replaced(r"\.ln_", ".norm_")))
    assert "knows is `blocks.0.norm_1.weight`" in said
    said = str(check.rename_weights(last_one_lost))
    assert "Every name of yours fits, and 1 " in said


def test_what_stands_under_a_name_is_said():
    said = str(check.rename_weights(lambda w: cut(w, [0, 1])))
    assert "has the shape (16, 8), wanted" in said
    said = str(check.rename_weights(in_half))
    assert "was given in float64 and is now in float16" in said
