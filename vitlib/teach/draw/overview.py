"""The picture of the whole model, for the index and for every chapter."""

from functools import cache
from itertools import product

import numpy as np
import torch
from einops import rearrange
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from torch import Tensor, nn

from vitlib import ViT, add_positions, patchify, prepend_cls
from vitlib.teach.data.pictures import cat, resize_and_crop, to_tensor
from vitlib.teach.draw.canvas import SIGNED, canvas, show, style, tiles
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    LINE,
    PAPER,
    POSITION,
    STREAM,
    WEIGHT,
)

WIDTH = 700
CENTRES = {
    "image": 62,
    "patches": 206,
    "embedding": 328,
    "tokens": 424,
    "encoder": 540,
    "head": 656,
}
CUTS = (143, 376)  # behind the first arrow, between two shapes
NAMES = {"image": "images", "patches": "patches", "head": "scores"}
SHOWN = (0, 1, None, 75, 76, 77, None, 195)  # None: some are left out


@cache
def _trace() -> dict[str, Tensor]:
    """Run ViT-Ti/16, untrained, on the cat; keep what every stage gives.

    The head starts at zero, so its weights are drawn at random here.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = ViT.from_name("Ti/16").eval()
        nn.init.normal_(model.head.weight, std=0.1)
        images = to_tensor(resize_and_crop(cat(), 224))
        embedded = model.patch_embed(images * 2 - 1)
        tokens = prepend_cls(embedded, model.cls_token)
        tokens = add_positions(tokens, model.pos_embed)
        encoded = model.norm(model.blocks(tokens))
        return {
            "image": images,
            "patches": patchify(images, 16),
            "embedding": embedded,
            "tokens": tokens,
            "encoder": encoded,
            "head": model.head(model.pool(encoded)),
        }


def overview(here: str | None = None) -> None:
    """Show the model from picture to scores; `here` marks one stage.

    The stages are image, patches, embedding, tokens, encoder, head.
    """
    if here not in (None, *CENTRES):
        stages = ", ".join(CENTRES)
        raise ValueError(f"here is {here!r}; it is one of {stages}")
    figure = _Overview(_trace(), here).figure
    show(figure, _describe(_trace(), here), cuts=CUTS)


def _describe(trace: dict[str, Tensor], here: str | None) -> str:
    shapes = {
        stage: tuple(tensor.shape) for stage, tensor in trace.items()
    }
    place = "" if here is None else f" Marked, you are here: the {here}."
    return (
        "The whole model from left to right. A picture of a cat, "
        f"{shapes['image']}; its patches, {shapes['patches']}; each "
        f"patch made a token, {shapes['embedding']}; a golden class "
        "token put in front and a position added to every token, "
        f"{shapes['tokens']}; twelve encoder blocks, which keep the "
        f"shape, {shapes['encoder']}; and the head, which reads the "
        f"class token and gives the scores, {shapes['head']}.{place}"
    )


class _Overview:
    """The drawing, in pixels, y pointing down; a method for each stage."""

    def __init__(self, trace: dict[str, Tensor], here: str | None) -> None:
        self.trace = trace
        self.top, self.side = (32, 124) if here is None else (40, 88)
        self.bottom = self.top + self.side
        self.slot = self.side / (1 + len(SHOWN))
        self.box = 0.84 * self.slot
        self.slots = [0]
        self.slots += [s for s, i in enumerate(SHOWN, 1) if i is not None]
        small = to_tensor(resize_and_crop(cat(), 14 * 12))
        pixels = (patchify(small, 12)[0] * 255).round().byte().numpy()
        self.squares = rearrange(
            pixels, "n (y x c) -> n y x c", y=12, x=12
        )
        self.figure = canvas(WIDTH, self.bottom + 42)
        with style():
            self.axes = self.figure.add_axes((0, 0, 1, 1))
            self.axes.set_axis_off()
            for stage, centre in CENTRES.items():
                self.alpha = 1.0 if here in (None, stage) else 0.3
                getattr(self, stage)(centre)
                self.label(stage, centre, here)
            self.axes.set(xlim=(0, WIDTH), ylim=(self.bottom + 42, 0))

    def label(self, stage: str, centre: float, here: str | None) -> None:
        """Name a stage above, its tensor and shape beneath."""
        ink = INK if here in (None, stage) else GREY
        name = {"color": ink, "size": 12.5}
        if stage == here:
            name["weight"] = "bold"
            self.text(centre, self.top - 31, "you are here", color=GREY)
        self.text(centre, self.top - 14, stage, **name)
        code = {"family": "monospace", "size": 11}
        tensor = NAMES.get(stage, "tokens")
        self.text(centre, self.bottom + 16, tensor, color=ink, **code)
        shape = str(tuple(self.trace[stage].shape))
        self.text(centre, self.bottom + 31, shape, color=GREY, **code)

    def image(self, centre: float) -> None:
        """The picture itself."""
        pixels = rearrange(self.trace["image"][0], "c h w -> h w c")
        left = centre - self.side / 2
        pixels = (pixels * 255).round().byte().numpy()
        self.picture(pixels, left, self.top, self.side, self.side)
        self.arrow(left + self.side + 4, left + self.side + 17)

    def patches(self, centre: float) -> None:
        """All patches, taken apart."""
        left = centre - self.side / 2
        sheet = tiles(self.squares, cols=14, gap=3)
        self.picture(sheet, left, self.top, self.side, self.side)
        self.arrow(left + self.side + 4, left + self.side + 17)

    def embedding(self, centre: float) -> None:
        """Some patches, and beside each the first numbers of its token."""
        left, strip = centre - 38, centre - 8
        for slot, index in enumerate(SHOWN, start=1):
            if index is None:
                self.dots(left + self.box / 2, slot)
                self.dots(strip + 24, slot)
                continue
            self.token(left, slot, self.squares[index])
            self.line(left + self.box + 3, strip - 3, slot, GREY, 0.8)
            numbers = self.trace["embedding"][0, index, None, :8].numpy()
            y = self.row(slot) - self.box / 2
            look = {"cmap": SIGNED, "vmin": -1.2, "vmax": 1.2}
            self.picture(numbers, strip, y, 48, self.box, **look)
            self.line(strip + 51, strip + 87, slot, LINE, 1)

    def tokens(self, centre: float) -> None:
        """The class token in front; at every token a tick, its place."""
        left = centre - 14
        self.square(left, 0, CLS)
        for slot, index in enumerate(SHOWN, start=1):
            if index is None:
                self.dots(left + self.box / 2, slot)
            else:
                self.token(left, slot, self.squares[index])
        for slot in self.slots:
            tick = left + self.box + 2.5
            y, reach = self.row(slot), self.box / 2
            self.curve([(tick, y - reach), (tick, y + reach)], POSITION, 2)

    def encoder(self, centre: float) -> None:
        """Every token's own line, with what the blocks add to it."""
        left, right = centre - 106, centre + 72
        for slot in self.slots:
            colour, width = (CLS, 3) if slot == 0 else (STREAM, 2)
            end = right if slot == 0 else centre + 70
            self.line(left, end, slot, colour, width)
        for start in (centre - 70, centre + 14):
            self.block(start, 52)
        ink = INK if self.alpha == 1 else GREY
        self.text(centre - 2, self.row(3), "x 12", ink, paper=True)

    def block(self, left: float, width: float) -> None:
        """Threads from all tokens to all, then a step for each alone."""
        height = self.row(self.slots[-1]) - self.row(0) + 1.3 * self.slot
        top = self.row(0) - 0.65 * self.slot
        look = {"fc": PAPER, "ec": LINE, "lw": 1, "zorder": 3}
        self.rounded(left, top, width, height, 4, **look)
        enter, leave = left + 4, left + 34
        points, codes = [], []
        for one, other in product(self.slots, repeat=2):
            y0, y1, middle = self.row(one), self.row(other), left + 19
            points += [
                (enter, y0),
                (middle, y0),
                (middle, y1),
                (leave, y1),
            ]
            codes += [Path.MOVETO, *[Path.CURVE4] * 3]
        threads = PathPatch(
            Path(points, codes),
            fc="none",
            ec=WEIGHT,
            lw=0.5,
            alpha=0.45 * self.alpha,
            zorder=4,
        )
        self.axes.add_patch(threads)
        for slot in self.slots:
            y = self.row(slot) - self.box / 2
            colour = CLS if slot == 0 else STREAM
            look = {"fc": colour, "ec": "none", "zorder": 4}
            self.rounded(left + 37, y, self.box, self.box, 2.5, **look)

    def head(self, centre: float) -> None:
        """The class token's output, and some of the scores it gives."""
        left = centre - 44
        self.square(left, 0, CLS)
        scores = self.trace["head"][0, ::40].numpy()
        zero, unit = centre + 16, 22 / abs(scores).max()
        for y in (self.top, self.bottom):
            start = (left + self.box + 3, self.row(0))
            self.curve([start, (zero - 25, y)], LINE, 1)
        edges = np.linspace(self.top, self.bottom, len(scores) + 1)
        look = {"fc": GREY, "alpha": self.alpha, "clip_on": False}
        self.axes.stairs(
            zero + unit * scores,
            edges,
            baseline=zero,
            orientation="horizontal",
            fill=True,
            **look,
        )
        self.curve([(zero, self.top), (zero, self.bottom)], GREY, 0.8)

    def row(self, slot: int) -> float:
        """The height of the middle of a place in the sequence."""
        return self.top + (slot + 0.5) * self.slot

    def text(self, x, y, text, color=INK, paper=False, **look) -> None:
        """Centred text, if wanted on paper that covers what is behind."""
        if paper:
            self.rounded(
                x - 14, y - 8, 28, 16, 3, fc=PAPER, ec="none", zorder=4
            )
        look = {"color": color, "size": 11, "zorder": 5} | look
        self.axes.text(x, y, text, ha="center", va="center", **look)

    def picture(self, pixels, x, y, width, height, **look):
        """An image with its upper left corner at (x, y)."""
        return self.axes.imshow(
            pixels,
            extent=(x, x + width, y + height, y),
            aspect="auto",
            alpha=self.alpha,
            clip_on=False,
            **look,
        )

    def token(self, x: float, slot: int, pixels) -> None:
        """A rounded square with a patch inside."""
        y = self.row(slot) - self.box / 2
        image = self.picture(pixels, x, y, self.box, self.box)
        radius = f"round,pad=0,rounding_size={0.25 * self.box}"
        edge = FancyBboxPatch((x, y), self.box, self.box, radius)
        edge.set_transform(self.axes.transData)
        image.set_clip_path(edge)
        image.set_clip_on(True)

    def square(self, x: float, slot: int, colour: str) -> None:
        """A rounded square of one colour."""
        y = self.row(slot) - self.box / 2
        radius, look = 0.25 * self.box, {"fc": colour, "ec": "none"}
        self.rounded(x, y, self.box, self.box, radius, **look)

    def rounded(self, x, y, width, height, radius, **look) -> None:
        """A rounded rectangle."""
        box = f"round,pad=0,rounding_size={radius}"
        look = {"alpha": self.alpha, "zorder": 3, "clip_on": False} | look
        self.axes.add_patch(
            FancyBboxPatch((x, y), width, height, box, **look)
        )

    def dots(self, x: float, slot: int) -> None:
        """Three small dots: some are left out."""
        ys = [self.row(slot) + 0.22 * self.slot * i for i in (-1, 0, 1)]
        look = {"ms": 2, "color": GREY, "alpha": self.alpha}
        self.axes.plot([x] * 3, ys, ".", clip_on=False, **look)

    def line(self, x0, x1, slot, colour, width) -> None:
        """A straight line along a place in the sequence."""
        y = self.row(slot)
        self.curve([(x0, y), (x1, y)], colour, width)

    def curve(self, points, colour, width) -> None:
        """Straight lines from point to point."""
        xs, ys = zip(*points, strict=True)
        look = {"color": colour, "lw": width, "alpha": self.alpha}
        self.axes.plot(
            xs, ys, solid_capstyle="butt", clip_on=False, **look
        )

    def arrow(self, x0: float, x1: float) -> None:
        """A small arrow, in the middle of the height."""
        y = self.top + self.side / 2
        self.curve([(x0, y), (x1, y)], GREY, 1)
        head = [(x1 - 4, y - 3.5), (x1, y), (x1 - 4, y + 3.5)]
        self.curve(head, GREY, 1)
