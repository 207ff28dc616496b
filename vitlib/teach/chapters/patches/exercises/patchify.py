"""Check your `patchify(images, patch_size)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from vitlib.patches import patchify
from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import scene, sequences
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of

SIZES = [  # batch, channels, rows, columns, patch size
    (2, 3, 2, 3, 4),
    (1, 3, 3, 2, 4),
    (2, 1, 1, 3, 2),
    (2, 3, 2, 2, 3),
    (3, 5, 4, 2, 2),
    (1, 2, 2, 5, 1),
]


def pictures() -> list[tuple[Tensor, int, str]]:
    """Draw batches of pictures, a patch size each, and words for them.

    The last batch does not lie in memory in the order of its axes.
    """
    draw, found = Draw(2), []
    sizes = SIZES + [
        tuple(draw.size(1, 4) for _ in range(5)) for _ in range(2)
    ]
    for batch, channels, rows, cols, p in sizes:
        images = draw.normal(batch, channels, rows * p, cols * p)
        words = (
            f"{count_of(batch, 'image')} of {rows * p} by {cols * p} "
            f"pixels with {count_of(channels, 'channel')}, cut into "
            f"patches of {p}"
        )
        found.append((images, p, words))
    turned = draw.normal(2, 6, 8, 3).permute(0, 3, 1, 2)
    words = (
        "an image that lies in memory channels last, as pictures from "
        "files do"
    )
    return [*found, (turned, 2, words)]


def cases() -> list[Case]:
    """Cut each batch of pictures."""
    return [
        Case(
            words,
            {"images": images, "patch_size": p},
            tells={"p": p},
        )
        for images, p, words in pictures()
    ]


def n_of(images: Tensor, p: int) -> int:
    """Count the patches of an image."""
    return images.shape[2] // p * (images.shape[3] // p)


def d_of(images: Tensor, p: int) -> int:
    """Count the numbers of a patch."""
    return images.shape[1] * p * p


def cut(pattern: str) -> Callable:
    """Give a patchify of this einops pattern."""

    def wrong(images: Tensor, patch_size: int) -> Tensor:
        return rearrange(images, pattern, y=patch_size, x=patch_size)

    return wrong


def cut_by_reshape(images: Tensor, patch_size: int) -> Tensor:
    """Cut the sequence of numbers, not the picture."""
    n, d = n_of(images, patch_size), d_of(images, patch_size)
    return images.reshape(len(images), n, d)


def cut_by_reshape_channels_last(
    images: Tensor, patch_size: int
) -> Tensor:
    """The same with the channels moved to the end first."""
    n, d = n_of(images, patch_size), d_of(images, patch_size)
    return images.permute(0, 2, 3, 1).reshape(len(images), n, d)


def rows_and_columns_swapped(images: Tensor, patch_size: int) -> Tensor:
    """Divide the height by the number of columns, and so on."""
    p = patch_size
    b, c, h, w = images.shape
    parts = images.reshape(b, c, w // p, p, h // p, p)
    return rearrange(parts, "b c row y col x -> b (row col) (y x c)")


def first_image_only(images: Tensor, patch_size: int) -> Tensor:
    """Forget that there is more than one image."""
    return patchify(images[:1].expand_as(images), patch_size)


def images_mixed(images: Tensor, patch_size: int) -> Tensor:
    """Let the patches go first, and the images of the batch second."""
    patches = patchify(images, patch_size)
    return patches.transpose(0, 1).reshape(patches.shape)


def squares_only(images: Tensor, patch_size: int) -> Tensor:
    """Take the height for the width."""
    side = min(images.shape[2:])
    return patchify(images[:, :, :side, :side], patch_size)


def width_of_strips(case: Case, found: Tensor) -> dict[str, object]:
    """Say how many pixels of the first row the first patch took."""
    images = case.inputs["images"]
    taken = torch.isin(images[0, 0, 0], found[0, 0]).sum()
    return {"taken": int(taken), "width": images.shape[3]}


def draw_patches(piece: Piece, runner: Runner) -> str:
    """Draw the sequence of a small painted picture, yours and expected."""
    p = 4
    case = Case("", {"images": scene(), "patch_size": p})
    yours, wanted = piece.outcome(runner, case), piece.expect(case)
    if not isinstance(yours, Tensor) or yours.shape != wanted.shape:
        return ""
    named = {
        name: rearrange(t[0], "n (y x c) -> n y x c", y=p, x=p)
        for name, t in (("yours", yours), ("expected", wanted))
    }
    rows = zip(*named.values(), strict=True)
    same = sum(torch.equal(a, b) for a, b in rows)
    if same == len(wanted[0]):
        return ""
    return sequences(
        named,
        "A small painted picture of a house, cut into 12 patches, in a "
        f"row: yours, and below it the expected ones; {same} agree.",
    )


PIECE = Piece(
    module=__name__,
    number=2,
    reference=patchify,
    cases=cases,
    axes="images, patches, numbers of a patch",
    draw=draw_patches,
    next="This is the sentence that a Vision Transformer reads. In "
    "chapter 3 each of its words becomes a token, by one layer for all.",
    mistakes=(
        Mistake(
            "channels_first",
            cut("b c (row y) (col x) -> b (row col) (c y x)"),
            "Right shape and right patches, in the wrong order inside. "
            "Where they first differ, at {where}, yours has {yours}, "
            "numbers of one colour from neighbouring pixels. The "
            "reference has the red, green and blue of one pixel beside "
            "each other: {wanted}. In the last axis, which letter has to "
            "move fastest?",
        ),
        Mistake(
            "patches_column_by_column",
            cut("b c (row y) (col x) -> b (col row) (y x c)"),
            "Right shape, every patch is right inside, and they come in "
            "the wrong order: yours go down the columns. A text is read "
            "along the lines, so the patch after the first is its "
            "neighbour to the right. It begins with {wanted}, yours with "
            "{yours}. Which of the two counts moves faster along the "
            "sequence, rows or columns?",
        ),
        Mistake(
            "pixels_column_by_column",
            cut("b c (row y) (col x) -> b (row col) (x y c)"),
            "Right shape, patches in the right order, and each of them is "
            "mirrored along its diagonal. At {where} yours has {yours}, "
            "the pixel below; the reference goes on with the pixel to the "
            "right, {wanted}. Inside a patch, which comes first, x or y?",
        ),
        Mistake(
            "all_column_by_column",
            cut("b c (row y) (col x) -> b (col row) (x y c)"),
            "Right shape, but picture and patches are both read by "
            "columns, as if height and width had changed places. {seen} "
            "Which axis of the input is the height, the third or the "
            "fourth?",
        ),
        Mistake(
            "cut_by_reshape",
            cut_by_reshape,
            "Right shape, but your patches are no squares. The first one "
            "took {taken} pixels of the picture's first row, which is "
            "{width} wide, where it should take {p}. A `reshape` moves no "
            "number, it only cuts the sequence into pieces, and in memory "
            "a row of the picture goes on to its right edge. How many "
            "axes must the picture have before they can be put into "
            "another order?",
            width_of_strips,
        ),
        Mistake(
            "cut_by_reshape_channels_last",
            cut_by_reshape_channels_last,
            "Right shape, and the channels stand last, as they should. "
            "But your patches are no squares: the first one took {taken} "
            "pixels of the first row, where it should take {p}. A "
            "`reshape` cuts along the rows. How do you first part both "
            "long axes in two?",
            width_of_strips,
        ),
        Mistake(
            "scattered_pixels",
            cut("b c (y row) (x col) -> b (row col) (y x c)"),
            "Right shape, but your patches are sieves: each takes every "
            "so many pixels from the whole picture instead of neighbours. "
            "{seen} When the height is parted in two, (which patch) and "
            "(where in the patch), which of the two is the outer one?",
        ),
        Mistake(
            "rows_and_columns_swapped",
            rows_and_columns_swapped,
            "Right for square pictures. In others your patches slip: at "
            "{where} yours has {yours}, wanted is {wanted}. How many "
            "patches stand one below the other, height / {p} or width / "
            "{p}?",
        ),
        Mistake(
            "first_image_only",
            first_image_only,
            "The first image of the batch is right, and all the others "
            "are copies of it. {seen} Where does your code say 0 instead "
            "of all images?",
        ),
        Mistake(
            "images_mixed",
            images_mixed,
            "Right for a single image. In a batch, patches of different "
            "images stand in one sequence: at {where} yours has {yours}, "
            "wanted is {wanted}. Which axis has to stay in front?",
        ),
        Mistake(
            "squares_only",
            squares_only,
            "Right for square pictures. Of others a part is missing: your "
            "shape is {shape}, wanted is {right}. Where does your code "
            "take one side for both?",
        ),
        Mistake(
            "patches_as_columns",
            cut("b c (row y) (col x) -> b (y x c) (row col)"),
            "The right numbers, but the last two axes have changed "
            "places: your shape is {shape}, wanted is {right}, a patch in "
            "each row. (This is how `F.unfold` gives them.)"
            " What turns columns into rows?",
        ),
        Mistake(
            "columns_of_unfold",
            cut("b c (row y) (col x) -> b (c y x) (row col)"),
            "Your shape is {shape}, wanted is {right}, a patch in each "
            "row. This is how `F.unfold` gives them. When you have turned "
            "it, look at the order inside a patch too: (row, column, "
            "channel)."
            " What turns it?",
        ),
        Mistake(
            "images_in_one_sequence",
            cut("b c (row y) (col x) -> (b row col) (y x c)"),
            "The patches are right, but all images run into one: your "
            "shape is {shape}, wanted is {right}. The batch keeps its own "
            "axis."
            " Which of the brackets is too wide?",
        ),
        Mistake(
            "still_squares",
            cut("b c (row y) (col x) -> b (row col) y x c"),
            "The patches are right and in order, but each is still a "
            "small picture: your shape is {shape}. A word is one row of "
            "numbers: {right}. Which axes have to become one?",
        ),
        Mistake(
            "still_a_grid",
            cut("b c (row y) (col x) -> b row col (y x c)"),
            "The patches are right, but they still stand in a grid: your "
            "shape is {shape}. A sequence has one axis for them: {right}."
            " Which two axes become one?",
        ),
        Mistake(
            "nothing_joined",
            cut("b c (row y) (col x) -> b row col y x c"),
            "The picture is parted rightly, but nothing is joined yet: "
            "your shape is {shape}, wanted is {right}. Which axes belong "
            "together?",
        ),
    ),
)
