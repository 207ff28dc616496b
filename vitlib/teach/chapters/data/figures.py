"""Figures of chapter 9: distorted digits, and the coloured shapes."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib.teach.chapters.data.curves import Band
from vitlib.teach.data.shapes import COLOURS, KINDS, Scenes
from vitlib.teach.draw.canvas import bare, canvas, show, style, tiles
from vitlib.teach.draw.palette import (
    GREY,
    INK,
    LINE,
    QUERY,
    STREAM,
    WEIGHT,
)

RIVALS = {  # what a model is called in the chart, and its line
    "ViT": ("ViT", {"color": WEIGHT, "ls": "-"}),
    "CNN": ("CNN", {"color": GREY, "ls": "-"}),
    "one cell": ("one cell", {"color": STREAM, "ls": "-"}),
    "one cell, hidden layer": (
        "one cell, hidden layer",
        {"color": QUERY, "ls": "--"},
    ),
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
                look = {"color": LINE, "lw": 0.8}
                ax.plot([left, left + 28], [top + cut] * 2, **look)
                ax.plot([left + cut] * 2, [top, top + 28], **look)
    return figure


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
    )


def _scene(ax: Axes, scenes: Scenes, index: int) -> str:
    """Draw one picture and outline what decides; say it in words."""
    picture = rearrange(scenes.images[index], "c h w -> h w c")
    ax.imshow((picture * 255).round().byte().numpy())
    target = int(scenes.target[index])
    top, left, bottom, right = scenes.boxes[index, 1 + target].tolist()
    ax.add_patch(
        Rectangle(
            (left - 1.6, top - 1.6),
            right - left + 2.2,
            bottom - top + 2.2,
            fill=False,
            ec=INK,
            lw=1.4,
            clip_on=False,
        )
    )
    kind = KINDS[int(scenes.labels[index])]
    colour = list(COLOURS)[int(scenes.colours[index, target])]
    bare(ax, below=kind)
    return f"{colour} cue, {kind}"


def scenes(scenes: Scenes) -> None:
    """Show pictures with their answers; five in a row."""
    count = len(scenes.images)
    figure = canvas(680, 168)
    with style():
        axes = figure.subplots(1, count)
        figure.subplots_adjust(0.005, 0.14, 0.995, 1, wspace=0.06)
        told = [_scene(ax, scenes, i) for i, ax in enumerate(axes)]
    show(
        figure,
        f"{count} light grey pictures with three small coloured shapes "
        "and a larger square, the cue, in one corner. The shape in the "
        f"cue's colour is outlined. {'; '.join(told)}.",
    )


def relation(bands: list[Band], chance: dict[str, float]) -> None:
    """Show right answers against pictures for three models.

    `chance` has two levels to compare with, by name.
    """
    sizes = sorted({band.images for band in bands})
    figure = canvas(680, 340)
    told = []
    with style():
        ax = figure.add_axes((0.06, 0.14, 0.69, 0.75))
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set(ylim=(0, 103), yticks=(0, 25, 50, 75, 100))
        ax.set_xlim(sizes[0] / 1.15, sizes[-1] * 1.15)
        ax.grid(axis="y", color=LINE, lw=0.7)
        ends = []
        for model, (name, look) in RIVALS.items():
            line = [band for band in bands if band.model == model]
            images = [band.images for band in line]
            low = [100 * band.low for band in line]
            high = [100 * band.high for band in line]
            mean = [100 * band.mean for band in line]
            colour = look["color"]
            ax.fill_between(
                images, low, high, color=colour, alpha=0.2, lw=0
            )
            ax.plot(images, mean, "o", ms=5, **look)
            ends.append((mean[-1], name, colour))
            told.append(f"{name}: about {mean[-1]:.0f} %")
        place = np.inf
        for height, name, colour in sorted(ends, reverse=True):
            place = min(height, place - 8)
            ax.annotate(
                name,
                (sizes[-1], place),
                xytext=(26, 0),
                textcoords="offset points",
                color=GREY if colour == STREAM else colour,
                va="center",
                annotation_clip=False,
            )
        levels = sorted(chance.items(), key=lambda item: item[1])
        for (name, share), y in zip(levels, (-14, 5), strict=True):
            ax.axhline(100 * share, color=INK, lw=1, ls=":")
            ax.annotate(
                name,
                (sizes[0], 100 * share),
                xytext=(0, y),
                textcoords="offset points",
                size=11,
            )
        ax.set_xlabel("pictures to train on")
        ax.set_title("right of 100 new pictures", color=GREY, size=11)
    show(
        figure,
        "A chart of right answers against the number of pictures to train "
        f"on, from {sizes[0]:,} to {sizes[-1]:,}. With all of them, "
        f"{'; '.join(told)}. Dotted lines at "
        + ", ".join(f"{100 * v:.0f} % ({k})" for k, v in chance.items())
        + ".",
    )
