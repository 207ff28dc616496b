"""A digit of your own, made like those that the reader learned from."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.photos import Source, open_photo
from vitlib.teach.data.digits import digits
from vitlib.teach.data.ink import brightness
from vitlib.teach.data.signs import one_sign

PAPER = " ."
LEAST_LIKE = 0.866  # no one of 1,000 digits that it did not learn is less
BLUR = 1.2  # pixels


def digit_from_text(rows: list[str]) -> Tensor:
    """Make a digit of lines of text: (1, 1, 28, 28), from 0 to 1.

    A dot or a space is paper, everything else is ink.

    >>> digit_from_text(["..#", ".##", "..#", "..#"]).shape
    torch.Size([1, 1, 28, 28])
    """
    width = max((len(row) for row in rows), default=0)
    ink = [
        [mark not in PAPER for mark in row.ljust(width)] for row in rows
    ]
    return like_the_others(torch.tensor(ink, dtype=torch.float32))


def digit_from_picture(picture: Source) -> Tensor:
    """Make a digit of a picture: (1, 1, 28, 28), from 0 to 1.

    `picture` is what `open_photo` takes. Dark ink on light paper and the
    other way round both do. Shadows, printed lines, specks and what
    touches the edge, as a table does, are left out. What is no single
    digit is refused with the reason: no ink, several signs, a scribble,
    and what is like none of the digits that the reader learned from.
    """
    sign = one_sign(brightness(open_photo(picture)))
    digit = like_the_others(torch.from_numpy(sign))
    likeness = float((known_digits() @ seen_softly(digit)[0]).max())
    if likeness < LEAST_LIKE:
        raise ValueError(
            "what is in this picture is like no digit: the nearest of "
            f"8,000 has a likeness of {likeness:.2f}, and a digit at "
            f"least {LEAST_LIKE}"
        )
    return digit


@cache
def known_digits() -> Tensor:
    """What the reader learned from, seen softly: (8000, 196)."""
    return seen_softly(digits("train")[0])


def seen_softly(images: Tensor) -> Tensor:
    """(n, 1, 28, 28) -> (n, 196): blurred, halved, of length 1."""
    away = torch.arange(-3, 4) / BLUR
    bell = (-away.square() / 2).exp()
    bell = bell / bell.sum()
    images = F.conv2d(images, bell.view(1, 1, 7, 1), padding=(3, 0))
    images = F.conv2d(images, bell.view(1, 1, 1, 7), padding=(0, 3))
    return F.normalize(F.avg_pool2d(images, 2).flatten(1), dim=1)


def like_the_others(ink: Tensor) -> Tensor:
    """(h, w), 0 for paper -> (1, 1, 28, 28), as MNIST's digits were made.

    Cut out, the longer side made 20 pixels, and the middle of the ink put
    where theirs is, on the pixel below and right of the centre.
    """
    if ink.ndim != 2 or not ink.any():
        raise ValueError(
            f"there is no ink in this picture, {tuple(ink.shape)}: "
            "draw with any mark but a dot or a space"
        )
    rows, cols = (ink.any(dim=d).nonzero().flatten() for d in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    scale = 20 / max(ink.shape)
    size = [max(1, round(side * scale)) for side in ink.shape]
    small = F.interpolate(
        ink[None, None], size=size, mode="bilinear", antialias=True
    )
    small = small / small.max()
    places = [torch.arange(side) + 0.5 for side in size]
    weights = small[0, 0] / small.sum()
    top = round(14.5 - float((weights.sum(1) * places[0]).sum()))
    left = round(14.5 - float((weights.sum(0) * places[1]).sum()))
    top = min(max(top, 0), 28 - size[0])
    left = min(max(left, 0), 28 - size[1])
    return F.pad(
        small, (left, 28 - left - size[1], top, 28 - top - size[0])
    )
