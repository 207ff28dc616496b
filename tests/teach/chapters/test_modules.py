"""The checkers of modules: right answers of any style, and wrong ones."""

import pytest
import torch
from einops.layers.torch import Rearrange
from torch import nn
from torch.nn import functional as F

from vitlib import (
    PatchEmbedding,
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


@right(check.patch_embedding, ByConvolution, ByLinear, ByUnfold, ByLoops)
def test_every_style_of_embedding_is_right(checker, answer):
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
