"""Chapter 3: each patch becomes a token, by one linear layer."""

import torch
from einops import rearrange
from torch import Tensor, nn

from vitlib._checks import check_images, check_sizes, grid_of


class PatchEmbedding(nn.Module):
    """Turn every patch of an image into a token, with the same weights.

    (b, c, h, w) -> (b, n, d). The layer is a convolution whose kernel
    and step are one patch; `as_linear` gives its equal for the patches
    of `patchify`. `image_size` is a side in pixels or (height, width).
    Weights start with variance 1 / (p * p * c), LeCun's rule.
    ValueError for images of another size, other channels, or integers.

    >>> PatchEmbedding()(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 196, 768])
    """

    def __init__(
        self,
        image_size: int | tuple[int, int] = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        embed_dim: int = 768,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, embed_dim=embed_dim)
        rows, cols = self.grid = grid_of(image_size, patch_size)
        self.num_patches = rows * cols
        self.image_size = (rows * patch_size, cols * patch_size)
        self.proj = nn.Conv2d(
            in_channels, embed_dim, patch_size, stride=patch_size
        )
        fan_in = in_channels * patch_size**2
        nn.init.normal_(self.proj.weight, std=fan_in**-0.5)
        nn.init.zeros_(self.proj.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, n, d), in reading order."""
        check_images(images, self.proj.in_channels, self.image_size)
        maps = self.proj(images)
        return rearrange(maps, "b d row col -> b (row col) d")

    def as_linear(self) -> nn.Linear:
        """Give the equal linear layer: p * p * c numbers in, d out.

        It takes patches as `patchify` lays them out, so each filter goes
        from (channel, row, column) to (row, column, channel).

        >>> from vitlib.patches import patchify
        >>> embed = PatchEmbedding(32, patch_size=8, embed_dim=64)
        >>> images = torch.rand(2, 3, 32, 32)
        >>> tokens = embed.as_linear()(patchify(images, 8))
        >>> torch.allclose(tokens, embed(images), atol=1e-5)
        True
        """
        weight = rearrange(self.proj.weight, "d c y x -> d (y x c)")
        linear = nn.Linear(*weight.T.shape).to(weight)
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(self.proj.bias)
        return linear
