"""The checkers of modules: right answers of any style, and wrong ones."""

import math

import pytest
import torch
from einops.layers.torch import Rearrange
from torch import nn
from torch.nn import functional as F

from vitlib import (
    MLP,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
    patchify,
)
from vitlib.teach import check


def right(function, *answers):
    return pytest.mark.parametrize(
        ("checker", "answer"),
        [pytest.param(function, a, id=a.__name__) for a in answers],
    )


# Patch embedding


def sides(size):
    return (size, size) if isinstance(size, int) else size


class ByConvolution(nn.Module):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.proj = nn.Conv2d(
            in_channels, embed_dim, patch_size, patch_size
        )

    def tokens(self, maps):
        return maps.flatten(2).transpose(1, 2)

    def forward(self, x):
        return self.tokens(self.proj(x))


class ByLinear(nn.Module):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.p = patch_size
        self.proj = nn.Linear(in_channels * self.p**2, embed_dim)

    def forward(self, images):
        return self.proj(patchify(images, self.p))


class ByUnfold(ByLinear):
    def forward(self, images):
        return self.proj(F.unfold(images, self.p, stride=self.p).mT)


class ByLoops(ByConvolution):
    def forward(self, images):
        p = self.proj.kernel_size[0]
        tokens = [
            torch.einsum("bcyx,dcyx->bd", square, self.proj.weight)
            + self.proj.bias
            for line in images.split(p, 2)
            for square in line.split(p, 3)
        ]
        return torch.stack(tokens, 1)


class Turned(ByConvolution):
    def tokens(self, maps):
        return maps.flatten(2)


class Reshaped(ByConvolution):
    def tokens(self, maps):
        b, d, row, col = maps.shape
        return maps.reshape(b, row * col, d)


class DownTheColumns(ByConvolution):
    def tokens(self, maps):
        return maps.permute(0, 3, 2, 1).flatten(1, 2)


class Maps(ByConvolution):
    def tokens(self, maps):
        return maps


class Strips(ByLinear):
    def forward(self, images):
        length = self.proj.in_features
        return self.proj(images.reshape(len(images), -1, length))


class NoStep(ByConvolution):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__(image_size, patch_size, in_channels, embed_dim)
        self.proj = nn.Conv2d(in_channels, embed_dim, patch_size)


class NoBias(ByConvolution):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__(image_size, patch_size, in_channels, embed_dim)
        p = patch_size
        self.proj = nn.Conv2d(in_channels, embed_dim, p, p, bias=False)


class OtherName(nn.Module):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.layer = nn.Conv2d(in_channels, embed_dim, patch_size)


class ConvolutionFilters(ByConvolution):
    def forward(self, images):
        patches = patchify(images, self.proj.kernel_size[0])
        return F.linear(
            patches, self.proj.weight.flatten(1), self.proj.bias
        )


class Article(nn.Module):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.proj = nn.Sequential(
            nn.Conv2d(in_channels, embed_dim, patch_size, patch_size),
            Rearrange("b e h w -> b (h w) e"),
        )


class WidthFixed(ByConvolution):
    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__(image_size, patch_size, in_channels, 768)


# Multi-head attention


class ThreeLayers(nn.Module):
    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.heads = num_heads
        self.query = nn.Linear(embed_dim, embed_dim)
        self.key = nn.Linear(embed_dim, embed_dim)
        self.value = nn.Linear(embed_dim, embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x):
        heads = []
        for q, k, v in zip(
            self.query(x).chunk(self.heads, -1),
            self.key(x).chunk(self.heads, -1),
            self.value(x).chunk(self.heads, -1),
            strict=True,
        ):
            table = torch.bmm(q, k.mT) / math.sqrt(q.shape[-1])
            heads.append(torch.bmm(table.softmax(-1), v))
        return self.proj(torch.cat(heads, -1))


