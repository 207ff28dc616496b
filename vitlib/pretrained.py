"""Chapter 11: published weights become a ViT that is ready to use."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from vitlib._checks import count_of
from vitlib._families import (
    HABITS,
    Habits,
    Known,
    Normal,
    habits_of,
    known_from,
    normal_of,
    preprocess_by,
)
from vitlib._files import CONFIG, WEIGHTS, Found, find, needed
from vitlib._names import in_our_names
from vitlib._plan import Plan, on_paper, ratio_of
from vitlib._preprocess import Preprocess
from vitlib._settings import PathLike
from vitlib.published import LayerScale, PublishedViT
from vitlib.vit import SIZES, ViT

log = logging.getLogger(__name__)
Size = int | tuple[int, int]


class Pretrained(NamedTuple):
    """A model, how its pictures are prepared, and what its classes are.

    `preprocess` is None where a model was saved without; `classes` is
    empty where nobody said their names.
    """

    model: ViT
    preprocess: Preprocess | None
    classes: tuple[str, ...]


def load(
    source: PathLike | Mapping,
    *,
    family: str | None = None,
    config: Mapping | None = None,
    num_heads: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    image_size: Size | None = None,
    in_channels: int | None = None,
    num_classes: int | None = None,
) -> Pretrained:
    """Load published weights as a ViT that is ready to use.

    `source` is a file, a folder, a name of the Hugging Face hub
    ("owner/name", "owner/name@revision") or a state dict, of timm,
    transformers (ViT, DeiT, DINOv2), torchvision, Google (npz), DeiT,
    DINO, DINOv2, or what `save` wrote; which, its names tell. What they
    do not tell is read from the config beside the file, or given here:
    `family` where timm's names are another's ("deit", "dino"), the heads,
    the mean and std of the pixels, the names of the classes.

    The others change the model: `image_size` stretches the positions as
    the family does, `in_channels` sums or repeats the filters as timm
    does, `num_classes` puts a head of zeros in the old one's place, and 0
    none. What is lost by this is logged. ValueError for files that are
    damaged, unknown, or do not fit; never a model that is loaded in part.
    Nothing in a file is run.
    """
    found = found_in(source, config)
    known = known_from(found.config, found.pictures)
    plan, habits = plan_for(found, known, family, num_heads)
    normal = normal_of(mean, std) or known.normal
    preprocess = preprocess_for(known, habits, plan, normal)
    if image_size is not None:
        plan.resize(image_size)
        size = plan.settings["image_size"]
        preprocess = preprocess and preprocess.at(size)
    if in_channels is not None:
        plan.take_channels(in_channels)
        preprocess = preprocess and preprocess.of_channels(in_channels)
    if num_classes is not None:
        plan.take_classes(count_of("num_classes", num_classes))
    model = plan.build()
    names = names_of(classes, known, plan)
    for words in plan.lost:
        log.warning("%s: %s", Path(found.where).name, words)
    return Pretrained(model, preprocess, names)


def found_in(source: PathLike | Mapping, config: Mapping | None) -> Found:
    """Open what there is; a config that is given goes before."""
    if isinstance(source, Mapping):
        return Found("the state dict", source, dict(config or {}), {})
    found = find(source)
    return found if config is None else found._replace(config=dict(config))


def plan_for(
    found: Found, known: Known, family: str | None, num_heads: int | None
) -> tuple[Plan, Habits]:
    """Learn all that is needed to build the model, or say what is not."""
    if known.family == "vitlib":
        own = Plan(found.where, "vitlib", dict(found.content))
        own.settings = dict(known.settings)
        return own, Habits()
    named = in_our_names(found.content, found.where)
    plan = Plan(
        found.where, named.family, named.weights, origin=named.origin
    )
    plan.read_shapes()
    for name, told in known.shapes.items():
        if told not in (None, plan.settings[name]):
            raise ValueError(
                f"{found.where} has {name} {plan.settings[name]}, but the "
                f"config beside it says {told}: it is another model's"
            )
    of_dinov2 = named.family == "timm" and "mask_token" in named.unused
    if not (family := family or known.family):
        family = "dinov2" if of_dinov2 else named.family
    habits = habits_of(
        family,
        plan.settings["layer_scale"],
        plan.settings["num_registers"] > 0,
    )
    told = {k: v for k, v in known.settings.items() if v is not None}
    plan.settings |= {
        "norm_eps": habits.norm_eps,
        "gelu": habits.gelu,
        "stretch": habits.stretch,
        "num_heads": named.num_heads,
    } | told
    if num_heads is not None:
        plan.settings["num_heads"] = num_heads
    plan.place(told.get("image_size"))
    plan.check_pool(told.get("global_pool"))
    plan.lost += [
        f"{name} is not needed"
        for name in named.unused
        if not name.endswith("mask_token")
    ]
    return plan, habits


def preprocess_for(
    known: Known, habits: Habits, plan: Plan, normal: Normal | None
) -> Preprocess | None:
    """Say how pictures are prepared, or what is not known for that."""
    missing = []
    if plan.settings["num_heads"] is None:
        width = plan.settings["embed_dim"]
        usual = [s for s in SIZES.values() if s.embed_dim == width]
        heads = [f" ({size.num_heads} in a usual one)" for size in usual]
        missing.append("num_heads" + "".join(heads[:1]))
    preprocess = known.preprocess
    normal = normal or (None if preprocess else habits.normal)
    if normal is None and preprocess is None and known.family != "vitlib":
        missing.append(
            "mean and std of the pixels (or family, one of "
            f"{', '.join(HABITS)})"
        )
    if missing:
        raise ValueError(
            f"{plan.where} looks like {plan.title}, whose weights do not "
            f"tell {' and '.join(missing)}; nor does a config beside: "
            "give it to load"
        )
    if preprocess is None and normal is not None:
        side = habits.image_size
        size = (side, side) if side else plan.settings["image_size"]
        return preprocess_by(habits, size, normal)
    if preprocess is None or normal is None:
        return preprocess
    return replace(preprocess, mean=normal[0], std=normal[1])


def names_of(
    classes: Sequence[str] | None, known: Known, plan: Plan
) -> tuple[str, ...]:
    """Give the names of the classes, where they are known and meant."""
    count = plan.settings["num_classes"]
    if classes is not None and len(classes) != count:
        raise ValueError(
            f"{len(classes)} names of classes are given, but the model "
            f"has {count}: give one for each"
        )
    if classes is not None:
        return tuple(classes)
    kept = len(known.classes) == count and not plan.new_head
    return known.classes if kept else ()


def save(model: ViT | Pretrained, folder: PathLike) -> None:
    """Write a model that `load` reads: weights, and sizes beside them.

    The folder gets model.safetensors and config.json, with the
    preprocessing and the names of the classes where a `Pretrained` is
    given. ValueError for a model with parts that are not vitlib's: its
    sizes alone would not bring them back.
    """
    if not isinstance(model, Pretrained):
        model = Pretrained(model, None, ())
    config = {
        "vitlib": 1,  # the form of this file
        "settings": settings_of(model.model),
        "preprocess": model.preprocess and asdict(model.preprocess),
        "classes": model.classes,
    }
    state = model.model.state_dict()
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    weights, about = path / f"{WEIGHTS[0]}.part", path / f"{CONFIG}.part"
    needed("safetensors.torch").save_file(state, weights)
    about.write_text(json.dumps(config, indent=1), encoding="utf-8")
    for part in (weights, about):  # both whole, or the old ones
        os.replace(part, part.with_suffix(""))


def settings_of(model: ViT) -> dict[str, Any]:
    """Read off a model how it was made, if it was made by settings alone.

    Its first block stands for all: what is built anew must look the same.
    """
    kind = type(model)
    try:
        settings = settings_of_parts(model)
        again = on_paper(kind, settings)
    except (AttributeError, IndexError, TypeError):
        again = None
    if kind not in (ViT, PublishedViT) or str(again) != str(model):
        raise ValueError(
            f"the {kind.__name__} has parts that its sizes do not bring "
            "back, a layer of another class perhaps: store its "
            "state_dict() by torch.save, and the code that makes it"
        )
    return settings


def settings_of_parts(model: Any) -> dict[str, Any]:
    """Ask each part for what it was given."""
    block, patch = model.blocks[0], model.patch_embed
    deep = getattr(model.head, "pre_logits", None)
    last = model.head if deep is None else model.head.fc
    settings = {
        "image_size": patch.image_size,
        "patch_size": patch.image_size[0] // patch.grid[0],
        "in_channels": patch.in_channels,
        "num_classes": getattr(last, "out_features", 0),
        "embed_dim": block.embed_dim,
        "depth": len(model.blocks),
        "num_heads": block.attn.num_heads,
        "mlp_ratio": ratio_of(block.mlp.fc1.out_features, block.embed_dim),
        "dropout": model.pos_drop.p,
        "global_pool": model.global_pool,
    }
    if not isinstance(model, PublishedViT):
        positions = model.pos_embed
        learned = isinstance(positions, nn.Parameter)
        fixed = "none" if positions is None else "sincos"
        return settings | {"positions": "learned" if learned else fixed}
    return settings | {
        "norm_eps": block.norm1.eps,
        "gelu": block.mlp.act.approximate,
        "layer_scale": isinstance(block.ls1, LayerScale),
        "distilled": model.dist_token is not None,
        "num_registers": model.num_prefix_tokens - model.num_placed,
        "representation_size": getattr(deep, "out_features", 0),
        "stretch": model.stretch,
    }
