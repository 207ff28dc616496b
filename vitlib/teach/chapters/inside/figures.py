"""Figures of chapter 10: maps of what a trained model does, and tests."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib.teach.draw.canvas import (
    SIGNED,
    WEIGHTS,
    as_picture,
    bare,
    canvas,
    show,
    style,
)
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import (
    GREY,
    INK,
    KEY,
    LINE,
    ON_PICTURE,
    ON_TILE,
    PAPER,
    WEIGHT,
    on,
)


def _picture(image: Tensor) -> np.ndarray:
    """(c, h, w), 0 to 1 -> something to draw: digits are dark on white."""
    if image.shape[0] == 1:
        image = 1 - image.expand(3, -1, -1)
    return as_picture(image[None])


def _ink(axes: Axes, image: Tensor, grid: tuple[int, int]) -> None:
    """Lay a digit's strokes over a map of its patches."""
    shade = np.empty((*image.shape[1:], 4))
    shade[..., :3] = to_rgb(ON_TILE)
    shade[..., 3] = 0.55 * image[0].numpy()
    axes.imshow(shade, extent=_extent(grid), zorder=2)


def _extent(grid: tuple[int, int]) -> tuple[float, ...]:
    rows, cols = grid
    return (-0.5, cols - 0.5, rows - 0.5, -0.5)


def _frame(axes: Axes, grid: tuple[int, int], colour: str = LINE) -> None:
    rows, cols = grid
    axes.add_patch(
        Rectangle((-0.5, -0.5), cols, rows, fc="none", ec=colour, lw=0.8)
    )


def _map(
    axes: Axes, weights: Tensor, title: str = "", below: str | None = None
) -> None:
    """Draw (rows, cols) weights, white at 0; the range stands beneath."""
    high = weights.max().item()
    bare(axes, title, f"0 to {high:.2f}" if below is None else below)
    axes.imshow(weights.numpy(), cmap=WEIGHTS, vmin=0, vmax=high)
    _frame(axes, tuple(weights.shape))


def _box(axes: Axes, places: Tensor, colour: str) -> None:
    """Outline the block of squares that is True in (rows, cols)."""
    rows, cols = torch.where(places)
    top, left = rows.min().item(), cols.min().item()
    height, width = rows.max().item() - top, cols.max().item() - left
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            width + 1,
            height + 1,
            fc="none",
            ec=colour,
            lw=2,
            zorder=3,
        )
    )


def head_maps(
    image: Tensor, maps: Tensor, truth: Tensor | None = None
) -> None:
    """Show (layers, heads, rows, cols) maps of one (c, h, w) image.

    `truth` (rows, cols) is True on squares to be outlined.
    """
    layers, heads, *grid = maps.shape
    figure = canvas(680, 26 + 144 * layers)
    with style():
        axes = figure.subplots(layers, 1 + heads, squeeze=False)
        figure.subplots_adjust(
            0.006, 0.05, 0.994, 0.95, wspace=0.1, hspace=0.42
        )
        for ax in axes[1:, 0]:
            ax.set_axis_off()
        bare(axes[0, 0], "image")
        axes[0, 0].imshow(_picture(image), extent=_extent(grid))
        _frame(axes[0, 0], grid)
        for layer, head in np.ndindex(layers, heads):
            ax = axes[layer, 1 + head]
            _map(ax, maps[layer, head], f"layer {layer}, head {head}")
            if image.shape[0] == 1:
                _ink(ax, image, grid)
        for ax in (axes[0, 0], *axes[:, 1:].flat):
            if truth is not None:
                _box(ax, truth, KEY)
    most = maps.flatten(2).amax(dim=2)
    outlined = "" if truth is None else " The object is outlined in red."
    show(
        figure,
        f"An image, and {layers} rows of {heads} maps of {grid[0]} by "
        f"{grid[1]} squares, a row a layer, a map a head, each shaded in "
        "violet in its own way. The largest weight in a map lies between "
        f"{most.min():.2f} and {most.max():.2f}.{outlined}",
        cuts=tuple(680 * n / (1 + heads) for n in range(1, heads, 2)),
        by_row=True,
    )


