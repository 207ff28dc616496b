"""Chapter 7: the whole Vision Transformer, image in, class scores out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vitlib._checks import check_choice, count_of, dropout_of, sizes_of
from vitlib.embedding import PatchEmbedding
from vitlib.encoder import Encoder, EncoderBlock
from vitlib.tokens import (
    add_positions,
    learned_positions,
    prepend_cls,
    sincos_positions,
)


class Size(NamedTuple):
    """What the name of a published model stands for."""

    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int


SIZES = {
    "Ti/16": Size(16, 192, 12, 3),
    "S/16": Size(16, 384, 12, 6),
    "B/16": Size(16, 768, 12, 12),
    "B/32": Size(32, 768, 12, 12),
    "L/16": Size(16, 1024, 24, 16),
    "H/14": Size(14, 1280, 32, 16),
}


class ViT(nn.Module):
    """Classify images by a Transformer over their patches.

    (b, c, h, w) -> (b, num_classes): scores (logits), no softmax. The
    defaults are ViT-B/16. `positions` are "learned", "sincos" or "none";
    `global_pool` is "token" (the class token's output) or "avg" (the mean
    of the patches' outputs, then the norm, as in timm). The head starts at
    zero: the first loss is ln(num_classes), the first scores are all 0;
    with num_classes 0 there is none, and the features come, (b, d).
    Names of parameters are timm's. Source: arxiv.org/abs/2010.11929

    >>> ViT()(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 1000])
    """

    pos_embed: Tensor | None

    def __init__(
        self,
        *,
        image_size: int | tuple[int, int] = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        num_classes: int = 1000,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        positions: str = "learned",
        global_pool: str = "token",
    ) -> None:
        super().__init__()
        embed_dim, depth = sizes_of(embed_dim=embed_dim, depth=depth)
        num_classes = count_of("num_classes", num_classes)
        check_choice("positions", positions, ("learned", "sincos", "none"))
        check_choice("global_pool", global_pool, ("token", "avg"))
        self.patch_embed = PatchEmbedding(
            image_size, patch_size, in_channels, embed_dim
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        if positions == "learned":
            num_tokens = 1 + self.patch_embed.num_patches
            self.pos_embed = learned_positions(num_tokens, embed_dim)
        elif positions == "sincos":
            waves = sincos_positions(self.patch_embed.grid, embed_dim)
            self.register_buffer("pos_embed", waves)
        else:
            self.pos_embed = None
        self.pos_drop = nn.Dropout(dropout_of(dropout))
        self.blocks = Encoder(
            EncoderBlock(embed_dim, num_heads, mlp_ratio, dropout)
            for _ in range(depth)
        )
        self.global_pool = global_pool
        norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.norm = norm if global_pool == "token" else nn.Identity()
        self.fc_norm = norm if global_pool == "avg" else nn.Identity()
        self.head: nn.Module = nn.Identity()
        if num_classes:
            self.head = nn.Linear(embed_dim, num_classes)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    @classmethod
    def from_name(cls, name: str, **settings: Any) -> "ViT":
        """Make a published size, say "B/16"; `settings` as for `ViT`.

        >>> sum(p.numel() for p in ViT.from_name("Ti/16").parameters())
        5717416
        """
        check_choice("name", name, SIZES)
        return cls(**SIZES[name]._asdict() | settings)

    def forward_features(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, 1 + n, d): what `pool` gets."""
        tokens = self.patch_embed(images)
        tokens = prepend_cls(tokens, self.cls_token)
        if self.pos_embed is not None:
            tokens = add_positions(tokens, self.pos_embed)
        tokens = self.blocks(self.pos_drop(tokens))
        return self.norm(tokens)

    def pool(self, tokens: Tensor) -> Tensor:
        """(b, 1 + n, d) -> (b, d): the features which the head reads."""
        if self.global_pool == "avg":
            return self.fc_norm(tokens[:, 1:].mean(dim=1))
        return tokens[:, 0]

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, num_classes)."""
        tokens = self.forward_features(images)
        return self.head(self.pool(tokens))
