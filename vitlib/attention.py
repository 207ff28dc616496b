"""Chapter 5: every token looks at every other and takes what it needs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from einops import einsum, rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib._checks import (
    check_dropout,
    check_heads,
    check_queries,
    check_tokens,
    check_values,
)

Mask = Tensor | None  # boolean, True where a query may look


def attention_weights(q: Tensor, k: Tensor, mask: Mask = None) -> Tensor:
    """Say what share each query takes of each key; a row sums to 1.

    (b, heads, queries, k), (b, heads, keys, k) -> (b, heads, queries,
    keys): the softmax of the dot products over sqrt(k), k the head_dim.

    >>> import torch
    >>> q, k = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8)
    >>> attention_weights(q, k).shape
    torch.Size([2, 3, 5, 7])
    """
    check_queries(q, k, mask)
    scores = einsum(q, k, "b heads i k, b heads j k -> b heads i j")
    scores = scores / q.shape[-1] ** 0.5
    if mask is None:
        return scores.softmax(dim=-1)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1).masked_fill(~mask, 0.0)


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
) -> Tensor:
    """Mix the values by the attention weights, every step written out.

    (b, heads, queries, k), twice (b, heads, keys, k) -> (b, heads,
    queries, k). `mask` is boolean, True where a query may look, of shape
    (queries, keys) or all four axes, the first three of which may be 1.
    A query that may look nowhere gets zeros, as in torch.

    >>> import torch
    >>> q, k, v = torch.randn(3, 2, 4, 5, 8)
    >>> expected = F.scaled_dot_product_attention(q, k, v)
    >>> torch.allclose(attention(q, k, v), expected, atol=1e-6)
    True
    """
    check_values(v, k)
    return attention_weights(q, k, mask) @ v


def fused_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
) -> Tensor:
    """Do what `attention` does in one kernel that stores no weights."""
    check_queries(q, k, mask)
    check_values(v, k)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class MultiHeadAttention(nn.Module):
    """Let every token gather from all others, in several heads at once.

    (b, n, d) -> (b, n, d), each head on its own d / heads numbers. To
    exchange the function that mixes the values, set `attention` to
    another of its signature. `dropout` acts on the output. Weights start
    by Xavier's rule. ValueError where the heads do not divide the width.

    >>> import torch
    >>> MultiHeadAttention(64, 4)(torch.randn(2, 17, 64)).shape
    torch.Size([2, 17, 64])
    """

    def __init__(
        self,
        embed_dim: int = 768,
        num_heads: int = 12,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_dropout(dropout)
        self.num_heads = num_heads
        self.attention = fused_attention
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.proj_drop = nn.Dropout(dropout)
        for weight in (*self.qkv.weight.chunk(3), self.proj.weight):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.proj.bias)

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d); `mask` is as in `attention`."""
        check_tokens(tokens, self.proj.in_features)
        q, k, v = rearrange(
            self.qkv(tokens),
            "b n (qkv heads k) -> qkv b heads n k",
            qkv=3,
            heads=self.num_heads,
        )
        mixed = self.attention(q, k, v, mask)
        mixed = rearrange(mixed, "b heads n k -> b n (heads k)")
        return self.proj_drop(self.proj(mixed))


@contextmanager
def record_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of each layer while the block runs.

    The list gets a (b, heads, n, n) per layer, in the order of the calls.
    Functions that you set as `attention` rest meanwhile.

    >>> import torch
    >>> layer = MultiHeadAttention(64, 4)
    >>> with record_attention(layer) as maps:
    ...     tokens = layer(torch.randn(2, 17, 64))
    >>> maps[0].shape
    torch.Size([2, 4, 17, 17])
    """
    modules = model.modules()
    layers = [m for m in modules if isinstance(m, MultiHeadAttention)]
    if not layers:
        raise ValueError("the model has no MultiHeadAttention to record")
    before = [layer.attention for layer in layers]
    maps: list[Tensor] = []

    def recorded(
        q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
    ) -> Tensor:
        maps.append(attention_weights(q, k, mask))
        return maps[-1] @ v

    try:
        for layer in layers:
            layer.attention = recorded
        yield maps
    finally:
        for layer, function in zip(layers, before, strict=True):
            layer.attention = function