def by_layer(
    values: Tensor,
    level: float,
    name: str,
    level_name: str,
    unit: str = "",
) -> None:
    """Show (layers, heads) numbers as dots, and a level to compare."""
    layers, heads = values.shape
    figure = canvas(680, 280)
    digits = 2 if values.max() < 2 else 1
    with style():
        axes = figure.add_axes((0.06, 0.2, 0.92, 0.7))
        axes.set_title(name)
        axes.axhline(level, color=GREY, lw=1, ls=(0, (4, 3)), zorder=0)
        axes.set_xlabel(
            f"dashed, {level_name}: {level:.{digits}f}{unit}", color=GREY
        )
        for head in range(heads):
            places = [
                layer + 0.21 * (head - (heads - 1) / 2)
                for layer in range(layers)
            ]
            axes.plot(places, values[:, head], "o", ms=8, color=WEIGHT)
            for place, value in zip(places, values[:, head], strict=True):
                axes.annotate(
                    f"{head}",
                    (place, value),
                    (0, 7),
                    textcoords="offset points",
                    ha="center",
                    size=11,
                    color=GREY,
                    # The dashed line ends at a number.
                    bbox={"fc": PAPER, "ec": "none", "pad": 0.5},
                    zorder=1,
                )
        axes.set_xticks(
            range(layers), [f"layer {i}" for i in range(layers)]
        )
        axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=12)
        axes.set(xlim=(-0.5, layers - 0.5))
        top = max(values.max().item(), level)
        axes.set_ylim(0, 1.15 * top)
    told = "; ".join(
        f"layer {layer}: "
        + ", ".join(f"{value:.{digits}f}" for value in row.tolist())
        for layer, row in enumerate(values)
    )
    show(
        figure,
        f"Dots for {heads} heads in each of {layers} layers, {name}: "
        f"{told}. A dashed line, {level_name}, at {level:.{digits}f}.",
    )


def positions(similarity: Tensor, grid: tuple[int, int]) -> None:
    """Show how alike each position is to all others: a map a position."""
    rows, cols = grid
    maps = similarity.reshape(rows, cols, rows, cols)
    off = ~torch.eye(rows * cols, dtype=torch.bool)
    low, high = similarity[off].min().item(), similarity[off].max().item()
    figures = [
        _position_maps(maps, width, low, high) for width in (480, NARROW)
    ]
    show(
        figures[0],
        f"{rows} by {cols} small maps, one a position, laid out as the "
        "patches are. In each the position itself is dark red; the "
        f"others go from blue, {low:.2f}, to red, {high:.2f}.",
        narrow=figures[1],
    )


def _position_maps(
    maps: Tensor, width: float, low: float, high: float
) -> Figure:
    rows, cols = grid = tuple(maps.shape[:2])
    figure = canvas(width, width * rows / cols + 30)
    with style():
        axes = figure.subplots(rows, cols)
        figure.subplots_adjust(
            0.02, 24 / width, 0.98, 0.99, wspace=0.12, hspace=0.12
        )
        for row, col in np.ndindex(rows, cols):
            ax = bare(axes[row, col])
            ax.imshow(maps[row, col].numpy(), cmap=SIGNED, vmin=-1, vmax=1)
            _frame(ax, grid)
            ax.plot(col, row, "o", ms=6, color=ON_PICTURE)
        figure.text(
            0.02,
            0.02,
            f"cosine, blue -1 to red 1; others {low:.2f} to {high:.2f}",
            size=11,
            color=GREY,
        )
    return figure


def map_and_rollout(images: Tensor, rows: dict[str, Tensor]) -> None:
    """Show (b, 1, h, w) digits and under each its map of every kind."""
    count = len(images)
    figure = canvas(680, 40 + 185 * (1 + len(rows)))
    with style():
        axes = figure.subplots(1 + len(rows), count)
        figure.subplots_adjust(
            0.01, 0.05, 0.99, 0.99, wspace=0.1, hspace=0.32
        )
        grid = next(iter(rows.values())).shape[1:]
        for i, image in enumerate(images):
            bare(axes[0, i]).imshow(_picture(image), extent=_extent(grid))
            _frame(axes[0, i], grid)
            for ax, (name, weights) in zip(
                axes[1:, i], rows.items(), strict=True
            ):
                _map(ax, weights[i], name)
                _ink(ax, image, grid)
    parts = "; ".join(
        f"{name}: largest {', '.join(f'{w.max():.2f}' for w in weights)}"
        for name, weights in rows.items()
    )
    show(
        figure,
        f"{count} digits, and under each {len(rows)} maps of its patches "
        f"in violet, the strokes laid over. {parts}.",
    )


def without_heads(accuracy: Tensor, whole: float) -> None:
    """Show the share of right answers without each head in turn."""
    layers, heads = accuracy.shape
    lost = (whole - accuracy).clamp(min=0)
    figure = canvas(420, 40 + 46 * layers)
    with style():
        axes = figure.add_axes((0.16, 0.02, 0.82, 0.84))
        axes.imshow(
            lost.numpy(),
            cmap=WEIGHTS,
            vmin=0,
            vmax=lost.max().item(),
            aspect="auto",
        )
        axes.set_xticks(range(heads), [f"head {i}" for i in range(heads)])
        axes.set_yticks(
            range(layers), [f"layer {i}" for i in range(layers)]
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0, labelcolor=INK, labelsize=12)
        axes.spines[["left", "bottom"]].set_visible(False)
        _frame(axes, (layers, heads))
        for layer, head in np.ndindex(layers, heads):
            dark = lost[layer, head] > 0.55 * lost.max()
            axes.text(
                head,
                layer,
                f"{100 * accuracy[layer, head]:.1f}",
                ha="center",
                va="center",
                color=ON_PICTURE if dark else ON_TILE,
            )
    worst = divmod(int(accuracy.argmin()), heads)
    show(
        figure,
        f"A table of {layers} layers by {heads} heads: right answers in "
        "percent when this head is removed, from "
        f"{100 * accuracy.min():.0f} (layer {worst[0]}, head {worst[1]}, "
        f"darkest) to {100 * accuracy.max():.0f}; with all heads "
        f"{100 * whole:.0f}.",
    )


