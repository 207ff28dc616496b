"""check.vit: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from own_layers import Block
from torch import nn
from torch.nn import functional as F

from vitlib import Encoder, EncoderBlock, PatchEmbedding, ViT, prepend_cls
from vitlib.teach import check


class Convolution(nn.Module):
    def __init__(self, patch_size, in_channels, embed_dim):
        super().__init__()
        self.proj = nn.Conv2d(
            in_channels, embed_dim, patch_size, patch_size
        )

    def forward(self, images):
        return self.proj(images).flatten(2).transpose(1, 2)


class Whole(nn.Module):
    """A ViT of torch's parts and a reader's own blocks."""

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
        self.patch_embed = Convolution(patch_size, in_channels, embed_dim)
        square = isinstance(image_size, int)
        h, w = (image_size, image_size) if square else image_size
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


class StepByStep(ViT):
    """vitlib's parts, called in another way."""

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


def of_parts(places=1, eps=1e-6):
    """Make a class of vitlib's parts, with a number that may be wrong."""

    class Mine(nn.Module):
        def __init__(
            self, image_size, patch_size, in_channels, num_classes, **sizes
        ):
            super().__init__()
            width = sizes["embed_dim"]
            self.patch_embed = PatchEmbedding(
                image_size, patch_size, in_channels, width
            )
            count = places + self.patch_embed.num_patches
            self.pos_embed = nn.Parameter(torch.zeros(1, count, width))
            self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
            depth = sizes.pop("depth")
            self.blocks = Encoder(
                EncoderBlock(**sizes) for _ in range(depth)
            )
            self.norm = nn.LayerNorm(width, eps=eps)
            self.head = nn.Linear(width, num_classes)

        def forward(self, images):
            x = prepend_cls(self.patch_embed(images), self.cls_token)
            x = self.norm(self.blocks(x + self.pos_embed))
            return self.head(x[:, 0])

    return Mine


@right(Whole, NormedBefore, StepByStep, of_parts())
def test_every_style_is_right(answer):
    is_right(check.vit(answer))


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


def through(which):
    """Let the tokens go through these of the blocks."""

    class Changed(Whole):
        def forward(self, images):
            x = self.tokens(images)
            for block in which([*self.blocks]):
                x = block(x)
            return self.read(x)

    return Changed


def reads(what):
    """Let the head read this of the tokens."""

    class Changed(Whole):
        def read(self, x):
            return self.head(what(self.norm(x)))

    return Changed


def ends(step):
    class Changed(Whole):
        def read(self, x):
            return step(super().read(x))

    return Changed


class NormFirst(Whole):
    def forward(self, images):
        return self.head(self.blocks(self.norm(self.tokens(images)))[:, 0])


class ClassLast(Whole):
    def tokens(self, images):
        x = self.patch_embed(images)
        cls = self.cls_token.repeat(len(x), 1, 1)
        return torch.cat([x, cls], 1) + self.pos_embed

    def read(self, x):
        return super().read(x[:, -1:])


class ClassLastFirstRead(ClassLast):
    def read(self, x):
        return Whole.read(self, x)


class PlacesBehind(NoPlaces):
    def read(self, x):
        return super().read(x + self.pos_embed)


class PlacesAgain(NoPlaces):
    def forward(self, images):
        x = self.tokens(images)
        for block in self.blocks:
            x = block(x + self.pos_embed)
        return self.read(x)


class PlacesLate(Whole):
    def tokens(self, images):
        x = self.patch_embed(images) + self.pos_embed[:, :-1]
        return torch.cat([self.cls_token.repeat(len(x), 1, 1), x], 1)


class DownTheColumns(Whole):
    def tokens(self, images):
        x = self.patch_embed.proj(images).transpose(2, 3)
        x = x.flatten(2).transpose(1, 2)
        cls = self.cls_token.repeat(len(x), 1, 1)
        return torch.cat([cls, x], 1) + self.pos_embed


class PatchesAlone(Whole):
    def tokens(self, images):
        return self.patch_embed(images) + self.pos_embed[:, 1:]

    def read(self, x):
        return self.head(self.norm(x).mean(1))


class Features(Whole):
    def read(self, x):
        return self.norm(x)[:, 0]


class Tokens(Whole):
    def read(self, x):
        return self.norm(x)


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


class OtherSettings(nn.Module):
    def __init__(self, width):
        super().__init__()


@wrong(
    ("eps_of_torch", of_parts(eps=1e-5)),
    ("nearly_right", of_parts(eps=3e-5)),
    ("other_parameter", of_parts(places=0)),
    ("mean_of_patches_read", reads(lambda x: x[:, 1:].mean(1))),
    ("last_patch_read", reads(lambda x: x[:, -1])),
    ("every_token_read", reads(lambda x: x)),
    ("norm_before_the_encoder", NormFirst),
    ("log_softmax_at_the_end", ends(lambda x: x.log_softmax(1))),
    ("sigmoid_at_the_end", ends(torch.sigmoid)),
    ("position_of_the_one_before", PlacesLate),
    ("class_token_at_the_end", ClassLast),
    ("class_token_lost_at_the_end", ClassLastFirstRead),
    ("positions_behind_the_encoder", PlacesBehind),
    ("positions_before_every_block", PlacesAgain),
    ("first_block_repeated", through(lambda row: [row[0] for _ in row])),
    ("first_block_only", through(lambda row: row[:1])),
    ("blocks_backwards", through(reversed)),
    ("no_blocks", through(lambda row: ())),
    ("patches_column_by_column", DownTheColumns),
    ("no_class_token", PatchesAlone),
    ("features_only", Features),
    ("tokens_only", Tokens),
    ("mean_of_all_tokens_read", MeanOfAll),
    ("first_patch_read", FirstPatch),
    ("no_last_norm", NoLastNorm),
    ("softmax_at_the_end", Shares),
    ("no_positions", NoPlaces),
    ("class_token_without_position", PlacesForPatches),
    ("last_block_only", OneBlock),
    ("no_floats", Classes),
    ("shared_layer", SharedBlock),
    ("other_names", NoClassToken),
    ("other_arguments", OtherSettings),
)
def test_a_wrong_vit_is_named(mistake, answer):
    is_named(mistake, check.vit(answer))


def test_a_name_that_is_missing_is_said():
    assert "has no `cls_token`" in str(check.vit(NoClassToken))
    said = str(check.vit(OtherSettings))
    assert "image_size=..., patch_size=..." in said


class OldTokensNeeded(Whole):
    def tokens(self, images):
        x = super().tokens(images)
        loud = x.exp()
        quiet = loud.log()
        loud += 1
        return quiet


class GoesBackItself(Whole):
    def read(self, x):
        scores = super().read(x)
        if scores.requires_grad:
            scores.sum().backward()
        return scores


class NoGradient(Whole):
    @torch.no_grad()
    def forward(self, images):
        return super().forward(images)


class Frozen(Whole):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.requires_grad_(False)


class StopsInAHook(Whole):
    def read(self, x):
        if x.requires_grad:
            x.register_hook(lambda gradient: 1 / 0)
        return super().read(x)


@wrong(
    ("stops_backwards", OldTokensNeeded),
    ("stops_backwards", GoesBackItself),
    ("stops_backwards", StopsInAHook),
    ("no_gradient", NoGradient),
    ("frozen", Frozen),
)
def test_a_vit_that_cannot_be_trained_is_named(mistake, answer):
    is_named(mistake, check.vit(answer))
