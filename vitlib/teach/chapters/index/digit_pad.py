"""The drawing pad: the model reads a digit while it is drawn."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vitlib import add_positions, prepend_cls, record_attention
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import digit_reader
from vitlib.teach.draw.canvas import SIGNED, WEIGHTS, bare, canvas, style
from vitlib.teach.draw.palette import CLS, GREY, INK, LINE

SHOWN = 16


class DigitPad(DrawnFigure):
    """Draw a digit; the trained model reads it as you draw."""

    _reader = True

    def still(self) -> tuple[Figure, str]:
        """Draw what the page draws, from the drawing to the answer."""
        trace = _trace(self.image)
        best = int(trace["shares"].argmax())
        alt = (
            "A Vision Transformer reads a handwritten digit, from left to "
            "right: the drawing, its 16 patches, 17 tokens of which the "
            "first is the golden class token, four maps of where the "
            "class token looks, one for each block, and a bar for each of "
            f"the ten classes. The longest bar is that of {best}."
        )
        return _draw(trace), alt


@torch.no_grad()
def _trace(image: Tensor) -> dict[str, np.ndarray]:
    model = digit_reader()
    with record_attention(model) as maps:
        scores = model(image)
    tokens = prepend_cls(model.patch_embed(image), model.cls_token)
    tokens = add_positions(tokens, model.pos_embed)
    looks = torch.stack(maps)[:, 0, :, 0, 1:].mean(dim=1)
    return {
        "image": image[0, 0].numpy(),
        "tokens": tokens[0, :, :SHOWN].numpy(),
        "looks": looks.reshape(-1, 4, 4).numpy(),
        "shares": scores[0].softmax(dim=0).numpy(),
    }


def _draw(trace: dict[str, np.ndarray]) -> Figure:
    width, height = 700, 220
    figure = canvas(width, height)

    def place(left, top, wide, high, title="", below=""):
        box = (
            left / width,
            1 - (top + high) / height,
            wide / width,
            high / height,
        )
        return bare(figure.add_axes(box), title, below)

    with style():
        pad = place(0, 24, 170, 170, "the drawing")
        pad.imshow(1 - trace["image"], cmap="gray", vmin=0, vmax=1)
        _frame(pad, GREY)
        for row, col in np.ndindex(4, 4):
            corner = (
                slice(7 * row, 7 * row + 7),
                slice(7 * col, 7 * col + 7),
            )
            title = "patches" if row == col == 0 else ""
            below = "(16, 49)" if (row, col) == (3, 0) else ""
            left, top = 200 + 25 * col, 24 + 25 * row
            patch = place(left, top, 22, 22, title, below)
            patch.imshow(
                1 - trace["image"][corner], cmap="gray", vmin=0, vmax=1
            )
            _frame(patch, LINE)
        top = np.abs(trace["tokens"]).max()
        for index, numbers in enumerate(trace["tokens"]):
            title, below = "" if index else "tokens", ""
            if index == len(trace["tokens"]) - 1:
                below = "(17, 64)"
            strip = place(330, 24 + 10 * index, 70, 8, title, below)
            strip.imshow(
                numbers[None],
                cmap=SIGNED,
                vmin=-top,
                vmax=top,
                aspect="auto",
            )
            _frame(strip, LINE if index else CLS, 1 if index else 2)
        most = trace["looks"].max()
        for index, look in enumerate(trace["looks"]):
            row, col = divmod(index, 2)
            title = "" if index else "4 blocks"
            left, above = 432 + 66 * col, 24 + 66 * row
            shares = place(left, above, 58, 58, title)
            shares.imshow(look, cmap=WEIGHTS, vmin=0, vmax=most)
            _frame(shares, LINE)
        bars = place(600, 24, 96, 170, "answer", "(10)")
        bars.barh(range(10), trace["shares"], color=INK, height=0.6)
        bars.set(xlim=(0, 1), ylim=(9.6, -0.6), yticks=range(10))
        bars.tick_params(length=0)
    return figure


def _frame(axes, colour: str, width: float = 1) -> None:
    square = Rectangle((0, 0), 1, 1, transform=axes.transAxes)
    square.set(fill=False, edgecolor=colour, linewidth=width)
    square.set_clip_on(False)
    axes.add_patch(square)
