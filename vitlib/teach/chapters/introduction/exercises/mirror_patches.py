"""Check your `mirror_patches(images, patch_size)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.picture import scene, sequences
from vitlib.teach.checking.piece import Case, Mistake, Piece

GRID = "b c (row y) (col x) -> b c row y col x"


def mirror_patches(images: Tensor, patch_size: int) -> Tensor:
    """Mirror the order of the patches, and none of them itself."""
    return turned(GRID, 4)(images, patch_size)


def turned(pattern: str, *axes: int) -> Callable:
    """Give a mirror that cuts in this way, and turns these axes."""
    whole, parts = pattern.split(" -> ")

    def mirror(images: Tensor, patch_size: int) -> Tensor:
        sizes = {name: patch_size for name in "xy" if name in pattern}
        grid = rearrange(images, pattern, **sizes)
        return rearrange(grid.flip(axes), f"{parts} -> {whole}", **sizes)

    return mirror


def cases() -> list[Case]:
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


def draw_pictures(piece: Piece, runner: Runner) -> str:
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


PIECE = Piece(
    module=__name__,
    number=3,
    reference=mirror_patches,
    cases=cases,
    axes="images, channels, rows, columns",
    draw=draw_pictures,
    shown="Four pictures have their patches mirrored, and their pixels "
    "not.",
    next="To attention without positions the picture is the same as "
    "before. What makes the difference comes in chapter 4.",
    mistakes=(
        Mistake(
            "pixels_mirrored_too",
            lambda images, patch_size: images.flip(-1),
            "A mirror, and a whole one: it turns the pixels inside each "
            "patch round as well, and this attention notices. What is to "
            "change its place as one piece?",
        ),
        Mistake(
            "pixels_only",
            turned(GRID, 5),
            "The pixels in each patch are mirrored, and the patches stand "
            "where they stood. Wanted is the other way round.",
        ),
        Mistake(
            "top_to_bottom",
            turned(GRID, 2),
            "The patches are mirrored from top to bottom. Wanted is from "
            "left to right.",
        ),
        Mistake(
            "whole_sequence_turned",
            turned(GRID, 2, 4),
            "The whole sequence is turned round, its last patch comes "
            "first: the rows of patches have changed places too. Which "
            "axis of the grid does a mirror turn?",
        ),
        Mistake(
            "nothing_moved",
            lambda images, patch_size: images.clone(),
            "Each patch is where it was.",
        ),
        Mistake(
            "strips",
            turned("b c h (x col) -> b c h x col", 3),
            "Strips change places, each as wide as there are patches in a "
            "row: {cols} pixels. A patch is {p} pixels wide. Which of the "
            "two names in the brackets runs faster?",
        ),
        Mistake(
            "patches_upside_down",
            turned(GRID, 3, 4),
            "The patches have changed places rightly, and each stands on "
            "its head. Their pixels stay as they are.",
        ),
    ),
)
