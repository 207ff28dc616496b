"""Chapter 11: what published models have beyond the chapters' own ViT."""

from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib._checks import (
    check_choice,
    check_images,
    check_rank,
    check_tokens,
    count_of,
    grid_of,
)
from vitlib.attention import Mask
from vitlib.embedding import PatchEmbedding
from vitlib.encoder import Encoder, EncoderBlock
from vitlib.tokens import add_positions, learned_positions, prepend_cls
from vitlib.vit import ViT


class Stretch(NamedTuple):
    """How a library stretches positions to another grid."""

    mode: str = "bicubic"
    antialias: bool = False
    align_corners: bool = False
    offset: float = 0.0  # added to the new sides, a habit of DINO


STRETCHES = {
    "timm": Stretch(antialias=True),
    "transformers": Stretch(),
    "torchvision": Stretch(align_corners=True),
    "google": Stretch("bilinear", align_corners=True),
    "dino": Stretch(offset=0.1),
}


class LayerScale(nn.Module):
    """Weigh, number by number, what a layer adds to the tokens.

    (b, n, d) -> (b, n, d). Source: arxiv.org/abs/2103.17239
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(embed_dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        return tokens * self.gamma


class PublishedBlock(EncoderBlock):
    """A block with another eps or GELU, and LayerScale if one wants it.

    (b, n, d) -> (b, n, d). `gelu` is "none", the exact one, or "tanh",
    Google's approximation.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        norm_eps: float = 1e-6,
        gelu: str = "none",
        layer_scale: bool = False,
    ) -> None:
        super().__init__(embed_dim, num_heads, mlp_ratio, dropout)
        check_choice("gelu", gelu, ("none", "tanh"))
        self.norm1.eps = self.norm2.eps = norm_eps
        self.mlp.act = nn.GELU(approximate=gelu)
        self.ls1 = LayerScale(embed_dim) if layer_scale else nn.Identity()
        self.ls2 = LayerScale(embed_dim) if layer_scale else nn.Identity()

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d); `mask` is as in `attention`."""
        check_tokens(tokens, self.embed_dim)
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), mask))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class AnySizeEmbedding(PatchEmbedding):
    """Take images of every size that patches cover exactly."""

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, n, d), in reading order."""
        check_rank("images", images, "(b, c, h, w)")
        size = images.shape[2], images.shape[3]
        grid_of(size, self.patch_size)
        check_images(images, self.in_channels, size)
        return rearrange(self.proj(images), "b d row col -> b (row col) d")

    @property
    def patch_size(self) -> int:
        """Side of a patch, in pixels."""
        return self.image_size[0] // self.grid[0]


