"""Check your `unpatchify(patches, patch_size, image_size)`."""

from einops import rearrange
from torch import Tensor

from vitlib import patches
from vitlib.teach.chapters.patches.exercises.patchify import pictures
from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.picture import scene, sequences
from vitlib.teach.checking.piece import Case, Mistake, Piece


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
        "mistake_0",
        join("b (row col) (c y x) -> b c (row y) (col x)"),
        "The patches are all in their places, and inside them the colours "
        "are mixed up. At {where} yours has {yours}, wanted is {wanted}. "
        "`patchify` wrote a patch as (row, column, channel): which of the "
        "three moves fastest?",
    ),
    Mistake(
        "mistake_1",
        join("b (col row) (y x c) -> b c (row y) (col x)"),
        "Every patch is right, and they are laid out down the columns. At "
        "{where} yours has {yours}, wanted is {wanted}. The sequence was "
        "written along the lines. Which of the two counts moves faster, "
        "rows or columns?",
    ),
    Mistake(
        "mistake_2",
        join("b (row col) (x y c) -> b c (row y) (col x)"),
        "The patches are all in their places, and each is mirrored along "
        "its diagonal. At {where} yours has {yours}, wanted is {wanted}. "
        "Inside a patch, which comes first, x or y?",
    ),
    Mistake(
        "mistake_3",
        join("b (col row) (x y c) -> b c (row y) (col x)"),
        "Sequence and patches are both read by columns: at {where} yours "
        "has {yours}, wanted is {wanted}. Has x taken the place of y?",
    ),
    Mistake(
        "mistake_4",
        join("b (row col) (y x c) -> b c (y row) (x col)"),
        "The numbers of each patch are scattered over the whole picture. "
        "At {where} yours has {yours}, wanted is {wanted}. When row and y "
        "become one height, which of the two is the outer one?",
    ),
    Mistake(
        "swapped_sides",
        swapped_sides,
        "Right for square pictures. Here height and width have changed "
        "places: your shape is {shape}, wanted is {right}. What does "
        "`image_size` name first, rows or columns?",
    ),
    Mistake(
        "reshaped_back",
        reshaped_back,
        "The shape is right, but the numbers stand where the sequence had "
        "them: a `reshape` moves nothing. At {where} yours has {yours}, "
        "wanted is {wanted}. The first row of the picture has to gather "
        "from {cols} different patches. How many axes do you need to say "
        "that?",
    ),
    Mistake(
        "reshaped_to_last",
        reshaped_to_last,
        "The shape is right, and the channels are moved in front, as they "
        "should. But the first row of the picture has to gather from "
        "{cols} different patches, and a `reshape` moves nothing. At "
        "{where} yours has {yours}, wanted is {wanted}. Which axes have "
        "to be parted before?",
    ),
    Mistake(
        "mistake_8",
        join("b (row col) (y x c) -> b (row y) (col x) c"),
        "The picture is right, with its channels last, as files and "
        "matplotlib have them: {shape}. torch has them in front: {right}.",
    ),
    Mistake(
        "mistake_9",
        join("b (row col) (y x c) -> b c row y col x"),
        "The axes stand in the right order, and are not joined yet: your "
        "shape is {shape}, wanted is {right}. Which pairs become one?",
    ),
)


PIECE = Piece(
    module=__name__,
    number=3,
    reference=patches.unpatchify,
    cases=unpatchify_cases,
    mistakes=UNPATCHIFY_MISTAKES,
    axes="images, channels, height, width",
    draw=draw_picture,
    next="A picture cut up and put together again loses nothing. Models "
    "that draw, or fill in what is hidden, end with this step.",
)
