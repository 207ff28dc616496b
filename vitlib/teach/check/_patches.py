"""Chapter 2: patchify and unpatchify."""

import torch
from einops import rearrange
from torch import Tensor

from vitlib import patches
from vitlib.teach.check._answer import Runner
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._picture import scene, sequences
from vitlib.teach.check._piece import Case, Mistake, Piece
from vitlib.teach.check._words import count_of

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
        images = draw.uniform(batch, channels, rows * p, cols * p)
        words = (
            f"{count_of(batch, 'image')} of {rows * p} by {cols * p} "
            f"pixels with {count_of(channels, 'channel')}, cut into "
            f"patches of {p}"
        )
        found.append((images, p, words))
    turned = draw.uniform(2, 6, 8, 3).permute(0, 3, 1, 2)
    words = (
        "an image that lies in memory channels last, as pictures from "
        "files do"
    )
    return [*found, (turned, 2, words)]


def patchify_cases() -> list[Case]:
    """Cut each batch of pictures."""
    return [
        Case(
            words,
            {"images": images, "patch_size": p},
            tells={"p": p, "n": n_of(images, p), "d": d_of(images, p)},
        )
        for images, p, words in pictures()
    ]


def n_of(images: Tensor, p: int) -> int:
    """Count the patches of an image."""
    return images.shape[2] // p * (images.shape[3] // p)


def d_of(images: Tensor, p: int) -> int:
    """Count the numbers of a patch."""
    return images.shape[1] * p * p


def cut(pattern: str):
    """Give a patchify of this einops pattern."""

    def wrong(images: Tensor, patch_size: int) -> Tensor:
        return rearrange(images, pattern, y=patch_size, x=patch_size)

    return wrong


def reshaped(images: Tensor, patch_size: int) -> Tensor:
    """Cut the sequence of numbers, not the picture."""
    n, d = n_of(images, patch_size), d_of(images, patch_size)
    return images.reshape(len(images), n, d)


def reshaped_last(images: Tensor, patch_size: int) -> Tensor:
    """The same with the channels moved to the end first."""
    n, d = n_of(images, patch_size), d_of(images, patch_size)
    return images.permute(0, 2, 3, 1).reshape(len(images), n, d)


