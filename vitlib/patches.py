"""Chapter 2: an image becomes a sequence of patches, and back again."""

from einops import rearrange
from torch import Tensor

from vitlib._checks import check_patches, check_rank, grid_of


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut images into squares and lay them out in reading order.

    (b, c, h, w) -> (b, n, d) with n = (h / p) * (w / p), d = p * p * c.
    Patches go left to right, top to bottom; the numbers inside a patch
    stand in the order row, column, channel. Any dtype and channels.
    ValueError where the patches would not cover the image exactly.

    >>> import torch
    >>> patchify(torch.zeros(2, 3, 32, 48), patch_size=16).shape
    torch.Size([2, 6, 768])
    """
    check_rank("images", images, "(b, c, h, w)")
    grid_of(tuple(images.shape[-2:]), patch_size)
    return rearrange(
        images,
        "b c (row y) (col x) -> b (row col) (y x c)",
        y=patch_size,
        x=patch_size,
    )


def unpatchify(
    patches: Tensor, patch_size: int, image_size: int | tuple[int, int]
) -> Tensor:
    """Put the patches of `patchify` together again, exactly.

    (b, n, d) -> (b, c, h, w) with c = d / (p * p). `image_size` is the
    side in pixels, or (height, width). ValueError where the number or
    the length of the patches does not fit.

    >>> import torch
    >>> images = torch.rand(2, 3, 32, 48)
    >>> patches = patchify(images, patch_size=16)
    >>> torch.equal(unpatchify(patches, 16, (32, 48)), images)
    True
    """
    grid = grid_of(image_size, patch_size)
    check_patches(patches, grid, patch_size)
    return rearrange(
        patches,
        "b (row col) (y x c) -> b c (row y) (col x)",
        row=grid[0],
        y=patch_size,
        x=patch_size,
    )
