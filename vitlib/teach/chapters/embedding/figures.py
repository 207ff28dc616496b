"""Figures of chapter 3: filters, their answers, tokens."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib.teach.draw.canvas import SIGNED, bare, canvas, show, style
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
    side = round((patches.shape[1] / 3) ** 0.5)
    tokens = patches[shown] @ filters.T
    limit = tokens.abs().max().item()
    rows, cols = tokens.shape
    cell, top = 78, 124
    width, height = 680, top + rows * cell + 40
    start = width - cols * cell - 6
    figure = canvas(width, height)
    with style():
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()

        def put(picture, x, y, size, **look):
            ax.imshow(picture, extent=(x, x + size, y + size, y), **look)

        gap = 7
        for col, picture in enumerate(_filter_pictures(filters, side)):
            x = start + col * cell
            middle = x + cell / 2 - gap / 2
            ax.text(middle, 16, names[col], ha="center")
            put(picture, x + 3, 28, cell - gap - 6)
            _frame(ax, x + 3, 28, cell - gap - 6)
        pictures = _patch_pictures(patches[shown], side)
        for row, picture in enumerate(pictures):
            y = top + row * cell
            middle = y + cell / 2 - gap / 2
            ax.text(6, middle, f"patch {shown[row]}", va="center")
            put(picture, 72, y + 3, cell - gap - 6)
            for col in range(cols):
                x, value = start + col * cell, tokens[row, col].item()
                square = np.full((1, 1), value)
                put(
                    square,
                    x,
                    y,
                    cell - gap,
                    cmap=SIGNED,
                    vmin=-limit,
                    vmax=limit,
                )
                dark = abs(value) > 0.62 * limit
                ax.text(
                    x + (cell - gap) / 2,
                    middle,
                    _rounded(value),
                    ha="center",
                    va="center",
                    color=ON_PICTURE if dark else ON_TILE,
                    size=13,
                )
        code = {"family": "monospace", "size": 11, "color": GREY}
        ax.text(start, 112, f"filters {(cols, filters.shape[1])}", **code)
        bottom = height - 14
        ax.text(6, bottom, f"patches {(rows, filters.shape[1])}", **code)
        ax.text(start, bottom, f"tokens {(rows, cols)}", **code)
        ax.text(
            width - 12,
            bottom,
            f"blue {-limit:.1f} to red {limit:.1f}",
            ha="right",
            color=GREY,
            size=11,
        )
        ax.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    lines = "; ".join(
        f"patch {index} answers "
        + ", ".join(_rounded(value) for value in token.tolist())
        for index, token in zip(shown, tokens, strict=True)
    )
    show(
        figure,
        f"A table. Above its columns {cols} filters as small pictures: "
        f"{', '.join(names)}. Left of its rows {rows} patches of the "
        f"cat. In each cell their dot product, red for positive and blue "
        f"for negative: {lines}.",
    )


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
            ax.set_xlabel("between patches", size=11, color=GREY)
            ax.set(xlim=(0, end), ylim=(0, end))
        axes[0].set_ylabel("between tokens", size=11, color=GREY)
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
    figure = canvas(680, 262)
    with style():
        axes = figure.subplots(2, count)
        figure.subplots_adjust(
            left=0.15,
            right=0.99,
            top=0.9,
            bottom=0.02,
            wspace=0.12,
            hspace=0.1,
        )
        for row, pictures in enumerate(rows):
            for col, picture in enumerate(pictures[:count]):
                bare(axes[row, col], "" if row else names[col])
                axes[row, col].imshow(picture)
                _frame(axes[row, col], -0.5, -0.5, patch_size)
        figure.text(0.01, 0.68, "the filter", va="center")
        figure.text(
            0.01, 0.24, "flattened\nas (c y x)", va="center", color=KEY
        )
    same = (filters == wrong).float().mean(dim=1)
    show(
        figure,
        f"Two rows of {count} small pictures. Above, the filters "
        f"{', '.join(names)}; below, the same numbers flattened channel "
        "by channel and read pixel by pixel: each falls into three bands "
        "of stripes, and only the filter whose numbers are all alike "
        f"({names[int(same.argmax())]}) stays as it was.",
    )
