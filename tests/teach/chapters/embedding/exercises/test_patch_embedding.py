"""check.patch_embedding: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange
from einops.layers.torch import Rearrange
from torch import nn
from torch.nn import functional as F

from vitlib import PatchEmbedding, patchify
from vitlib.teach import check


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


@right(ByConvolution, ByLinear, ByUnfold, ByLoops)
def test_every_style_is_right(answer):
    is_right(check.patch_embedding(answer))


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


def tokens_as(pattern):
    """Give an embedding whose maps are laid out like this."""

    def tokens(self, maps):
        return rearrange(maps, pattern)

    return type("LaidOut", (ByConvolution,), {"tokens": tokens})


def changed_by(change):
    """Give an embedding whose tokens are changed in the end."""

    def forward(self, images):
        return change(ByConvolution.forward(self, images))

    return type("Changed", (ByConvolution,), {"forward": forward})


class MirroredFilters(ByConvolution):
    def forward(self, images):
        p = self.proj.stride[0]
        mirrored = self.proj.weight.mT
        return self.tokens(F.conv2d(images, mirrored, self.proj.bias, p))


class BiasForgotten(ByLinear):
    def forward(self, images):
        return patchify(images, self.p) @ self.proj.weight.T


@wrong(
    ("tokens_as_columns", Turned),
    (
        "tokens_as_columns_column_by_column",
        tokens_as("b d row col -> b d (col row)"),
    ),
    ("joined_by_reshape", Reshaped),
    ("patches_column_by_column", DownTheColumns),
    ("still_maps", Maps),
    ("still_a_grid", tokens_as("b d row col -> b row col d")),
    ("channels_first", ConvolutionFilters),
    ("pixels_column_by_column", MirroredFilters),
    ("cut_by_reshape", Strips),
    ("every_pixel", NoStep),
    ("no_bias", NoBias),
    ("no_bias", BiasForgotten),
    ("with_relu", changed_by(nn.ReLU())),
    ("with_gelu", changed_by(nn.GELU())),
    ("with_norm", changed_by(lambda x: F.layer_norm(x, x.shape[2:]))),
    (
        "with_class_token",
        changed_by(lambda x: torch.cat([0 * x[:, :1], x], dim=1)),
    ),
    ("other_names", OtherName),
    ("other_names", Article),
    ("other_parameter", WidthFixed),
    ("made_already", PatchEmbedding(8, 4, 3, 5)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.patch_embedding(answer))


def test_the_class_is_asked_for_in_place_of_a_layer():
    said = str(check.patch_embedding(PatchEmbedding(8, 4, 3, 5)))
    assert "the class, `PatchEmbedding` without brackets" in said


def test_the_parameters_that_are_there_are_told():
    said = str(check.patch_embedding(OtherName))
    assert "I see `layer.weight` and `layer.bias`" in said
    said = str(check.patch_embedding(WidthFixed))
    assert "shape (768, 3, 4, 4), wanted is (7, 3, 4, 4)" in said
