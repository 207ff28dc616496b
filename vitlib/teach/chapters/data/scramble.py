"""Pictures in disorder: each pixel is there, its neighbours are not."""

import torch
from torch import Tensor

from vitlib.patches import patchify, unpatchify


def scramble(images: Tensor, patch_size: int, seed: int = 0) -> Tensor:
    """Put the patches, and the numbers in each, into another order.

    (b, c, h, w) -> (b, c, h, w). One order for all patches and one for
    the numbers, both decided by `seed`, the same for every picture: a ViT
    of this patch size loses nothing.

    >>> images = torch.rand(2, 1, 28, 28)
    >>> mixed = scramble(images, 7)
    >>> torch.equal(mixed.flatten(1).sort().values,
    ...             images.flatten(1).sort().values)
    True
    """
    patches = patchify(images, patch_size)
    places, numbers = (
        torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        for n in patches.shape[1:]
    )
    mixed = patches[:, places][:, :, numbers]
    return unpatchify(mixed, patch_size, tuple(images.shape[-2:]))
