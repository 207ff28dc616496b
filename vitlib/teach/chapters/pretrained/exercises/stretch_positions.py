"""Check your `stretch_positions(pos_embed, front, old_grid, new_grid)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of

Grid = tuple[int, int]


def stretch_positions(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """(1, front + n, d) -> (1, front + m, d), bicubic."""
    return stretched_by(old_grid, new_grid)(pos_embed, front)


def stretched_by(
    old_grid: Grid,
    new_grid: Grid | None,
    mode: str = "bicubic",
    **settings,
) -> Callable[[Tensor, int], Tensor]:
    """Stretch all places but those in front, in the input's own dtype."""

    def stretch(pos_embed: Tensor, front: int) -> Tensor:
        first, places = pos_embed[:, :front], pos_embed[:, front:]
        picture = rearrange(
            places, "1 (row col) d -> 1 d row col", row=old_grid[0]
        )
        picture = F.interpolate(picture, new_grid, mode=mode, **settings)
        places = rearrange(picture, "1 d row col -> 1 (row col) d")
        return torch.cat([first, places], dim=1)

    return stretch


def cases() -> list[Case]:
    """Draw positions of grids that are not square, smaller and larger."""
    draw, found = Draw(112), []
    for d, front, old, new in [
        (3, 1, (4, 6), (6, 9)),
        (2, 2, (3, 5), (5, 4)),
        (4, 0, (6, 3), (4, 2)),
        (3, 1, (2, 4), (2, 8)),
    ]:
        n = old[0] * old[1]
        words = (
            f"a grid of {old[0]} by {old[1]} that becomes {new[0]} by "
            f"{new[1]}, behind {count_of(front, 'token')} in front"
        )
        inputs = {
            "pos_embed": draw.normal(1, front + n, d),
            "front": front,
            "old_grid": old,
            "new_grid": new,
        }
        tells = {"front": count_of(front, "token"), "old": old, "new": new}
        found.append(Case(words, inputs, tells=tells))
    return found


def by(mode: str, **settings: bool) -> Callable:
    """Give an answer that stretches in another way."""

    def wrong(
        pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
    ) -> Tensor:
        stretch = stretched_by(old_grid, new_grid, mode, **settings)
        return stretch(pos_embed, front)

    return wrong


