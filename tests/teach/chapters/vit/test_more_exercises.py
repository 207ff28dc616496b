"""Chapter 7's exercises: sizes, pairs, the darkest quarter, names."""

import re
from collections import OrderedDict

import pytest
import torch
from torch import nn

from vitlib import Encoder, PatchEmbedding, ViT, prepend_cls
from vitlib.teach import check
from vitlib.teach.chapters.vit import sizes
from vitlib.teach.chapters.vit.exercises.rename_weights import abroad


def refused(result, words):
    assert not result
    assert result.kind == "wrong"
    assert words in str(result), str(result)


# digit_vit

DIGITS = {
    "image_size": 28,
    "patch_size": 7,
    "in_channels": 1,
    "num_classes": 10,
    "embed_dim": 64,
    "depth": 4,
    "num_heads": 4,
}


def made(**settings):
    return lambda: ViT(**{**DIGITS, **settings})


def by_steps():
    model = ViT(**DIGITS | {"num_classes": 3})
    model.head = nn.Linear(64, 10)
    return model


@pytest.mark.parametrize(
    "answer", [made(), made(image_size=(28, 28), mlp_ratio=4), by_steps]
)
def test_every_way_to_make_the_digit_vit_is_right(answer):
    result = check.digit_vit(answer)
    assert result, str(result)
    assert "205,066" in str(result)
    assert check.digit_vit(answer())
    count = sum(p.numel() for p in answer().parameters())
    assert count == 205_066


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (made(patch_size=4), "7 by 7 of them"),
        (made(patch_size=14), "2 by 2 of them"),
        (made(in_channels=3), "6,272 parameters too many"),
        (made(num_classes=1000), "there are ten digits"),
        (made(num_heads=1), "yours has one of 64 numbers"),
        (made(num_heads=64), "not how wide they are"),
        (made(embed_dim=768), "as wide as those of ViT-B"),
        (made(depth=12), "as deep as ViT-B"),
        (made(depth=3, num_heads=2), "3 blocks in place of 4, 2 heads in"),
        (made(mlp_ratio=2.0), "parameters in place of 205,066"),
        (made(global_pool="avg"), "do not fit: "),
        (made(num_heads=12), "Your code stopped at line"),
        (lambda: nn.Linear(2, 3), "a module of the class `Linear`"),
        (lambda: 205_066, "gives the number 205066"),
        (ViT(**DIGITS | {"depth": 12}), "as deep as ViT-B"),
    ],
)
def test_wrong_sizes_are_named(answer, words):
    refused(check.digit_vit(answer), words)


# pair_share


def by_parts(image_size):
    parts = sizes.multiply_adds(image_size=image_size)
    return (parts["scores"] + parts["mixing"]) / sum(parts.values())


def price(image_size, token=1, products=2, depth=12, ends=True):
    n, d = (image_size // 16) ** 2, 768
    tokens = n + token
    pairs = products * depth * tokens**2 * d
    rest = 12 * tokens * (3 + 1 + 4 + 4) * d * d
    rest += (n * 3 * 256 * d + 1000 * d) * ends
    return pairs, rest


def share(**changes):
    def answer(image_size):
        pairs, rest = price(image_size, **changes)
        return pairs / (pairs + rest)

    return answer


@pytest.mark.parametrize(
    "answer",
    [by_parts, share(), lambda size: torch.tensor(share()(size)).double()],
)
def test_every_way_to_count_the_pairs_is_right(answer):
    result = check.pair_share(answer)
    assert result, str(result)


def ratio(image_size):
    pairs, rest = price(image_size)
    return pairs / rest


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ratio, "not their share of the whole"),
        (lambda size: 100 * by_parts(size), "Right, in per cent"),
        (share(token=0), "One more token takes part"),
        (share(products=1), "Half of the pairs' work is missing"),
        (share(depth=1), "The pairs of one block"),
        (share(ends=False), "Right for the blocks"),
        (share(depth=144), "the twelve heads share the width"),
        (share(products=4), "Twice too many pairs"),
        (
            share(depth=24, products=3),
            "%, too large. Write down for one block",
        ),
        (lambda size: 0.01, "yours is 1.0 %, too small"),
        (lambda size: -7, "A share lies between 0 and 1"),
        (lambda size: "47 %", "gives the text “47 %”"),
        (
            lambda: 0.04,
            "`pair_share(image_size)`, and yours takes nothing",
        ),
    ],
)
def test_a_wrong_share_is_understood(answer, words):
    refused(check.pair_share(answer), words)


# darkest_quarter


def changed(*changes):
    """Multiply parts of the model; True makes the class token bright."""

    def answer(model):
        attn = model.blocks[0].attn
        parts = {
            "query": attn.qkv.bias[:1],
            "key": attn.qkv.weight[3:4],
            "value": attn.qkv.weight[6:],
            "head": model.head.weight,
            "patches": model.patch_embed.proj.weight,
        }
        with torch.no_grad():
            for change in changes:
                if change is True:
                    model.cls_token[0, 0, 0] = 1
                else:
                    parts[change].mul_(-1)

    return answer


