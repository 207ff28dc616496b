"""Chapter 1's other exercises: a mirror for patches, an uncropped cat."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from vitlib.teach.check._answer import Finding, Runner, Unwritten
from vitlib.teach.check._compare import kind_of
from vitlib.teach.check._picture import scene, sequences
from vitlib.teach.check._piece import Case, Found, Mistake, Piece
from vitlib.teach.check._words import other_counts
from vitlib.vit import ViT

# A mirror for patches


def mirror_patches(images: Tensor, patch_size: int) -> Tensor:
    """Mirror the order of the patches, and none of them itself."""
    return turned("b c h (col x) -> b c h col x", 3)(images, patch_size)


def turned(pattern: str, *axes: int) -> Callable:
    """Give a mirror that cuts in this way, and turns these axes."""
    cut, parts = pattern.split(" -> ")

    def mirror(images: Tensor, patch_size: int) -> Tensor:
        sizes = {name: patch_size for name in "xy" if name in pattern}
        grid = rearrange(images, pattern, **sizes)
        return rearrange(grid.flip(axes), f"{parts} -> {cut}", **sizes)

    return mirror


GRID = "b c (row y) (col x) -> b c row y col x"


def mirror_cases() -> list[Case]:
    """Draw pictures that are wide, high, grey, and of one column."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for shape, p in [
        ((2, 3, 8, 12), 4),
        ((1, 3, 12, 8), 2),
        ((3, 1, 6, 9), 3),
        ((1, 2, 10, 5), 5),
    ]:
        images = torch.rand(shape, generator=generator)
        inputs = {"images": images, "patch_size": p}
        tells = {"p": p, "cols": shape[3] // p}
        words = f"images of the shape {shape} and patches of {p}"
        found.append(Case(words, inputs, tells=tells))
    return found


def draw_mirror(piece: Piece, runner: Runner) -> str:
    """Draw a small painted picture, mirrored in both ways."""
    picture = scene()
    case = Case("", {"images": picture, "patch_size": 4})
    yours, wanted = piece.outcome(runner, case), piece.expect(case)
    if not isinstance(yours, Tensor) or yours.shape != wanted.shape:
        return ""
    same = int((yours == wanted).all(dim=1).sum())
    if same == 192:
        return ""
    named = {
        name: rearrange(t, "1 c y x -> 1 y x c")
        for name, t in (("yours", yours), ("expected", wanted))
    }
    return sequences(
        named,
        "A small painted picture of a house, its patches mirrored: yours, "
        f"and below it the expected one; {same} of 192 pixels agree.",
    )


MIRROR = Piece(
    name="mirror_patches",
    chapter=1,
    reference=mirror_patches,
    cases=mirror_cases,
    axes="images, channels, rows, columns",
    draw=draw_mirror,
    shown="Four pictures have their patches mirrored, and their pixels "
    "not.",
    next="To attention without positions the picture is the same as "
    "before. What makes the difference comes in chapter 4.",
    mistakes=(
        Mistake(
            lambda images, patch_size: images.flip(-1),
            "A mirror, and a whole one: it turns the pixels inside each "
            "patch round as well, and this attention notices. What is to "
            "change its place as one piece?",
        ),
        Mistake(
            turned(GRID, 5),
            "The pixels in each patch are mirrored, and the patches stand "
            "where they stood. Wanted is the other way round.",
        ),
        Mistake(
            turned(GRID, 2),
            "The patches are mirrored from top to bottom. Wanted is from "
            "left to right.",
        ),
        Mistake(
            turned(GRID, 2, 4),
            "The whole sequence is turned round, its last patch comes "
            "first: the rows of patches have changed places too. Which "
            "axis of the grid does a mirror turn?",
        ),
        Mistake(
            lambda images, patch_size: images.clone(),
            "Each patch is where it was.",
        ),
        Mistake(
            turned("b c h (x col) -> b c h x col", 3),
            "Strips change places, each as wide as there are patches in a "
            "row: {cols} pixels. A patch is {p} pixels wide. Which of the "
            "two names in the brackets runs faster?",
        ),
        Mistake(
            turned(GRID, 3, 4),
            "The patches have changed places rightly, and each stands on "
            "its head. Their pixels stay as they are.",
        ),
    ),
)


# A ViT for the whole photo


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
    "blocks": lambda vit: len(vit.blocks),
    "heads": lambda vit: vit.blocks[0].attn.num_heads,
}


@dataclass(frozen=True)
class PhotoPiece(Piece):
    """The answer makes a model, of which the sizes are looked at."""

    def read(self, output: object, case: Case) -> Tensor:
        """Give the facts about the model in a row."""
        if output is None or output is ...:
            raise Unwritten
        if not isinstance(output, ViT):
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is a `ViT` of "
                "vitlib."
            )
        facts = [float(count(output)) for count in FACTS.values()]
        return torch.tensor(facts, dtype=torch.float64)

    def describe(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[Found],
        index: int,
    ) -> str:
        """Say which of the sizes are others."""
        if not isinstance(found[index], Tensor):
            return super().describe(runner, cases, wanted, found, index)
        wrong = other_counts(
            FACTS, found[index].int(), wanted[index].int()
        )
        return (
            f"I asked about {cases[index].words}. Your model has {wrong}."
        )


def photo_cases() -> list[Case]:
    """Ask about photos that fit, and photos that do not."""
    found = []
    for height, width in [(300, 451), (288, 448), (33, 16), (64, 95)]:
        words = f"a photo of {height} by {width} pixels"
        inputs = {"height": height, "width": width}
        tells = {"words": words}
        found.append(Case(words, inputs, tells=tells))
    return found


def made(change: Callable[[int, int], int | tuple[int, int]]) -> Callable:
    """Give an answer with another size."""
    return lambda height, width: small(change(height, width))


PHOTO = PhotoPiece(
    name="vit_for",
    chapter=1,
    reference=vit_for,
    cases=photo_cases,
    differentiable=False,
    shown="For four photos your models have the sizes that they should.",
    next="The cat becomes 304 by 464 pixels: 19 rows of 29 patches, and "
    "with the class token 552 tokens.",
    mistakes=(
        Mistake(
            made(lambda h, w: (up(w), up(h))),
            "Right sizes, and the sides have changed places: the height "
            "comes first. A square photo would not have shown it.",
        ),
        Mistake(
            made(lambda h, w: (h // 16 * 16, w // 16 * 16)),
            "Whole patches, but too few: of {words} yours cuts off what "
            "is left at the right and below. Padding needs the next "
            "multiple of 16, not the last one.",
        ),
        Mistake(
            made(lambda h, w: (h // 16 * 16 + 16, w // 16 * 16 + 16)),
            "Right where something is left over. But of a side that is a "
            "multiple of 16 already yours makes one patch more, all of "
            "padding.",
        ),
        Mistake(
            made(lambda h, w: up(max(h, w))),
            "Yours pads the photo to a square, as wide as its longer "
            "side. It is not asked for, and most of it would be padding. "
            "May `image_size` be two numbers?",
        ),
        Mistake(
            made(lambda h, w: up(h)),
            "Yours is a square with the photo's height. `image_size` may "
            "be two numbers, (height, width).",
        ),
        Mistake(
            made(lambda h, w: 224),
            "Yours reads 224 by 224 pixels, whatever the photo.",
        ),
        Mistake(
            made(
                lambda h, w: tuple(
                    16 * max(1, round(side / 16)) for side in (h, w)
                )
            ),
            "Yours takes the nearest multiple of 16, and that may be the "
            "smaller one: of {words} it would lose pixels.",
        ),
    ),
)