def with_dinos_offset(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Give a scale for a grid that is a tenth of a place larger."""
    sides = zip(old_grid, new_grid, strict=True)
    scale = tuple((new + 0.1) / old for old, new in sides)
    return stretched_by(old_grid, None, scale_factor=scale)(
        pos_embed, front
    )


def front_emptied(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Put zeros where the tokens in front have their positions."""
    found = stretch_positions(pos_embed, front, old_grid, new_grid)
    zeros = torch.zeros_like(found[:, :front])
    return torch.cat([zeros, found[:, front:]], dim=1)


def turned(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Take the old grid's rows for its columns."""
    return stretched_by(old_grid[::-1], new_grid)(pos_embed, front)


def new_grid_turned(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Give width and height in the order of a picture's size."""
    return stretched_by(old_grid, new_grid[::-1])(pos_embed, front)


def front_lost(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Give the places alone."""
    stretch = stretched_by(old_grid, new_grid)
    return stretch(pos_embed, front)[:, front:]


def front_at_the_end(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Put the tokens in front behind."""
    found = stretched_by(old_grid, new_grid)(pos_embed, front)
    return torch.cat([found[:, front:], found[:, :front]], dim=1)


def read_as_it_lies(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Reshape to (d, row, col) where the width has to move first."""
    first, places = pos_embed[:, :front], pos_embed[:, front:]
    d = places.shape[2]
    picture = F.interpolate(
        places.reshape(1, d, *old_grid), new_grid, mode="bicubic"
    )
    return torch.cat([first, picture.reshape(1, -1, d)], dim=1)


def back_as_it_lies(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Move the width to the front, and never back."""
    first, places = pos_embed[:, :front], pos_embed[:, front:]
    d = places.shape[2]
    picture = places.mT.reshape(1, d, *old_grid)
    picture = F.interpolate(picture, new_grid, mode="bicubic")
    return torch.cat([first, picture.reshape(1, -1, d)], dim=1)


def down_the_columns(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Write the new grid down column by column."""
    found = stretched_by(old_grid, new_grid)(pos_embed, front)
    places = rearrange(
        found[:, front:], "1 (row col) d -> 1 (col row) d", row=new_grid[0]
    )
    return torch.cat([found[:, :front], places], dim=1)


def as_a_row(
    pos_embed: Tensor, front: int, old_grid: Grid, new_grid: Grid
) -> Tensor:
    """Stretch the sequence, as if it were no grid."""
    first, places = pos_embed[:, :front], pos_embed[:, front:]
    count = new_grid[0] * new_grid[1]
    row = F.interpolate(places.mT, count, mode="linear").mT
    return torch.cat([first, row], dim=1)


PIECE = Piece(
    module=__name__,
    number=2,
    reference=stretch_positions,
    cases=cases,
    axes="one, tokens in front and places, width",
    next="So does the `PublishedViT` that `load` returns, at the call, "
    "for each size of image that comes; it stretches as the library does "
    "that the weights are from.",
    mistakes=(
        Mistake(
            "bilinear",
            by("bilinear"),
            "This is bilinear: each new place is a mixture of four old "
            "ones, where bicubic takes sixteen. {seen} Which `mode` did "
            "the task ask for?",
        ),
        Mistake(
            "bilinear_and_antialiased",
            by("bilinear", antialias=True),
            "This is bilinear, and smooths where the grid gets coarser. "
            "{seen} Which `mode` did the task ask for?",
        ),
        Mistake(
            "mean_of_an_area",
            by("area"),
            "Each new place is the mean of the old ones that it covers. "
            "{seen} Which `mode` did the task ask for?",
        ),
        Mistake(
            "with_dinos_offset",
            with_dinos_offset,
            "Nearly: yours gives a scale for a grid that is a tenth of a "
            "place larger, as DINO's code does. {seen} What can "
            "`interpolate` be told in place of a scale?",
        ),
        Mistake(
            "nearest",
            by("nearest"),
            "Each new place is a copy of the nearest old one. {seen} "
            "Which `mode` does `interpolate` take unless told?",
        ),
        Mistake(
            "corners_aligned",
            by("bicubic", align_corners=True),
            "Yours pins the corners of both grids on each other, as "
            "torchvision does. {seen} Which setting of `interpolate` does "
            "that?",
        ),
        Mistake(
            "antialiased",
            by("bicubic", antialias=True),
            "Yours smooths where the grid gets coarser, as timm does. "
            "{seen} Which setting of `interpolate` does that?",
        ),
        Mistake(
            "rows_for_columns",
            turned,
            "The old grid, {old}, was read with rows for columns. {seen} "
            "Which of the two numbers counts rows?",
        ),
        Mistake(
            "new_grid_turned",
            new_grid_turned,
            "The new grid is turned: {new} are rows and columns. {seen} "
            "In which order does `interpolate` take them?",
        ),
        Mistake(
            "down_the_columns",
            down_the_columns,
            "The new places are right, and written down column by column. "
            "{seen} Which letter moves fastest in your last pattern?",
        ),
        Mistake(
            "read_as_it_lies",
            read_as_it_lies,
            "You read the places as (d, rows, columns), and they lie as "
            "(rows, columns, d). {seen} Which axis has to move before "
            "`interpolate` sees a picture?",
        ),
        Mistake(
            "back_as_it_lies",
            back_as_it_lies,
            "The picture was stretched rightly and then read as it lies, "
            "(d, rows, columns). {seen} Which axis has to move back to "
            "the end?",
        ),
        Mistake(
            "as_a_row",
            as_a_row,
            "You stretch the sequence as if it were one row. {seen} The "
            "place behind the end of a row lies at the start of the next. "
            "What has to become of the sequence first?",
        ),
        Mistake(
            "front_lost",
            front_lost,
            "The places are right, and what stood in front of them, "
            "{front}, is lost: your shape is {shape}, wanted is {right}. "
            "Who puts it back?",
        ),
        Mistake(
            "front_emptied",
            front_emptied,
            "The places are right, and what stands in front of them, "
            "{front}, has become zeros. {seen} From where are its "
            "positions to come?",
        ),
        Mistake(
            "front_at_the_end",
            front_at_the_end,
            "The places are right, and what belongs in front stands at "
            "the end. {seen} In which order do you join the two?",
        ),
        Mistake(
            "nothing_stretched",
            lambda pos_embed, front, old_grid, new_grid: pos_embed,
            "These are the positions as they came: your shape is {shape}, "
            "wanted is {right}. What has each new patch to get?",
        ),
    ),
)
