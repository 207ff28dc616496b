"""Chapter 5: every token looks at every other and takes what it needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from einops import einsum, rearrange
from torch import Tensor, fx, nn
from torch.nn import functional as F

from vitlib._checks import (
    check_heads,
    check_queries,
    check_tokens,
    check_values,
    dropout_of,
    sizes_of,
)
from vitlib._eager import uncompiled
from vitlib._recording import (
    ask_for_weights,
    check_mixture,
    check_recordable,
    exactly,
    is_watched,
    maps_of,
    recording,
    unwatched,
)

Mask = Tensor | None  # True where a query may look, or added to scores
Mixer = Callable[[Tensor, Tensor, Tensor, Mask], Tensor]

for _called in (rearrange, check_tokens, check_queries, check_values):
    fx.wrap(_called)  # torch.fx keeps the call as it is


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
    dtype = torch.promote_types(q.dtype, torch.float32)
    q, k, given = q.to(dtype), k.to(dtype), q.dtype
    scores = einsum(q, k, "b heads i k, b heads j k -> b heads i j")
    scores = scores / q.shape[-1] ** 0.5
    if mask is None:
        return scores.softmax(dim=-1).to(given)
    if mask.is_floating_point():
        scores, mask = scores + mask, mask > -torch.inf
    scores = scores.masked_fill(~mask, torch.finfo(dtype).min)
    return scores.softmax(dim=-1).masked_fill(~mask, 0.0).to(given)


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
) -> Tensor:
    """Mix the values by the attention weights, every step written out.

    (b, heads, queries, k), twice (b, heads, keys, k) -> (b, heads,
    queries, k). `mask` is boolean, True where a query may look, or floats
    that are added to the scores; of shape (queries, keys) or all four
    axes, the first three of which may be 1. A query that may look nowhere
    (False or -inf at all keys) gets zeros, as in torch.

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
    another of its signature, a module too. `dropout` acts on the output.
    Weights start by Xavier's rule. ValueError where the heads do not
    divide the width.

    >>> import torch
    >>> MultiHeadAttention(64, 4)(torch.randn(2, 17, 64)).shape
    torch.Size([2, 17, 64])
    """

    attention: Mixer

    def __init__(
        self,
        embed_dim: int = 768,
        num_heads: int = 12,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        embed_dim, num_heads = sizes_of(
            embed_dim=embed_dim, num_heads=num_heads
        )
        check_heads(embed_dim, num_heads)
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.attention = fused_attention
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.proj_drop = nn.Dropout(dropout_of(dropout))
        for weight in (*self.qkv.weight.chunk(3), self.proj.weight):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.proj.bias)

    def __setattr__(self, name: str, value: Any) -> None:
        """Take a function as `attention` where a module was, too."""
        if name == "attention":
            self._modules.pop(name, None)
        super().__setattr__(name, value)

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d); `mask` is as in `attention`."""
        check_tokens(tokens, self.embed_dim)
        q, k, v = rearrange(
            self.qkv(tokens),
            "b n (qkv heads k) -> qkv b heads n k",
            qkv=3,
            heads=self.num_heads,
        )
        mixed = self.mix(q, k, v, mask)
        mixed = rearrange(mixed, "b heads n k -> b n (heads k)")
        return self.proj_drop(self.proj(mixed))

    def mix(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
    ) -> Tensor:
        """Mix the values by `attention`, and note how, if one records."""
        maps = maps_of(self)
        if maps is None:
            return self.attention(q, k, v, mask)
        mixed, weights = mix_and_tell(self.attention, q, k, v, mask)
        maps.append(weights)
        return mixed


def mix_and_tell(
    function: Mixer, q: Tensor, k: Tensor, v: Tensor, mask: Mask
) -> tuple[Tensor, Tensor]:
    """Mix the values by a function, and say by which weights.

    With a function of this module the mixture is made from the weights,
    so that gradients go from the one to the other; not under a gradient
    checkpoint, which computes again without them.
    """
    known = function in (attention, fused_attention)
    if known and not is_watched():
        weights = weights_of(function, q, k, mask)
        return weights @ v, weights
    mixed = function(q, k, v, mask)
    with unwatched():
        weights = weights_of(function, q, k, mask)
    if not known:
        check_mixture(mixed, weights, v)
    return mixed, weights


def weights_of(
    function: Mixer, q: Tensor, k: Tensor, mask: Mask
) -> Tensor:
    """Give the weights by which a function mixes, whatever it is."""
    if function not in (attention, fused_attention):
        return ask_for_weights(function, q, k, mask)
    with exactly(q.device.type):
        return attention_weights(q, k, mask)


@contextmanager
def record_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of each layer while the block runs.

    The list gets a (b, heads, n, n) per layer, in the order of the calls
    that this thread makes; not from copies of the model, nor what a
    gradient checkpoint computes again. A function that you set as
    `attention` mixes as ever, and is asked for its weights by values of
    ones and zeros: ValueError where it mixes by more, say by dropout.

    >>> import torch
    >>> layer = MultiHeadAttention(64, 4)
    >>> with record_attention(layer) as maps:
    ...     tokens = layer(torch.randn(2, 17, 64))
    >>> maps[0].shape
    torch.Size([2, 4, 17, 17])
    """
    modules = model.modules()
    layers = [m for m in modules if isinstance(m, MultiHeadAttention)]
    check_recordable(model, layers)
    with uncompiled(model), recording(layers) as maps:
        yield maps
