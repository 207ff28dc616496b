"""Pictures for messages: yours above the expected one, drawn as SVG.

They are text, made of squares: the same on every machine, sharp at every
size. Labels take the colour of the page's text, in light and in dark.
"""

import html

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.compare import agrees
from vitlib.teach.checking.piece import Piece, questions
from vitlib.teach.draw.palette import FIXED, RAMPS

SQUARE = 6  # the side of a pixel
CELL = 13  # the side of a number
LABEL = 18
GAP = 5
SVG = (
    '<svg role="img" aria-label="{alt}" viewBox="0 0 {width} {height}" '
    'width="{width}" height="{height}" style="max-width: 100%; height: '
    'auto; display: block; margin: 0.5em 0" font-family="sans-serif" '
    'font-size="12" shape-rendering="crispEdges">{content}</svg>'
)
TEXT = '<text x="{x}" y="{y}" fill="currentColor">{text}</text>'
RECT = '<rect x="{x}" y="{y}" width="{w}" height="{w}" fill="{fill}"/>'
FRAME = (
    '<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="none" '
    'stroke="currentColor" stroke-opacity="0.25"/>'
)


def scene(height: int = 12, width: int = 16) -> Tensor:
    """Paint a small picture, (1, 3, h, w): house, sun, meadow, sky.

    Nothing in it is symmetric: whatever is turned, mirrored or mixed can
    be seen.
    """
    picture = torch.empty(3, height, width, dtype=torch.float64)
    row = torch.linspace(0, 1, height, dtype=torch.float64)[:, None]
    col = torch.linspace(0, 1, width, dtype=torch.float64)
    picture[0] = 0.45 + 0.3 * row + 0 * col
    picture[1] = 0.65 + 0.2 * row + 0 * col
    picture[2] = 0.95 - 0.05 * row + 0 * col
    meadow = torch.tensor([0.35, 0.62, 0.28], dtype=torch.float64)
    picture[:, height * 3 // 4 :] = meadow[:, None, None] - 0.2 * col
    paint(picture, (1, 4), (11, 14), (0.98, 0.82, 0.25))
    paint(picture, (5, 10), (2, 8), (0.93, 0.88, 0.78))
    paint(picture, (3, 5), (3, 7), (0.78, 0.25, 0.2))
    paint(picture, (7, 10), (5, 7), (0.4, 0.26, 0.18))
    return picture[None].clamp(0, 1)


def paint(
    picture: Tensor,
    rows: tuple[int, int],
    cols: tuple[int, int],
    colour: tuple[float, float, float],
) -> None:
    """Fill a rectangle of the picture."""
    fill = torch.tensor(colour, dtype=picture.dtype)[:, None, None]
    picture[:, slice(*rows), slice(*cols)] = fill


def sequences(named: dict[str, Tensor], alt: str) -> str:
    """Draw rows of pictures, one row for each (n, y, x, 3).

    Where a row is a single picture, they stand side by side.
    """
    content, left, top = [], 0, 0
    count, rows, cols, _ = next(iter(named.values())).shape
    step, height = cols * SQUARE + GAP, LABEL + rows * SQUARE + 2 * GAP
    for name, pictures in named.items():
        content.append(TEXT.format(x=left, y=top + 12, text=name))
        for index, picture in enumerate(pictures):
            place = left + index * step
            content.append(pixels(picture, place, top + LABEL))
        if count == 1:
            left += step + 4 * GAP
        else:
            top += height
    size = (left, height) if count == 1 else (count * step, top)
    return svg(content, *size, alt)


def pixels(picture: Tensor, left: int, top: int) -> str:
    """Draw a picture (y, x, 3) as squares."""
    shades = (picture.nan_to_num(0).clamp(0, 1) * 255).round().int()
    return "".join(
        RECT.format(
            x=left + SQUARE * x,
            y=top + SQUARE * y,
            w=SQUARE,
            fill="#{:02x}{:02x}{:02x}".format(*colour),
        )
        for y, line in enumerate(shades.tolist())
        for x, colour in enumerate(line)
    )


def matrices(named: dict[str, Tensor], alt: str) -> str:
    """Draw tables of numbers side by side: blue below zero, red above."""
    largest = max(
        t.nan_to_num(0, 0, 0).abs().max() for t in named.values()
    )
    content, left = [], 0
    for name, table in named.items():
        content.append(TEXT.format(x=left, y=12, text=name))
        rows, cols = table.shape
        for row in range(rows):
            for col in range(cols):
                x, y = left + 1 + col * CELL, LABEL + row * CELL
                fill = signed(table[row, col].item(), float(largest))
                content.append(
                    RECT.format(x=x, y=y, w=CELL - 1, fill=fill)
                )
        size = {"w": cols * CELL, "h": rows * CELL}
        content.append(FRAME.format(x=left, y=LABEL - 1, **size))
        left += max(cols * CELL, 60) + 24
    return svg(content, left, LABEL + rows * CELL + 4, alt)


def signed(value: float, largest: float) -> str:
    """Give the colour of a number, from blue over white to red."""
    if value != value:
        return FIXED["no-number"]
    share = max(-1.0, min(1.0, value / largest)) if largest else 0.0
    end = RAMPS["signed"][-1 if share > 0 else 0]
    parts = (int(end[at : at + 2], 16) for at in (1, 3, 5))
    mixed = (round(255 + (part - 255) * abs(share)) for part in parts)
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def svg(content: list[str], width: int, height: int, alt: str) -> str:
    """Put the parts into one picture that says what is to be seen."""
    return SVG.format(
        alt=html.escape(alt),
        width=width,
        height=height,
        content="".join(content),
    )


def tables(piece: Piece, runner: Runner) -> str:
    """Draw what the answer gave in the first case it gets wrong.

    The first sequence of the batch: a row is a token.
    """
    for case, wanted in zip(*questions(piece), strict=True):
        yours = piece.outcome(runner, case)
        if not isinstance(yours, Tensor) or yours.shape != wanted.shape:
            continue
        if agrees(yours, wanted) or wanted.ndim < 2:
            continue
        yours, wanted = (
            t.reshape(-1, *t.shape[-2:])[0] for t in (yours, wanted)
        )
        if yours.numel() > 400:
            continue
        off = (yours - wanted).abs() > 1e-6
        rows = int(off.any(dim=1).sum())
        return matrices(
            {
                "yours": yours,
                "expected": wanted,
                "the difference": yours - wanted,
            },
            f"Three tables of {wanted.shape[0]} rows, a token each, and "
            f"{wanted.shape[1]} columns: yours, the expected one, and the "
            f"difference, which is not zero in {rows} of the rows.",
        )
    return ""