class Fused(nn.Module):
    def __init__(self, embed_dim=768, num_heads=12, dropout=0.0):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, embed_dim * 3)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def split(self, x):
        b, n, _ = x.shape
        x = self.qkv(x).view(b, n, 3, self.num_heads, -1)
        return x.permute(2, 0, 3, 1, 4)

    def mix(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def merge(self, x):
        return x.transpose(1, 2).flatten(2)

    def forward(self, x):
        return self.drop(self.proj(self.merge(self.mix(*self.split(x)))))


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


# MLP


class Hidden(nn.Module):
    act = staticmethod(F.gelu)

    def __init__(self, embed_dim, mlp_ratio=4.0, dropout=0.0):
        super().__init__()
        hidden = int(embed_dim * mlp_ratio)
        self.fc1 = nn.Linear(embed_dim, hidden)
        self.fc2 = nn.Linear(hidden, embed_dim)
        self.dropout = dropout

    def forward(self, x):
        x = self.act(self.fc1(x))
        return F.dropout(self.fc2(x), self.dropout, self.training)


class TokenByToken(Hidden):
    def forward(self, x):
        return torch.stack(
            [
                torch.stack(
                    [super(TokenByToken, self).forward(t) for t in s]
                )
                for s in x
            ]
        )


class ByHand(Hidden):
    def forward(self, x):
        x = x @ self.fc1.weight.T + self.fc1.bias
        x = x * (1 + torch.erf(x / 2**0.5)) / 2
        x = x @ self.fc2.weight.T + self.fc2.bias
        return F.dropout(x, self.dropout, self.training)


def variant(base, name, **parts):
    return type(name, (base,), parts)


def bent_by(act):
    return variant(Hidden, "Bent", act=staticmethod(act))


class BentLast(Hidden):
    def forward(self, x):
        return self.act(self.fc2(self.fc1(x)))


class WithSum(Hidden):
    def forward(self, x):
        return x + super().forward(x)


class InPlace(Hidden):
    def forward(self, x):
        result = super().forward(x)
        x += result
        return result


class FixedRatio(Hidden):
    def __init__(self, embed_dim, mlp_ratio):
        super().__init__(embed_dim, 4)


class DropoutOn(Hidden):
    def forward(self, x):
        return F.dropout(super().forward(x), 0.5)


class MLPDropsNever(Hidden):
    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


# Encoder block


class Block(nn.Module):
    def __init__(self, embed_dim, num_heads, mlp_ratio=4.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = Fused(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.mlp = Hidden(embed_dim, mlp_ratio)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x


class NormsByHand(Block):
    def norm(self, layer, x):
        centred = x - x.mean(-1, keepdim=True)
        deviation = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return layer.weight * centred / deviation + layer.bias

    def forward(self, x):
        middle = torch.add(x, self.attn(self.norm(self.norm1, x)))
        return self.mlp(self.norm(self.norm2, middle)) + middle


class MadeOfThree(nn.Module):
    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, 1e-6)
        self.attn = ThreeLayers(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, 1e-6)
        self.mlp = MLP(embed_dim)

    def forward(self, tokens):
        for norm, layer in [
            (self.norm1, self.attn),
            (self.norm2, self.mlp),
        ]:
            tokens = tokens + layer(norm(tokens))
        return tokens


class PostNorm(Block):
    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm2(x + self.mlp(x))


class NormedStream(Block):
    def forward(self, x):
        x = self.norm1(x)
        x = x + self.attn(x)
        x = self.norm2(x)
        return x + self.mlp(x)


class NoSecondSum(Block):
    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return self.mlp(self.norm2(x))


class NoFirstSum(Block):
    def forward(self, x):
        x = self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x


class SumsInPlace(Block):
    def forward(self, x):
        x += self.attn(self.norm1(x))
        x += self.mlp(self.norm2(x))
        return x


class SideBySide(Block):
    def forward(self, x):
        return x + self.attn(self.norm1(x)) + self.mlp(self.norm2(x))


class EpsOfTorch(Block):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)


class FirstNormTwice(Block):
    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm1(x))


class NoNorms(Block):
    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(x)


class Swin2(Block):
    def forward(self, x):
        x = x + self.norm1(self.attn(x))
        return x + self.norm2(self.mlp(x))


class BatchNorms(Block):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.norm1 = nn.BatchNorm1d(embed_dim)


# ViT


