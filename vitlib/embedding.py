"""Chapter 3: each patch becomes a token, by one linear layer."""

import torch
from einops import rearrange
from torch import Tensor, fx, nn

from vitlib._checks import (
    check_convolution,
    check_images,
    grid_of,
    sizes_of,
)

for _called in (rearrange, check_images):
    fx.wrap(_called)  # torch.fx keeps the call as it is


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
        patch_size, in_channels, embed_dim = sizes_of(
            patch_size=patch_size,
            in_channels=in_channels,
            embed_dim=embed_dim,
        )
        self.in_channels = in_channels
        rows, cols = self.grid = grid_of(image_size, patch_size)
        self.num_patches = rows * cols
        self.image_size = (rows * patch_size, cols * patch_size)
        self.proj = nn.Conv2d(
            in_channels, embed_dim, patch_size, stride=patch_size
        )
        fan_in = in_channels * patch_size**2
        weight, bias = self.proj.parameters()
        nn.init.normal_(weight, std=fan_in**-0.5)
        nn.init.zeros_(bias)

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, n, d), in reading order."""
        check_images(images, self.in_channels, self.image_size)
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
        check_convolution(self.proj)
        weight = rearrange(self.proj.weight, "d c y x -> d (y x c)")
        outputs, inputs = weight.shape
        bias = self.proj.bias
        linear = nn.Linear(inputs, outputs, bias is not None).to(weight)
        with torch.no_grad():
            linear.weight.copy_(weight)
            if bias is not None:
                linear.bias.copy_(bias)
        return linear
