"""The filter explorer: how a patch of a drawing becomes a token."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from traitlets import Int

from vitlib.patches import patchify
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.teach.draw.canvas import SIGNED, bare, canvas, style
from vitlib.teach.draw.palette import GREY, LINE, QUERY

SIDE = SETTINGS["patch_size"]
GRID = SETTINGS["image_size"] // SIDE
FILTERS = SETTINGS["embed_dim"]
COLS = 8


class FilterExplorer(DrawnFigure):
    """Choose a patch and a filter; see their products become a number.

    The filters are the 64 that the trained digit reader has learned.
    `patch` and `filter` say which are laid on each other; `tokens` is what
    all of them make of the drawing, (1, 16, 64).
    """

    _reader = True

    patch = Int(9, min=0, max=GRID**2 - 1).tag(sync=True)
    filter = Int(31, min=0, max=FILTERS - 1).tag(sync=True)

    @property
    def tokens(self) -> Tensor:
        """The tokens of the drawing, before class token and positions."""
        with torch.no_grad():
            return digit_reader().patch_embed(self.image)

    def still(self) -> tuple[Figure, str]:
        """Draw patch, filter, products, all filters and all tokens."""
        value = self.tokens[0, self.patch, self.filter].item()
        alt = (
            "A handwritten digit and its 16 patches, of which number "
            f"{self.patch} is outlined. Below, that patch, the learned "
            f"filter {self.filter} and their products, 7 by 7 numbers "
            "each, red for positive and blue for negative; the products "
            f"and the bias add up to {value:.1f}. Right, all 64 filters "
            "in a grid of 8 by 8. At the bottom the tokens as a table of "
            "16 rows and 64 columns, the row of that patch outlined."
        )
        return _draw(self), alt


def _sheet(numbers: Tensor, cols: int) -> np.ndarray:
    """(n, 49) -> 7 by 7 tables side by side, a clear line between them."""
    tables = rearrange(numbers, "n (y x) -> n y x", y=SIDE)
    apart = torch.nn.functional.pad(tables, (0, 1, 0, 1), value=torch.nan)
    whole = rearrange(apart, "(row col) y x -> (row y) (col x)", col=cols)
    return whole[:-1, :-1].numpy()


def _frame(axes, left: float, top: float, width: float, height: float):
    look = {"fc": "none", "ec": QUERY, "lw": 2, "clip_on": False}
    axes.add_patch(Rectangle((left, top), width, height, **look))


@torch.no_grad()
def _draw(explorer: FilterExplorer) -> Figure:
    projection = digit_reader().patch_embed.as_linear()
    patches = patchify(explorer.image, SIDE)[0]
    tokens = explorer.tokens[0]
    x, w = patches[explorer.patch], projection.weight[explorer.filter]
    width, height = 680, 560
    figure = canvas(width, height)

    def axes(left, top, wide, high, title="", below=""):
        box = (
            left / width,
            1 - (top + high) / height,
            wide / width,
            high / height,
        )
        return bare(figure.add_axes(box), title, below)

    with style():
        drawn = axes(0, 24, 156, 156, "your drawing")
        drawn.imshow(
            explorer.image[0, 0].numpy(), cmap="gray_r", vmin=0, vmax=1
        )
        cut = axes(176, 24, 156, 156, "its patches", "patches (1, 16, 49)")
        cut.patch.set_facecolor(LINE)
        cut.imshow(_sheet(patches, GRID), cmap="gray_r", vmin=0, vmax=1)
        row, col = divmod(explorer.patch, GRID)
        corner = (col * 8 - 0.5, row * 8 - 0.5)
        _frame(cut, *corner, SIDE, SIDE)
        top = w.abs().max().item()
        panels = (
            (f"patch {explorer.patch}", x, "gray_r", 0, 1),
            (f"filter {explorer.filter}", w, SIGNED, -top, top),
            ("products", x * w, SIGNED, -top, top),
        )
        for place, (title, numbers, cmap, low, high) in enumerate(panels):
            one = axes(118 * place, 240, 96, 96, title, "(49)")
            table = numbers.reshape(SIDE, SIDE).numpy()
            one.imshow(table, cmap=cmap, vmin=low, vmax=high)
            for spine in one.spines.values():
                spine.set(visible=True, color=LINE)
        for place, sign in ((107, "·"), (225, "=")):
            middle = 1 - 288 / height
            look = {"ha": "center", "va": "center", "size": 16}
            figure.text(place / width, middle, sign, color=GREY, **look)
        grid = axes(372, 24, 308, 308, "64 learned filters", "(64, 49)")
        grid.patch.set_facecolor(LINE)
        strongest = projection.weight.abs().max().item()
        grid.imshow(
            _sheet(projection.weight, COLS),
            cmap=SIGNED,
            vmin=-strongest,
            vmax=strongest,
        )
        row, col = divmod(explorer.filter, COLS)
        _frame(grid, col * 8 - 0.5, row * 8 - 0.5, SIDE, SIDE)
        table = axes(0, 396, 680, 136, "16 tokens", "tokens (1, 16, 64)")
        most = tokens.abs().max().item()
        table.imshow(
            tokens.numpy(),
            cmap=SIGNED,
            vmin=-most,
            vmax=most,
            aspect="auto",
        )
        _frame(table, -0.5, explorer.patch - 0.5, FILTERS, 1)
    return figure
