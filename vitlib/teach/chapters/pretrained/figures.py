"""Figures of chapter 11: what a pretrained model sees, and a transfer."""

import math

import numpy as np
from einops import rearrange
from matplotlib.axes import Axes
from torch import Tensor

from vitlib.teach.chapters.pretrained.transfer import WAYS, Curve
from vitlib.teach.draw.canvas import (
    WEIGHTS,
    as_picture,
    bare,
    canvas,
    ink,
    show,
    style,
)
from vitlib.teach.draw.palette import GREY, LINE, WEIGHT

LOOKS = {  # of the curves, by way
    "whole": {"color": WEIGHT, "ls": "-"},
    "scratch": {"color": GREY, "ls": "-"},
    "frozen": {"color": WEIGHT, "ls": (0, (4, 3))},
    "untrained": {"color": GREY, "ls": ":"},
}


def colours(photos: Tensor, tokens: dict[str, Tensor]) -> None:
    """Show (b, 3, h, w) photos, and (b, n, 3) colours of their patches.

    A row a photo, a column for each name of `tokens`.
    """
    count, patches = len(photos), next(iter(tokens.values())).shape[1]
    grid = math.isqrt(patches)
    side = 680 / (1 + len(tokens)) - 6
    height = 26 + side * count
    figure = canvas(680, height)
    with style():
        axes = figure.subplots(count, 1 + len(tokens), squeeze=False)
        top = 1 - 24 / height
        figure.subplots_adjust(0.004, 0.004, 0.996, top, 0.05, 0.05)
        for row, photo in zip(axes, photos, strict=True):
            bare(row[0]).imshow(as_picture(photo[None]))
        for column, (name, found) in zip(
            axes.T[1:], tokens.items(), strict=True
        ):
            for ax, colour in zip(column, found, strict=True):
                sheet = rearrange(colour, "(r c) k -> r c k", r=grid)
                bare(ax).imshow((255 * sheet).round().byte().numpy())
            column[0].set_title(name)
        axes[0, 0].set_title("photo")
    names = ", ".join(tokens)
    show(
        figure,
        f"{count} photos, and beside each {len(tokens)} pictures of "
        f"{grid} by {grid} squares in colours, under the names {names}: "
        "patches whose tokens are alike have like colours.",
    )


def looks(photo: Tensor, maps: dict[str, Tensor]) -> None:
    """Show a (3, h, w) photo, and (rows, cols) maps of its patches."""
    names = list(maps)
    columns = min(4, 1 + len(names))
    rows = -(-(1 + len(names)) // columns)
    figure = canvas(170 * columns, 196 * rows)
    with style():
        axes = figure.subplots(rows, columns).flatten()
        figure.subplots_adjust(0.006, 0.05, 0.994, 0.93, 0.06, 0.3)
        bare(axes[0], "photo").imshow(as_picture(photo[None]))
        for ax, name in zip(axes[1:], names, strict=False):
            _map(ax, maps[name], name)
        for ax in axes[1 + len(names) :]:
            ax.set_axis_off()
    told = ", ".join(f"{n} {m.max():.2f}" for n, m in maps.items())
    grid = " by ".join(map(str, next(iter(maps.values())).shape))
    show(
        figure,
        f"A photo and maps of {grid} squares, one a name, each shaded in "
        f"violet in its own way, from 0 to its largest weight: {told}.",
        by_row=True,
    )


def _map(axes: Axes, weights: Tensor, title: str) -> None:
    high = weights.max().item()
    bare(axes, title, f"0 to {high:.2f}")
    axes.imshow(weights.numpy(), cmap=WEIGHTS, vmin=0, vmax=high)


def clothes(
    images: Tensor, labels: Tensor, names: tuple[str, ...]
) -> None:
    """Show (n, 1, 28, 28) pictures with the names of their classes."""
    columns = 5
    rows = -(-len(images) // columns)
    figure = canvas(680, 150 * rows)
    with style():
        axes = figure.subplots(rows, columns).flatten()
        figure.subplots_adjust(0.006, 0.02, 0.994, 0.91, 0.06, 0.2)
        for ax, image, label in zip(axes, images, labels, strict=True):
            ink(bare(ax, names[label]), image[0])
    told = ", ".join(names[label] for label in labels)
    show(
        figure,
        f"{rows} rows of {columns} small grey pictures of clothes on "
        f"white: {told}.",
        by_row=True,
    )


def transfer(curves: list[Curve]) -> None:
    """Show wrong answers against the number of pictures to learn from."""
    figure = canvas(680, 440)
    told = []
    with style():
        ax = figure.add_axes((0.055, 0.33, 0.93, 0.6))
        sizes = list(curves[0].shares)
        for curve in curves:
            wrong = 100 * (1 - np.array(list(curve.shares.values())))
            look, mean = LOOKS[curve.way], wrong.mean(axis=1)
            ax.fill_between(
                sizes,
                wrong.min(axis=1),
                wrong.max(axis=1),
                color=look["color"],
                alpha=0.15,
                lw=0,
            )
            ax.plot(sizes, mean, **look, label=WAYS[curve.way])
            ends = ", ".join(f"{value:.0f}" for value in mean)
            told.append(f"{WAYS[curve.way]}: {ends}")
        ax.set(xscale="log", ylim=(0, 62))
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.grid(axis="y", color=LINE, lw=0.7)
        ax.set_xlabel("pictures of clothes to learn from")
        ax.set_title("wrong of 100 other pictures", color=GREY)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1)
    show(
        figure,
        "Wrong answers of 100 against the number of pictures, "
        f"{', '.join(f'{size:,}' for size in sizes)}; a curve for each "
        f"way, a band from the best seed to the worst. {'; '.join(told)}.",
    )
