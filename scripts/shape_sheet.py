"""Draw the sheet of shapes: every tensor of a forward pass on one page.

    python scripts/shape_sheet.py

A ViT-B/16 is run on one image; what stands on the sheet are the shapes
that came by, and the sizes of the parameters. Written into
book/_static/take_away: shapes.svg and shapes.pdf, a page of A4, and
shapes_narrow.svg, the same for a phone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from vitlib import SIZES, ViT
from vitlib.attention import attention_weights
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    KEY,
    LIGHT,
    LINE,
    PAPER,
    POSITION,
    QUERY,
    STREAM,
    VALUE,
    WEIGHT,
)

FOLDER = (
    Path(__file__).resolve().parents[1] / "book" / "_static" / "take_away"
)
A4 = 595, 842  # points
TITLE = "Every shape of a Vision Transformer"
LEGEND = {
    "class token": CLS,
    "positions": POSITION,
    "queries": QUERY,
    "keys": KEY,
    "values": VALUE,
    "weights": WEIGHT,
}
TALL = 1244  # what a phone's sheet comes to
SCALE = 32  # numbers of the last axis a point
MONO = {"family": "monospace", "size": 8.5}
COLUMNS = "224 pixels", "p", "n", "d", "depth", "heads", "k", "parameters"
ABOUT = (
    "ViT-B/16, one image of 224 × 224 pixels",
    "b images, n patches, d numbers a token, k a head",
)


@dataclass(frozen=True)
class Row:
    """A step of the forward pass: what is done, and what comes out."""

    done: str
    letters: str
    seen: str  # the name of the shape among those seen
    colours: tuple[str, ...] = (CLS, STREAM)
    learned: tuple[str, ...] = ()  # names of parameters


START = [
    Row("images", "(b, c, h, w)", "images", (GREY,)),
    Row(
        "convolution: cut, embed",
        "(b, d, h / p, w / p)",
        "patch_embed.proj",
        (STREAM,),
        ("patch_embed.",),
    ),
    Row(
        "the grid in reading order", "(b, n, d)", "patch_embed", (STREAM,)
    ),
    Row(
        "the class token in front",
        "(b, 1 + n, d)",
        "tokens",
        learned=("cls_token",),
    ),
    Row(
        "+ positions",
        "(b, 1 + n, d)",
        "pos_drop",
        (CLS, POSITION),
        ("pos_embed",),
    ),
]
BLOCK = [
    Row("norm1", "(b, 1 + n, d)", "norm1", learned=("norm1.",)),
    Row(
        "attn.qkv",
        "(b, 1 + n, 3 * d)",
        "attn.qkv",
        (QUERY, KEY, VALUE),
        ("attn.qkv.",),
    ),
    Row(
        "q, k, v: cut into heads, each",
        "(b, heads, 1 + n, k)",
        "q",
        (QUERY,),
    ),
    Row(
        "softmax(q @ k.mT / √k)",
        "(b, heads, 1 + n, 1 + n)",
        "weights",
        (WEIGHT,),
    ),
    Row("@ v", "(b, heads, 1 + n, k)", "mixed", (VALUE,)),
    Row("heads side by side", "(b, 1 + n, d)", "joined", (VALUE,)),
    Row(
        "attn.proj", "(b, 1 + n, d)", "attn.proj", learned=("attn.proj.",)
    ),
    Row("tokens + that", "(b, 1 + n, d)", "half"),
    Row("norm2", "(b, 1 + n, d)", "norm2", learned=("norm2.",)),
    Row(
        "mlp.fc1, GELU",
        "(b, 1 + n, 4 * d)",
        "mlp.act",
        learned=("mlp.fc1.",),
    ),
    Row("mlp.fc2", "(b, 1 + n, d)", "mlp.fc2", learned=("mlp.fc2.",)),
    Row("tokens + that", "(b, 1 + n, d)", "block"),
]
END = [
    Row("norm", "(b, 1 + n, d)", "norm", learned=("norm.",)),
    Row("tokens[:, 0]", "(b, d)", "features", (CLS,)),
    Row("head: scores", "(b, num_classes)", "head", (INK,), ("head.",)),
]
TAKEN = {  # what no part gives, and the part that takes it
    "tokens": "pos_drop",  # positions change no shape
    "joined": "attn.proj",
    "half": "norm2",
    "features": "head",
}
PARTS = {
    "From the picture to tokens": START,
    "A block: look around, think. {depth} of them, one after the other": (
        BLOCK
    ),
    "From the class token to an answer": END,
}


@torch.no_grad()
def shapes_of(model: ViT, images: Tensor) -> dict[str, tuple[int, ...]]:
    """Run the model; give the shapes that came by, of the first block."""
    seen = {"images": images}

    def mix(q: Tensor, k: Tensor, v: Tensor, mask: None) -> Tensor:
        weights = attention_weights(q, k)
        seen.update(q=q, k=k, v=v, weights=weights, mixed=weights @ v)
        return seen["mixed"]

    block = model.blocks[0]
    block.attn.attention = mix
    parts = dict(model.named_modules()) | dict(block.named_modules())
    for name, part in {**parts, "block": block}.items():
        part.register_forward_hook(noting(name, seen))
    for name, taker in TAKEN.items():
        parts[taker].register_forward_pre_hook(noting_taken(name, seen))
    model(images)
    return {name: tuple(tensor.shape) for name, tensor in seen.items()}


def noting(name: str, seen: dict[str, Tensor]) -> Callable:
    """Make a hook that notes what a part gives."""

    def note(part: nn.Module, taken: tuple, given: Tensor) -> None:
        seen[name] = given

    return note


def noting_taken(name: str, seen: dict[str, Tensor]) -> Callable:
    """Make a hook that notes what a part takes."""

    def note(part: nn.Module, taken: tuple) -> None:
        seen[name] = taken[0]

    return note


def count(model: nn.Module, names: tuple[str, ...]) -> int:
    """Count the numbers of all parameters that begin with a name."""
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name.startswith(names)
    )


def sizes() -> Iterator[tuple[str, ...]]:
    """Give a row for each published size, from models that were made."""
    for name in SIZES:
        with torch.device("meta"):
            model = ViT.from_name(name)
        (first, *_), heads = model.blocks, model.blocks[0].attn.num_heads
        width = first.embed_dim
        patch = model.patch_embed.proj.kernel_size[0]
        numbers = (
            *(patch, model.patch_embed.num_patches, width),
            *(len(model.blocks), heads, width // heads),
            count(model, ("",)),
        )
        yield name, *(f"{number:,}" for number in numbers)


class Sheet:
    """A sheet of paper, written from the top; places are in points."""

    def __init__(self, width: float, height: float) -> None:
        self.figure: Figure = canvas(width, height)
        self.figure.set_facecolor(PAPER)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def write(self, x: float, y: float, text: str, **look) -> None:
        """Write a line of text, y its foot."""
        self.axes.text(x, y, text, **{"size": 9, "color": INK} | look)

    def box(self, *place: float, colour: str, below: bool = False) -> None:
        """Fill a rectangle: its upper left corner, width and height."""
        x, y, width, height = place
        self.axes.add_patch(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor=colour,
                lw=0,
                zorder=0 if below else 1,
            )
        )

    def line(self, y: float, left: float, right: float) -> None:
        """Draw a thin line across."""
        self.box(left, y, right - left, 0.7, colour=LINE)

    def tensor(
        self, x: float, y: float, shape: tuple, colours: tuple
    ) -> None:
        """Draw a tensor, 14 points high: its last axis goes across."""
        wide = shape[-1] / SCALE
        if len(shape) == 2:
            self.box(x, y + 5.5, wide, 3, colour=colours[0])
        elif len(shape) == 3:
            self.sequence(x, y, wide, colours)
        elif shape[1] > shape[2]:  # a vector in each place of a grid
            for side in range(9):
                row, col = divmod(side, 3)
                at = x + 5 * col, y + 5 * row
                self.box(*at, 4, 4, colour=colours[0])
        else:
            self.sheets(x, y, shape, colours[0])

    def sheets(
        self, x: float, y: float, shape: tuple, colour: str
    ) -> None:
        """Draw the heads, or an image's channels, beside each other."""
        _, number, rows, cols = shape
        wide, high = (2.6, 14) if rows != cols else (6.5, 6.5)
        if number == 3:
            wide, high = 14, 14
        for each in range(number):
            left = x + each * (wide + 1.2)
            top = y + (14 - high) / 2
            self.box(left, top, wide, high, colour=colour)

    def sequence(
        self, x: float, y: float, width: float, colours: tuple
    ) -> None:
        """Draw a sequence of tokens, the class token above the others."""
        if colours[0] == CLS:
            self.box(x, y, width, 3, colour=CLS)
            self.box(x, y + 4, width, 10, colour=colours[1])
            return
        part = width / len(colours)
        for number, colour in enumerate(colours):
            self.box(x + number * part, y, part, 14, colour=colour)

    def legend(self, y: float, x: Sequence, size: float = 9) -> None:
        """Say what the colours mean; `x` are the places of a line."""
        for number, (name, colour) in enumerate(LEGEND.items()):
            line, place = divmod(number, len(x))
            foot = y + 17 * line
            self.box(x[place], foot - 7, 8, 8, colour=colour)
            self.write(x[place] + 12, foot, name, size=size, color=GREY)


