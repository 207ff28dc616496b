"""check.multi_head_attention: right answers, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from own_layers import Fused, ThreeLayers
from torch import nn
from torch.nn import functional as F

from vitlib import MultiHeadAttention
from vitlib.teach import check


class OfTorch(nn.Module):
    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x):
        x = x.transpose(0, 1)
        mixed, _ = F.multi_head_attention_forward(
            x,
            x,
            x,
            x.shape[-1],
            self.heads,
            self.qkv.weight,
            self.qkv.bias,
            None,
            None,
            False,
            0.0,
            self.proj.weight,
            self.proj.bias,
        )
        return mixed.transpose(0, 1)


@right(ThreeLayers, Fused, OfTorch)
def test_every_style_is_right(answer):
    is_right(check.multi_head_attention(answer))


class ArticleSplit(Fused):
    def split(self, x):
        b, n, _ = x.shape
        x = self.qkv(x).view(b, n, self.num_heads, -1, 3)
        return x.permute(4, 0, 2, 1, 3)


class HeadByHead(Fused):
    def split(self, x):
        b, n, _ = x.shape
        x = self.qkv(x).view(b, n, self.num_heads, 3, -1)
        return x.permute(3, 0, 2, 1, 4)


class Viewed(Fused):
    def split(self, x):
        b, n, d = x.shape
        parts = self.qkv(x).split(d, dim=2)
        return [p.reshape(b, self.num_heads, n, -1) for p in parts]


class NumbersForHeads(Fused):
    def split(self, x):
        parts = self.qkv(x).split(x.shape[-1], dim=2)
        return [
            p.unflatten(2, (-1, self.num_heads)).transpose(1, 2)
            for p in parts
        ]


class MergedAsItIs(Fused):
    def merge(self, x):
        b, heads, n, k = x.shape
        return x.reshape(b, n, heads * k)


class ViewedAndMergedAsItIs(Viewed, MergedAsItIs):
    pass


class HeadsStay(Fused):
    """Tokens and heads never change places."""

    def split(self, x):
        parts = self.qkv(x).chunk(3, dim=-1)
        return [p.unflatten(-1, (self.num_heads, -1)) for p in parts]

    def merge(self, x):
        return x.flatten(2)


class DealtAndGathered(NumbersForHeads):
    def split(self, x):
        parts = self.qkv(x).chunk(3, dim=-1)
        parted = (p.unflatten(-1, (-1, self.num_heads)) for p in parts)
        return [p.permute(0, 3, 1, 2) for p in parted]

    def merge(self, x):
        return x.permute(0, 2, 3, 1).flatten(2)


class MeanOfHeads(Fused):
    def merge(self, x):
        return torch.cat([x.mean(dim=1)] * self.num_heads, dim=-1)


class ScaledBy(Fused):
    axis = 1

    def mix(self, q, k, v):
        scale = q.shape[self.axis] ** -0.5
        return F.scaled_dot_product_attention(q, k, v, scale=scale)


class ScaledByTokens(ScaledBy):
    axis = 2


class ValuesFirst(Fused):
    def mix(self, v, q, k):
        return F.scaled_dot_product_attention(q, k, v)


class WholeWidth(Fused):
    def mix(self, q, k, v):
        scale = (q.shape[1] * q.shape[3]) ** -0.5
        return F.scaled_dot_product_attention(q, k, v, scale=scale)


class ScaledAfter(Fused):
    def mix(self, q, k, v):
        return (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 @ v


class NoProjection(Fused):
    def forward(self, x):
        return self.merge(self.mix(*self.split(x)))


class OverHeads(Fused):
    def mix(self, q, k, v):
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(1) @ v


class DealtLikeCards(Fused):
    def split(self, x):
        parts = self.qkv(x).chunk(3, dim=-1)
        heads = (
            [
                p[..., head :: self.num_heads]
                for head in range(self.num_heads)
            ]
            for p in parts
        )
        return [torch.stack(several, dim=1) for several in heads]


class MergedInTurn(Fused):
    def merge(self, x):
        return torch.stack(x.unbind(1), dim=-1).flatten(2)


class OneHead(Fused):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, 1)


def mixed_by(mix):
    """Let a layer mix in another way."""
    return type("Mixed", (Fused,), {"mix": staticmethod(mix)})


def shares(q, k, power=-0.5):
    return (q @ k.mT * q.shape[-1] ** power).softmax(-1)


class Unbiased(Fused):
    """Forget the bias of the layer of this name."""

    name = "qkv"

    def forward(self, x):
        layer = getattr(self, self.name)
        layer.forward = lambda x: x @ layer.weight.T
        return super().forward(x)


class ProjUnbiased(Unbiased):
    name = "proj"


class WithSum(Fused):
    def forward(self, x):
        return x + super().forward(x)


class DropsAlways(Fused):
    def forward(self, x):
        x = self.proj(self.merge(self.mix(*self.split(x))))
        return F.dropout(x, self.drop.p)


class DropsNever(Fused):
    def forward(self, x):
        return self.proj(self.merge(self.mix(*self.split(x))))


class NoQkvBias(Fused):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)


class BatchSecond(nn.Module):
    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.inner = OfTorch(embed_dim, num_heads)
        self.qkv, self.proj = self.inner.qkv, self.inner.proj

    def forward(self, x):
        return self.inner(x.transpose(0, 1)).transpose(0, 1)


class Cut(Fused):
    def forward(self, x):
        with torch.no_grad():
            parts = self.split(x)
        return self.proj(self.merge(self.mix(*parts)))


@wrong(
    ("split_as_qkv_k_heads", DealtLikeCards),
    ("merged_as_k_heads", MergedInTurn),
    ("one_head", OneHead),
    ("no_scale", mixed_by(lambda q, k, v: shares(q, k, 0) @ v)),
    (
        "divided_by_head_dim",
        mixed_by(lambda q, k, v: shares(q, k, -1) @ v),
    ),
    (
        "softmax_over_queries",
        mixed_by(
            lambda q, k, v: (
                (k @ q.mT / q.size(-1) ** 0.5).softmax(-1).mT @ v
            )
        ),
    ),
    (
        "queries_and_keys_swapped",
        mixed_by(lambda q, k, v: shares(k, q) @ v),
    ),
    (
        "keys_and_values_swapped",
        mixed_by(lambda q, k, v: shares(q, v) @ k),
    ),
    ("no_qkv_bias", Unbiased),
    ("no_proj_bias", ProjUnbiased),
    ("with_residual", WithSum),
    ("split_and_merged_by_reshape", ViewedAndMergedAsItIs),
    ("heads_attend_to_heads", HeadsStay),
    ("dealt_and_gathered", DealtAndGathered),
    ("mean_of_heads", MeanOfHeads),
    ("divided_by_root_of_heads", ScaledBy),
    ("divided_by_root_of_tokens", ScaledByTokens),
    ("values_first", ValuesFirst),
    ("split_as_heads_k_qkv", ArticleSplit),
    ("split_as_heads_qkv_k", HeadByHead),
    ("split_by_reshape", Viewed),
    ("heads_and_numbers_swapped", NumbersForHeads),
    ("merged_by_reshape", MergedAsItIs),
    ("divided_by_root_of_embed_dim", WholeWidth),
    ("scale_after_softmax", ScaledAfter),
    ("no_projection", NoProjection),
    ("softmax_over_heads", OverHeads),
    ("drops_at_rest", DropsAlways),
    ("drops_nothing", DropsNever),
    ("no_bias", NoQkvBias),
    ("attends_across_images", BatchSecond),
    ("no_gradient", Cut),
    ("made_already", MultiHeadAttention(4, 2)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.multi_head_attention(answer))


def test_the_sizes_of_the_answer_are_said():
    said = str(check.multi_head_attention(NumbersForHeads))
    assert "these are 4 heads of 3 numbers, wanted are 3 of 4" in said
    said = str(check.multi_head_attention(WholeWidth))
    assert "divided by the root of 12, the width" in said


def test_a_bias_that_is_missing_is_named():
    said = str(check.multi_head_attention(NoQkvBias))
    assert "Your `qkv` has no bias" in said
