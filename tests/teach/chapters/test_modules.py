"""The checkers of modules: right answers of any style, and wrong ones."""

import pytest
import torch
from einops.layers.torch import Rearrange
from own_layers import Block
from torch import nn
from torch.nn import functional as F

from vitlib import (
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


@right(check.vit, Whole, NormedBefore, OfVitlibsParts)
def test_every_style_of_vit_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


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
    ],
)
def test_a_layer_that_is_made_already_is_recognised(checker, made):
    said = str(checker(made))
    assert f"the class, `{type(made).__name__}` without brackets" in said


def test_other_settings_are_named():
    class Mine(nn.Module):
        def __init__(self, width):
            super().__init__()

    said = str(check.vit(Mine))
    assert "image_size=..., patch_size=..." in said
