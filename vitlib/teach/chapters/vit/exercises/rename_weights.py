"""Check your `rename_weights(weights)`, which gives a dict."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Unwritten
from vitlib.teach.checking.compare import kind_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import weights_of
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import (
    count_of,
    dtype_of,
    listed,
    shape_of,
)
from vitlib.vit import ViT

Weights = dict[str, Tensor]
FOREIGN = {  # what vitlib and timm call it, and what torchvision does
    "patch_embed.proj": "conv_proj",
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.qkv.": "self_attention.in_proj_",
    "attn.proj": "self_attention.out_proj",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
    "blocks.": "encoder.layers.encoder_layer_",
    "head": "heads.head",
}


def abroad(name: str) -> str:
    """Give the name that torchvision has for it."""
    name = re.sub(r"^norm\b", "encoder.ln", name)
    for ours, theirs in FOREIGN.items():
        name = name.replace(ours, theirs)
    return name


def rename_weights(weights: Weights) -> Weights:
    """Give torchvision's weights the names of vitlib."""
    found = {}
    for name, weight in weights.items():
        for ours, theirs in FOREIGN.items():
            name = name.replace(theirs, ours)
        found[re.sub(r"^encoder\.ln\b", "norm", name)] = weight
    return found


def cases() -> list[Case]:
    """Draw models of several sizes, and call their weights otherwise."""
    draw, found = Draw(72), []
    for depth, width, heads in [(2, 8, 2), (11, 6, 3), (25, 4, 1)]:
        settings = {
            "image_size": 8,
            "patch_size": 4,
            "num_classes": 5,
            "embed_dim": width,
            "depth": depth,
            "num_heads": heads,
        }
        weights = weights_of(ViT, draw, **settings)
        found.append(
            Case(
                f"a model of {count_of(depth, 'layer')}",
                {"weights": {abroad(k): w for k, w in weights.items()}},
                settings,
                tells={"images": draw.normal(2, 3, 8, 8)},
            )
        )
    return found


class WeightsPiece(Piece):
    """The answer's names must be those of a ViT, and its numbers too."""

    def read(self, output: object, case: Case) -> Tensor:
        """Load the weights, and let the model answer."""
        if output is None or output is ...:
            raise Unwritten
        if not isinstance(output, dict):
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is a dict, "
                "from names to tensors.",
                "no_dict",
            )
        dtype = next(iter(case.inputs["weights"].values())).dtype
        model = ViT(**case.settings).to(dtype)
        check_names(output, model.state_dict())
        model.load_state_dict(output, assign=True)
        with torch.no_grad():
            return model.eval()(case.tells["images"].to(dtype))


def check_names(weights: Weights, wanted: Weights) -> None:
    """Say which names are missing, unknown, or of another shape."""
    missing = [name for name in wanted if name not in weights]
    unknown = [name for name in weights if name not in wanted]
    if missing and unknown:
        raise Finding(
            f"Of {len(wanted)} names {len(wanted) - len(missing)} fit. "
            f"The first that is missing is "
            f"`{missing[0]}`; the first that nobody knows is "
            f"`{unknown[0]}`. Which of your replacements should make the "
            "one of the other?",
            "other_names",
        )
    if missing:
        raise Finding(
            f"Every name of yours fits, and {len(missing)} are missing, "
            f"the first is `{missing[0]}`. Were two given the same name?",
            "missing_names",
        )
    if unknown:
        raise Finding(
            "All names are there, and besides them "
            f"{listed(unknown[:3])}. A strict load refuses what it does "
            "not know.",
            "unknown_names",
        )
    for name, weight in weights.items():
        if not isinstance(weight, Tensor):
            raise Finding(
                f"Under `{name}` stands {kind_of(weight)}.", "no_tensor"
            )
        if weight.shape != wanted[name].shape:
            raise Finding(
                f"All names are there. But `{name}` has the shape "
                f"{shape_of(weight)}, wanted is {shape_of(wanted[name])}. "
                "Was it mixed up with another, or cut up on the way?",
                "other_shape",
            )
        if weight.dtype != wanted[name].dtype:
            raise Finding(
                f"All names are there. But `{name}` was given in "
                f"{dtype_of(wanted[name])} and is now in "
                f"{dtype_of(weight)}.",
                "other_dtype",
            )