def learned_of(model: ViT, row: Row, where: str) -> str:
    """Write how many numbers are learned in a step."""
    names = tuple(f"{where}{name}" for name in row.learned)
    return f"{count(model, names):,}" if names else ""


def rows(model: ViT) -> Iterator[tuple[str | Row, str, str]]:
    """Give all rows with their shapes and counts, and the headings."""
    size, channels = model.patch_embed.image_size, 3
    seen = shapes_of(model, torch.zeros(1, channels, *size))
    for heading, part in PARTS.items():
        yield heading.format(depth=len(model.blocks)), (), ""
        where = "blocks.0." if part is BLOCK else ""
        for row in part:
            yield row, seen[row.seen], learned_of(model, row, where)


def in_all(model: ViT) -> tuple[str, str]:
    """Add up what is learned."""
    block, depth = count(model, ("blocks.0.",)), len(model.blocks)
    return (
        f"{depth} blocks of {block:,} and the rest",
        f"make {count(model, ('',)):,} parameters",
    )


def wide_sheet(model: ViT) -> Figure:
    """Draw the page of A4."""
    sheet, left, right = Sheet(*A4), 36, 559
    sheet.write(left, 54, TITLE, size=20)
    sheet.write(left, 73, "; ".join(ABOUT), color=GREY)
    sheet.write(right, 98, "learned", ha="right", color=GREY)
    y = 88.0
    for row, shape, learned in rows(model):
        if isinstance(row, str):
            top = y
            sheet.write(left, y + 10, row, color=GREY)
            y += 20
            continue
        sheet.tensor(left, y, shape, row.colours)
        sheet.write(138, y + 10, row.done)
        sheet.write(274, y + 10, row.letters, color=GREY, **MONO)
        sheet.write(408, y + 10, str(shape), **MONO)
        sheet.write(right, y + 10, learned, ha="right", **MONO)
        y += 24
        if row is BLOCK[-1]:
            sheet.box(
                *(left - 10, top - 5, right - left + 20, y - top),
                colour=LIGHT["surface"],
                below=True,
            )
            y += 6
    sheet.write(right, y + 8, " ".join(in_all(model)), ha="right")
    sheet.line(y + 20, left, right)
    ends = (left, 120, 175, 235, 295, 355, 415, right)
    table(sheet, y + 37, dict(zip(COLUMNS, ends, strict=True)), 14)
    sheet.legend(800, range(left, right, 88))
    return sheet.figure


