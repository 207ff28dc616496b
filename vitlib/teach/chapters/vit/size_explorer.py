"""What a ViT of any size costs, and which one somebody has published."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from traitlets import Int

from vitlib import SIZES
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.data import sizes
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.palette import GREY, INK, STREAM

GIGA, MEGA = 1e9, 1e6


class SizeExplorer(LiveFigure):
    """Choose the sizes of a ViT; see its tokens, parameters and costs.

    The traits are those of `vitlib.ViT`: `ViT(**explorer.settings)` makes
    the model that the figure shows.
    """

    image_size = Int(224, min=1, max=4096).tag(sync=True)
    patch_size = Int(16, min=1, max=4096).tag(sync=True)
    embed_dim = Int(768, min=1, max=16384).tag(sync=True)
    depth = Int(12, min=1, max=256).tag(sync=True)
    num_heads = Int(12, min=1, max=256).tag(sync=True)
    in_channels = Int(3, min=1, max=256).tag(sync=True)
    num_classes = Int(1000, min=1, max=100_000).tag(sync=True)

    @property
    def settings(self) -> dict[str, int]:
        """The sizes by name, as `ViT` takes them."""
        return self.state()

    def counts(self) -> dict[str, int]:
        """Give tokens, parameters, multiply-adds and bytes."""
        heads = self.num_heads
        rest = {k: v for k, v in self.settings.items() if k != "num_heads"}
        tokens = sizes.count_tokens(self.image_size, self.patch_size)
        return {
            "tokens": tokens,
            "parameters": sum(sizes.parameters(**rest).values()),
            "multiply_adds": sum(sizes.multiply_adds(**rest).values()),
            **sizes.memory(num_heads=heads, **rest),
        }

    def still(self) -> tuple[Figure, str]:
        """Draw the published sizes and this one, on logs."""
        figure = canvas(700, 330)
        said = []
        with style():
            axes = figure.add_axes((0.09, 0.16, 0.56, 0.76))
            for name in SIZES:
                x, y = _costs(name)
                axes.plot(x, y, "o", color=STREAM, ms=8)
                right = name != "B/32"
                axes.annotate(
                    name,
                    (x, y),
                    xytext=(9 if right else -9, 0),
                    textcoords="offset points",
                    ha="left" if right else "right",
                    va="center",
                    size=11,
                )
                said.append(f"{name} {y:.1f} M and {x:.1f} G")
            counts = self.counts()
            x = counts["multiply_adds"] / GIGA
            y = counts["parameters"] / MEGA
            axes.plot(x, y, "o", color=INK, ms=12)
            _scales(axes)
            _numbers(figure, counts)
        alt = (
            "Points on two logarithmic axes, multiply-adds for one image "
            "to the right and parameters upwards, for the published "
            f"sizes: {'; '.join(said)}. One more point is the model that "
            f"is chosen: {counts['tokens']:,} tokens, "
            f"{counts['parameters']:,} parameters, "
            f"{counts['multiply_adds']:,} multiply-adds, "
            f"{counts['weights'] / MEGA:,.1f} MB of weights, "
            f"{counts['activations'] / MEGA:,.1f} MB kept of each image "
            "in training."
        )
        return figure, alt


def _costs(name: str) -> tuple[float, float]:
    """Multiply-adds in G and parameters in M of a published size."""
    settings = sizes.settings_of(name)
    work = sum(sizes.multiply_adds(**settings).values())
    return work / GIGA, sum(sizes.parameters(**settings).values()) / MEGA


def _scales(axes: Axes) -> None:
    axes.set(xscale="log", yscale="log", xlim=(0.7, 900), ylim=(2.5, 1000))
    axes.set_xticks([1, 10, 100], ["1 G", "10 G", "100 G"])
    axes.set_yticks([10, 100], ["10 M", "100 M"])
    axes.minorticks_off()
    axes.set_xlabel("multiply-adds for one image")
    axes.set_title("parameters", color=GREY)


def _numbers(figure: Figure, counts: dict[str, int]) -> None:
    lines = (
        ("tokens", f"{counts['tokens']:,}"),
        ("parameters", f"{counts['parameters']:,}"),
        ("multiply-adds", f"{counts['multiply_adds'] / GIGA:,.2f} G"),
        ("weights", f"{counts['weights'] / MEGA:,.1f} MB"),
        ("to train with AdamW", f"{counts['training'] / MEGA:,.1f} MB"),
        ("and for each image", f"{counts['activations'] / MEGA:,.1f} MB"),
        ("attention maps", f"{counts['maps'] / MEGA:,.1f} MB"),
    )
    for row, (name, number) in enumerate(lines):
        height = 0.9 - 0.125 * row
        figure.text(0.7, height, name, color=GREY)
        figure.text(0.7, height - 0.06, number, color=INK, weight="bold")