def changed(
    part: str, change: Callable[[Weights, str], Tensor]
) -> Callable[[Weights], Weights]:
    """Give an answer that changes the weights with this in the name."""

    def wrong(weights: Weights) -> Weights:
        found = rename_weights(weights)
        return {
            name: change(found, name) if part in name else weight
            for name, weight in found.items()
        }

    return wrong


def second_norm(weights: Weights, name: str) -> Tensor:
    """Take the second norm of the block, here as there."""
    return weights[name.replace("norm1", "norm2")]


def other_norm(weights: Weights, name: str) -> Tensor:
    """Take the other norm of the block."""
    numbers = {"norm1": "norm2", "norm2": "norm1"}
    return weights[re.sub(r"norm\d", lambda m: numbers[m[0]], name)]


def first_block(weights: Weights, name: str) -> Tensor:
    """Take the first block for each."""
    return weights[re.sub(r"blocks\.\d+", "blocks.0", name)]


def block_by_name(weights: Weights, name: str) -> Tensor:
    """Take the block that comes here if names are sorted as text."""
    numbers = sorted({k.split(".")[1] for k in weights if "blocks." in k})
    _, number, rest = name.split(".", 2)
    order = sorted(numbers, key=int)
    return weights[f"blocks.{numbers[order.index(number)]}.{rest}"]


def thirds(order: list[int]) -> Callable[[Weights, str], Tensor]:
    """Put queries, keys and values into another order."""

    def change(weights: Weights, name: str) -> Tensor:
        parts = weights[name].chunk(3)
        return torch.cat([parts[index] for index in order])

    return change


SCORES = "The scores at {where} are {yours} in place of {wanted}. "


PIECE = WeightsPiece(
    module=__name__,
    number=5,
    reference=rename_weights,
    cases=cases,
    differentiable=False,
    shown="Models of 2, 11 and 25 layers load your weights strictly "
    "and give the scores that they should.",
    next="These are torchvision's names: `vit_b_16` of torchvision is now "
    "yours to load. Whatever the source, the last step is the same: "
    "compare an output.",
    mistakes=(
        Mistake(
            "second_norm_twice",
            changed("blocks.", second_norm),
            "Every name and every shape fits, and the answers differ: "
            "both norms of a block have the weights of the second. "
            + SCORES
            + "No load complains of that."
            " Which names does your replacement meet?",
        ),
        Mistake(
            "norms_swapped",
            changed("blocks.", other_norm),
            "Every name and every shape fits, and the answers differ: the "
            "two norms of each block have changed places. "
            + SCORES
            + "No load complains of that."
            " Which of `ln_1` and `ln_2` stands before the attention?",
        ),
        Mistake(
            "blocks_sorted_as_text",
            changed("blocks.", block_by_name),
            "Every name and every shape fits, and with two layers the "
            "answers do, too. With eleven, block 10 stands behind block "
            "1: were the names sorted as text?",
        ),
        Mistake(
            "queries_and_keys_swapped",
            changed("qkv", thirds([1, 0, 2])),
            "Every name and every shape fits; queries and keys have "
            "changed places. "
            + SCORES
            + "In which order does `in_proj_weight` hold the three?",
        ),
        Mistake(
            "queries_and_values_swapped",
            changed("qkv", thirds([2, 1, 0])),
            "Every name and every shape fits; queries and values have "
            "changed places. "
            + SCORES
            + "In which order does `in_proj_weight` hold the three?",
        ),
        Mistake(
            "first_block_repeated",
            changed("blocks.", first_block),
            "Every block has the weights of the first. "
            + SCORES
            + "Where did the number of the block get lost?",
        ),
    ),
)
