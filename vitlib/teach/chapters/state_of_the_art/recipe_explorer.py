"""Published results as a ladder: what changed from one to another."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from traitlets import Dict, Int, Unicode, observe, validate

from vitlib._checks import check_choice, check_index
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.data.results import Result, results
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.palette import GREY, LINE, PAPER, STREAM, WEIGHT

EXACT = 86.57  # millions of parameters of ViT-B/16
CHANGED = {  # timm's names: what is not quite ViT-B/16
    "deit3": "ViT-B/16 with LayerScale",
    "clip": "ViT-B/16 with one more norm",
}
KINDS = {
    "ViT": "ViT",
    "windows": "attention in windows",
    "CNN": "convolutional",
}
# How DeiT III trains each size on ImageNet-1k: the commands of
# github.com/facebookresearch/deit/blob/main/README_revenge.md
FITTED = {
    "DeiT III S": "224 pixels, drop-path 0.05",
    "DeiT III B": "192 pixels, drop-path 0.2",
    "DeiT III L": "192 pixels, drop-path 0.45",
    "DeiT III H": "160 pixels, drop-path 0.6",
}
LADDERS = ("recipe", "size", "architecture")
PARTS = ("architecture", "recipe", "data", "parameters", "pixels")
LOW, HIGH = 78, 87  # the ends of the axis, in per cent


class RecipeExplorer(LiveFigure):
    """Choose two results of a ladder; see what changed between them.

    `ladder` is "recipe" (ViT-B/16 at 224 pixels under all recipes),
    "size" (one paper's recipe, fitted to each of four sizes) or
    "architecture" (ImageNet-1k and about 87 million parameters).
    `chosen` and `against` count its rungs from 0, the lowest.
    """

    ladder = Unicode("recipe").tag(sync=True)
    chosen = Int(0).tag(sync=True)
    against = Int(0).tag(sync=True)
    ladders = Dict().tag(sync=True)

    def __init__(self, **traits) -> None:
        ladders = {name: _rungs(name) for name in LADDERS}
        name = traits.get("ladder", "recipe")
        check_choice("ladder", name, LADDERS)
        traits.setdefault("chosen", _best(ladders[name]))
        super().__init__(ladders=ladders, **traits)

    @property
    def rungs(self) -> list[dict]:
        """The results of the ladder, the lowest first."""
        return self.ladders[self.ladder]

    @property
    def points(self) -> float:
        """How many percentage points `chosen` is above `against`."""
        before, after = self._pair()
        return round(after["top1"] - before["top1"], 2)

    @property
    def changed(self) -> list[str]:
        """What the two do not have in common."""
        before, after = self._pair()
        return [part for part in PARTS if before[part] != after[part]]

    @validate("ladder")
    def _check_ladder(self, proposal: dict) -> str:
        check_choice("ladder", proposal["value"], LADDERS)
        return proposal["value"]

    @validate("chosen", "against")
    def _check_rung(self, proposal: dict) -> int:
        name, rung = proposal["trait"].name, proposal["value"]
        check_index(name, rung, len(self.rungs))
        return rung

    @observe("ladder")
    def _stay_on_it(self, change: dict) -> None:
        if max(self.chosen, self.against) >= len(self.rungs):
            self.against, self.chosen = 0, _best(self.rungs)

    def still(self) -> tuple[Figure, str]:
        """Draw the ladder, the best on top, and the two results."""
        rungs = self.rungs
        height = 42 * len(rungs) + 60
        figure = canvas(680, height)
        before, after = self._pair()
        with style():
            axes = figure.add_axes(
                (0.02, 46 / height, 0.96, 1 - 52 / height)
            )
            ends = sorted((before["top1"], after["top1"]))
            axes.axvspan(*ends, color=WEIGHT, alpha=0.1, lw=0)
            for y, rung in enumerate(rungs):
                _dot(axes, y, rung)
            axes.set(xlim=(LOW, HIGH), ylim=(-0.5, len(rungs) - 0.2))
            axes.grid(axis="x", color=LINE, lw=0.7)
            axes.set_axisbelow(True)
            axes.set_xticks(range(LOW, HIGH + 1, 2))
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.set_xlabel("top-1 accuracy, %")
        told = "; ".join(
            f"{_name(rung)}: {_number(rung)} %" for rung in rungs
        )
        alt = (
            f"{len(rungs)} results as dots, the best on top. From the "
            f"lowest: {told}. From {_number(before)} to "
            f"{_number(after)} %, {self.points:+.2f} points, changed: "
            f"{', '.join(self.changed) or 'nothing'}."
        )
        return figure, alt

    def _pair(self) -> tuple[dict, dict]:
        return self.rungs[self.against], self.rungs[self.chosen]


def _rungs(ladder: str) -> list[dict]:
    table = "measured" if ladder == "recipe" else "published"
    rows = [row for row in results(table) if _belongs(row, ladder)]
    rows.sort(key=lambda row: row.top1)
    return [_rung(row, ladder) for row in rows]


def _belongs(row: Result, ladder: str) -> bool:
    if ladder == "recipe":
        return 86.5 < row.millions < 86.6
    if (row.data, row.pixels) != ("ImageNet-1k", 224):
        return False
    if ladder == "size":
        return row.name.startswith("DeiT III")
    return 86 <= row.millions <= 89 and "distilled" not in row.name


def _rung(row: Result, ladder: str) -> dict:
    """Put a result into words for the page."""
    recipe, kind = f"{row.source}: {row.how}", KINDS[row.family]
    if ladder == "recipe":
        recipe = row.how
        near = (CHANGED[n] for n in CHANGED if n in row.name)
        kind = next(near, "ViT-B/16")
    elif ladder == "size":
        recipe = f"{recipe}, at {FITTED[row.name]}"
        patches = 14 if row.name == "DeiT III H" else 16
        kind = f"ViT with LayerScale, patches of {patches}"
    elif "iso" in row.name:
        kind = "convolutional, shaped like a ViT"
    elif "DeiT III" in row.name:
        kind = "ViT with LayerScale"
    size = f"{row.millions:g} M parameters"
    return {
        "name": row.name,
        "label": row.how if ladder == "recipe" else row.name,
        "below": {"recipe": row.data, "size": size}.get(ladder, kind),
        "architecture": kind,
        "recipe": recipe,
        "data": row.data,
        "parameters": row.millions,
        "pixels": row.pixels,
        "top1": row.top1,
        "digits": 2 if ladder == "recipe" else 1,
        "look": _look(row, ladder),
        "source": row.source,
        "url": row.url,
    }


def _look(row: Result, ladder: str) -> str:
    """Hollow is what is nearly a ViT; a square is a CNN."""
    if ladder == "recipe":
        same = row.millions == EXACT and "clip" not in row.name
        return "full" if same else "hollow"
    looks = {"ViT": "full", "windows": "hollow", "CNN": "square"}
    return looks[row.family]


def _best(rungs: list[dict]) -> int:
    """Find the highest of the plain ViTs."""
    return max(i for i, one in enumerate(rungs) if one["look"] == "full")


def _name(rung: dict) -> str:
    return f"{rung['label']}, {rung['below']}"


def _number(rung: dict) -> str:
    return f"{rung['top1']:.{rung['digits']}f}"


def _dot(axes: Axes, y: int, rung: dict) -> None:
    marker = {
        "full": ("o", WEIGHT, WEIGHT),
        "hollow": ("o", WEIGHT, PAPER),
    }
    shape, edge, face = marker.get(rung["look"], ("s", GREY, GREY))
    place = rung["top1"]
    axes.plot([LOW, place], [y, y], color=STREAM, lw=1)
    axes.plot(place, y, shape, ms=9, mew=1.8, color=edge, mfc=face)
    axes.text(place + 0.12, y, _number(rung), va="center")
    axes.text(LOW + 0.05, y + 0.2, _name(rung), va="bottom")
