"""Check your `mirror_patches(images, patch_size)`."""

from collections.abc import Callable

from einops import rearrange
from torch import Tensor

from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.inputs import Draw
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


def put_back(pattern: str) -> Callable:
    """Give a mirror that puts its strips together in this way."""

    def mirror(images: Tensor, patch_size: int) -> Tensor:
        strips = rearrange(
            images, "b c h (col x) -> b c h col x", x=patch_size
        )
        return rearrange(strips.flip(3), pattern)

    return mirror


def as_many_columns_as_rows(images: Tensor, patch_size: int) -> Tensor:
    """Take the picture for a square one."""
    cols = images.shape[2] // patch_size
    pattern = "b c h (col x) -> b c h col x"
    strips = rearrange(images, pattern, col=cols)
    return rearrange(strips.flip(3), "b c h col x -> b c h (col x)")


def as_wide_as_high(images: Tensor, patch_size: int) -> Tensor:
    """Give a picture as wide as the old one is high, where one fits."""
    return turned(GRID, 4)(images[..., : images.shape[2]], patch_size)


def cases() -> list[Case]:
    """Draw pictures that are wide, high, grey, and of one column."""
    draw = Draw(1)
    found = []
    for shape, p in [
        ((2, 3, 8, 12), 4),
        ((1, 3, 12, 8), 2),
        ((3, 1, 6, 9), 3),
        ((1, 2, 10, 5), 5),
        ((1, 2, 3, 12), 3),
    ]:
        images = draw.normal(*shape)
        inputs = {"images": images, "patch_size": p}
        tells = {"p": p, "cols": shape[3] // p, "rows": shape[2] // p}
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
    shown="Five pictures have their patches mirrored, and their pixels "
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
            "where they stood. Wanted is the other way round."
            " Which axis counts the patches, and which the pixels inside "
            "them?",
        ),
        Mistake(
            "top_to_bottom",
            turned(GRID, 2),
            "The patches are mirrored from top to bottom. Wanted is from "
            "left to right."
            " Which axis do you turn, rows or columns?",
        ),
        Mistake(
            "whole_sequence_turned",
            turned(GRID, 2, 4),
            "The whole sequence is turned round, its last patch comes "
            "first: the rows of patches have changed places too. Which "
            "axis of the grid does a mirror turn?",
        ),
        Mistake(
            "as_many_columns_as_rows",
            as_many_columns_as_rows,
            "Right for square pictures. In others your patches are not "
            "{p} pixels wide: you cut {rows} columns of patches, as many "
            "as there are rows, and here are {cols}. Of which side does "
            "the number of columns come?",
        ),
        Mistake(
            "as_wide_as_high",
            as_wide_as_high,
            "Right for square pictures. Of others a part is missing or "
            "made up: your shape is {shape}, wanted is {right}. Where "
            "does your code take the height for the width?",
        ),
        Mistake(
            "columns_interleaved",
            put_back("b c h col x -> b c h (x col)"),
            "The patches are turned round rightly, and then their columns "
            "of pixels are dealt out like cards. {seen} When col and x "
            "become one width again, which of the two is the outer one?",
        ),
        Mistake(
            "not_joined",
            put_back("b c h col x -> b c h col x"),
            "The patches are in their places, and the width is still in "
            "two parts: your shape is {shape}, wanted is {right}. Which "
            "two axes become one?",
        ),
        Mistake(
            "nothing_moved",
            lambda images, patch_size: images.clone(),
            "Each patch is where it was."
            " What does your code turn round, and is its result given "
            "back?",
        ),
        Mistake(
            "strips",
            turned("b c h (x col) -> b c h x col", 3),
            "Strips change places, each as wide as there are patches in a "
            "row: {cols} pixels. A patch is {p} pixels wide. Which of the "
            "two names in the brackets runs faster?",
        ),
        Mistake(
            "sieves_turned",
            turned("b c h (x col) -> b c h x col", 4),
            "Not patches change places here but every so many columns of "
            "pixels. {seen} When the width is parted in two, (which "
            "patch) and (where in the patch), which of the two is the "
            "outer one?",
        ),
        Mistake(
            "patches_upside_down",
            turned(GRID, 3, 4),
            "The patches have changed places rightly, and each stands on "
            "its head. Their pixels stay as they are."
            " Which of the axes that you turn count pixels?",
        ),
    ),
)
