"""Figures of chapter 13: what was published, as charts."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vitlib.teach.data.results import Result
from vitlib.teach.draw.canvas import canvas, show, style
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    LINE,
    PAPER,
    STREAM,
    WEIGHT,
)

LOOKS = {  # marker and colours of a family
    "ViT": {"marker": "o", "color": WEIGHT, "mfc": WEIGHT},
    "windows": {"marker": "o", "color": WEIGHT, "mfc": PAPER},
    "CNN": {"marker": "s", "color": GREY, "mfc": GREY},
}
SERIES = {  # how its names begin in the published table: its name here
    "MAE": "MAE",
    "DeiT III": "DeiT III",
    "ConvNeXt-": "ConvNeXt",
    "Swin-": "Swin",
    "ConvNeXt iso.": "ConvNeXt, shaped like a ViT",
    "DeiT-": "DeiT",
    "ViT-S/16 plain": "plain ViT, 90 epochs",
}
MONO = {"family": "monospace", "size": 11}
SMALL = {"color": GREY, "size": 11}
BASE = range(86, 90)  # millions of parameters: all recipes have this size


def _key(
    figure: Figure, families: dict[str, str], x: float, y: float
) -> None:
    """Name the markers in one line; x and y are pixels of the figure."""
    width, height = (72 * side for side in figure.get_size_inches())
    for family, words in families.items():
        marker = Line2D(
            [x / width],
            [y / height],
            ls="",
            ms=6,
            mew=1.4,
            **LOOKS[family],
        )
        figure.add_artist(marker)
        figure.text(
            (x + 9) / width,
            y / height,
            words,
            va="center_baseline",
            size=11,
        )
        x += 34 + 6.3 * len(words)


def same_data(rows: list[Result]) -> None:
    """Show what each recipe reached with models of several sizes."""
    best = {
        family: max(
            (row for row in rows if row.family == family),
            key=lambda row: row.top1,
        )
        for family in LOOKS
    }
    told = ", ".join(f"{r.name} {r.top1:g} %" for r in best.values())
    show(
        _recipes(rows, 680),
        f"{len(SERIES)} recipes, each a row of dots by accuracy, for "
        "models that were trained on ImageNet-1k alone and read 224 "
        "pixels. At each dot stand the millions of parameters: in every "
        "row the larger model is further right. The best of each family: "
        f"{told}.",
        narrow=_recipes(rows, NARROW),
    )


def _recipes(rows: list[Result], width: float) -> Figure:
    height = 96 + 52 * len(SERIES)
    figure = canvas(width, height)
    sides = 12 / width, 46 / height
    with style():
        ax = figure.add_axes(
            (*sides, 1 - 2 * sides[0], 1 - sides[1] - 40 / height)
        )
        ax.grid(axis="x", color=LINE, lw=0.7)
        for place, (start, name) in enumerate(SERIES.items()):
            line = [row for row in rows if row.name.startswith(start)]
            line = [row for row in line if "distilled" not in row.name]
            if width == NARROW:
                ax.text(71, place - 0.42, name, va="center", **_on_paper())
            else:
                _beside(ax, (line[0].top1, place), name, -1, {})
            _sizes(ax, line, place)
        ax.set(xlim=(71, 88), ylim=(len(SERIES) - 0.4, -0.7))
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("top-1 accuracy, %; in small, million parameters")
        families = {
            "ViT": "ViT",
            "windows": "in windows",
            "CNN": "convolutional",
        }
        _key(figure, families, x=14, y=height - 16)
    return figure


def _sizes(ax: Axes, line: list[Result], place: int) -> None:
    """Draw a row of dots; sizes stand below and above in turn."""
    points = [row.top1 for row in line]
    look = LOOKS[line[0].family]
    ax.plot(points, [place] * len(line), ms=6.5, mew=1.4, lw=1, **look)
    for number, row in enumerate(line):
        base = round(row.millions) in BASE
        ax.annotate(
            f"{row.millions:.0f}",
            (row.top1, place),
            xytext=(0, 12 if number % 2 else -13),
            textcoords="offset points",
            ha="center",
            va="center",
            size=11,
            weight="bold" if base else "normal",
            color=INK if base else GREY,
        )


def _on_paper() -> dict:
    """Words that no line of the grid runs through."""
    return {"bbox": {"fc": PAPER, "ec": "none", "pad": 1}}


def measured(rows: list[Result]) -> None:
    """Show all rows as dots, the best on top."""
    rows = sorted(rows, key=lambda row: row.top1)
    first, last = rows[-1], rows[0]
    cnn = [row for row in rows if row.family == "CNN"][-1]
    show(
        _ranking(rows, beside=True),
        f"{len(rows)} models as dots, sorted by accuracy, from "
        f"{last.name} with {last.top1:.2f} % to {first.name} with "
        f"{first.top1:.2f} %. The best convolutional network among "
        f"them is {cnn.name} with {cnn.top1:.2f} %.",
        narrow=_ranking(rows, beside=False),
    )


def _ranking(rows: list[Result], beside: bool) -> Figure:
    """Draw a dot for each row, its name beside the dot or above."""
    width, step = (680, 20) if beside else (NARROW, 34)
    names = [row.name if beside else _broken(row.name) for row in rows]
    # A name of two lines takes half as much again.
    room = [1 + 0.4 * name.count("\n") for name in names]
    places = [sum(room[:place]) for place in range(len(rows))]
    height = step * sum(room) + 84
    figure = canvas(width, height)
    with style():
        ax = figure.add_axes((0.02, 46 / height, 0.96, 1 - 80 / height))
        ax.grid(axis="x", color=LINE, lw=0.7)
        for y, name, row in zip(places, names, rows, strict=True):
            ax.plot(row.top1, y, ms=7, mew=1.4, **LOOKS[row.family])
            # The name stands where it has room, the number opposite.
            side = 1 if row.top1 < 82 else -1
            if beside:
                _beside(ax, (row.top1, y), name, side, MONO)
                _beside(ax, (row.top1, y), f"{row.top1:.2f}", -side, SMALL)
            else:
                side = 1 if row.top1 < 88 else -1
                _beside(ax, (row.top1, y), f"{row.top1:.2f}", side, SMALL)
                look = {**MONO, "size": 12, **_on_paper()}
                above = y + 0.48 + 0.2 * name.count("\n")
                ax.text(70.7, above, name, va="center", **look)
        ax.set(xlim=(70.6, 91.8), ylim=(-0.8, sum(room) - 0.2))
        ax.set_xticks([75, 80, 85, 90])
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("top-1 accuracy, %")
        families = {"ViT": "ViT", "CNN": "convolutional"}
        _key(figure, families, x=22, y=height - 18)
    return figure


def _broken(name: str) -> str:
    """Break a long name of weights behind that of its architecture."""
    return name if len(name) < 46 else name.replace(".", ".\n", 1)


def _beside(ax: Axes, place: tuple, text: str, side: int, look: dict):
    """Write at the right of a dot, or with -1 at its left."""
    ax.annotate(
        text,
        place,
        xytext=(8 * side, 0),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        va="center",
        **look,
        **_on_paper(),
    )


def cost_of_size(
    sides: list[int], layers: list[float], pairs: list[float]
) -> None:
    """Show GMAC against the side of the image, in two parts.

    `layers` is the work of all linear layers, `pairs` that of attention
    between all pairs of tokens.
    """
    total = [a + b for a, b in zip(layers, pairs, strict=True)]
    figure = canvas(680, 330)
    with style():
        ax = figure.add_axes((0.10, 0.15, 0.70, 0.74))
        ax.fill_between(sides, layers, color=STREAM, lw=0)
        ax.fill_between(
            sides, layers, total, color=WEIGHT, lw=0, alpha=0.75
        )
        ax.set(xlim=(sides[0], sides[-1]), ylim=(0, total[-1] * 1.02))
        ax.set_xticks([224, 512, 1024, 1536, 2048])
        ax.set_xlabel("side of the image, pixels")
        ax.set_title("GMAC for one image", color=GREY)
        x = sides[-1] * 1.02
        ax.text(
            x, layers[-1] / 2, "linear layers", va="center", color=GREY
        )
        ax.text(
            x,
            layers[-1] + pairs[-1] / 2,
            "pairs of tokens",
            va="center",
            color=WEIGHT,
        )
        cross = next(
            i
            for i, (a, b) in enumerate(zip(layers, pairs, strict=True))
            if b > a
        )
        ax.plot([sides[cross]] * 2, [0, total[cross]], color=CLS, lw=1.4)
        ax.annotate(
            f"{sides[cross]} pixels:\nhalf and half",
            (sides[cross], total[cross]),
            xytext=(-4, 16),
            textcoords="offset points",
            ha="right",
        )
    show(
        figure,
        "The work of ViT-B/16 for one image, against its side: "
        f"{total[0]:.0f} GMAC at {sides[0]} pixels, {total[-1]:,.0f} at "
        f"{sides[-1]}. The part for the pairs of tokens overtakes that of "
        f"the linear layers at {sides[cross]} pixels.",
    )