class PublishedViT(ViT):
    """A ViT with what the published ones add to the chapters'.

    (b, c, h, w) -> (b, num_classes), or (b, d), the features, where
    num_classes is 0. Images may have another size than `image_size`: the
    positions are stretched as the library named `stretch` does it. In
    front of the patches stand the class token, a distillation token
    where `distilled`, and `num_registers` registers, which have no
    positions. A model with two heads gives their mean. A head of a
    `representation_size` has a linear layer and a tanh in front. Other
    settings are those of `ViT`; names of parameters are timm's.

    >>> settings = {"embed_dim": 192, "depth": 2, "num_heads": 3}
    >>> model = PublishedViT(num_registers=4, **settings)
    >>> model(torch.zeros(2, 3, 160, 224)).shape
    torch.Size([2, 1000])
    """

    patch_embed: AnySizeEmbedding

    def __init__(
        self,
        *,
        norm_eps: float = 1e-6,
        gelu: str = "none",
        layer_scale: bool = False,
        distilled: bool = False,
        num_registers: int = 0,
        representation_size: int = 0,
        stretch: str = "timm",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        check_choice("stretch", stretch, STRETCHES)
        num_registers = count_of("num_registers", num_registers)
        hidden = count_of("representation_size", representation_size)
        patch, width = self.patch_embed, self.cls_token.shape[2]
        self.patch_embed = AnySizeEmbedding(
            patch.image_size,
            patch.image_size[0] // patch.grid[0],
            patch.in_channels,
            width,
        )
        self.stretch = stretch
        self.num_placed = 1 + distilled  # in front, with a position
        self.num_prefix_tokens = self.num_placed + num_registers
        self.pos_embed = learned_positions(
            self.num_placed + patch.num_patches, width
        )
        self.dist_token = extra_tokens(int(distilled), width)
        self.reg_token = extra_tokens(num_registers, width)
        self.blocks = Encoder(
            PublishedBlock(
                width,
                settings.get("num_heads", 12),
                settings.get("mlp_ratio", 4.0),
                self.pos_drop.p,
                norm_eps,
                gelu,
                layer_scale,
            )
            for _ in self.blocks
        )
        for norm in (self.norm, self.fc_norm):
            if isinstance(norm, nn.LayerNorm):
                norm.eps = norm_eps
        classes = settings.get("num_classes", 1000)
        if hidden:
            self.head = deep_head(width, hidden, classes)
        self.head_dist = linear_head(width, classes) if distilled else None

    def forward_features(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, num_prefix_tokens + n, d)."""
        tokens = self.patch_embed(images)
        if self.dist_token is not None:
            tokens = prepend_cls(tokens, self.dist_token)
        tokens = prepend_cls(tokens, self.cls_token)
        tokens = add_positions(tokens, self.positions_for(images))
        if self.reg_token is not None:
            front, patches = tokens.tensor_split([self.num_placed], dim=1)
            registers = self.reg_token.expand(len(tokens), -1, -1)
            tokens = torch.cat([front, registers, patches], dim=1)
        return self.norm(self.blocks(self.pos_drop(tokens)))

    def positions_for(self, images: Tensor) -> Tensor:
        """Give the positions of images of this size, stretched if need be.

        (b, c, h, w) -> (1, num_placed + n, d)
        """
        positions = self.pos_embed
        assert positions is not None  # this class always learns them
        grid = grid_of([*images.shape[-2:]], self.patch_embed.patch_size)
        if grid == self.patch_embed.grid:
            return positions
        return stretched(
            positions,
            self.num_placed,
            self.patch_embed.grid,
            grid,
            STRETCHES[self.stretch],
        )

    def pool(self, tokens: Tensor) -> Tensor:
        """(b, num_prefix_tokens + n, d) -> (b, d): what a head reads."""
        patches = tokens[:, self.num_prefix_tokens :]
        return super().pool(torch.cat([tokens[:, :1], patches], dim=1))

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, num_classes)."""
        tokens = self.forward_features(images)
        scores = self.head(self.pool(tokens))
        if self.head_dist is None:
            return scores
        return (scores + self.head_dist(tokens[:, 1])) / 2


def extra_tokens(count: int, embed_dim: int) -> nn.Parameter | None:
    """Make learned tokens that are no patches: (1, count, d), or None."""
    if count == 0:
        return None
    return nn.Parameter(torch.zeros(1, count, embed_dim))


def linear_head(embed_dim: int, num_classes: int) -> nn.Module:
    """Make a head that starts at zero; without classes, none."""
    if num_classes == 0:
        return nn.Identity()
    head = nn.Linear(embed_dim, num_classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def deep_head(width: int, hidden: int, num_classes: int) -> nn.Sequential:
    """Make a head of two layers, with a tanh in between."""
    head = linear_head(hidden, num_classes)
    pre_logits = nn.Linear(width, hidden)
    return nn.Sequential(
        OrderedDict(pre_logits=pre_logits, tanh=nn.Tanh(), fc=head)
    )


def stretched(
    pos_embed: Tensor,
    front: int,
    old_grid: tuple[int, int],
    new_grid: tuple[int, int],
    how: Stretch,
) -> Tensor:
    """Stretch positions to another grid, but those of tokens in front.

    (1, front + n, d) -> (1, front + m, d), computed in float32.
    """
    first, places = pos_embed[:, :front], pos_embed[:, front:]
    picture = rearrange(
        places, "1 (row col) d -> 1 d row col", row=old_grid[0]
    )
    sides = zip(new_grid, old_grid, strict=True)
    factors = [(new + how.offset) / old for new, old in sides]
    picture = F.interpolate(
        picture.float(),
        size=None if how.offset else new_grid,
        scale_factor=factors if how.offset else None,
        mode=how.mode,
        align_corners=how.align_corners,
        antialias=how.antialias,
    )
    places = rearrange(picture, "1 d row col -> 1 (row col) d")
    return torch.cat([first, places.to(first.dtype)], dim=1)