def table(sheet: Sheet, y: float, ends: dict, step: float) -> None:
    """Write the published sizes, each column up to its end."""
    size = 9 if len(ends) == len(COLUMNS) else 11
    for number, line in enumerate([COLUMNS, *sizes()]):
        for name, text in zip(COLUMNS, line, strict=True):
            if name in ends:
                sheet.write(
                    *(ends[name], y + number * step, text),
                    ha="right" if name != "224 pixels" else "left",
                    color=INK if number else GREY,
                    size=size,
                )


def narrow_sheet(model: ViT) -> Figure:
    """Draw the same for a phone: two lines a row."""
    sheet, left, right = Sheet(NARROW, TALL), 4, NARROW - 4
    sheet.write(left, 22, TITLE, size=15.5)
    for number, words in enumerate(ABOUT):
        place = 42 + 15 * number
        sheet.write(left, place, words, size=11, color=GREY)
    y = 75.0
    for row, shape, learned in rows(model):
        if isinstance(row, str):
            sheet.line(y, left, right)
            for words in row.split(". "):
                sheet.write(left, y + 16, words, size=11, color=GREY)
                y += 14
            y += 14
            continue
        sheet.tensor(right - 3072 / SCALE, y, shape, row.colours)
        sheet.write(left, y + 11, row.done, size=11.5)
        look = MONO | {"size": 11}
        sheet.write(left, y + 27, str(shape), **look)
        look |= {"ha": "right", "color": GREY}
        sheet.write(right, y + 27, learned, **look)
        y += 43
    for number, words in enumerate(in_all(model)):
        sheet.write(left, y + 10 + 15 * number, words, size=11)
    sheet.line(y + 36, left, right)
    ends = (left, 100, 140, 188, 228, 0, 0, right)
    ends = dict(zip(COLUMNS, ends, strict=True))
    ends = {name: end for name, end in ends.items() if end}
    table(sheet, y + 54, ends, 17)
    sheet.legend(TALL - 26, range(left, right - 3, 110), 11)
    return sheet.figure


def save(figure: Figure, name: str, **settings) -> None:
    """Write a figure, the same bytes each time."""
    fonts = {"pdf.fonttype": 42, "svg.fonttype": "none"}
    with style(), mpl.rc_context(fonts | {"svg.hashsalt": name}):
        figure.savefig(FOLDER / name, facecolor=PAPER, **settings)


def main() -> None:
    """Draw and write all three."""
    wide, narrow = wide_sheet(ViT()), narrow_sheet(ViT())
    save(wide, "shapes.svg", metadata={"Date": None})
    save(wide, "shapes.pdf", metadata={"CreationDate": None})
    save(narrow, "shapes_narrow.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
