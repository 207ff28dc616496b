"""Figures of chapter 1: what a convolution sees, what attention sees."""

import torch
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
from vitlib.teach.draw.palette import GREY, QUERY, VALUE


def mixing_tables(convolution: Tensor, attention: Tensor) -> None:
    """Show two (n, n) tables: how much each output takes of each input."""
    count = len(convolution)
    full = (convolution != 0).float().mean().item()
    largest = convolution.abs().max().item()
    most = attention.max().item()
    middle = count // 2
    figure = canvas(680, 372)
    with style():
        left, right = figure.subplots(1, 2)
        for ax, table, title, ends, look in (
            (
                left,
                convolution.masked_fill(convolution == 0, torch.nan),
                "3 x 3 convolution",
                f"-{largest:.2f} blue, 0 clear, {largest:.2f} red",
                {"cmap": SIGNED, "vmin": -largest, "vmax": largest},
            ),
            (
                right,
                attention,
                "attention, one head",
                f"0 white, {most:.2f} violet",
                {"cmap": WEIGHTS, "vmin": 0, "vmax": most},
            ),
        ):
            bare(ax, title, f"{count} x {count}: {ends}")
            ax.imshow(table.numpy(), **look)
            ax.set_ylabel("output", color=GREY)
            ax.set_title("input", color=GREY, loc="right")
            for spine in ax.spines.values():
                spine.set_visible(True)
            row = Rectangle((-0.5, middle - 0.5), count, 1, fc="none")
            row.set(ec=QUERY, lw=1.8, clip_on=False)
            ax.add_patch(row)
            ax.set_yticks([middle], [middle])
            ax.tick_params(axis="y", length=0, labelcolor=QUERY)
        figure.tight_layout(w_pad=2)
    show(
        figure,
        f"Two tables with {count} rows and columns. That of the "
        "convolution is nearly empty: a band of nine thin diagonals, each "
        f"of one colour, {full:.0%} of the places. That of attention is "
        "filled everywhere, with darker and lighter columns. The row of "
        f"output {middle}, in the middle, is framed in both.",
    )


def two_readings(
    images: Tensor, shuffled: Tensor, changes: dict[str, float]
) -> None:
    """Show a picture and its shuffled self, and who notices.

    `changes` gives for each network how far its answer moved.
    """
    figure = canvas(680, 270)
    with style():
        left, middle, right = figure.subplots(1, 3)
        for ax, title, pixels in (
            (left, "the cat", images),
            (middle, "the same patches, shuffled", shuffled),
        ):
            bare(ax, title, f"{tuple(pixels.shape)}")
            ax.imshow(as_picture(pixels))
        names = list(changes)
        values = [changes[name] for name in names]
        top = max(values)
        bare(right, "how far the answer moves")
        right.set_box_aspect(1)
        for place, (name, value) in enumerate(changes.items()):
            y = -place
            right.text(0, y + 0.16, name, size=11, va="bottom")
            colour = GREY if value > 1e-4 else VALUE
            right.barh(y, value / top, height=0.2, left=0, color=colour)
            right.text(
                value / top + 0.03,
                y,
                f"{value:.2f}",
                size=11,
                va="center",
                color=GREY,
            )
        right.set(xlim=(0, 1.25), ylim=(-len(names) + 0.35, 0.7))
        figure.tight_layout(w_pad=1.5)
    told = "; ".join(f"{n}: {v:.2f}" for n, v in changes.items())
    show(
        figure,
        "A cat's face, and the same picture with its patches in random "
        "order, no longer a cat to the eye. Beside them how far the "
        f"answer of three networks moves from one to the other: {told}.",
    )
