"""What the families of published models do each in its own way.

Names and shapes of weights do not tell it all: the config beside the file
does, or the family that all of its kind belong to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vitlib._checks import check_choice
from vitlib._preprocess import Preprocess

Normal = tuple[tuple[float, ...], tuple[float, ...]]  # mean and std

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class Habits(NamedTuple):
    """How a family computes, and how it prepares its pictures."""

    norm_eps: float = 1e-6
    gelu: str = "none"
    stretch: str = "transformers"
    normal: Normal | None = None
    share: float = 0.875  # of the shorter side that is kept; 0: squashed
    resample: str = "bicubic"
    floor: bool = False
    image_size: int | None = None  # None: that of the positions


HABITS = {
    "timm": Habits(stretch="timm", share=0.9),
    "deit": Habits(normal=IMAGENET),
    "dino": Habits(stretch="dino", normal=IMAGENET),
    "dinov2": Habits(stretch="dino", normal=IMAGENET, image_size=224),
    "transformers": Habits(
        1e-12, share=0, resample="bilinear", floor=True
    ),
    "torchvision": Habits(
        stretch="torchvision", normal=IMAGENET, resample="bilinear"
    ),
    "google": Habits(
        gelu="tanh",
        stretch="google",
        normal=HALVES,
        share=0,
        resample="bilinear",
    ),
}
# Widths and heads that timm's names of sizes stand for.
HEADS = {
    "tiny": (192, 3),
    "small": (384, 6),
    "medium": (512, 8),
    "base": (768, 12),
    "large": (1024, 16),
    "huge": (1280, 16),
}
STRETCH_OF = {  # by the model_type of transformers
    "vit": "transformers",
    "deit": "transformers",
    "dinov2": "transformers",
    "dinov2_with_registers": "timm",
}
GELUS = {
    "gelu": "none",
    "gelu_new": "tanh",
    "gelu_pytorch_tanh": "tanh",
    "gelu_fast": "tanh",
}


@dataclass
class Known:
    """What a config tells beside the weights."""

    family: str = ""
    settings: dict[str, Any] = field(default_factory=dict)  # of the model
    preprocess: Preprocess | None = None
    classes: tuple[str, ...] = ()
    shapes: dict[str, Any] = field(default_factory=dict)  # to compare
    normal: Normal | None = None  # beside a preprocess, or without one


def known_from(config: dict, pictures: dict) -> Known:
    """Read a config of transformers, timm or vitlib.

    `pictures` is the preprocessor's config of transformers, or empty.
    """
    try:
        if "vitlib" in config:
            return known_from_vitlib(config)
        if "architecture" in config:
            return known_from_timm(config)
        if "model_type" in config:
            return known_from_transformers(config, pictures)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"the config cannot be understood ({error!r}): it is damaged, "
            "or of another program"
        ) from error
    ours = ("image_size", "num_heads", "norm_eps", "gelu", "stretch")
    return Known(
        config.get("family", ""),
        settings={k: plural(config[k]) for k in ours if k in config},
        normal=normal_of(config.get("mean"), config.get("std")),
    )


def known_from_vitlib(config: dict) -> Known:
    """Read what `save` wrote."""
    preprocess = config["preprocess"] and Preprocess(
        **{k: plural(v) for k, v in config["preprocess"].items()}
    )
    settings = {k: plural(v) for k, v in config["settings"].items()}
    classes = tuple(map(str, config["classes"]))
    return Known("vitlib", settings, preprocess, classes)


def plural(value: Any) -> Any:
    """Give a tuple for a list: JSON knows none."""
    return tuple(value) if isinstance(value, list) else value


def known_from_timm(config: dict) -> Known:
    """Read what timm writes: its names tell the heads of known sizes."""
    given = config.get("model_args", {})
    about = config["pretrained_cfg"]
    width, heads = next(
        (HEADS[s] for s in HEADS if f"_{s}_" in config["architecture"]),
        (None, None),
    )
    if width != config.get("num_features", width):
        heads = None
    settings = {
        "num_heads": given.get("num_heads", heads),
        "image_size": plural(
            given.get("img_size", about["input_size"][1:])
        ),
        "global_pool": config.get("global_pool", "token"),
    }
    size = about["input_size"][1], about["input_size"][2]
    share = about.get("crop_pct", 0.875)
    preprocess = Preprocess(
        size,
        (math.floor(size[0] / share), math.floor(size[1] / share)),
        tuple(about["mean"]),
        tuple(about["std"]),
        about.get("interpolation", "bicubic"),
        squash=about.get("crop_mode") == "squash",
    )
    names = config.get("label_names", ())
    told = config.get("label_descriptions", {})
    classes = tuple(told.get(name, name) for name in names)
    shapes = {
        "embed_dim": config.get("num_features"),
        "depth": given.get("depth"),
        "num_registers": given.get("reg_tokens"),
    }
    return Known("timm", settings, preprocess, classes, shapes)


def known_from_transformers(config: dict, pictures: dict) -> Known:
    """Read config.json and preprocessor_config.json of transformers."""
    kind, act = config["model_type"], config.get("hidden_act", "gelu")
    check_choice("the config's model_type", kind, STRETCH_OF)
    check_choice("the config's hidden_act", act, GELUS)
    pooler = config.get("pooler_act", "tanh")
    check_choice("the config's pooler_act", pooler, ("tanh",))
    dinov2 = kind.startswith("dinov2")
    settings = {
        "num_heads": config.get("num_attention_heads", 12),
        "norm_eps": config.get(
            "layer_norm_eps", 1e-6 if dinov2 else 1e-12
        ),
        "gelu": GELUS[act],
        "image_size": plural(config.get("image_size", 224)),
        "stretch": STRETCH_OF[kind],
    }
    names = sorted(
        config.get("id2label", {}).items(), key=lambda x: int(x[0])
    )
    return Known(
        "transformers",
        settings,
        preprocess_from_transformers(pictures) if pictures else None,
        tuple(name for _, name in names),
        {
            "embed_dim": config.get("hidden_size"),
            "depth": config.get("num_hidden_layers"),
            "num_registers": config.get("num_register_tokens"),
        },
    )


def preprocess_from_transformers(pictures: dict) -> Preprocess:
    """Read preprocessor_config.json."""
    crops = pictures.get("do_center_crop", False)
    resize = sides_of(pictures["size"])
    size = sides_of(pictures["crop_size"]) if crops else resize
    steps = ("do_resize", "do_rescale", "do_normalize")
    if not all(pictures.get(step, True) for step in steps):
        raise ValueError(
            "the preprocessor's config leaves out one of "
            f"{', '.join(steps)}: give mean= and std= of the whole"
        )
    return Preprocess(
        size,
        resize,
        tuple(pictures["image_mean"]),
        tuple(pictures["image_std"]),
        {2: "bilinear", 3: "bicubic"}[pictures["resample"]],
        squash="shortest_edge" not in str(pictures["size"]),
        floor=True,
    )


def sides_of(size: Any) -> tuple[int, int]:
    """Read (height, width) as transformers writes it."""
    if isinstance(size, int):
        return size, size
    if "shortest_edge" in size:
        return size["shortest_edge"], size["shortest_edge"]
    return size["height"], size["width"]


def normal_of(
    mean: Sequence[float] | None, std: Sequence[float] | None
) -> Normal | None:
    """Give mean and std, which make sense together only."""
    if (mean is None) != (std is None):
        raise ValueError(
            f"mean is {mean} and std is {std}: give both, or none"
        )
    if mean is None or std is None:
        return None
    return tuple(map(float, mean)), tuple(map(float, std))


def habits_of(family: str, layer_scale: bool, registers: bool) -> Habits:
    """Say what a family does where nothing else is known.

    Of the models of transformers DINOv2 is the one with LayerScale; with
    registers it stretches positions in another way.
    """
    check_choice("family", family, HABITS)
    habits = HABITS[family]
    if family == "transformers" and layer_scale:
        habits = habits._replace(norm_eps=1e-6)
    if family in ("dinov2", "transformers") and registers:
        habits = habits._replace(stretch="timm")
    return habits


def preprocess_by(
    habits: Habits,
    image_size: tuple[int, int],
    normal: Normal,
) -> Preprocess:
    """Prepare pictures as a family does, for a model of this size."""
    rows, cols = image_size
    share = habits.share or 1
    return Preprocess(
        image_size,
        (math.floor(rows / share), math.floor(cols / share)),
        *normal,
        habits.resample,
        squash=not habits.share,
        floor=habits.floor,
    )
