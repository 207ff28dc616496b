"""The encoder with a switch at every part, on the reader's drawing."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon
from torch import Tensor
from traitlets import List, TraitError, Unicode, validate

from vitlib import add_positions, prepend_cls
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.palette import GREY, INK, PAPER, STREAM

DEPTH, HEADS = SETTINGS["depth"], SETTINGS["num_heads"]
PARTS = (
    "norm1",
    "attn",
    *(f"head.{head}" for head in range(HEADS)),
    "residual1",
    "norm2",
    "mlp",
    "residual2",
)
NAMES = [f"blocks.{i}.{part}" for i in range(DEPTH) for part in PARTS]


class EncoderSwitches(DrawnFigure):
    """Take parts of the digit reader away; see what it still reads.

    `off` names what is taken away: "blocks.0.norm1" (the tokens pass as
    they are), "blocks.0.attn" or "blocks.0.mlp" (nothing is added),
    "blocks.0.head.2" (zeros instead of what head 2 mixed),
    "blocks.0.residual1" (the sum around attention: its output replaces
    the tokens), "blocks.0.residual2" (the sum around the MLP).
    """

    _reader = True

    off = List(Unicode()).tag(sync=True)

    @validate("off")
    def _known(self, proposal: dict) -> list[str]:
        for name in proposal["value"]:
            if name not in NAMES:
                raise TraitError(
                    f"off names {name!r}; there are 'blocks.I.PART' with "
                    f"I from 0 to {DEPTH - 1} and PART one of "
                    f"{', '.join(PARTS)}"
                )
        return proposal["value"]

    def still(self) -> tuple[Figure, str]:
        """Draw the stream through the blocks of the whole model."""
        lengths, best = _lengths(self.image)
        alt = (
            "Four encoder blocks in a row along a grey band, the stream. "
            "In each block two detours leave the band and come back at a "
            "plus sign: through norm1 and the four heads of attention, "
            "and through norm2 and the MLP. The band grows: a token's "
            f"mean length is {lengths[0]:.0f} in front and "
            f"{lengths[-1]:.0f} at the end. The model reads {best}."
        )
        return _draw(lengths, best), alt


@torch.no_grad()
def _lengths(image: Tensor) -> tuple[list[float], int]:
    """Give the mean length of a token, before and after each layer."""
    model = digit_reader()
    tokens = prepend_cls(model.patch_embed(image), model.cls_token)
    tokens = add_positions(tokens, model.pos_embed)
    points = [tokens]
    for block in model.blocks:
        tokens = tokens + block.attn(block.norm1(tokens))
        points.append(tokens)
        tokens = tokens + block.mlp(block.norm2(tokens))
        points.append(tokens)
    best = model.head(model.norm(tokens)[:, 0]).argmax().item()
    return [step.norm(dim=-1).mean().item() for step in points], best


def _draw(lengths: list[float], best: int) -> Figure:
    figure = canvas(680, 250)
    with style():
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, 680), ylim=(0, 250))
        left, step, stream = 40, 73, 70
        ends = [left - 20 + step * i for i in range(len(lengths))]
        halves = [4 + 20 * v / max(lengths) for v in lengths]
        for i, half in enumerate(halves):
            right = ends[i + 1] if i + 1 < len(ends) else ends[i] + 20
            then = halves[min(i + 1, len(halves) - 1)]
            corners = [
                (ends[i], stream - half),
                (right, stream - then),
                (right, stream + then),
                (ends[i], stream + half),
            ]
            axes.add_patch(Polygon(corners, fc=STREAM, ec="none"))
            axes.text(
                ends[i], 24, f"{lengths[i]:.0f}", ha="center", color=GREY
            )
        for i in range(2 * DEPTH):
            _detour(axes, ends[i], stream, step, i)
        for block in range(DEPTH):
            middle = ends[2 * block] + step
            axes.text(middle, 232, f"block {block}", ha="center")
        axes.text(4, 4, "mean length of a token", color=GREY)
        axes.text(ends[-1] + 26, stream - 5, f"{best}", size=22)
    return figure


def _detour(
    axes, left: float, stream: float, step: float, layer: int
) -> None:
    x, end = left + 14, left + step - 10
    norm, top = stream + 52, stream + 100
    axes.plot([x, x], [stream, top], color=INK, lw=1.1, zorder=1)
    axes.plot([end, end], [stream, top], color=INK, lw=1.1, zorder=1)
    _box(axes, left + 3, norm - 11, 44, 22, f"norm{layer % 2 + 1}")
    if layer % 2:
        _box(axes, left + 3, top - 10, step - 8, 48, "mlp")
    else:
        _box(axes, left + 3, top + 18, step - 8, 20, "attn")
        for head in range(HEADS):
            row, col = divmod(head, 2)
            wide = (step - 10) / 2
            y = top + 4 - 14 * row
            _box(axes, left + 3 + (wide + 2) * col, y, wide, 12, f"{head}")
    axes.plot(end, stream, "o", ms=17, mfc=PAPER, mec=INK, zorder=2)
    axes.text(end, stream - 5, "+", ha="center", size=14, zorder=3)


def _box(axes, x, y, width, height, text) -> None:
    box = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=4",
        fc=PAPER,
        ec=INK,
        lw=1,
        zorder=2,
    )
    axes.add_patch(box)
    axes.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        size=11,
        zorder=3,
    )
