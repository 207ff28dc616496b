"""Figures of chapter 12: what grows how fast, and what each step buys."""

from matplotlib.axes import Axes

from vitlib.teach.chapters.scaling.measured import Growth
from vitlib.teach.draw.canvas import canvas, show, style
from vitlib.teach.draw.palette import GREY, INK, LINE, STREAM, WEIGHT

LOOKS = {"written out": (GREY, (0, (4, 3))), "fused": (WEIGHT, "-")}
PLAIN = "plain"
LAST = 3  # sizes, by which the end of a curve is judged


def against_tokens(curves: list[Growth]) -> None:
    """Show time and memory of a training step against the tokens."""
    figure = canvas(680, 330)
    told = []
    with style():
        left = figure.add_axes((0.075, 0.28, 0.395, 0.62))
        right = figure.add_axes((0.57, 0.28, 0.395, 0.62))
        for axes, measure, title in (
            (left, "training ms", "milliseconds of a training step"),
            (right, "training MB", "MB held beside the weights"),
        ):
            for curve in curves:
                told.append(_curve(axes, curve, measure, title))
            _axes(axes, curves[0].sizes, title)
    show(
        figure,
        "Two panels with logarithmic axes, the same small ViT against "
        f"{', '.join(f'{n:,}' for n in curves[0].sizes)} tokens. "
        f"{'; '.join(told)}.",
    )


def _curve(axes: Axes, curve: Growth, measure: str, title: str) -> str:
    """Draw a curve; say its ends, and how steep it is there."""
    colour, dashes = LOOKS[curve.attention]
    found = curve.found[measure]
    steep = curve.exponent(measure, LAST)
    label = f"{curve.attention}: {steep:.1f} at the end"
    axes.plot(
        curve.sizes, found, "o", color=colour, ls=dashes, ms=4, label=label
    )
    return (
        f"{title}, {curve.attention}: from {found[0]:,.0f} to "
        f"{found[-1]:,.0f}, an exponent of {steep:.1f} at the end"
    )


def _axes(axes: Axes, sizes: tuple[int, ...], title: str) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes[::2], [f"{n:,}" for n in sizes[::2]])
    ticks = [t for t in (10, 100, 1000, 10_000) if _within(axes, t)]
    axes.set_yticks(ticks, [f"{t:,}" for t in ticks])
    axes.minorticks_off()
    axes.grid(color=LINE, lw=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("tokens")
    axes.set_title(title, color=GREY)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _within(axes: Axes, tick: float) -> bool:
    low, high = axes.get_ylim()
    return low <= tick <= high


def shares(title: str, found: dict[str, float]) -> None:
    """Show bars beside that of the plain way, whose length is 1."""
    names = [name for name in found if name != PLAIN]
    height = 70 + 30 * len(names)
    figure = canvas(340, height)
    with style():
        axes = figure.add_axes((0.03, 44 / height, 0.94, 1 - 74 / height))
        for place, name in enumerate(names):
            value = found[name]
            axes.barh(place, value, 0.36, color=WEIGHT, left=0)
            axes.text(
                0.01, place - 0.46, f"{name}: {value:.2f}", va="center"
            )
        axes.axvline(1, color=INK, lw=1)
        axes.barh(len(names), 0, color=STREAM)
        axes.set(xlim=(0, 1.3), ylim=(len(names) - 0.5, -0.8))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xticks([0, 0.5, 1])
        axes.set_xlabel("the plain way is 1")
        axes.set_title(title, color=GREY)
    told = "; ".join(f"{name} {found[name]:.2f}" for name in names)
    show(figure, f"Bars, {title}, where the plain way is 1: {told}.")