class Whole(nn.Module):
    def __init__(
        self,
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        embed_dim=768,
        depth=12,
        num_heads=12,
    ):
        super().__init__()
        self.patch_embed = ByConvolution(
            image_size, patch_size, in_channels, embed_dim
        )
        h, w = sides(image_size)
        n = 1 + (h // patch_size) * (w // patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.randn(1, n, embed_dim))
        self.blocks = nn.Sequential(
            *(Block(embed_dim, num_heads) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)

    def tokens(self, images):
        x = self.patch_embed(images)
        cls = self.cls_token.repeat(len(x), 1, 1)
        return torch.cat([cls, x], 1) + self.pos_embed

    def read(self, x):
        return self.head(self.norm(x[:, 0]))

    def forward(self, images):
        return self.read(self.blocks(self.tokens(images)))


class NormedBefore(Whole):
    def read(self, x):
        return self.head(self.norm(x))[:, 0]


class OfVitlibsParts(ViT):
    def forward(self, images):
        x = self.patch_embed(images)
        first = self.cls_token + self.pos_embed[:, :1]
        x = x + self.pos_embed[:, 1:]
        x = torch.cat([first.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return F.linear(
            self.norm(x).select(1, 0), self.head.weight, self.head.bias
        )


class MeanOfAll(Whole):
    def read(self, x):
        return self.head(self.norm(x).mean(1))


class FirstPatch(Whole):
    def read(self, x):
        return self.head(self.norm(x)[:, 1])


class NoLastNorm(Whole):
    def read(self, x):
        return self.head(x[:, 0])


class Shares(Whole):
    def read(self, x):
        return F.softmax(super().read(x), dim=1)


class NoPlaces(Whole):
    def tokens(self, images):
        x = self.patch_embed(images)
        return torch.cat([self.cls_token.repeat(len(x), 1, 1), x], 1)


class PlacesForPatches(Whole):
    def tokens(self, images):
        x = self.patch_embed(images) + self.pos_embed[:, 1:]
        return torch.cat([self.cls_token.repeat(len(x), 1, 1), x], 1)


class OneBlock(Whole):
    def forward(self, images):
        x = self.tokens(images)
        for block in self.blocks:
            y = block(x)
        return self.read(y)


class Classes(Whole):
    def read(self, x):
        return super().read(x).argmax(1)


class SharedBlock(Whole):
    def __init__(self, **settings):
        super().__init__(**settings)
        block = self.blocks[0]
        self.blocks = nn.Sequential(*[block] * len(self.blocks))


class NoClassToken(Whole):
    def __init__(self, **settings):
        super().__init__(**settings)
        del self.cls_token


@right(check.patch_embedding, ByConvolution, ByLinear, ByUnfold, ByLoops)
def test_every_style_of_embedding_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


@right(check.multi_head_attention, ThreeLayers, Fused, OfTorch)
def test_every_style_of_layer_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


@right(check.mlp, Hidden, TokenByToken, ByHand)
def test_every_style_of_mlp_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


@right(check.encoder_block, Block, NormsByHand, MadeOfThree)
def test_every_style_of_block_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


@right(check.vit, Whole, NormedBefore, OfVitlibsParts)
def test_every_style_of_vit_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


def test_a_function_that_makes_a_module_is_right():
    assert check.mlp(
        lambda embed_dim, mlp_ratio: MLP(embed_dim, mlp_ratio)
    )


WRONG = [
    (check.patch_embedding, Turned, "`flatten` alone leaves it a column"),
    (check.patch_embedding, Reshaped, "reached by a `reshape`"),
    (check.patch_embedding, DownTheColumns, "go down the columns"),
    (check.patch_embedding, Maps, "still a stack of maps"),
    (check.patch_embedding, NoStep, "one pixel at a time"),
    (check.patch_embedding, Strips, "what it is given are no squares"),
    (check.patch_embedding, NoBias, "Your `proj` has no bias"),
    (check.patch_embedding, OtherName, "I see `layer.weight` and"),
    (check.patch_embedding, ConvolutionFilters, "do not fit together"),
    (check.patch_embedding, Article, "I see `proj.0.weight` and"),
    (check.patch_embedding, WidthFixed, "shape (768, 3, 4, 4), wanted is"),
    (check.multi_head_attention, ArticleSplit, "(heads, k, qkv)"),
    (check.multi_head_attention, HeadByHead, "head by head"),
    (check.multi_head_attention, Viewed, "calls them heads"),
    (check.multi_head_attention, NumbersForHeads, "4 heads of 3 numbers"),
    (check.multi_head_attention, MergedAsItIs, "come from several others"),
    (check.multi_head_attention, WholeWidth, "root of 12, the width"),
    (check.multi_head_attention, ScaledAfter, "after the softmax"),
    (check.multi_head_attention, NoProjection, "`proj` is not used"),
    (check.multi_head_attention, OverHeads, "is over the heads"),
    (check.multi_head_attention, DropsAlways, "put into eval mode"),
    (check.multi_head_attention, DropsNever, "not even in training"),
    (check.multi_head_attention, NoQkvBias, "Your `qkv` has no bias"),
    (
        check.multi_head_attention,
        BatchSecond,
        "look at those of the others",
    ),
    (check.multi_head_attention, Cut, "no gradient comes back to"),
    (check.mlp, bent_by(F.relu), "stands ReLU"),
    (check.mlp, bent_by(nn.GELU("tanh")), "by way of tanh"),
    (check.mlp, bent_by(nn.Identity()), "Nothing stands between"),
    (check.mlp, BentLast, "after the second layer"),
    (check.mlp, WithSum, "the tokens themselves are added"),
    (check.mlp, InPlace, "has changed its input: `tokens[0, 0, 0]`"),
    (check.mlp, FixedRatio, "Your `fc1.weight` has the shape (24, 6)"),
    (check.mlp, DropoutOn, "gives two answers"),
    (check.mlp, MLPDropsNever, "not even in training"),
    (check.encoder_block, PostNorm, "this is the block of 2017"),
    (check.encoder_block, NormedStream, "start from the normed tokens"),
    (check.encoder_block, NoSecondSum, "The residual around the MLP"),
    (check.encoder_block, NoFirstSum, "The residual around attention"),
    (check.encoder_block, SumsInPlace, "has changed its input"),
    (check.encoder_block, SideBySide, "side by side"),
    (check.encoder_block, EpsOfTorch, "torch's own `eps`"),
    (check.encoder_block, FirstNormTwice, "`norm1` is used twice"),
    (check.encoder_block, NoNorms, "the norms are not used"),
    (check.encoder_block, Swin2, "stand behind the layers"),
    (check.encoder_block, BatchNorms, "Your code stopped at line"),
    (check.vit, MeanOfAll, "the class token among them"),
    (check.vit, FirstPatch, "your head reads the first patch"),
    (check.vit, NoLastNorm, "behind the last block is missing"),
    (check.vit, Shares, "a second one would flatten it"),
    (check.vit, NoPlaces, "The positions are not used"),
    (check.vit, PlacesForPatches, "the class token has none"),
    (check.vit, OneBlock, "starts from the embedded picture anew"),
    (check.vit, Classes, "holds int64 numbers"),
    (check.vit, SharedBlock, "are one and the same"),
    (check.vit, NoClassToken, "has no `cls_token`"),
]


@pytest.mark.parametrize(
    ("checker", "answer", "words"),
    WRONG,
    ids=[f"{c.name}-{a.__name__}" for c, a, _ in WRONG],
)
def test_a_wrong_module_is_understood(checker, answer, words):
    result = checker(answer)
    assert not result
    assert words in str(result)


@pytest.mark.parametrize(
    ("checker", "made"),
    [
        (check.patch_embedding, PatchEmbedding(8, 4, 3, 5)),
        (check.multi_head_attention, MultiHeadAttention(4, 2)),
        (check.mlp, MLP(4)),
        (check.encoder_block, EncoderBlock(4, 2)),
    ],
)
def test_a_layer_that_is_made_already_is_recognised(checker, made):
    said = str(checker(made))
    assert f"the class, `{type(made).__name__}` without brackets" in said


def test_a_class_that_is_no_module_is_recognised():
    class Mine:
        def __init__(self, embed_dim, mlp_ratio):
            pass

    said = str(check.mlp(Mine))
    assert "`embed_dim=6`, `mlp_ratio=2.5`" in said
    assert "a thing of type Mine" in said
    assert "`class MLP(nn.Module)`" in said


def test_a_forgotten_constructor_is_explained():
    class Mine(nn.Module):
        def __init__(self, embed_dim, mlp_ratio):
            self.fc1 = nn.Linear(embed_dim, 4)

    said = str(check.mlp(Mine))
    assert "`self.fc1 = nn.Linear(embed_dim, 4)`" in said
    assert "must first run the constructor of `nn.Module`" in said


def test_other_settings_are_named():
    class Mine(nn.Module):
        def __init__(self, width):
            super().__init__()

    said = str(check.mlp(Mine))
    assert "`MLP(embed_dim, mlp_ratio)`, and yours takes `width`" in said
    said = str(check.vit(Mine))
    assert "image_size=..., patch_size=..." in said
