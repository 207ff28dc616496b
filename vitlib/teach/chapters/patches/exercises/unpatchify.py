"""Check your `unpatchify(patches, patch_size, image_size)`."""

from collections.abc import Callable

from einops import rearrange
from torch import Tensor

from vitlib.patches import patchify, unpatchify
from vitlib.teach.chapters.patches.exercises.patchify import pictures
from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.picture import scene, sequences
from vitlib.teach.checking.piece import Case, Mistake, Piece

Size = int | tuple[int, int]


def cases() -> list[Case]:
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
                    "patches": patchify(images, p),
                    "patch_size": p,
                    "image_size": size,
                },
                tells={"cols": width // p},
            )
        )
    return found


def sides(image_size: Size) -> tuple[int, int]:
    """Give height and width."""
    return (image_size,) * 2 if isinstance(image_size, int) else image_size


def join(pattern: str) -> Callable:
    """Give an unpatchify of this einops pattern."""

    def wrong(
        patches: Tensor, patch_size: int, image_size: Size
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


def height_and_width_swapped(
    patches: Tensor, patch_size: int, image_size: Size
) -> Tensor:
    """Take the height for the width, and the width for the height."""
    height, width = sides(image_size)
    return unpatchify(patches, patch_size, (width, height))


def joined_by_reshape(
    patches: Tensor, patch_size: int, image_size: Size
) -> Tensor:
    """Cut the sequence of numbers into rows, as it is."""
    channels = patches.shape[2] // patch_size**2
    return patches.reshape(len(patches), channels, *sides(image_size))


def joined_by_reshape_channels_last(
    patches: Tensor, patch_size: int, image_size: Size
) -> Tensor:
    """The same with the channels last, then moved in front."""
    channels = patches.shape[2] // patch_size**2
    flat = patches.reshape(len(patches), *sides(image_size), channels)
    return flat.permute(0, 3, 1, 2)


def draw_picture(piece: Piece, runner: Runner) -> str:
    """Draw the small painted picture, put together again."""
    p, picture = 4, scene()
    case = Case(
        "",
        {
            "patches": patchify(picture, p),
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


PIECE = Piece(
    module=__name__,
    number=3,
    reference=unpatchify,
    cases=cases,
    axes="images, channels, height, width",
    draw=draw_picture,
    next="A picture cut up and put together again loses nothing. Models "
    "that draw, or fill in what is hidden, end with this step.",
    mistakes=(
        Mistake(
            "channels_first",
            join("b (row col) (c y x) -> b c (row y) (col x)"),
            "The patches are all in their places, and inside them the "
            "colours are mixed up. {seen} `patchify` wrote a patch as "
            "(row, column, channel): which of the three moves fastest?",
        ),
        Mistake(
            "patches_column_by_column",
            join("b (col row) (y x c) -> b c (row y) (col x)"),
            "Every patch is right, and they are laid out down the "
            "columns. {seen} The sequence was written along the lines. "
            "Which of the two counts moves faster, rows or columns?",
        ),
        Mistake(
            "pixels_column_by_column",
            join("b (row col) (x y c) -> b c (row y) (col x)"),
            "The patches are all in their places, and each is mirrored "
            "along its diagonal. {seen} Inside a patch, which comes "
            "first, x or y?",
        ),
        Mistake(
            "all_column_by_column",
            join("b (col row) (x y c) -> b c (row y) (col x)"),
            "Sequence and patches are both read by columns: at {where} "
            "yours has {yours}, wanted is {wanted}. Has x taken the place "
            "of y?",
        ),
        Mistake(
            "scattered_pixels",
            join("b (row col) (y x c) -> b c (y row) (x col)"),
            "The numbers of each patch are scattered over the whole "
            "picture. {seen} When row and y become one height, which of "
            "the two is the outer one?",
        ),
        Mistake(
            "height_and_width_swapped",
            height_and_width_swapped,
            "Right for square pictures. Here height and width have "
            "changed places: your shape is {shape}, wanted is {right}. "
            "What does `image_size` name first, rows or columns?",
        ),
        Mistake(
            "joined_by_reshape",
            joined_by_reshape,
            "The shape is right, but the numbers stand where the sequence "
            "had them: a `reshape` moves nothing. {seen} The first row of "
            "the picture has to gather from {cols} different patches. How "
            "many axes do you need to say that?",
        ),
        Mistake(
            "joined_by_reshape_channels_last",
            joined_by_reshape_channels_last,
            "The shape is right, and the channels are moved in front, as "
            "they should. But the first row of the picture has to gather "
            "from {cols} different patches, and a `reshape` moves "
            "nothing. {seen} Which axes have to be parted before?",
        ),
        Mistake(
            "channels_last",
            join("b (row col) (y x c) -> b (row y) (col x) c"),
            "The picture is right, with its channels last, as files and "
            "matplotlib have them: {shape}. torch has them in front: "
            "{right}."
            " What puts the last axis second?",
        ),
        Mistake(
            "nothing_joined",
            join("b (row col) (y x c) -> b c row y col x"),
            "The axes stand in the right order, and are not joined yet: "
            "your shape is {shape}, wanted is {right}. Which pairs become "
            "one?",
        ),
    ),
)
