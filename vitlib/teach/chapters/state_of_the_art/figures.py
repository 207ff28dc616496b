"""Figures of chapter 13: what was published, as charts."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vitlib.teach.data.results import Result
from vitlib.teach.draw.canvas import canvas, show, style
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
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
SERIES = {  # in the published table: where its name stands in the chart
    "DeiT-": ("DeiT", (7, -4)),
    "DeiT III": ("DeiT III", (7, -4)),
    "MAE": ("MAE", (7, -3)),
    "Swin-": ("Swin", (7, -9)),
    "ConvNeXt-": ("ConvNeXt", (7, -3)),
    "ConvNeXt iso.": ("ConvNeXt, ViT-shaped", (-2, -17)),
    "ViT-S/16 plain": ("plain ViT, 90 epochs", (8, -4)),
}


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
    """Show size against accuracy, one line for each recipe."""
    figure = canvas(680, 420)
    with style():
        ax = figure.add_axes((0.075, 0.12, 0.78, 0.77))
        ax.set_xscale("log")
        ax.grid(axis="y", color=LINE, lw=0.7)
        for start, (name, offset) in SERIES.items():
            line = [row for row in rows if row.name.startswith(start)]
            line = [row for row in line if "distilled" not in row.name]
            look = LOOKS[line[0].family]
            ax.plot(
                [row.millions for row in line],
                [row.top1 for row in line],
                ls=":" if "iso" in start else "-",
                lw=1.4,
                ms=6.5,
                mew=1.4,
                **look,
            )
            ax.annotate(
                name,
                (line[-1].millions, line[-1].top1),
                xytext=offset,
                textcoords="offset points",
                color=look["color"],
                size=12,
                annotation_clip=False,
            )
        ticks = (5, 10, 20, 50, 100, 200, 500)
        ax.set_xticks(ticks, [f"{tick} M" for tick in ticks])
        ax.minorticks_off()
        ax.set(xlim=(4, 760), ylim=(71, 88))
        ax.set_xlabel("parameters")
        ax.set_title("top-1 accuracy, %", color=GREY, pad=12)
        families = {
            "ViT": "ViT",
            "windows": "attention in windows",
            "CNN": "convolutional",
        }
        _key(figure, families, x=250, y=399)
    best = {
        family: max(
            (row for row in rows if row.family == family),
            key=lambda row: row.top1,
        )
        for family in LOOKS
    }
    told = ", ".join(f"{r.name} {r.top1:g} %" for r in best.values())
    show(
        figure,
        "A chart of accuracy against the number of parameters, for models "
        "that were trained on ImageNet-1k alone and read 224 pixels. All "
        f"lines rise to the right. The best of each family: {told}.",
    )


def measured(rows: list[Result]) -> None:
    """Show all rows as dots, the best on top."""
    rows = sorted(rows, key=lambda row: row.top1)
    height = 20 * len(rows) + 84
    figure = canvas(680, height)
    with style():
        ax = figure.add_axes((0.02, 46 / height, 0.96, 1 - 80 / height))
        ax.grid(axis="x", color=LINE, lw=0.7)
        for y, row in enumerate(rows):
            ax.plot(row.top1, y, ms=7, mew=1.4, **LOOKS[row.family])
            side = 1 if row.top1 < 82 else -1  # where the name has room
            for text, place, look in (
                (row.name, side, {"family": "monospace"}),
                (f"{row.top1:.2f}", -side, {"color": GREY}),
            ):
                ax.annotate(
                    text,
                    (row.top1, y),
                    xytext=(8 * place, 0),
                    textcoords="offset points",
                    ha="left" if place > 0 else "right",
                    va="center",
                    size=11,
                    **look,
                )
        ax.set(xlim=(70.6, 91.8), ylim=(-0.8, len(rows) - 0.2))
        ax.set_xticks([75, 80, 85, 90])
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("top-1 accuracy, %")
        families = {"ViT": "ViT", "CNN": "convolutional"}
        _key(figure, families, x=22, y=height - 18)
    first, last = rows[-1], rows[0]
    cnn = [row for row in rows if row.family == "CNN"][-1]
    show(
        figure,
        f"{len(rows)} models as dots, sorted by accuracy, from "
        f"{last.name} with {last.top1:.2f} % to {first.name} with "
        f"{first.top1:.2f} %. The best convolutional network among "
        f"them is {cnn.name} with {cnn.top1:.2f} %.",
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
            f"{sides[cross]} pixels: half and half",
            (sides[cross], total[cross]),
            xytext=(-8, 26),
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
