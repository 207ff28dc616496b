"""Who can see whom: a stack of convolutions beside one attention layer."""

import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F
from traitlets import Bool, Bytes, Int, Tuple, Unicode, observe, validate

from vitlib._checks import check_choice, check_index
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.alive.photo import packed
from vitlib.teach.draw.canvas import bare, canvas, style
from vitlib.teach.draw.palette import CLS, PAPER, QUERY

PATCH = 16  # the side of a patch, in pixels
FADED = 0.22
FIRST = 24  # convolutions in the first frame
RESNET = [(7, 2), (3, 2)]  # (kernel, step); what is 1 x 1 widens nothing
RESNET += [(3, 2 if i in (4, 8, 14) else 1) for i in range(1, 17)]
NETWORKS = ("plain", "resnet50")


class ReceptiveField(LiveFigure):
    """Choose a place of a picture; see which pixels can reach it.

    `images` is the picture, (1, 3, h, w) from 0 to 1. `network` is
    "plain", a stack of 3 x 3 convolutions, or "resnet50", the 18 layers
    of ResNet-50 that widen its window; `layers` of them are taken, and
    `place` is the (row, column) of their output, in pixels. With `ways`
    a pixel is as bright as the number of ways from it to the output.
    """

    place = Tuple(Int(), Int(), default_value=(0, 0)).tag(sync=True)
    layers = Int(FIRST).tag(sync=True)
    network = Unicode("plain").tag(sync=True)
    ways = Bool(False).tag(sync=True)
    image_size = Tuple(Int(), Int(), default_value=(0, 0)).tag(sync=True)
    pixels = Bytes().tag(sync=True)

    def __init__(self, images: Tensor, **traits) -> None:
        pixels, size = packed(images)
        if size[0] % PATCH or size[1] % PATCH:
            raise ValueError(
                f"images is {size[0]} by {size[1]} pixels; both must be "
                f"multiples of {PATCH}, the side of a patch"
            )
        network = traits.get("network", "plain")
        traits.setdefault("layers", min(FIRST, _most(network, size)))
        traits.setdefault("place", (size[0] // 2, size[1] // 2))
        super().__init__(pixels=pixels, image_size=size, **traits)

    @validate("network")
    def _check_network(self, proposal: dict) -> str:
        check_choice("network", proposal["value"], NETWORKS)
        return proposal["value"]

    @observe("network")
    def _take_fewer(self, change: dict) -> None:
        self.layers = min(
            self.layers, _most(self.network, self.image_size)
        )

    @validate("layers")
    def _check_layers(self, proposal: dict) -> int:
        most = _most(self.network, self.image_size)
        if not 1 <= proposal["value"] <= most:
            raise ValueError(
                f"layers is {proposal['value']}; from 1 to {most} can be "
                f"shown of the network {self.network!r}"
            )
        return proposal["value"]

    @validate("place")
    def _check_place(self, proposal: dict) -> tuple[int, int]:
        row, col = proposal["value"]
        check_index("place[0], the row,", row, self.image_size[0])
        check_index("place[1], the column,", col, self.image_size[1])
        return proposal["value"]

    def shares(self) -> Tensor:
        """Say which share of all ways to the output starts at a pixel.

        (h, w), float64. A way passes one weight in each layer. What is 0
        cannot reach the output.
        """
        rows, cols = (_ways(*axis) for axis in self._axes())
        return rows[:, None] * cols

    def window(self) -> tuple[int, int, int, int]:
        """Give the first and last row, first and last column that reach.

        They may lie outside of the picture.
        """
        top, left = (_window(*axis) for axis in self._axes())
        return *top, *left

    def half(self) -> int:
        """Give the side of the middle square with half of all ways."""
        shares = self.shares()
        top, bottom, left, right = self.window()
        for cut in range((bottom - top) // 2, -1, -1):
            rows = slice(max(0, top + cut), max(0, bottom + 1 - cut))
            cols = slice(max(0, left + cut), max(0, right + 1 - cut))
            if shares[rows, cols].sum() >= 0.5:
                break
        return bottom - top + 1 - 2 * cut

    def still(self) -> tuple[Figure, str]:
        """Draw the picture twice, faded where nothing can reach."""
        shares = self.shares()
        name = _name(self.network, self.layers)
        height, width = self.image_size
        reach = shares > 0
        share = reach.double().mean().item()
        top, bottom, _, _ = self.window()
        side = bottom - top + 1
        figure = canvas(680, 372 * height / width + 10)
        with style():
            left, right = figure.subplots(1, 2)
            figure.subplots_adjust(0.01, 0.09, 0.99, 0.92, wspace=0.08)
            bare(left, name, f"{side} x {side} pixels, {share:.1%}")
            self._paint(left, reach)
            _frame(left, self.window(), CLS)
            cut = (side - self.half()) // 2
            _frame(left, self.window(), PAPER, cut, ls=(0, (3, 2)))
            row, col = (sum(_window(*a)) / 2 for a in self._axes())
            left.plot(col, row, "o", ms=5, mew=1.2, mfc=QUERY, mec=PAPER)
            bare(
                right,
                "1 attention layer",
                f"{height} x {width} pixels, {1:.1%}",
            )
            self._paint(right, torch.ones_like(reach))
            _frame(right, (0, height - 1, 0, width - 1), CLS)
            y, x = (PATCH * (at // PATCH) for at in self.place)
            _frame(right, (y, y + PATCH - 1, x, x + PATCH - 1), QUERY)
        alt = (
            f"The same picture, {height} by {width} pixels, twice, bright "
            "where a pixel can reach the output at the marked place and "
            f"faded elsewhere. After {name}: a square of {side} pixels, "
            f"{share:.1%} of the picture; half of all ways to the output "
            f"start in the middle square of {self.half()} pixels. After 1 "
            "attention layer: all of the picture."
        )
        return figure, alt

    def _axes(self) -> list[tuple[list, int, int]]:
        layers = _layers(self.network, self.layers)
        pairs = zip(self.image_size, self.place, strict=True)
        return [(layers, size, at) for size, at in pairs]

    def _paint(self, axes: Axes, reach: Tensor) -> None:
        height, _ = self.image_size
        flat = torch.frombuffer(bytearray(self.pixels), dtype=torch.uint8)
        colours = rearrange(flat, "(y x c) -> y x c", y=height, c=3)
        alpha = torch.where(reach, 255, int(255 * FADED)).byte()
        axes.imshow(torch.cat([colours, alpha[..., None]], dim=-1).numpy())


def _layers(network: str, count: int) -> list[tuple[int, int]]:
    return ([(3, 1)] * count if network == "plain" else RESNET)[:count]


def _most(network: str, size: tuple[int, int]) -> int:
    """Give the most layers: those after which a corner sees the other."""
    return max(size) - 1 if network == "plain" else len(RESNET)


def _name(network: str, count: int) -> str:
    many = "" if count == 1 else "s"
    if network == "plain":
        return f"{count} convolution{many}"
    return f"{count} layer{many} of ResNet-50"


def _output(layers: list, size: int, at: int) -> tuple[int, int]:
    """Find the output whose window's middle is nearest; count them."""
    low, step, count = 0, 1, size
    for kernel, stride in layers:
        low -= kernel // 2 * step
        step *= stride
        count = (count + 2 * (kernel // 2) - kernel) // stride + 1
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    middle = low + (side - 1) / 2
    nearest = int((at - middle) / step + 0.5)
    return min(max(nearest, 0), count - 1), count


def _window(layers: list, size: int, at: int) -> tuple[int, int]:
    low = high = _output(layers, size, at)[0]
    for kernel, stride in reversed(layers):
        low = low * stride - kernel // 2
        high = high * stride + kernel // 2
    return low, high


def _ways(layers: list, size: int, at: int) -> Tensor:
    """Follow one output back to (size) pixels, on one axis."""
    sizes = [size]
    for kernel, stride in layers:
        full = sizes[-1] + 2 * (kernel // 2) - kernel
        sizes.append(full // stride + 1)
    index, count = _output(layers, size, at)
    ways = torch.zeros(1, 1, count, dtype=torch.float64)
    ways[..., index] = 1
    for (kernel, stride), before in zip(
        reversed(layers), reversed(sizes[:-1]), strict=True
    ):
        rest = before - ((ways.shape[-1] - 1) * stride + 1)
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        ways = F.conv_transpose1d(
            ways,
            ones,
            stride=stride,
            padding=kernel // 2,
            output_padding=rest,
        )
    return ways[0, 0] / ways.sum()


def _frame(
    axes: Axes, window: tuple, colour: str, cut: int = 0, **look
) -> None:
    """Outline what lies in the picture, `cut` pixels inside."""
    top, bottom, left, right = window
    right = min(right - cut, round(axes.get_xlim()[1]) - 1)
    bottom = min(bottom - cut, round(axes.get_ylim()[0]) - 1)
    top, left = max(top + cut, 0), max(left + cut, 0)
    square = Rectangle(
        (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
    )
    square.set(fill=False, ec=colour, lw=1.6, **look)
    axes.add_patch(square)
