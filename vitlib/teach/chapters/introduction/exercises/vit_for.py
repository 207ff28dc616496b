"""Check your `vit_for(height, width)`, which makes a model."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import (
    Caught,
    Finding,
    Runner,
    Unwritten,
)
from vitlib.teach.checking.compare import kind_of
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import other_counts
from vitlib.vit import ViT


def up(side: int) -> int:
    """Round up to whole patches."""
    return math.ceil(side / 16) * 16


def small(image_size: int | tuple[int, int]) -> ViT:
    """Make the chapter's small ViT for this size."""
    return ViT(image_size=image_size, embed_dim=192, depth=2, num_heads=3)


def vit_for(height: int, width: int) -> ViT:
    """Make a ViT that reads a photo as it is, padded to whole patches."""
    return small((up(height), up(width)))


FACTS: dict[str, Callable[[ViT], float]] = {
    "rows of pixels": lambda vit: vit.patch_embed.image_size[0],
    "columns": lambda vit: vit.patch_embed.image_size[1],
    "pixels along the side of a patch": lambda vit: (
        vit.patch_embed.proj.stride[0]
    ),
    "channels": lambda vit: vit.patch_embed.proj.in_channels,
    "numbers a token": lambda vit: vit.head.in_features,
    "tokens without a position": lambda vit: (
        0 if vit.pos_embed is not None else 1 + vit.patch_embed.num_patches
    ),
    "blocks": lambda vit: len(vit.blocks),
    "heads": lambda vit: vit.blocks[0].attn.num_heads,
}


class PhotoPiece(Piece):
    """The answer makes a model, of which the sizes are looked at.

    It is made without memory for its numbers: they play no part, and a
    model of the usual width would take seconds to fill. Where an answer
    computes with tensors, which then have no values, it is made as usual.
    """

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Make the model where a tensor has a shape and no numbers."""
        try:
            with torch.device("meta"):
                return super().call(runner, case, given)
        except Caught:
            return super().call(runner, case, given)

    def read(self, output: object, case: Case) -> Tensor:
        """Give the facts about the model in a row."""
        if output is None or output is ...:
            raise Unwritten
        if not isinstance(output, ViT):
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is a `ViT` of "
                "vitlib.",
                "no_vit",
            )
        facts = [float(count(output)) for count in FACTS.values()]
        return torch.tensor(facts, dtype=torch.float64)

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell which of the sizes are others."""
        wrong = other_counts(FACTS, found.int(), wanted.int())
        return case.tells | {"seen": f"Your model has {wrong}."}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Say which of the sizes are others."""
        wrong = other_counts(FACTS, yours.int(), right.int())
        return Finding(
            f"I asked about {case.words}. Your model has {wrong}. The "
            "chapter's small ViT differs from others in `image_size` "
            "alone. What in yours decides the rest?",
            "other_sizes",
        )


def cases() -> list[Case]:
    """Ask about photos that fit, and photos that do not."""
    found = []
    for height, width in [
        (300, 451),
        (288, 448),
        (33, 16),
        (64, 95),
        (7, 130),
    ]:
        words = f"a photo of {height} by {width} pixels"
        inputs = {"height": height, "width": width}
        tells = {"words": words}
        found.append(Case(words, inputs, tells=tells))
    return found


def made(change: Callable[[int, int], int | tuple[int, int]]) -> Callable:
    """Give an answer with another size."""
    return lambda height, width: small(change(height, width))


def nearest(side: int) -> int:
    """Round up or down, but not to nothing."""
    return 16 * max(1, round(side / 16))


PIECE = PhotoPiece(
    module=__name__,
    number=5,
    reference=vit_for,
    cases=cases,
    differentiable=False,
    shown="For five photos your models have the sizes that they should.",
    next="The cat becomes 304 by 464 pixels: 19 rows of 29 patches, and "
    "with the class token 552 tokens.",
    mistakes=(
        Mistake(
            "height_and_width_swapped",
            made(lambda h, w: (up(w), up(h))),
            "Right sizes, and the sides have changed places: the height "
            "comes first. A square photo would not have shown it."
            " Which of the two is the height?",
        ),
        Mistake(
            "rounded_down",
            made(lambda h, w: (h // 16 * 16, w // 16 * 16)),
            "Whole patches, but too few: of {words} yours cuts off what "
            "is left at the right and below. Padding needs the next "
            "multiple of 16, not the last one."
            " What does a side lack up to it?",
        ),
        Mistake(
            "always_one_patch_more",
            made(lambda h, w: (h // 16 * 16 + 16, w // 16 * 16 + 16)),
            "Right where something is left over. But of a side that is a "
            "multiple of 16 already yours makes one patch more, all of "
            "padding."
            " What does such a side lack?",
        ),
        Mistake(
            "square_of_the_longer_side",
            made(lambda h, w: up(max(h, w))),
            "Yours pads the photo to a square, as wide as its longer "
            "side. It is not asked for, and most of it would be padding. "
            "May `image_size` be two numbers?",
        ),
        Mistake(
            "square_of_the_height",
            made(lambda h, w: up(h)),
            "Yours is a square with the photo's height. `image_size` may "
            "be two numbers, (height, width)."
            " Where does the width come in?",
        ),
        Mistake(
            "always_224_pixels",
            made(lambda h, w: 224),
            "Yours reads 224 by 224 pixels, whatever the photo."
            " What becomes of `height` and `width` in your code?",
        ),
        Mistake(
            "rounded_to_the_nearest",
            made(lambda h, w: (nearest(h), nearest(w))),
            "Yours takes the nearest multiple of 16, and that may be the "
            "smaller one: of {words} it would lose pixels."
            " Which multiple is never too small?",
        ),
    ),
)
