"""Random questions: sizes and numbers from a seed of our own.

A library for such tests (hypothesis) would search for the smallest wrong
case, but it stores what it found between runs and words it differently
each time. Here the awkward sizes are few and known (batches of one, sides
that differ, widths that no other size shares), so they stand first in the
list, and the same random ones follow every time.
"""

import random

import torch
from torch import Tensor


class Draw:
    """Sizes and numbers, the same each time they are drawn."""

    def __init__(self, seed: int = 0) -> None:
        self.sizes = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def size(self, low: int, high: int) -> int:
        """Draw a whole number from low to high."""
        return self.sizes.randint(low, high)

    def normal(self, *shape: int, std: float = 1.0) -> Tensor:
        """Draw numbers around zero."""
        return std * torch.randn(
            shape,
            generator=self.generator,
            dtype=torch.float64,
            device="cpu",
        )

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers from 0 to 1."""
        return torch.rand(
            shape,
            generator=self.generator,
            dtype=torch.float64,
            device="cpu",
        )
