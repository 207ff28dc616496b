"""check.encoder_block: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from own_layers import Block, NothingAdded, OneSum, ThreeLayers, steps
from torch import nn

from vitlib import MLP, EncoderBlock
from vitlib.teach import check


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


@right(Block, NormsByHand, MadeOfThree)
def test_every_style_is_right(answer):
    is_right(check.encoder_block(answer))


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


def after(s, x):
    return x + s.attn(s.norm1(x))


class SecondSumInPlace(Block):
    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        x += self.mlp(self.norm2(x))
        return x


class BatchNorms(Block):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.norm1 = nn.BatchNorm1d(embed_dim)


@wrong(
    ("stops_backwards", SecondSumInPlace),
    (
        "no_attention",
        steps(lambda s, x: x, lambda s, x, y: y + s.mlp(s.norm2(y))),
    ),
    ("no_mlp", steps(after, lambda s, x, y: y)),
    (
        "first_normed_stream",
        steps(
            lambda s, x: s.norm1(x) + s.attn(s.norm1(x)),
            lambda s, x, y: y + s.mlp(s.norm2(y)),
        ),
    ),
    (
        "second_normed_stream",
        steps(after, lambda s, x, y: s.norm2(y) + s.mlp(s.norm2(y))),
    ),
    (
        "stream_without_first_sum",
        steps(
            lambda s, x: s.attn(s.norm1(x)),
            lambda s, x, y: x + y + s.mlp(s.norm2(y)),
        ),
    ),
    ("no_residual", NothingAdded),
    ("one_residual", OneSum),
    (
        "gathered_lost",
        steps(after, lambda s, x, y: x + s.mlp(s.norm2(y))),
    ),
    (
        "tokens_added_again",
        steps(after, lambda s, x, y: x + y + s.mlp(s.norm2(y))),
    ),
    (
        "norms_swapped",
        steps(
            lambda s, x: x + s.attn(s.norm2(x)),
            lambda s, x, y: y + s.mlp(s.norm1(y)),
        ),
    ),
    (
        "no_first_norm",
        steps(
            lambda s, x: x + s.attn(x),
            lambda s, x, y: y + s.mlp(s.norm2(y)),
        ),
    ),
    ("no_second_norm", steps(after, lambda s, x, y: y + s.mlp(y))),
    (
        "mlp_first",
        steps(
            lambda s, x: x + s.mlp(s.norm2(x)),
            lambda s, x, y: after(s, y),
        ),
    ),
    ("post_norm", PostNorm),
    ("normed_stream", NormedStream),
    ("no_second_residual", NoSecondSum),
    ("no_first_residual", NoFirstSum),
    ("changes_its_input", SumsInPlace),
    ("parallel", SideBySide),
    ("eps_of_torch", EpsOfTorch),
    ("first_norm_twice", FirstNormTwice),
    ("no_norms", NoNorms),
    ("norm_after_layer", Swin2),
    ("stops", BatchNorms),
    ("made_already", EncoderBlock(4, 2)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.encoder_block(answer))


def test_a_sum_in_place_is_shown_and_no_words_of_torch():
    said = str(check.encoder_block(SecondSumInPlace))
    assert "I see `x += self.mlp(self.norm2(x))`." in said
    assert "inplace operation" not in said
