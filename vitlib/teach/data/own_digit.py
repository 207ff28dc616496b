"""A digit of your own, made like those that the reader learned from."""

import os

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

PAPER = " ."


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


def digit_from_picture(path: str | os.PathLike) -> Tensor:
    """Make a digit of a picture: (1, 1, 28, 28), from 0 to 1.

    Dark ink on light paper and the other way round both do: the corners
    are taken for paper. A photograph must show nothing but the digit.
    """
    with Image.open(path) as image:
        grey = np.array(image.convert("L"), dtype=np.float32) / 255
    pixels = torch.from_numpy(grey)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    ink = (pixels - corners.median()).abs()
    ink = ink / ink.max().clamp(min=1e-6)
    return like_the_others(ink * (ink > 0.3))


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
