"""Training digits drawn again, each time by a slightly different hand."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from vitlib._checks import check_float, check_rank, is_number


def distort(
    images: Tensor, generator: Generator, strength: float = 1.0
) -> Tensor:
    """Turn, slant, stretch, shift, bend and thicken each image by chance.

    (n, c, h, w) -> (n, c, h, w). At strength 1 an image turns by up to 15
    degrees, is stretched by up to 15 % in each direction and shifted by up
    to a fourteenth of its side, bends like rubber, and its strokes grow or
    shrink by up to 0.8 pixels at each edge. `generator` lives on the CPU.
    Source of the bending: Simard, Steinkraus and Platt, 2003.

    >>> generator = torch.Generator().manual_seed(0)
    >>> distort(torch.rand(5, 1, 28, 28), generator).shape
    torch.Size([5, 1, 28, 28])
    """
    check_rank("images", images, "(n, c, h, w)")
    check_float("images", images)
    if not is_number(strength) or strength < 0:
        raise ValueError(
            f"strength is {strength!r}; it must be a number, 0 or more"
        )
    grid = affine(len(images), generator, strength)
    grid = F.affine_grid(grid, images.shape, align_corners=False)
    grid = grid + bend(images.shape, generator, strength)
    moved = F.grid_sample(images, grid.to(images), align_corners=False)
    return thicken(moved, generator, strength)


def uniform(n: int, reach: float, generator: Generator) -> Tensor:
    """Draw n numbers from -reach to reach."""
    return (2 * torch.rand(n, generator=generator) - 1) * reach


def affine(n: int, generator: Generator, strength: float) -> Tensor:
    """Give (n, 2, 3): where in the input each output place looks."""
    angle = uniform(n, math.radians(15) * strength, generator)
    wide = 1 + uniform(n, 0.15 * strength, generator)
    high = 1 + uniform(n, 0.15 * strength, generator)
    slant = uniform(n, 0.2 * strength, generator)
    right = uniform(n, strength / 7, generator)
    down = uniform(n, strength / 7, generator)
    first = torch.stack(
        [wide * angle.cos(), slant - angle.sin(), right], 1
    )
    second = torch.stack([angle.sin(), high * angle.cos(), down], 1)
    return torch.stack([first, second], 1)


def bend(
    shape: torch.Size, generator: Generator, strength: float
) -> Tensor:
    """Give (n, h, w, 2): smooth moves between 5 x 5 random ones."""
    n, _, h, w = shape
    coarse = torch.randn(n, 2, 5, 5, generator=generator)
    fine = F.interpolate(
        0.06 * strength * coarse,
        size=(h, w),
        mode="bicubic",
        align_corners=True,
    )
    return fine.permute(0, 2, 3, 1)


def thicken(
    images: Tensor, generator: Generator, strength: float
) -> Tensor:
    """Let the strokes of an image grow, shrink, or stay as they are."""
    thick = F.max_pool2d(images, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-images, 3, stride=1, padding=1)
    share = uniform(len(images), 0.8 * min(strength, 1), generator)
    share = share.to(images)[:, None, None, None]
    grown = images + (thick - images) * share
    shrunk = images + (images - thin) * share
    return torch.where(share > 0, grown, shrunk)
