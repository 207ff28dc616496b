"""Tokens as colours: what sets the patches of photos apart most."""

import torch
from torch import Tensor

SPARE = 0.02  # of the patches at either end may be beyond the colours


def colours_of(blocks: list[Tensor]) -> list[Tensor]:
    """Give every patch a colour behind every block: colours.js in Python.

    `blocks` are tokens (photos, 1 + n, d), block by block; the result is
    as long, each (photos, n, 3) from 0 to 1. The patches of a block are
    laid out along their three principal components. For the last block
    these are red, green and blue, each with the sign of its largest
    number; before, the three are turned so that a patch has, as nearly
    as it can, the colour it will have behind the next block.
    """
    found: list[Tensor] = []
    after = None
    for tokens in reversed(blocks):
        patches = tokens[:, 1:].flatten(0, 1).double()
        left, _, right = torch.linalg.svd(
            patches - patches.mean(dim=0), full_matrices=False
        )
        laid = left[:, :3]
        if after is None:
            largest = right[:3].abs().argmax(dim=1, keepdim=True)
            laid = laid * right[:3].gather(1, largest).sign().T
        else:
            u, _, v = torch.linalg.svd(laid.T @ after)
            laid = laid @ u @ v
        after = laid
        found.append(stretched(laid).reshape(len(tokens), -1, 3).float())
    return found[::-1]


def stretched(laid: Tensor) -> Tensor:
    """Stretch each column to 0 to 1, but for a few at either end."""
    ordered, last = laid.sort(dim=0).values, len(laid) - 1
    low, high = (
        ordered[round(share * last)] for share in (SPARE, 1 - SPARE)
    )
    return ((laid - low) / (high - low)).clamp(0, 1)