def misled(
    image: Tensor,
    weights: Tensor,
    shares: Tensor,
    answers: Tensor,
    label: int,
) -> None:
    """Show where the class token looks, and what each patch is worth.

    (rows, cols) each: attention, the share of the right class and the
    answer when this patch is removed.
    """
    grid = tuple(weights.shape)
    figure = canvas(680, 250)
    with style():
        axes = figure.subplots(1, 3)
        figure.subplots_adjust(0.01, 0.09, 0.99, 0.9, wspace=0.08)
        bare(axes[0], f"a {label}").imshow(
            _picture(image), extent=_extent(grid)
        )
        _frame(axes[0], grid)
        _map(axes[1], weights, "attention to the patch")
        _ink(axes[1], image, grid)
        lost = (1 - shares).clamp(0, 1)
        bare(axes[2], "answer without the patch", "dark: sure and wrong")
        axes[2].imshow(lost.numpy(), cmap=WEIGHTS, vmin=0, vmax=1)
        _frame(axes[2], grid)
        for row, col in np.ndindex(grid):
            axes[2].text(
                col,
                row,
                f"{answers[row, col]}",
                ha="center",
                va="center",
                size=13,
                color=on(WEIGHTS(lost[row, col].item())),
            )
        most = divmod(int(weights.argmax()), grid[1])
        least = divmod(int(weights.argmin()), grid[1])
        for ax in axes[1:]:
            for (row, col), colour in ((most, WEIGHT), (least, KEY)):
                place = torch.zeros(grid, dtype=torch.bool)
                place[row, col] = True
                _box(ax, place, colour)
    wrong = (answers != label).sum().item()
    worst = divmod(int(shares.argmin()), grid[1])
    show(
        figure,
        f"A handwritten {label}; a map of the class token's attention, "
        f"the most attended square, row {most[0]}, column {most[1]}, and "
        f"the least attended, row {least[0]}, column {least[1]}, "
        "outlined; and the answers when each square is removed: "
        f"{answers[most]} without the most attended, {answers[least]} "
        f"without the least attended, {wrong} of {answers.numel()} wrong. "
        f"Darkest is row {worst[0]}, column {worst[1]}: without it the "
        f"answer is {answers[worst]}, and {label} has "
        f"{shares[worst]:.0%}.",
    )


def deletion(kept: dict[str, list[float]], counts: list[int]) -> None:
    """Show how many answers stay while patches are taken away."""
    looks = (
        {"color": WEIGHT},
        {"color": WEIGHT, "ls": (0, (5, 2))},
        {"color": WEIGHT, "ls": (0, (1, 1.5))},
        {"color": INK},
        {"color": GREY},
    )
    figure = canvas(680, 320)
    with style():
        axes = figure.add_axes((0.09, 0.16, 0.62, 0.74))
        axes.set_title("answers that stay, %")
        ends = sorted(kept, key=lambda name: kept[name][-1])
        heights = _apart([100 * kept[name][-1] for name in ends], 6.5)
        for name, look in zip(kept, looks, strict=True):
            values = [100 * value for value in kept[name]]
            axes.plot(counts, values, marker="o", ms=4, **look)
            axes.annotate(
                f"{name}: {values[-1]:.0f}",
                (1.02, heights[ends.index(name)]),
                xycoords=("axes fraction", "data"),
                va="center",
                color=look["color"],
            )
        axes.set(ylim=(0, 102), xticks=counts, yticks=(0, 25, 50, 75, 100))
        axes.set_xlabel("patches removed of 16, the highest first")
    told = "; ".join(
        f"{name}: {', '.join(f'{100 * v:.0f}' for v in values)}"
        for name, values in kept.items()
    )
    show(
        figure,
        f"Curves that fall as {', '.join(map(str, counts))} of 16 patches "
        f"are removed. Percent of answers that stay, {told}.",
    )


def _apart(heights: list[float], gap: float) -> list[float]:
    """Move sorted heights so that labels do not touch."""
    placed: list[float] = []
    for height in heights:
        low = placed[-1] + gap if placed else height
        placed.append(max(height, low))
    return placed
