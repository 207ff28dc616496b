"""How alike the position of a place is to those of all others."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F
from traitlets import Bytes, Int, List, TraitError, Unicode, validate

from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.draw.canvas import POSITIONS, bare, canvas, style
from vitlib.teach.draw.palette import INK

FINE = 10_000  # a cosine travels as whole ten-thousandths


class PositionExplorer(LiveFigure):
    """Choose a place and see which others have a position like its own.

    `positions` are one or more kinds by name, each (rows, cols, d).
    `place` is the chosen (row, col) on a grid as fine as the finest; each
    map shows the place of its own grid that lies there.
    """

    names = List(Unicode()).tag(sync=True)
    shapes = List(List(Int())).tag(sync=True)
    cosines = Bytes().tag(sync=True)
    place = List(Int(), [5, 4], minlen=2, maxlen=2).tag(sync=True)

    def __init__(self, positions: dict[str, Tensor], **traits) -> None:
        if not positions:
            raise ValueError("positions is empty: give one kind at least")
        for name, vectors in positions.items():
            if vectors.ndim != 3:
                raise ValueError(
                    f"{name!r} has the shape {tuple(vectors.shape)}; it "
                    "must be (rows, cols, d), a vector for each place of "
                    "a grid"
                )
        self._tables = [_cosines(one) for one in positions.values()]
        lower = [table[_below(table)] for table in self._tables]
        whole = (torch.cat(lower) * FINE).round().to(torch.int16)
        shapes = [list(one.shape) for one in positions.values()]
        rows, cols, _ = map(max, zip(*shapes, strict=True))
        traits.setdefault("place", [min(5, rows - 1), min(4, cols - 1)])
        super().__init__(
            names=list(positions),
            shapes=shapes,
            cosines=whole.numpy().astype("<i2").tobytes(),
            **traits,
        )

    @validate("place")
    def _check_place(self, proposal: dict) -> list[int]:
        row, col = proposal["value"]
        rows, cols = self._finest()
        if not (0 <= row < rows and 0 <= col < cols):
            raise TraitError(
                f"place is ({row}, {col}); the finest grid has {rows} "
                f"rows and {cols} columns"
            )
        return [row, col]

    def places(self) -> list[tuple[int, int]]:
        """Give the chosen place on each of the grids."""
        rows, cols = self._finest()
        row, col = (at + 0.5 for at in self.place)
        return [
            (int(row / rows * r), int(col / cols * c))
            for r, c, _ in self.shapes
        ]

    def nearness(self) -> list[tuple[float, float]]:
        """Give for each kind the place's mean cosine with the places
        beside, above and below it, and that with all that are left.
        """
        means = []
        for (row, col), table, (rows, cols, _) in self._each():
            index = torch.arange(rows * cols)
            steps = (index // cols - row).abs() + (
                index % cols - col
            ).abs()
            likeness = table[row * cols + col]
            near, far = likeness[steps == 1], likeness[steps > 1]
            means.append((near.mean().item(), far.mean().item()))
        return means

    def still(self) -> tuple[Figure, str]:
        """Draw the maps of the chosen place, one for each kind."""
        figure = canvas(700, 256)
        said = []
        with style():
            axes = figure.subplots(1, len(self.names), squeeze=False)[0]
            figure.subplots_adjust(0.005, 0.12, 0.995, 0.9, wspace=0.06)
            for ax, name, near, (
                (row, col),
                table,
                (rows, cols, _),
            ) in zip(
                axes,
                self.names,
                self.nearness(),
                self._each(),
                strict=True,
            ):
                low = table.min().item()
                likeness = table[row * cols + col].reshape(rows, cols)
                below = f"white {low:.1f}, dark 1".replace("-0.0", "0.0")
                bare(ax, name).set_xlabel(below)
                ax.imshow(
                    likeness.numpy(), cmap=POSITIONS, vmin=low, vmax=1
                )
                corner = (col - 0.5, row - 0.5)
                ax.add_patch(Rectangle(corner, 1, 1, fc="none", ec=INK))
                said.append(
                    f"{name}, {rows} by {cols}: {near[0]:.1f} with the "
                    f"places beside it, {near[1]:.1f} with all others"
                )
        alt = (
            f"{len(said)} maps of how alike the position of one place, "
            "outlined, is to that of every other: "
            f"{'; '.join(said)}.".replace("-0.0", "0.0")
        )
        return figure, alt

    def _finest(self) -> tuple[int, int]:
        rows, cols, _ = map(max, zip(*self.shapes, strict=True))
        return rows, cols

    def _each(self) -> zip:
        return zip(self.places(), self._tables, self.shapes, strict=True)


def _cosines(positions: Tensor) -> Tensor:
    """(rows, cols, d) -> (rows cols, rows cols)"""
    unit = F.normalize(positions.detach().float().flatten(0, 1), dim=1)
    return unit @ unit.T


def _below(table: Tensor) -> tuple[Tensor, Tensor]:
    """Index each pair of places once: the lower half, row by row."""
    return torch.tril_indices(*table.shape).unbind()