def dark_patches(model):
    """The class token as bright as nothing, before the patches turn."""
    with torch.no_grad():
        model.patch_embed.proj.weight *= -1
        model.cls_token[:, :, 0] = -1.5
    return model


class Negative(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(1 - images)


class Slow(Negative):
    def forward(self, images):
        while True:
            pass


@pytest.mark.parametrize(
    "answer",
    [
        changed("query", True),
        changed("key", True),
        dark_patches,
        lambda model: Negative(model),
    ],
)
def test_every_way_to_find_the_darkest_is_right(answer):
    result = check.darkest_quarter(answer)
    assert result, str(result)


def in_place(model):
    model.blocks[0].attn.qkv.bias[0] *= -1


def half_sharp(model):
    changed("query", True)(model)
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= 0.001


def blind(model):
    nn.init.zeros_(model.blocks[0].attn.qkv.bias)


class Two(Negative):
    def forward(self, images):
        return self.model(images)[:, :2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda model: model, "still names the brightest quarter"),
        (changed("query", "key"), "still names the brightest quarter"),
        (changed("value"), "the quarter opposite to the brightest"),
        (changed("head"), "the quarter opposite to the brightest"),
        (changed("query"), "Where does the class token spend its"),
        (changed("patches"), "Where does the class token spend its"),
        (blind, "names the quarter left above, whatever it sees"),
        (half_sharp, "answers are right. Of quarters with the brightness"),
        (in_place, "Your code writes into its input"),
        (lambda model: Two(model), "gives the shape (24, 2)"),
        (lambda model: model.blocks, "Your code stopped"),
        (lambda model: [model], "gives a list of one thing"),
    ],
)
def test_a_model_that_finds_another_quarter_is_understood(answer, words):
    refused(check.darkest_quarter(answer), words)


def test_an_endless_model_is_stopped(monkeypatch):
    from vitlib.teach.checking import answer as _answer

    monkeypatch.setattr(_answer, "SECONDS", 0.2)
    refused(check.darkest_quarter(lambda m: Slow(m)), "was stopped after")


# rename_weights

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


@pytest.mark.parametrize(
    "answer", [by_patterns, by_asking_backwards, by_order]
)
def test_every_way_to_rename_is_right(answer):
    result = check.rename_weights(answer)
    assert result, str(result)


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (norms_turned, "two norms of each block have changed places"),
        (second_norm_twice, "have the weights of the second"),
        (sorted_as_text, "were the names sorted as text"),
        (lambda w: cut(w, [1, 0, 2]), "queries and keys have changed"),
        (lambda w: cut(w, [2, 1, 0]), "queries and values have changed"),
        (one_block, "Every block has the weights of the first"),
        (
            lambda weights: weights,
            "Of 32 names 0 fit. The first that is missing is",
        ),
        (without("mlp"), "missing is `blocks.0.mlp.fc1.weight`"),
        (replaced(r"\.ln_", ".norm_"), "is `blocks.0.norm_1.weight`"),
        (
            lambda w: {**by_patterns(w), "version": torch.ones(1)},
            "besides them `version`",
        ),
        (
            lambda w: dict(list(by_patterns(w).items())[:-1]),
            "Every name of yours fits, and 1 ",
        ),
        (lambda w: cut(w, [0, 1]), "has the shape (16, 8), wanted"),
        (
            lambda w: {k: v.half() for k, v in by_patterns(w).items()},
            "was given in float64 and is now in float16",
        ),
        (
            lambda w: dict.fromkeys(by_patterns(w), 5),
            "stands the number 5",
        ),
        (lambda w: list(by_patterns(w)), "gives a list of 32 things"),
        (lambda w: w["cls_token"], "Your code stopped at line"),
    ],
)
def test_wrong_names_are_understood(answer, words):
    refused(check.rename_weights(answer), words)


# vit, as the exercise leads to it


def of_parts(places=1, eps=1e-6):
    """Make a class of vitlib's parts, with a number that may be wrong."""

    class Mine(nn.Module):
        def __init__(
            self, image_size, patch_size, in_channels, num_classes, **sizes
        ):
            super().__init__()
            width = sizes["embed_dim"]
            self.patch_embed = PatchEmbedding(
                image_size, patch_size, in_channels, width
            )
            count = places + self.patch_embed.num_patches
            self.pos_embed = nn.Parameter(torch.zeros(1, count, width))
            self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
            self.blocks = Encoder(**sizes)
            self.norm = nn.LayerNorm(width, eps=eps)
            self.head = nn.Linear(width, num_classes)

        def forward(self, images):
            x = prepend_cls(self.patch_embed(images), self.cls_token)
            x = self.norm(self.blocks(x + self.pos_embed))
            return self.head(x[:, 0])

    return Mine


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (of_parts(eps=1e-5), "your last norm has torch's own `eps`"),
        (of_parts(eps=3e-5), "Nearly: the largest difference is"),
        (of_parts(places=0), "Who needs a place, besides the patches?"),
    ],
)
def test_a_vit_with_a_wrong_number_is_understood(answer, words):
    assert check.vit(of_parts())
    refused(check.vit(answer), words)
