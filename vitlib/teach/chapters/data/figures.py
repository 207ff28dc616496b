"""Figures of chapter 9: distorted digits, and the coloured shapes."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib.teach.chapters.data.curves import Band
from vitlib.teach.data.shapes import (
    CELL,
    COLOURS,
    KINDS,
    SIDE,
    Scenes,
)
from vitlib.teach.draw.canvas import bare, canvas, show, style, tiles
from vitlib.teach.draw.narrow import SCALED
from vitlib.teach.draw.palette import (
    CUT,
    GREY,
    INK,
    LINE,
    ON_TILE,
    QUERY,
    WEIGHT,
)

RIVALS = {  # the models of the chart, and their colours
    "ViT": WEIGHT,
    "CNN": GREY,
    "one cell, hidden layer": QUERY,
}


def _sheet(digits: Tensor, title: str, cuts: bool) -> Figure:
    """Draw (rows, n, 28, 28) ink on paper, and where squares are cut."""
    rows, count = digits.shape[:2]
    width, head = 680 / count, 26
    height = width * rows + head
    figure = canvas(680, height)
    pixels = (255 * (1 - digits)).round().byte().numpy()
    pixels = rearrange(pixels, "n m h w -> (n m) h w")[..., None]
    sheet = tiles(pixels.repeat(3, axis=3), cols=count)
    with style():
        ax = figure.add_axes((0, 0, 1, 1 - head / height))
        bare(ax, title)
        ax.imshow(sheet)
        if not cuts:
            ax.axvline(28.5, color=GREY, lw=1.2)
            return figure
        for row, col in np.ndindex(rows, count):
            for cut in (7, 14, 21):
                left, top = 30 * col - 0.5, 30 * row - 0.5
                look = {"color": CUT, "lw": 0.8}
                ax.plot([left, left + 28], [top + cut] * 2, **look)
                ax.plot([left + cut] * 2, [top, top + 28], **look)
    return figure


def _between(count: int) -> tuple[float, ...]:
    """Give the gaps at which a sheet is cut, as few as will do."""
    side = 680 / (30 * count - 2)  # of a pixel of a digit
    step = int(SCALED / (30 * side))
    return tuple(side * (30 * n - 1) for n in range(step, count, step))


def distorted(digits: Tensor) -> None:
    """Show (rows, n, 28, 28): a digit, then n - 1 hands, in each row."""
    rows, count = digits.shape[:2]
    title = "the digit, and what the model gets instead of it"
    show(
        _sheet(digits, title, cuts=False),
        f"{rows} rows of handwritten digits. At the left of each a digit "
        f"as it was written, then {count - 1} times the same digit: "
        "turned, slanted, stretched, shifted, thicker or thinner, and "
        "still easy to read.",
        cuts=_between(count),
    )


def scrambled(digits: Tensor, mixed: Tensor) -> None:
    """Show (n, 1, 28, 28) digits, and the same in disorder below."""
    both = torch.cat([digits, mixed], dim=1).transpose(0, 1)
    title = "digits, and the same digits scrambled"
    show(
        _sheet(both, title, cuts=True),
        f"Two rows of {len(digits)} pictures, each cut into 4 by 4 "
        "squares. Above, handwritten digits. Below, the same ink, spread "
        "over all squares like noise: no digit can be read.",
        cuts=_between(len(digits)),
    )


def _scene(ax: Axes, scenes: Scenes, index: int) -> str:
    """Draw a picture, its patches and what decides; say it in words."""
    picture = rearrange(scenes.images[index], "c h w -> h w c")
    ax.imshow((picture * 255).round().byte().numpy())
    for cut in range(CELL, SIDE, CELL):
        ax.axhline(cut - 0.5, color=CUT, lw=0.8)
        ax.axvline(cut - 0.5, color=CUT, lw=0.8)
    target = int(scenes.target[index])
    top, left, bottom, right = scenes.boxes[index, 1 + target].tolist()
    ax.add_patch(
        Rectangle(
            (left - 1.6, top - 1.6),
            right - left + 2.2,
            bottom - top + 2.2,
            fill=False,
            ec=ON_TILE,
            lw=1.4,
            clip_on=False,
            zorder=3,  # over the borders of the patches
        )
    )
    kind = KINDS[int(scenes.labels[index])]
    colour = list(COLOURS)[int(scenes.colours[index, target])]
    bare(ax, below=kind)
    return f"{colour} cue, {kind}"


def scenes(rows: dict[str, Scenes]) -> None:
    """Show pictures with their answers, a row for each name."""
    count = max(len(row.images) for row in rows.values())
    height, head = 168, 24
    figure = canvas(680, (height + head) * len(rows))
    told = []
    with style():
        parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
        for part, (name, row) in zip(parts, rows.items(), strict=True):
            axes = part.subplots(1, count)
            top = height / (height + head)
            part.subplots_adjust(0.005, 0.12, 0.995, top, wspace=0.06)
            said = [_scene(ax, row, i) for i, ax in enumerate(axes)]
            axes[0].set_title(name, color=GREY)
            told.append(f"{name}: {'; '.join(said)}")
    show(
        figure,
        f"{len(rows)} rows of {count} light grey pictures under a grid of "
        "4 by 4 patches, each with three small coloured shapes and a "
        "square, the cue. The shape in the cue's colour is outlined. "
        f"{'. '.join(told)}.",
        cuts=tuple(680 * n / count for n in range(2, count, 2)),
        by_row=True,
    )


def relation(bands: list[Band], chance: dict[str, float]) -> None:
    """Show each seed's right answers, a row for each place and model.

    `chance` has levels to compare with, by name.
    """
    places = list(dict.fromkeys(band.place for band in bands))
    figure = canvas(680, 78 + 116 * len(places))
    told, rows = [], {}
    with style():
        ax = figure.add_axes((0.26, 0.15, 0.72, 0.72))
        for start, place in enumerate(places):
            some = [band for band in bands if band.place == place]
            top = 4 * start
            ax.text(-3, top, f"things {place}", ha="right", va="center")
            rows |= {top + 1 + i: name for i, name in enumerate(RIVALS)}
            told.append(f"Things {place}: {_seeds(ax, top + 1, some)}.")
        ax.set(xlim=(0, 107), xticks=(0, 25, 50, 75, 100))
        ax.set(ylim=(4 * len(places) - 0.4, -0.6))
        ax.set_yticks(list(rows), list(rows.values()))
        ax.tick_params(axis="y", length=0, labelsize=12)
        ax.set_xlabel("right of 100 new pictures")
        for (name, share), side in zip(
            chance.items(), ("right", "left"), strict=True
        ):
            ax.axvline(100 * share, color=INK, lw=1, ls=":")
            shift = -4 if side == "right" else 4
            ax.annotate(
                name,
                (100 * share, -0.6),
                xytext=(shift, 4),
                textcoords="offset points",
                ha=side,
            )
    levels = ", ".join(f"{100 * v:.0f} % ({k})" for k, v in chance.items())
    show(
        figure,
        "Right answers to the question about the cue, a dot for each "
        f"seed. {' '.join(told)} Dotted lines at {levels}.",
    )


def _seeds(ax: Axes, top: int, bands: list[Band]) -> str:
    """Draw a row of dots for each model; say from where to where."""
    told = []
    for row, (model, colour) in enumerate(RIVALS.items(), start=top):
        (one,) = (band for band in bands if band.model == model)
        shares = [100 * share for share in one.accuracies]
        ax.axhline(row, color=LINE, lw=0.7)
        ax.plot(shares, [row] * len(shares), "o", color=colour, ms=7)
        told.append(f"{model} {min(shares):.0f} to {max(shares):.0f} %")
    return ", ".join(told)
