"""Check your `rollout(maps)`."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib import inside
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of

SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


def maps_of(draw: Draw, *shape: int) -> Tensor:
    """Draw attention maps: each row sums to 1."""
    return draw.normal(*shape, shape[-1], std=1.5).softmax(dim=-1)


def rollout_cases() -> list[Case]:
    """Draw maps of several depths."""
    draw, found = Draw(10), []
    for layers, batch, heads, n in [
        (3, 2, 2, 5),
        (2, 1, 4, 4),
        (1, 2, 3, 6),
        (4, 3, 1, 3),
    ]:
        words = (
            f"maps of {count_of(layers, 'layer')}, "
            f"{count_of(batch, 'image')}, {count_of(heads, 'head')} and "
            f"{count_of(n, 'token')}"
        )
        maps = maps_of(draw, layers, batch, heads, n)
        found.append(Case(words, {"maps": maps}, tells={"layers": layers}))
    return found


def rolled(
    layer: Callable[[Tensor, Tensor], Tensor] | None = None,
    heads: Callable[[Tensor], Tensor] | None = None,
    backwards: bool = False,
):
    """Give a rollout with another layer, other heads, another order."""

    def wrong(maps: Tensor) -> Tensor:
        identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
        mixed = identity.expand(maps.shape[1], -1, -1)
        joined = heads(maps) if heads else maps.mean(dim=2)
        for weights in joined:
            step = (weights + identity) / 2
            step = layer(weights, identity) if layer else step
            mixed = mixed @ step if backwards else step @ mixed
        return mixed

    return wrong


def rows_of_one(weights: Tensor, identity: Tensor) -> Tensor:
    """Add what stays, without sharing."""
    return weights + identity


def number_by_number(maps: Tensor) -> Tensor:
    """Multiply the tables like single numbers."""
    identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
    return identity * (maps.mean(dim=2) / 2 + identity / 2).prod(dim=0)


PIECE = Piece(
    module=__name__,
    number=1,
    reference=inside.rollout,
    cases=rollout_cases,
    axes="images, tokens, tokens",
    differentiable=False,
    draw=tables,
    next="Row 0 is the class token's: what of it came from which patch, "
    "if attention were all that happens. Chapter 10 tests how far it is.",
    mistakes=(
        Mistake(
            "number_by_number",
            number_by_number,
            "The layers are multiplied number by number. " + SEEN + "What "
            "a layer reads was mixed by the one before, every token of "
            "it: this is a product of matrices.",
        ),
        Mistake(
            "rolled",
            rolled(backwards=True),
            "Each layer is right, and they are multiplied in the wrong "
            "order. " + SEEN + "A row of the result belongs to a token of "
            "the last layer. On which side does a later layer stand?",
        ),
        Mistake(
            "rolled_too",
            rolled(layer=lambda weights, identity: weights),
            "The residual connection is missing: yours is the product of "
            "the maps alone. " + SEEN + "Half of what a token is stays "
            "where it was.",
        ),
        Mistake(
            "rolled_too_too",
            rolled(layer=rows_of_one),
            "What stays is added and not shared: your rows grow with "
            "every layer, to a sum of 2 to the power of {layers}. "
            + SEEN
            + "The two halves of a layer have to make 1 together.",
        ),
        Mistake(
            "rolled_too_too_too",
            rolled(heads=lambda maps: maps.amax(dim=2)),
            "You take the largest of the heads. Its rows sum to more than "
            "1. " + SEEN + "Here the heads have equal votes.",
        ),
        Mistake(
            "rolled_too_too_too_too",
            rolled(heads=lambda maps: maps.sum(dim=2)),
            "The heads are summed: a row has as many ones to share out as "
            "there are heads. " + SEEN,
        ),
        Mistake(
            "rolled_too_too_too_too_too",
            rolled(heads=lambda maps: maps[:, :, 0]),
            "Only the first head counts. " + SEEN + "Which axis counts "
            "the heads, and what becomes of it?",
        ),
        Mistake(
            "mistake_7",
            lambda maps: (
                maps.mean(dim=2).mean(dim=0) / 2
                + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
            ),
            "You take the mean of the layers. " + SEEN + "What a layer "
            "reads has been mixed by the one before: each is applied to "
            "the result of the last.",
        ),
        Mistake(
            "mistake_8",
            lambda maps: (
                maps[-1].mean(dim=1) / 2
                + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
            ),
            "Only the last layer counts. " + SEEN + "What did the layers "
            "before it mix?",
        ),
        Mistake(
            "mistake_9",
            lambda maps: inside.rollout(maps).mT,
            "Rows and columns have changed places. " + SEEN + "A row says "
            "what one token is made of, and sums to 1.",
        ),
        Mistake(
            "mistake_10",
            lambda maps: inside.rollout(maps)[:, 0],
            "This is the row of the class token, {shape}. Wanted is the "
            "row of every token, {right}.",
        ),
    ),
)
