"""Figures of chapter 3: filters, their answers, tokens."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib.teach.draw.canvas import SIGNED, bare, canvas, show, style
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import (
    GREY,
    INK,
    KEY,
    ON_PICTURE,
    ON_TILE,
    STREAM,
)

_COUNTS = LinearSegmentedColormap.from_list(
    "counts", [GREY + "00", GREY + "66", GREY + "ff"]
)


def _filter_pictures(filters: Tensor, patch_size: int) -> np.ndarray:
    """(d, p * p * c) signed numbers -> d pictures; grey is zero."""
    filters = filters.detach()
    strongest = filters.abs().amax(dim=1, keepdim=True)
    pictures = rearrange(
        0.5 + filters / (2 * strongest),
        "d (y x c) -> d y x c",
        y=patch_size,
        x=patch_size,
    )
    return (pictures * 255).round().byte().numpy()


def _patch_pictures(patches: Tensor, patch_size: int) -> np.ndarray:
    """(n, p * p * c) from -1 to 1 -> n pictures."""
    pictures = rearrange(
        patches / 2 + 0.5,
        "n (y x c) -> n y x c",
        y=patch_size,
        x=patch_size,
    )
    return (pictures.clamp(0, 1) * 255).round().byte().numpy()


def _rounded(value: float) -> str:
    """One decimal, and no minus in front of a zero."""
    return f"{round(value, 1) + 0.0:.1f}"


def _frame(ax: Axes, left: float, top: float, side: float) -> None:
    """Draw a thin square: a white filter would end nowhere."""
    look = {"fc": "none", "ec": STREAM, "lw": 0.8, "clip_on": False}
    ax.add_patch(Rectangle((left, top), side, side, **look))


def answers(
    patches: Tensor, filters: Tensor, names: list[str], shown: list[int]
) -> None:
    """Show patches, filters, and the dot product of each two as a table.

    (n, p * p * 3) from -1 to 1, (d, p * p * 3): `shown` says which
    patches make the rows.
    """
    tokens = patches[shown] @ filters.T
    lines = "; ".join(
        f"patch {index} answers "
        + ", ".join(_rounded(value) for value in token.tolist())
        for index, token in zip(shown, tokens, strict=True)
    )
    shared = patches[shown], filters, names, shown
    show(
        _table(*shared, cell=78, start=206, width=680),
        f"A table. Above its columns {len(names)} filters as small "
        f"pictures: {', '.join(names)}. Left of its rows {len(shown)} "
        "patches of the cat. In each cell their dot product, red for "
        f"positive and blue for negative: {lines}.",
        narrow=_table(*shared, cell=45, start=68, width=NARROW),
    )


def _table(
    patches: Tensor,
    filters: Tensor,
    names: list[str],
    shown: list[int],
    cell: float,
    start: float,
    width: float,
) -> Figure:
    """Draw the table; where its cells are small, names take turns."""
    side = round((patches.shape[1] / 3) ** 0.5)
    tokens = patches @ filters.T
    limit = tokens.abs().max().item()
    rows, cols = tokens.shape
    small = cell < 60
    gap, high = (3, cell + 18) if small else (7, cell)
    size = cell - gap - (0 if small else 6)
    top = 46 + cell
    height = top + rows * high + (52 if small else 40)
    figure = canvas(width, height)
    with style():
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()

        def put(picture, x, y, size, **look):
            ax.imshow(picture, extent=(x, x + size, y + size, y), **look)

        for col, picture in enumerate(_filter_pictures(filters, side)):
            middle = start + col * cell + (cell - gap) / 2
            turn = 14 * (col % 2) if small else 4
            ax.text(middle, 12 + turn, names[col], ha="center")
            put(picture, middle - size / 2, 30, size)
            _frame(ax, middle - size / 2, 30, size)
        for row, picture in enumerate(_patch_pictures(patches, side)):
            y = top + row * high
            middle = y + (cell - gap) / 2
            name = (6, y + cell + 9) if small else (6, middle)
            ax.text(*name, f"patch {shown[row]}", va="center")
            put(picture, start - 16 - size, middle - size / 2, size)
            for col, value in enumerate(tokens[row].tolist()):
                x = start + col * cell
                shade = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
                put(np.full((1, 1), value), x, y, cell - gap, **shade)
                dark = abs(value) > 0.62 * limit
                ax.text(
                    x + (cell - gap) / 2,
                    middle,
                    _rounded(value),
                    ha="center",
                    va="center",
                    color=ON_PICTURE if dark else ON_TILE,
                    size=11.5 if small else 13,
                )
        code = {"family": "monospace", "size": 11, "color": GREY}
        bottom = height - 14
        above = bottom - (17 if small else 0)
        numbers = filters.shape[1]
        if not small:
            ax.text(start, top - 12, f"filters {(cols, numbers)}", **code)
        ax.text(6, above, f"patches {(rows, numbers)}", **code)
        x, side_of = (width - 12, "right") if small else (start, "left")
        ax.text(x, above, f"tokens {(rows, cols)}", ha=side_of, **code)
        ax.text(
            width - 12,
            bottom,
            f"blue {-limit:.1f} to red {limit:.1f}",
            ha="right",
            color=GREY,
            size=11,
        )
        ax.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return figure


def filters_and_maps(
    filters: Tensor,
    tokens: Tensor,
    grid: tuple[int, int],
    names: list[str],
) -> None:
    """Show filters, and below each what it answers all over the image.

    (d, p * p * 3), (1, n, d): the first filters, one for each name.
    """
    count = len(names)
    side = round((filters.shape[1] / 3) ** 0.5)
    pictures = _filter_pictures(filters[:count], side)
    maps = rearrange(
        tokens[0, :, :count].detach(),
        "(row col) d -> d row col",
        row=grid[0],
    )
    limits = maps.abs().amax(dim=(1, 2)).tolist()
    figure = canvas(680, 262)
    with style():
        axes = figure.subplots(2, count)
        figure.subplots_adjust(
            left=0.01,
            right=0.99,
            top=0.9,
            bottom=0.1,
            wspace=0.12,
            hspace=0.08,
        )
        for col, name in enumerate(names):
            bare(axes[0, col], name).imshow(pictures[col])
            _frame(axes[0, col], -0.5, -0.5, side)
            limit = limits[col]
            bare(axes[1, col], below=f"±{limit:.1f}").imshow(
                maps[col], cmap=SIGNED, vmin=-limit, vmax=limit
            )
    show(
        figure,
        f"{count} filters as small pictures: {', '.join(names)}. Below "
        f"each its answers to all {maps[0].numel()} patches, as a picture "
        f"of {grid[0]} by {grid[1]} squares from blue (negative) to red "
        "(positive); the strongest answers are "
        f"{', '.join(f'{limit:.1f}' for limit in limits)}.",
    )


def distances(patches: Tensor, tokens: dict[int, Tensor]) -> None:
    """Show how far apart two tokens are, given their patches' distance.

    (n, p * p * c), for each width d: (n, d). Tokens of width d are scaled
    so that an unchanged distance lies on the diagonal.
    """
    before = torch.pdist(patches)
    end = 1.15 * before.max().item()
    spread = []
    figure = canvas(680, 270)
    with style():
        axes = figure.subplots(1, len(tokens), sharex=True, sharey=True)
        for ax, (width, sequence) in zip(
            axes, tokens.items(), strict=True
        ):
            scale = (patches.shape[1] / width) ** 0.5
            after = scale * torch.pdist(sequence.detach())
            ratio = after / before
            spread.append((ratio.std() / ratio.mean()).item())
            counts, *_ = np.histogram2d(
                after.numpy(), before.numpy(), 56, [[0, end], [0, end]]
            )
            ax.imshow(
                np.log1p(counts),
                cmap=_COUNTS,
                origin="lower",
                extent=(0, end, 0, end),
            )
            ax.plot([0, end], [0, end], color=INK, lw=0.8)
            ax.set_title(f"{width} filters")
            # Each has its own: on a phone each stands by itself.
            ax.set_xlabel("between patches", size=11, color=GREY)
            ax.set_ylabel("between tokens", size=11, color=GREY)
            ax.tick_params(labelleft=True)
            ax.set(xlim=(0, end), ylim=(0, end))
        figure.tight_layout(w_pad=1.2)
    values = ", ".join(
        f"{100 * s:.0f} % for {width} filters"
        for s, width in zip(spread, tokens, strict=True)
    )
    show(
        figure,
        "The distance between two tokens against the distance between "
        f"their patches, for all {before.numel():,} pairs: a wide cloud "
        f"for {min(tokens)} filters, and for {max(tokens)} a thin band on "
        f"the diagonal. Spread of the ratio: {values}.",
        by_row=True,
    )


def flattened(filters: Tensor, names: list[str], patch_size: int) -> None:
    """Show filters read in their own order, and read in another.

    (d, p * p * 3) in the order (y x c): below, the same numbers laid out
    as (c y x), as a convolution has them, and read as (y x c).
    """
    wrong = rearrange(
        filters, "d (y x c) -> d (c y x)", y=patch_size, x=patch_size
    )
    rows = [_filter_pictures(f, patch_size) for f in (filters, wrong)]
    count = len(names)
    figure = canvas(680, 280)
    with style():
        axes = figure.subplots(2, count)
        figure.subplots_adjust(
            left=0.01,
            right=0.99,
            top=0.91,
            bottom=0.08,
            wspace=0.12,
            hspace=0.22,
        )
        orders = "(y x c)", "(c y x)"
        for row, pictures in enumerate(rows):
            for col, picture in enumerate(pictures[:count]):
                ax = bare(axes[row, col], "" if row else names[col])
                ax.set_xlabel(orders[row], color=KEY if row else GREY)
                ax.imshow(picture)
                _frame(ax, -0.5, -0.5, patch_size)
    same = (filters == wrong).float().mean(dim=1)
    show(
        figure,
        f"Two rows of {count} small pictures. Above, the filters "
        f"{', '.join(names)}, flattened as (y x c); below, the same "
        "numbers flattened channel by channel, as (c y x), and read pixel "
        "by pixel: each falls into three bands "
        "of stripes, and only the filter whose numbers are all alike "
        f"({names[int(same.argmax())]}) stays as it was.",
    )
