"""check.post_norm_block: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from own_layers import NothingAdded, OneSum, steps
from torch import nn
from torch.testing import assert_close

from vitlib import EncoderBlock
from vitlib.teach import check
from vitlib.teach.chapters.encoder.exercises.post_norm_block import (
    PostNormBlock,
)


class TwoSteps(EncoderBlock):
    def forward(self, tokens):
        gathered = self.attn(tokens)
        between = self.norm1(gathered + tokens)
        made = self.mlp(between)
        return self.norm2(made + between)


class OwnNorm(EncoderBlock):
    def norm(self, layer, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return x * layer.weight + layer.bias

    def forward(self, tokens):
        parts = ((self.attn, self.norm1), (self.mlp, self.norm2))
        for layer, norm in parts:
            tokens = self.norm(norm, tokens + layer(tokens))
        return tokens


class OfTorch(nn.Module):
    """torch's own layer under the names of vitlib."""

    def __init__(self, embed_dim, num_heads):
        super().__init__()
        theirs = nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            4 * embed_dim,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
        )
        self.parts = [theirs]
        self.norm1, self.norm2 = theirs.norm1, theirs.norm2
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = theirs.linear1, theirs.linear2
        self.attn = nn.Module()
        self.attn.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.attn.proj = theirs.self_attn.out_proj

    def forward(self, tokens):
        (theirs,) = self.parts
        theirs.self_attn.in_proj_weight = self.attn.qkv.weight
        theirs.self_attn.in_proj_bias = self.attn.qkv.bias
        return theirs(tokens)


@right(TwoSteps, OwnNorm, OfTorch)
def test_every_style_is_right(answer):
    is_right(check.post_norm_block(answer))


def test_the_block_of_2017_is_torchs():
    torch.manual_seed(0)
    ours, theirs = PostNormBlock(24, 3), OfTorch(24, 3)
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randn(2, 5, 24)
    assert_close(theirs(tokens), ours(tokens))


class InFront(EncoderBlock):
    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Behind(EncoderBlock):
    def forward(self, x):
        x = x + self.norm1(self.attn(x))
        return x + self.norm2(self.mlp(x))


class Crossed(EncoderBlock):
    def forward(self, x):
        x = self.norm2(x + self.attn(x))
        return self.norm1(x + self.mlp(x))


class OneTwice(EncoderBlock):
    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm1(x + self.mlp(x))


class NoFirst(EncoderBlock):
    def forward(self, x):
        x = x + self.attn(x)
        return self.norm2(x + self.mlp(x))


class NoSecond(EncoderBlock):
    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return x + self.mlp(x)


class NoSum(EncoderBlock):
    def forward(self, x):
        return self.norm2(self.mlp(self.norm1(self.attn(x))))


class WrongSum(EncoderBlock):
    def forward(self, x):
        return self.norm2(x + self.mlp(self.norm1(x + self.attn(x))))


class NormedStream(EncoderBlock):
    def forward(self, x):
        x = self.norm1(x)
        x = x + self.attn(x)
        x = self.norm2(x)
        return x + self.mlp(x)


def one(s, x):
    return s.norm1(x + s.attn(x))


@wrong(
    (
        "no_norms",
        steps(lambda s, x: x + s.attn(x), lambda s, x, y: y + s.mlp(y)),
    ),
    (
        "no_first_residual",
        steps(
            lambda s, x: s.norm1(s.attn(x)),
            lambda s, x, y: s.norm2(y + s.mlp(y)),
        ),
    ),
    ("no_second_residual", steps(one, lambda s, x, y: s.norm2(s.mlp(y)))),
    ("gathered_lost", steps(one, lambda s, x, y: s.norm2(x + s.mlp(y)))),
    (
        "bare_sum_kept",
        steps(
            lambda s, x: x + s.attn(x),
            lambda s, x, y: s.norm2(y + s.mlp(s.norm1(y))),
        ),
    ),
    (
        "norms_on_both_sides",
        steps(
            lambda s, x: s.norm1(x + s.attn(s.norm1(x))),
            lambda s, x, y: s.norm2(y + s.mlp(s.norm2(y))),
        ),
    ),
    (
        "second_norm_after_layer",
        steps(one, lambda s, x, y: y + s.norm2(s.mlp(y))),
    ),
    (
        "mlp_first",
        steps(
            lambda s, x: s.norm2(x + s.mlp(x)),
            lambda s, x, y: s.norm1(y + s.attn(y)),
        ),
    ),
    ("pre_norm_no_residual", NothingAdded),
    (
        "pre_norm_gathered_lost",
        steps(
            lambda s, x: x + s.attn(s.norm1(x)),
            lambda s, x, y: x + s.mlp(s.norm2(y)),
        ),
    ),
    ("one_residual", OneSum),
    ("normed_stream", NormedStream),
    ("pre_norm", InFront),
    ("norm_after_layer", Behind),
    ("norms_swapped", Crossed),
    ("first_norm_twice", OneTwice),
    ("no_first_norm", NoFirst),
    ("no_second_norm", NoSecond),
    ("no_residual", NoSum),
    ("gathered_lost", WrongSum),
    ("other_arguments", lambda embed_dim: None),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.post_norm_block(answer))


def test_how_the_class_is_called_is_said():
    said = str(check.post_norm_block(lambda embed_dim: None))
    assert "`PostNormBlock(embed_dim, num_heads)`" in said