def swapped_counts(images: Tensor, patch_size: int) -> Tensor:
    """Divide the height by the number of columns, and so on."""
    p = patch_size
    b, c, h, w = images.shape
    parts = images.reshape(b, c, w // p, p, h // p, p)
    return rearrange(parts, "b c row y col x -> b (row col) (y x c)")


def first_only(images: Tensor, patch_size: int) -> Tensor:
    """Forget that there is more than one image."""
    return patches.patchify(images[:1].expand_as(images), patch_size)


def mixed_images(images: Tensor, patch_size: int) -> Tensor:
    """Let the patches go first, and the images of the batch second."""
    cut = patches.patchify(images, patch_size)
    return cut.transpose(0, 1).reshape(cut.shape)


def square_only(images: Tensor, patch_size: int) -> Tensor:
    """Take the height for the width."""
    side = min(images.shape[2:])
    return patches.patchify(images[:, :, :side, :side], patch_size)


def strips(case: Case, found: Tensor) -> dict[str, object]:
    """Say how many pixels of the first row the first patch took."""
    images = case.inputs["images"]
    taken = torch.isin(images[0, 0, 0], found[0, 0]).sum()
    return {"taken": int(taken), "width": images.shape[3]}


PATCHIFY_MISTAKES = (
    Mistake(
        cut("b c (row y) (col x) -> b (row col) (c y x)"),
        "Right shape and right patches, in the wrong order inside. Where "
        "they first differ, at {where}, yours has {yours}, numbers of one "
        "colour from neighbouring pixels. The reference has the red, "
        "green and blue of one pixel beside each other: {wanted}. In the "
        "last axis, which letter has to move fastest?",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (col row) (y x c)"),
        "Right shape, every patch is right inside, and they come in the "
        "wrong order: yours go down the columns. A text is read along the "
        "lines, so the patch after the first is its neighbour to the "
        "right. It begins with {wanted}, yours with {yours}. Which of the "
        "two counts moves faster along the sequence, rows or columns?",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (row col) (x y c)"),
        "Right shape, patches in the right order, and each of them is "
        "mirrored along its diagonal. At {where} yours has {yours}, the "
        "pixel below; the reference goes on with the pixel to the right, "
        "{wanted}. Inside a patch, which comes first, x or y?",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (col row) (x y c)"),
        "Right shape, but picture and patches are both read by columns, "
        "as if height and width had changed places. At {where} yours has "
        "{yours}, wanted is {wanted}. Which axis of the input is the "
        "height, the third or the fourth?",
    ),
    Mistake(
        reshaped,
        "Right shape, but your patches are no squares. The first one took "
        "{taken} pixels of the picture's first row, which is {width} "
        "wide, where it should take {p}. A `reshape` moves no number, it "
        "only cuts the sequence into pieces, and in memory a row of the "
        "picture goes on to its right edge. How many axes must the "
        "picture have before they can be put into another order?",
        strips,
    ),
    Mistake(
        reshaped_last,
        "Right shape, and the channels stand last, as they should. But "
        "your patches are no squares: the first one took {taken} pixels "
        "of the first row, where it should take {p}. A `reshape` cuts "
        "along the rows. How do you first part both long axes in two?",
        strips,
    ),
    Mistake(
        cut("b c (y row) (x col) -> b (row col) (y x c)"),
        "Right shape, but your patches are sieves: each takes every so "
        "many pixels from the whole picture instead of neighbours. At "
        "{where} yours has {yours}, wanted is {wanted}. When the height "
        "is parted in two, (which patch) and (where in the patch), which "
        "of the two is the outer one?",
    ),
    Mistake(
        swapped_counts,
        "Right for square pictures. In others your patches slip: at "
        "{where} yours has {yours}, wanted is {wanted}. How many patches "
        "stand one below the other, height / {p} or width / {p}?",
    ),
    Mistake(
        first_only,
        "The first image of the batch is right, and all the others are "
        "copies of it. At {where} yours has {yours}, wanted is {wanted}. "
        "Where does your code say 0 instead of all images?",
    ),
    Mistake(
        mixed_images,
        "Right for a single image. In a batch, patches of different "
        "images stand in one sequence: at {where} yours has {yours}, "
        "wanted is {wanted}. Which axis has to stay in front?",
    ),
    Mistake(
        square_only,
        "Right for square pictures. Of others a part is missing: your "
        "shape is {shape}, wanted is {right}. Where does your code take "
        "one side for both?",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (y x c) (row col)"),
        "The right numbers, but the last two axes have changed places: "
        "your shape is {shape}, wanted is {right}, a patch in each row. "
        "(This is how `F.unfold` gives them.)",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (c y x) (row col)"),
        "Your shape is {shape}, wanted is {right}, a patch in each row. "
        "This is how `F.unfold` gives them. When you have turned it, look "
        "at the order inside a patch too: (row, column, channel).",
    ),
    Mistake(
        cut("b c (row y) (col x) -> (b row col) (y x c)"),
        "The patches are right, but all images run into one: your shape "
        "is {shape}, wanted is {right}. The batch keeps its own axis.",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b (row col) y x c"),
        "The patches are right and in order, but each is still a small "
        "picture: your shape is {shape}. A word is one row of numbers: "
        "{right}. Which axes have to become one?",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b row col (y x c)"),
        "The patches are right, but they still stand in a grid: your "
        "shape is {shape}. A sequence has one axis for them: {right}.",
    ),
    Mistake(
        cut("b c (row y) (col x) -> b row col y x c"),
        "The picture is parted rightly, but nothing is joined yet: your "
        "shape is {shape}, wanted is {right}. Which axes belong together?",
    ),
)


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


def draw_picture(piece: Piece, runner: Runner) -> str:
    """Draw the small painted picture, put together again."""
    p, picture = 4, scene()
    case = Case(
        "",
        {
            "patches": patches.patchify(picture, p),
            "patch_size": p,
            "image_size": tuple(picture.shape[2:]),
        },
    )
    yours = piece.outcome(runner, case)
    if not isinstance(yours, Tensor) or yours.shape != picture.shape:
        return ""
    same = int((yours == picture).all(dim=1).sum())
    if same == 192:
        return ""
    named = {
        name: rearrange(t, "1 c y x -> 1 y x c")
        for name, t in (("yours", yours), ("expected", picture))
    }
    return sequences(
        named,
        "A small painted picture of a house, put together from its "
        "patches: yours, and below it the expected one; "
        f"{same} of 192 pixels agree.",
    )


PATCHIFY = Piece(
    name="patchify",
    chapter=2,
    reference=patches.patchify,
    cases=patchify_cases,
    mistakes=PATCHIFY_MISTAKES,
    axes="images, patches, numbers of a patch",
    draw=draw_patches,
    next="This is the sentence that a Vision Transformer reads. In "
    "chapter 3 each of its words becomes a token, by one layer for all.",
)


def unpatchify_cases() -> list[Case]:
    """Put the patches of each batch together again."""
    found = []
    for index, (images, p, words) in enumerate(pictures()):
        height, width = size = tuple(images.shape[2:])
        if height == width and index % 2:
            size = height
        found.append(
            Case(
                f"{words}; the size given as `{size}`",
                {
                    "patches": patches.patchify(images, p),
                    "patch_size": p,
                    "image_size": size,
                },
                tells={
                    "p": p,
                    "rows": height // p,
                    "cols": width // p,
                },
            )
        )
    return found


def sides(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Give height and width."""
    return (image_size,) * 2 if isinstance(image_size, int) else image_size


def join(pattern: str):
    """Give an unpatchify of this einops pattern."""

    def wrong(
        patches: Tensor, patch_size: int, image_size: int | tuple[int, int]
    ) -> Tensor:
        height, width = sides(image_size)
        return rearrange(
            patches,
            pattern,
            row=height // patch_size,
            col=width // patch_size,
            y=patch_size,
            x=patch_size,
        )

    return wrong


def swapped_sides(patches: Tensor, patch_size: int, image_size) -> Tensor:
    """Take the height for the width, and the width for the height."""
    height, width = sides(image_size)
    right = join("b (row col) (y x c) -> b c (row y) (col x)")
    return right(patches, patch_size, (width, height))


def reshaped_back(patches: Tensor, patch_size: int, image_size) -> Tensor:
    """Cut the sequence of numbers into rows, as it is."""
    channels = patches.shape[2] // patch_size**2
    return patches.reshape(len(patches), channels, *sides(image_size))


def reshaped_to_last(
    patches: Tensor, patch_size: int, image_size
) -> Tensor:
    """The same with the channels last, then moved in front."""
    channels = patches.shape[2] // patch_size**2
    flat = patches.reshape(len(patches), *sides(image_size), channels)
    return flat.permute(0, 3, 1, 2)


UNPATCHIFY_MISTAKES = (
    Mistake(
        join("b (row col) (c y x) -> b c (row y) (col x)"),
        "The patches are all in their places, and inside them the colours "
        "are mixed up. At {where} yours has {yours}, wanted is {wanted}. "
        "`patchify` wrote a patch as (row, column, channel): which of the "
        "three moves fastest?",
    ),
    Mistake(
        join("b (col row) (y x c) -> b c (row y) (col x)"),
        "Every patch is right, and they are laid out down the columns. At "
        "{where} yours has {yours}, wanted is {wanted}. The sequence was "
        "written along the lines. Which of the two counts moves faster, "
        "rows or columns?",
    ),
    Mistake(
        join("b (row col) (x y c) -> b c (row y) (col x)"),
        "The patches are all in their places, and each is mirrored along "
        "its diagonal. At {where} yours has {yours}, wanted is {wanted}. "
        "Inside a patch, which comes first, x or y?",
    ),
    Mistake(
        join("b (col row) (x y c) -> b c (row y) (col x)"),
        "Sequence and patches are both read by columns: at {where} yours "
        "has {yours}, wanted is {wanted}. Has x taken the place of y?",
    ),
    Mistake(
        join("b (row col) (y x c) -> b c (y row) (x col)"),
        "The numbers of each patch are scattered over the whole picture. "
        "At {where} yours has {yours}, wanted is {wanted}. When row and y "
        "become one height, which of the two is the outer one?",
    ),
    Mistake(
        swapped_sides,
        "Right for square pictures. Here height and width have changed "
        "places: your shape is {shape}, wanted is {right}. What does "
        "`image_size` name first, rows or columns?",
    ),
    Mistake(
        reshaped_back,
        "The shape is right, but the numbers stand where the sequence had "
        "them: a `reshape` moves nothing. At {where} yours has {yours}, "
        "wanted is {wanted}. The first row of the picture has to gather "
        "from {cols} different patches. How many axes do you need to say "
        "that?",
    ),
    Mistake(
        reshaped_to_last,
        "The shape is right, and the channels are moved in front, as they "
        "should. But the first row of the picture has to gather from "
        "{cols} different patches, and a `reshape` moves nothing. At "
        "{where} yours has {yours}, wanted is {wanted}. Which axes have "
        "to be parted before?",
    ),
    Mistake(
        join("b (row col) (y x c) -> b (row y) (col x) c"),
        "The picture is right, with its channels last, as files and "
        "matplotlib have them: {shape}. torch has them in front: {right}.",
    ),
    Mistake(
        join("b (row col) (y x c) -> b c row y col x"),
        "The axes stand in the right order, and are not joined yet: your "
        "shape is {shape}, wanted is {right}. Which pairs become one?",
    ),
)

UNPATCHIFY = Piece(
    name="unpatchify",
    chapter=2,
    reference=patches.unpatchify,
    cases=unpatchify_cases,
    mistakes=UNPATCHIFY_MISTAKES,
    axes="images, channels, height, width",
    draw=draw_picture,
    next="A picture cut up and put together again loses nothing. Models "
    "that draw, or fill in what is hidden, end with this step.",
)
