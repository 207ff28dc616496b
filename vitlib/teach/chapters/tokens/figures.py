"""Figures of chapter 4: the class token, and a place for every token."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor
from torch.nn import functional as F

from vitlib.patches import patchify
from vitlib.teach.draw.canvas import (
    SIGNED,
    as_picture,
    bare,
    canvas,
    show,
    style,
)
from vitlib.teach.draw.palette import CLS, GREY, KEY, POSITION, STREAM

_TICK = {"color": POSITION, "lw": 3, "solid_capstyle": "butt"}


def _sheet(width: float, height: float) -> tuple:
    """Give a figure and one pair of axes in pixels, y pointing down."""
    figure = canvas(width, height)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    return figure, ax


def _square(ax: Axes, x: float, y: float, side: float, **look):
    """Draw a token: a rounded square with its corner at (x, y)."""
    shape = f"round,pad=0,rounding_size={0.2 * side}"
    return ax.add_patch(
        FancyBboxPatch((x, y), side, side, boxstyle=shape, **look)
    )


def _frame(ax: Axes, x: float, y: float, width: float, height: float):
    """Draw a thin frame: white squares would end nowhere."""
    look = {"fc": "none", "ec": STREAM, "lw": 0.8, "clip_on": False}
    ax.add_patch(Rectangle((x, y), width, height, **look))


def _place(ax: Axes, picture, x, y, width, height, **look):
    """Put an image with its corner at (x, y); keep the axes' limits."""
    limits = ax.get_xlim(), ax.get_ylim()
    image = ax.imshow(
        picture,
        extent=(x, x + width, y + height, y),
        aspect="auto",
        **look,
    )
    ax.set(xlim=limits[0], ylim=limits[1])
    return image


def sequence(images: Tensor, patch_size: int) -> None:
    """Show the tokens, then the class token in front, then positions."""
    patches = patchify(images, patch_size)
    n = patches.shape[1]
    pictures = rearrange(
        patches[0] / 2 + 0.5,
        "n (y x c) -> n y x c",
        y=patch_size,
        x=patch_size,
    )
    pictures = (pictures.clamp(0, 1) * 255).round().byte().numpy()
    few = [0, 1, 2, None, n - 1]
    show(
        _three_rows(pictures, [*range(7), None, n - 2, n - 1]),
        f"Three rows of rounded squares. The {n} patches of the cat, "
        f"numbered 0 to {n - 1}; then a plain golden square in front of "
        f"them as number 0, and the patches are 1 to {n}; then the same "
        "with a cyan tick under every square, the golden one too.",
        narrow=_three_rows(pictures, few),
    )


def _three_rows(pictures: np.ndarray, shown: list) -> Figure:
    """Draw the patches of these numbers; None is a gap."""
    n = len(pictures)
    titles = (
        "tokens of patches",
        "a class token in front",
        "and a position for each",
    )
    side, step, first = 46, 56, 62
    width = first + step * len(shown) + 2
    with style():
        figure, ax = _sheet(width, 330)
        code = {"family": "monospace", "size": 11, "color": GREY}
        for row, title in enumerate(titles):
            top, extra = 34 + 108 * row, min(row, 1)
            ax.text(6, top - 12, title)
            shape = f"(1, {n + extra}, d)"
            ax.text(width - 12, top - 12, shape, ha="right", **code)
            slots = [(first + k * step, i) for k, i in enumerate(shown)]
            if row:
                _square(ax, 6, top, side, fc=CLS, ec="none")
                slots = [(6, -1), *slots]
            for x, index in slots:
                middle = x + side / 2
                if index is None:
                    ax.text(middle, top + 26, "...", ha="center")
                    continue
                if index >= 0:
                    image = _place(ax, pictures[index], x, top, side, side)
                    frame = _square(ax, x, top, side, fc="none", ec="none")
                    image.set_clip_path(frame)
                number = str(index + extra)
                ax.text(middle, top + 68, number, ha="center", **code)
                if row == 2:
                    tick = [top + side + 5] * 2
                    ax.plot([x + 5, x + side - 5], tick, **_TICK)
    return figure


