"""The attention explorer: who looks at whom, head by head."""

import math

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from traitlets import Float, Int

from vitlib import record_attention
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.teach.draw.canvas import WEIGHTS, bare, canvas, style
from vitlib.teach.draw.palette import (
    CLS,
    INK,
    LINE,
    ON_PICTURE,
    ON_TILE,
    QUERY,
)

GRID = SETTINGS["image_size"] // SETTINGS["patch_size"]
DEPTH, HEADS = SETTINGS["depth"], SETTINGS["num_heads"]
FULL = 0.5  # the weight that gets the full colour
ROOT = (SETTINGS["embed_dim"] // HEADS) ** 0.5


class AttentionExplorer(DrawnFigure):
    """Choose who asks, a head and a scale; see where the head looks.

    It shows maps[layer][0, head, query] of `record_attention`; query 0 is
    the class token. `divisor` is what the dot products are divided by,
    the root of the head's 16 numbers unless you set another.
    """

    _reader = True

    query = Int(7, min=0, max=GRID**2).tag(sync=True)
    layer = Int(1, min=0, max=DEPTH - 1).tag(sync=True)
    head = Int(0, min=0, max=HEADS - 1).tag(sync=True)
    divisor = Float(ROOT, min=0.5, max=64.0).tag(sync=True)

    def still(self) -> tuple[Figure, str]:
        """Draw the drawing that asks, and all maps of this query."""
        maps = _maps(self.image, self.divisor)[:, :, self.query]
        row = maps[self.layer, self.head]
        who = (
            f"patch {self.query - 1}" if self.query else "the class token"
        )
        entropy = torch.special.entr(row).sum().item()
        alt = (
            "A handwritten digit under a grid of 4 by 4 patches. One "
            f"token, {who}, is outlined in blue and asks; each patch "
            f"is as violet as block {self.layer}, head {self.head} looks "
            f"at it: {math.exp(entropy):.0f} of 17 tokens are "
            "heard. Beside it the maps of all four heads of all four "
            "blocks for the same query, some with one dark square, some "
            "nearly even."
        )
        return self._draw(maps, who), alt

    def _draw(self, maps: Tensor, who: str) -> Figure:
        width, height = 680, 356
        figure = canvas(width, height)

        def place(left, top, side, title="", below=""):
            box = (
                left / width,
                1 - (top + side) / height,
                side / width,
                side / height,
            )
            return bare(figure.add_axes(box), title, below)

        with style():
            name = f"maps[{self.layer}][0, {self.head}, {self.query}]"
            large = place(4, 86, 236, below=name)
            large.set_title(f"{who} asks", color=QUERY, pad=46)
            _map(large, maps[self.layer, self.head], self.query)
            ink = self.image[0, 0]
            black = torch.zeros(*ink.shape, 3)
            extent = (-0.5, GRID - 0.5, GRID - 0.5, -0.5)
            large.imshow(
                torch.dstack([black, 0.3 * ink]).numpy(),
                extent=extent,
                interpolation="none",
            )
            for index, share in enumerate(maps[self.layer, self.head, 1:]):
                row, col = divmod(index, GRID)
                large.text(
                    col + 0.45,
                    row + 0.42,
                    f"{share:.0%}",
                    ha="right",
                    size=11,
                    color=ON_PICTURE if share > 0.6 * FULL else ON_TILE,
                )
            for layer, heads in enumerate(maps):
                for head, row in enumerate(heads):
                    title = f"head {head}" if layer == 0 else ""
                    small = place(352 + 84 * head, 44 + 80 * layer, 60)
                    small.set_title(title, size=11, loc="center", pad=20)
                    _map(small, row, self.query)
                    if (layer, head) == (self.layer, self.head):
                        _frame(small, INK, 2.4, 0.09, 0.42)
                figure.text(
                    326 / width,
                    1 - (78 + 80 * layer) / height,
                    f"block {layer}",
                    ha="right",
                )
        return figure


@torch.no_grad()
def _maps(image: Tensor, divisor: float) -> Tensor:
    """Give the weights (depth, heads, n, n) with another divisor.

    Queries and keys stay those of the trained model: the scores are the
    logarithms of its weights, but for what a softmax does not care about.
    """
    model = digit_reader()
    with record_attention(model) as maps:
        model(image)
    scores = torch.cat(maps).log() * (ROOT / divisor)
    return scores.softmax(dim=-1)


def _map(axes, row: Tensor, query: int) -> None:
    axes.imshow(
        row[1:].reshape(GRID, GRID).numpy(),
        cmap=WEIGHTS,
        vmin=0,
        vmax=FULL,
    )
    _frame(axes, LINE, 1)
    cls = Rectangle(
        (-0.5, -1.15), 0.5, 0.5, fc=WEIGHTS(row[0].item() / FULL)
    )
    cls.set(ec=CLS, lw=1.5, clip_on=False)
    axes.add_patch(cls)
    if query:
        row_of, col = divmod(query - 1, GRID)
        square = Rectangle((col - 0.5, row_of - 0.5), 1, 1, fc="none")
    else:
        square = Rectangle((-0.5, -1.15), 0.5, 0.5, fc="none")
    square.set(ec=QUERY, lw=2, clip_on=False)
    axes.add_patch(square)


def _frame(
    axes, colour: str, width: float, out: float = 0, top: float = 0
) -> None:
    size = (1 + 2 * out, 1 + out + max(out, top))
    square = Rectangle((-out, -out), *size, fill=False, ec=colour)
    square.set(transform=axes.transAxes, linewidth=width, clip_on=False)
    axes.add_patch(square)
