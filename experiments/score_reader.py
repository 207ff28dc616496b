"""Score the shipped digit reader on held-out digits; write its card.

    .venv/bin/python experiments/score_reader.py

One of the two scripts that read held-out digits. Nothing is chosen by what it
finds: it runs once the weights are made, and writes two files beside them,
digit_reader.json for programs and digit_reader.md, the model card.
"""

import json
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach import digits
from vitlib.teach.data.reader import FILE, digit_reader
from vitlib.vit import ViT

DATA = Path(__file__).parents[1] / "vitlib" / "teach" / "data" / "files"
CARD = DATA / "digit_reader.md"
SCORE = DATA / "digit_reader.json"
TRAINING = DATA / "digit_reader_training.json"


def answers(model: ViT, images: Tensor) -> Tensor:
    """(n, 1, 28, 28) -> (n,): the class that the model gives to each."""
    with torch.no_grad():
        parts = [model(part).argmax(dim=1) for part in images.split(250)]
    return torch.cat(parts)


def interval(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Give Wilson's 95 % interval for a share of right answers."""
    share, spread = right / n, z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    reach = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    reach = reach / (1 + spread)
    return middle - reach, middle + reach


def moved(images: Tensor, right: int, down: int) -> Tensor:
    """Shift by whole pixels; paper comes in from the edges."""
    reach = max(abs(right), abs(down))
    padded = F.pad(images, [reach] * 4)
    side = images.shape[-1]
    top, left = reach - down, reach - right
    return padded[..., top : top + side, left : left + side]


def turned(images: Tensor, degrees: float, scale: float) -> Tensor:
    """Turn about the middle, and make larger or smaller."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    grid = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]])
    grid = grid.expand(len(images), 2, 3)
    grid = F.affine_grid(grid, images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def pen(images: Tensor, grow: int) -> Tensor:
    """Draw again as on a pad: 280 x 280 pixels, black or white.

    The strokes grow by so many of these small pixels at each edge, or
    shrink where `grow` is negative; then the picture is averaged down to
    28 x 28.
    """
    large = F.interpolate(images, scale_factor=10, mode="bilinear")
    ink = (large > 0.5).float()
    kernel = 2 * abs(grow) + 1
    if grow > 0:
        ink = F.max_pool2d(ink, kernel, stride=1, padding=grow)
    elif grow < 0:
        ink = -F.max_pool2d(-ink, kernel, stride=1, padding=-grow)
    return F.avg_pool2d(ink, 10)


def hands(images: Tensor) -> dict[str, Tensor]:
    """Give the digits as other people might have drawn them."""
    eight = [(x, y) for x in (-2, 0, 2) for y in (-2, 0, 2) if x or y]
    shifts = torch.cat([moved(images, *shift) for shift in eight])
    far = torch.cat(
        [moved(images, *s) for s in ((3, 0), (-3, 0), (0, 3), (0, -3))]
    )
    return {
        "as they are": images,
        "a pen's black and white": pen(images, 0),
        "a pen, strokes 1 pixel thicker": pen(images, 5),
        "a pen, strokes 2 pixels thicker": pen(images, 10),
        "a pen, strokes 0.6 pixels thinner": pen(images, -3),
        "three quarters as large": turned(images, 0, 0.75),
        "a fifth larger": turned(images, 0, 1.2),
        "turned left by 15 degrees": turned(images, 15, 1),
        "turned right by 15 degrees": turned(images, -15, 1),
        "2 pixels off, in eight directions": shifts,
        "3 pixels off, in four directions": far,
        "half as dark": images / 2,
    }


def score() -> dict:
    """Count right answers, wrong ones by class, and other hands."""
    model = digit_reader()
    images, labels = digits("held_out")
    given = answers(model, images)
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    for label, answer in zip(labels, given, strict=True):
        confusion[label, answer] += 1
    right = int((given == labels).sum())
    robust = {}
    for hand, drawn in hands(images).items():
        copies = len(drawn) // len(labels)
        found = answers(model, drawn) == labels.repeat(copies)
        robust[hand] = round(float(found.float().mean()), 4)
    low, high = interval(right, len(labels))
    return {
        "right": right,
        "digits": len(labels),
        "interval": [round(low, 4), round(high, 4)],
        "confusion": confusion.tolist(),
        "hands": robust,
        "bytes": (DATA / FILE).stat().st_size,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


CARD_TEXT = """# The digit reader: model card

The ViT that the live figures run and that `vitlib.teach.digit_reader()`
loads: a `vitlib.ViT` of {parameters:,} parameters and 17 tokens, stored in
{bytes:,} bytes (matrices as whole numbers of eight bits, with a scale for
each row).

| | |
| --- | --- |
| model | {model} |
| trained on | {data} |
| recipe | {steps} |
| seed, threads, torch | {seed}, {threads}, {torch} |
| chosen by | 1,000 validation digits |
| validation, float32 weights | {validation_float32:.1%} |
| validation, eight-bit weights | {validation_int8:.1%} |
| **held out, eight-bit weights** | **{right} of {digits:,} right**, {share} |
| made by | `experiments/train_reader.py`, then `experiments/score_reader.py` |

## Which it takes for which

Rows: what the digit is. Columns: what the model reads.

{confusion_table}

## Other hands

The same held-out digits, drawn in another way by `hands` in
`experiments/score_reader.py`. Pixels are those of the 28 x 28 picture. The
pen draws on 280 x 280 pixels in black and white, as a drawing pad does,
and the picture is averaged down.

{hands_table}

## What it is not for

It has seen digits, centred in the picture by the mass of their ink, and
nothing else. A letter, a face or a scribble gets a digit too, sometimes
with a high probability. The held-out digits come from the same 10,000 as
the training digits, perhaps partly from the same writers: what it does
with other people's digits has not been measured.
"""


def card(found: dict, training: dict) -> str:
    """Write the model card."""
    low, high = found["interval"]
    words = {
        "model": settings(training["settings"]),
        "steps": settings(training["recipe"]),
        "share": f"{found['right'] / found['digits']:.1%}, 95% interval "
        f"(Wilson) {low:.1%} to {high:.1%}",
        "confusion_table": confusion_table(found["confusion"]),
        "hands_table": table(
            ["drawn", "right"],
            [
                [hand, f"{share:.1%}"]
                for hand, share in found["hands"].items()
            ],
        ),
    }
    return CARD_TEXT.format(**found, **training, **words)


def settings(values: dict) -> str:
    """Give "name value, name value"."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def table(head: list[str], rows: list[list[str]]) -> str:
    """Give a Markdown table; all but the first column to the right."""
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join(
        f"| {' | '.join(row)} |" for row in [head, rule, *rows]
    )


def confusion_table(confusion: list[list[int]]) -> str:
    """Leave the zeros out: the mistakes stand alone."""
    rows = [
        [f"**{label}**", *(str(count or "") for count in row)]
        for label, row in enumerate(confusion)
    ]
    return table(["", *map(str, range(10))], rows)


def main() -> None:
    """Score, print and write both files."""
    torch.set_num_threads(1)
    training = json.loads(TRAINING.read_text())
    found = score()
    SCORE.write_text(json.dumps(found, indent=1) + "\n")
    CARD.write_text(card(found, training))
    print(CARD.read_text())


if __name__ == "__main__":
    main()
