"""Mix the patches: what the model notices, with positions and without."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from traitlets import Int, List, TraitError, validate

from vitlib import patchify, unpatchify
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import digit_reader
from vitlib.teach.draw.canvas import bare, canvas, style, tiles
from vitlib.teach.draw.palette import GREY, INK, LINE, STREAM

MIXED = [3, 10, 11, 7, 6, 13, 8, 9, 4, 5, 2, 1, 15, 12, 14, 0]
CLOSE = 1e-5
FRAME = {"fc": "none", "ec": LINE, "lw": 1, "clip_on": False}


class PatchShuffle(DrawnFigure):
    """Mix the patches of a digit and ask the trained model about both.

    `order` is the patch that stands at each of the 16 places; `image` is
    what is drawn, as `DrawnFigure` says.
    """

    _reader = True

    order = List(Int(), default_value=MIXED).tag(sync=True)

    @validate("order")
    def _check_order(self, proposal: dict) -> list[int]:
        order = proposal["value"]
        if sorted(order) != list(range(len(MIXED))):
            raise TraitError(
                f"order is {order}; it must hold each of 0 to 15 once: "
                "the patch that stands at each place"
            )
        return order

    @property
    def mixed(self) -> Tensor:
        """The drawing with its patches in `order`, (1, 1, 28, 28)."""
        patches = patchify(self.image, 7)[:, self.order]
        return unpatchify(patches, 7, 28)

    @torch.no_grad()
    def scores(self) -> Tensor:
        """(2, 2, 10): with and without positions, in place and mixed."""
        pair = torch.cat([self.image, self.mixed])
        model = digit_reader()
        placed = model(pair)
        model.pos_embed = None
        return torch.stack([placed, model(pair)])

    def still(self) -> tuple[Figure, str]:
        """Draw both pictures, and both answers of both models."""
        scores = self.scores()
        (here, there), (alike, _) = scores.argmax(dim=2).tolist()
        moved = (scores[:, 0] - scores[:, 1]).abs().amax(dim=1)
        same = "no score of" if moved[1] <= CLOSE else "a score of"
        alt = (
            f"A handwritten digit, its 16 patches in their places, and "
            "the same patches mixed. Bars for the ten classes, two each, "
            "for the one picture and for the other. With positions the "
            f"two differ: the model reads {here}, and {there} in the "
            "mixed picture. Without positions they are equal, the model "
            f"reads {alike} in both, and {same} the ten changes by more "
            f"than {CLOSE:.5f}."
        )
        return self._draw(scores.softmax(dim=2)), alt

    def _draw(self, shares: Tensor) -> Figure:
        figure = canvas(700, 270)
        with style():
            pictures = (("your digit", self.image), ("mixed", self.mixed))
            for col, (title, image) in enumerate(pictures):
                place = (
                    0.005 + 0.235 * col,
                    0.3,
                    0.215,
                    0.215 * 700 / 270,
                )
                axes = bare(figure.add_axes(place), title, "(16, 49)")
                patches = patchify(1 - image, 7).reshape(16, 7, 7, 1)
                patches = patches.expand(-1, -1, -1, 3)
                axes.imshow(tiles(patches.numpy(), 4, gap=1))
                for row, col in np.ndindex(4, 4):
                    corner = (8 * col - 0.5, 8 * row - 0.5)
                    axes.add_patch(Rectangle(corner, 7, 7, **FRAME))
            for col, title in enumerate(
                ("with positions", "without positions")
            ):
                place = (0.52 + 0.25 * col, 0.08, 0.22, 0.82)
                axes = bare(figure.add_axes(place), title)
                _pairs(axes, shares[col].numpy())
        return figure


def _pairs(axes: Axes, shares: np.ndarray) -> None:
    classes = np.arange(shares.shape[1])
    axes.barh(classes - 0.2, shares[0], color=INK, height=0.3)
    axes.barh(classes + 0.2, shares[1], color=STREAM, height=0.3)
    axes.set(xlim=(0, 1), ylim=(9.6, -0.6), yticks=classes)
    axes.tick_params(length=0, labelcolor=GREY)
