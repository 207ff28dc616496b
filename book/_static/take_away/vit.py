"""A Vision Transformer in one file: image in, class scores out.

Cut out of vitlib, the package of the book "Vision Transformers, piece by
piece", which explains every line. Parameters have timm's names; torch and
einops are all it needs. b images, c channels, h x w pixels, p the side of
a patch, n tokens, d numbers a token, k numbers a head.

MIT License. Copyright (c) 2026 The authors of "Vision Transformers, piece
by piece". Provided as is, without warranty of any kind.
"""

import torch
from einops import einsum, rearrange
from torch import Tensor, nn
from torch.nn import functional as F


def grid_of(image_size, patch_size):
    """Rows and columns of patches, for a side or a (height, width)."""
    sides = image_size
    if isinstance(image_size, int):
        sides = image_size, image_size
    height, width, patch_size = sides[0], sides[1], patch_size
    assert not any((height % patch_size, width % patch_size)), (
        "patches must cover the image exactly"
    )
    return height // patch_size, width // patch_size


class PatchEmbedding(nn.Module):
    """Turn every patch of an image into a token, with the same weights."""

    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        rows, cols = self.grid = grid_of(image_size, patch_size)
        self.num_patches = rows * cols
        self.proj = nn.Conv2d(
            in_channels, embed_dim, patch_size, stride=patch_size
        )
        fan_in = in_channels * patch_size**2
        weight, bias = self.proj.parameters()
        nn.init.normal_(weight, std=fan_in**-0.5)
        nn.init.zeros_(bias)

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, n, d), in reading order."""
        maps = self.proj(images)
        return rearrange(maps, "b d row col -> b (row col) d")


def prepend_cls(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Put the same learned class token in front of every sequence."""
    cls_tokens = cls_token.expand(tokens.shape[0], -1, -1)
    return torch.cat([cls_tokens, tokens], dim=1)


def learned_positions(num_tokens, embed_dim):
    """Make positions to be learned: (1, n, d), small random numbers."""
    positions = torch.empty(1, num_tokens, embed_dim)
    return nn.Parameter(nn.init.normal_(positions, std=embed_dim**-0.5))


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    """Say what share each query takes of each key; a row sums to 1."""
    dtype = torch.promote_types(q.dtype, torch.float32)
    q, k, given = q.to(dtype), k.to(dtype), q.dtype
    scores = einsum(q, k, "b heads i k, b heads j k -> b heads i j")
    scores = scores / q.shape[-1] ** 0.5
    return scores.softmax(dim=-1).to(given)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Mix the values by the attention weights, every step written out."""
    return attention_weights(q, k) @ v


class MultiHeadAttention(nn.Module):
    """Let every token gather from all others, in several heads at once."""

    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.attention = F.scaled_dot_product_attention
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)
        for weight in (*self.qkv.weight.chunk(3), self.proj.weight):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.proj.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        q, k, v = rearrange(
            self.qkv(tokens),
            "b n (qkv heads k) -> qkv b heads n k",
            qkv=3,
            heads=self.num_heads,
        )
        mixed = self.attention(q, k, v)
        mixed = rearrange(mixed, "b heads n k -> b n (heads k)")
        return self.proj(mixed)


class MLP(nn.Module):
    """Work on each token alone: widen, bend (GELU), narrow."""

    def __init__(self, embed_dim, mlp_ratio):
        super().__init__()
        hidden_dim = int(mlp_ratio * embed_dim)
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, embed_dim)
        for layer in (self.fc1, self.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-06)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        hidden = self.act(self.fc1(tokens))
        return self.fc2(hidden)


class EncoderBlock(nn.Module):
    """Add to every token what it gathers, then what it makes of it."""

    def __init__(self, embed_dim, num_heads, mlp_ratio):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-06)
        self.attn = MultiHeadAttention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-06)
        self.mlp = MLP(embed_dim, mlp_ratio)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Encoder(nn.ModuleList):
    """Run the blocks it holds, one after the other."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        for block in self:
            tokens = block(tokens)
        return tokens


class ViT(nn.Module):
    """Classify images by a Transformer over their patches."""

    def __init__(
        self,
        *,
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        embed_dim=768,
        depth=12,
        num_heads=12,
        mlp_ratio=4.0,
    ):
        super().__init__()
        self.patch_embed = PatchEmbedding(
            image_size, patch_size, in_channels, embed_dim
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        num_tokens = 1 + self.patch_embed.num_patches
        self.pos_embed = learned_positions(num_tokens, embed_dim)
        self.blocks = Encoder(
            EncoderBlock(embed_dim, num_heads, mlp_ratio)
            for _ in range(depth)
        )
        norm = nn.LayerNorm(embed_dim, eps=1e-06)
        self.norm = norm
        self.head = nn.Identity()
        if num_classes:
            self.head = nn.Linear(embed_dim, num_classes)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward_features(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, 1 + n, d)."""
        tokens = self.patch_embed(images)
        tokens = prepend_cls(tokens, self.cls_token)
        tokens = tokens + self.pos_embed
        tokens = self.blocks(tokens)
        return self.norm(tokens)

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, num_classes)."""
        tokens = self.forward_features(images)
        return self.head(tokens[:, 0])