def waves(
    positions: Tensor, grid: tuple[int, int], shown: dict[int, str]
) -> None:
    """Show single numbers of the positions all over the grid.

    (rows * cols, d); `shown` gives a title to each index below d.
    """
    rows, cols = grid
    figure = canvas(680, 386)
    with style():
        axes = figure.subplots(2, len(shown) // 2)
        figure.subplots_adjust(
            left=0.01,
            right=0.99,
            top=0.93,
            bottom=0.06,
            wspace=0.06,
            hspace=0.26,
        )
        for ax, (index, title) in zip(
            axes.flat, shown.items(), strict=True
        ):
            picture = positions[:, index].detach().reshape(grid)
            bare(ax, title, f"[:, {index}]")
            ax.imshow(picture, cmap=SIGNED, vmin=-1, vmax=1)
            _frame(ax, -0.5, -0.5, cols, rows)
    show(
        figure,
        f"{len(shown)} maps of {rows} by {cols} squares, from blue (-1) "
        f"over white to red (1): {', '.join(shown.values())}. The waves "
        "along the columns are upright stripes, those along the rows lie; "
        "each is slower than the one before.",
    )


def cosines(widths: list[int], count: int = 800) -> None:
    """Show the cosines between random vectors, for several widths."""
    edges = np.linspace(-1, 1, 101)
    middles = (edges[1:] + edges[:-1]) / 2
    generator = torch.Generator().manual_seed(0)
    pairs = torch.triu_indices(count, count, 1)
    spread = {}
    figure = canvas(680, 250)
    with style():
        ax = figure.add_axes((0.04, 0.18, 0.92, 0.78))
        for shade, width in enumerate(widths, start=1):
            unit = F.normalize(
                torch.randn(count, width, generator=generator), dim=1
            )
            values = (unit @ unit.T)[pairs[0], pairs[1]]
            spread[width] = values.std().item()
            heights, _ = np.histogram(values, edges)
            heights = heights / heights.max()
            ax.fill_between(
                middles, heights, color=POSITION, alpha=0.2 * shade, lw=0
            )
            ax.plot(middles, heights, color=GREY, lw=0.9)
            height = 0.9 - 0.25 * shade
            right = middles[np.flatnonzero(heights > height)[-1]]
            ax.annotate(
                f"{width} numbers",
                (right, height),
                (0.4, height),
                va="center",
                arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8},
            )
        ax.set(yticks=[], ylim=(0, 1.03), xlim=(-1, 1))
        ax.set_xticks([-1, -0.5, 0, 0.5, 1], ["-1", "-½", "0", "½", "1"])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(
            "cosine between two random vectors", size=11, color=GREY
        )
    said = ", ".join(f"{s:.2f} for {w}" for w, s in spread.items())
    show(
        figure,
        "Three curves over the cosine from -1 to 1: flat for vectors of "
        f"{widths[0]} numbers, a hill around 0 for {widths[1]}, a needle "
        f"at 0 for {widths[2]}. Deviations: {said}.",
    )


def drowned(
    images: Tensor,
    tokens: Tensor,
    positions: dict[str, Tensor],
    grid: tuple[int, int],
    index: int,
) -> None:
    """Show how alike one patch is to all, with several positions added.

    (1, 3, h, w), (n, d), for each name (n, d): cosines with token `index`.
    """
    rows, cols = grid
    row, col = divmod(index, cols)
    height, width = images.shape[-2] / rows, images.shape[-1] / cols
    outline = {"fc": "none", "ec": CLS, "lw": 2}
    look = {"cmap": SIGNED, "vmin": -1, "vmax": 1}
    said = []
    figure = canvas(680, 184)
    with style():
        axes = figure.subplots(1, 1 + len(positions))
        figure.subplots_adjust(
            left=0.01, right=0.99, top=0.87, bottom=0.13, wspace=0.08
        )
        bare(axes[0], f"patch {index}").imshow(
            as_picture(images / 2 + 0.5)
        )
        corner = (col * width, row * height)
        axes[0].add_patch(Rectangle(corner, width, height, **outline))
        for ax, (name, vectors) in zip(
            axes[1:], positions.items(), strict=True
        ):
            unit = F.normalize(tokens + vectors, dim=1)
            cosine = unit @ unit[index]
            others = cosine[torch.arange(len(cosine)) != index]
            low, high = others.min().item(), others.max().item()
            span = f"{low:.2f} to {high:.2f}"
            said.append(f"{name}, {span}")
            bare(ax, name, span).imshow(cosine.reshape(grid), **look)
            _frame(ax, -0.5, -0.5, cols, rows)
        axes[-1].annotate(
            "blue -1 to red 1",
            (1, 0.01),
            xycoords=("axes fraction", "figure fraction"),
            ha="right",
            size=11,
            color=GREY,
        )
    show(
        figure,
        f"A cat with patch {index} outlined, the pupil of an eye, and "
        f"{len(positions)} maps of {rows} by {cols} squares: how alike "
        "this patch is to every other, from blue (opposite) to red "
        f"(alike), with positions added: {'; '.join(said)}. Without "
        "positions and with small ones the eyes and the nose stand out "
        "in red and the light corners in blue; with large random ones "
        "only the patch itself is red and all others are pale; with the "
        "waves all are red, and the eyes and the nose a darker red.",
    )


def stretched(maps: dict[str, Tensor], wrong: str, size: int = 24) -> None:
    """Show one number of the positions on several grids, on one scale.

    Each map is (rows, cols); the title of `wrong` is marked.
    """
    figure = canvas(680, 216)
    with style():
        axes = figure.subplots(1, len(maps))
        figure.subplots_adjust(
            left=0.01, right=0.99, top=0.88, bottom=0.1, wspace=0.08
        )
        for ax, (name, picture) in zip(axes, maps.items(), strict=True):
            rows, cols = picture.shape
            bare(ax, name, f"{rows} x {cols}")
            if name == wrong:
                ax.set_title(name, color=KEY)
            ax.imshow(picture.detach(), cmap=SIGNED, vmin=-1, vmax=1)
            _frame(ax, -0.5, -0.5, cols, rows)
    show(
        figure,
        f"One number of the positions as {len(maps)} maps, from blue (-1) "
        f"to red (1): {', '.join(maps)}. Stretched as a picture the "
        "upright stripes become wider; computed anew they keep their "
        f"width and there are more; {wrong} gives slanted stripes.",
    )
