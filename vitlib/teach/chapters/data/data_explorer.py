"""Accuracy against the number of digits, and how many one is worth."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from traitlets import Float, Int, List, TraitError, Unicode, validate

from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.chapters.data.curves import Band
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.palette import GREY, INK, LINE, WEIGHT

NEIGHBOUR = "nearest neighbour"
PARTNERS = {  # whom to ask how many digits it needs for the same
    "ViT": "CNN",
    "CNN": "ViT",
    "ViT, distorted": "CNN, distorted",
    "CNN, distorted": "ViT, distorted",
    NEIGHBOUR: "ViT",
}
LOOKS = {
    "ViT": {"color": WEIGHT, "ls": "-"},
    "ViT, distorted": {"color": WEIGHT, "ls": "--"},
    "CNN": {"color": GREY, "ls": "-"},
    "CNN, distorted": {"color": GREY, "ls": "--"},
    NEIGHBOUR: {"color": INK, "ls": ":"},
}


class DataExplorer(LiveFigure):
    """Go along a curve; see how many digits the others need for the same.

    `bands` are those of the table "few_to_many", `neighbours` what the
    nearest neighbour reaches with as many digits. `line` is the curve
    that is chosen, `images` the place on it. Between measured points a
    curve goes straight, on scales that go by factors.
    """

    line = Unicode("CNN").tag(sync=True)
    images = Int(100).tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    sizes = List(Int()).tag(sync=True)
    shares = List(List(List(Float()))).tag(sync=True)

    def __init__(
        self, bands: list[Band], neighbours: dict[int, float], **traits
    ) -> None:
        sizes = sorted({one.images for one in bands})
        if sorted(neighbours) != sizes:
            raise ValueError(
                f"neighbours has the digits {sorted(neighbours)}; the "
                f"bands have {sizes}"
            )
        found: dict[str, dict[int, list[float]]] = {}
        for one in bands:
            name = one.model + (", distorted" if one.strength else "")
            found.setdefault(name, {})[one.images] = list(one.accuracies)
        found[NEIGHBOUR] = {n: [share] for n, share in neighbours.items()}
        if set(found) != set(LOOKS):
            raise ValueError(
                f"the bands make the curves {sorted(found)}; there must "
                f"be {sorted(LOOKS)}"
            )
        shares = [[found[name][n] for n in sizes] for name in LOOKS]
        super().__init__(
            names=list(LOOKS), sizes=sizes, shares=shares, **traits
        )

    @validate("line")
    def _check_line(self, proposal: dict) -> str:
        if proposal["value"] not in self.names:
            raise TraitError(
                f"line is {proposal['value']!r}; it must be one of "
                f"{', '.join(map(repr, self.names))}"
            )
        return proposal["value"]

    @validate("images")
    def _check_images(self, proposal: dict) -> int:
        low, high = self.sizes[0], self.sizes[-1]
        if not low <= proposal["value"] <= high:
            raise TraitError(
                f"images is {proposal['value']}; the curves go from {low} "
                f"to {high}"
            )
        return proposal["value"]

    def right(self, name: str = "") -> tuple[float, float, float]:
        """Give the worst, mean and best share of right answers at
        `images` on the curve of this name, by default the chosen one.
        """
        wrong = self._wrong(name or self.line)
        at, known = math.log(self.images), np.log(self.sizes)
        ends = (np.interp(at, known, np.log(row)) for row in wrong)
        worst, mean, best = (1 - math.exp(value) for value in ends)
        return worst, mean, best

    def needs(self, name: str = "") -> float:
        """Give the digits with which this curve comes where the chosen
        one is, by default that of its partner.

        Below the first point it is 0, beyond the last infinite.
        """
        mean = self._wrong(name or PARTNERS[self.line])[1]
        wanted = 1 - self.right()[1]
        if wanted > mean[0] * (1 + 1e-9):
            return 0
        if wanted < mean[-1] * (1 - 1e-9):
            return math.inf
        falling = np.log(mean)[::-1], np.log(self.sizes)[::-1]
        return math.exp(np.interp(math.log(wanted), *falling))

    def still(self) -> tuple[Figure, str]:
        """Draw all curves, and how the chosen one and its partner meet."""
        partner = PARTNERS[self.line]
        ends = "; ".join(
            f"{name} from {100 * (1 - first):.0f} to "
            f"{100 * (1 - last):.0f}"
            for name, (first, *_, last) in zip(
                self.names, map(_means, self.shares), strict=True
            )
        )
        alt = (
            "Wrong answers of 100 against the number of digits to train "
            f"on, {self.sizes[0]:,} to {self.sizes[-1]:,}, both scales by "
            f"factors. All curves fall: {ends}. {self._compared(partner)}"
        )
        return _draw(self), alt

    def _wrong(self, name: str) -> np.ndarray:
        """Wrong answers by size: of the worst seed, the mean, the best."""
        rows = self.shares[self.names.index(name)]
        low, high = [min(r) for r in rows], [max(r) for r in rows]
        return 1 - np.array([low, _means(rows), high])

    def _compared(self, partner: str) -> str:
        needed = self.needs()
        if needed == 0:
            words = f"fewer than {self.sizes[0]:,}"
        elif needed == math.inf:
            words = f"more than {self.sizes[-1]:,}"
        else:
            words = f"about {_rough(needed)}"
        return (
            f"{self.line}, {self.images:,} digits: "
            f"{100 * self.right()[1]:.1f} % right. For as many right "
            f"answers {partner} needs {words}."
        )


def _rough(number: float) -> str:
    """Read off between measured points: two digits are enough."""
    unit = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{math.floor(number / unit + 0.5) * unit:,}"


def _means(rows: list[list[float]]) -> list[float]:
    return [sum(row) / len(row) for row in rows]


def _draw(explorer: DataExplorer) -> Figure:
    figure = canvas(680, 380)
    sizes = explorer.sizes
    with style():
        ax = figure.add_axes((0.055, 0.13, 0.72, 0.78))
        ax.set(xscale="log", yscale="log", ylim=(1.05, 52))
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.set_yticks((2, 5, 10, 20, 50), (2, 5, 10, 20, 50))
        ax.minorticks_off()
        ax.grid(axis="y", color=LINE, lw=0.7)
        for name in explorer.names:
            worst, mean, best = 100 * explorer._wrong(name)
            look = LOOKS[name]
            ax.fill_between(
                sizes, best, worst, color=look["color"], alpha=0.15, lw=0
            )
            ax.plot(sizes, mean, **look, label=name)
        _meeting(ax, explorer)
        ax.set_xlabel("digits to train on")
        ax.set_title("wrong of 100 validation digits", color=GREY)
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _meeting(ax: Axes, explorer: DataExplorer) -> None:
    """Mark the place, and go level to where the partner is as good."""
    wrong = 100 * (1 - explorer.right()[1])
    needed = explorer.needs()
    thin = {"color": INK, "lw": 0.9}
    ends = explorer.sizes[0], explorer.sizes[-1]
    if 0 < needed < math.inf:
        ends = explorer.images, needed
        ax.plot([needed] * 2, [1.05, wrong], **thin)
        ax.plot(needed, wrong, "o", color=INK, ms=5)
        look = {"xytext": (5, 6), "textcoords": "offset points"}
        ax.annotate(_rough(needed), (needed, 1.05), **look)
    ax.plot(ends, [wrong] * 2, **thin, ls=(0, (4, 3)))
    colour = LOOKS[explorer.line]["color"]
    ax.plot(explorer.images, wrong, "o", color=colour, ms=8)
