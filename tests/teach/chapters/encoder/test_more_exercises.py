"""Chapter 6's exercises: a count, the block of 2017, a quiet start."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vitlib import EncoderBlock, ViT
from vitlib.teach import check
from vitlib.teach.chapters.encoder.exercises.post_norm_block import (
    PostNormBlock,
)


def refused(result, words):
    assert not result
    assert result.kind == "wrong"
    assert words in str(result), str(result)


# encoder_parameters


def test_the_count_is_that_of_the_model():
    with torch.device("meta"):
        blocks = ViT.from_name("S/16").blocks
    counted = sum(p.numel() for p in blocks.parameters())
    for answer in (counted, float(counted), torch.tensor(counted)):
        assert check.encoder_parameters(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (1_774_464, "1774464 are in one block"),
        (21_233_664, "the matrices alone"),
        (21_275_136, "The two norms have something to learn"),
        (21_252_096, "besides its matrix"),
        (21_284_352, "if a block had one norm"),
        (21_294_336, "with the last norm"),
        (7_096_320, "the attention layers"),
        (14_178_816, "the MLPs"),
        (22_050_664, "the whole ViT-S/16"),
        (5_338_368, "ViT-Ti"),
        (85_054_464, "ViT-B"),
        (12, "12 is too small"),
    ],
)
def test_a_wrong_count_is_told_what_it_counts(answer, words):
    refused(check.encoder_parameters(answer), words)


# post_norm_block, right


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


@pytest.mark.parametrize("answer", [TwoSteps, OwnNorm, OfTorch])
def test_every_style_of_the_block_of_2017_is_right(answer):
    result = check.post_norm_block(answer)
    assert result, str(result)


# post_norm_block, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (InFront, "This is the block of the ViT"),
        (Behind, "the sum itself was normed"),
        (Crossed, "The two norms have changed places"),
        (OneTwice, "`norm1` is used twice"),
        (NoFirst, "The norm after the first sum is missing"),
        (NoSecond, "The norm after the second sum is missing"),
        (NoSum, "nothing is added before them"),
        (WrongSum, "The shape is right, the numbers are not"),
        (lambda embed_dim: None, "`PostNormBlock(embed_dim, num_heads)`"),
    ],
)
def test_a_wrong_block_of_2017_is_understood(answer, words):
    refused(check.post_norm_block(answer), words)


def test_the_block_of_2017_is_torchs():
    torch.manual_seed(0)
    ours, theirs = PostNormBlock(24, 3), OfTorch(24, 3)
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randn(2, 5, 24)
    assert_close(theirs(tokens), ours(tokens))


# quiet_start


def silenced(*names, weight=True, bias=True):
    def answer(block):
        for name in names:
            layer = block.get_submodule(name)
            if weight:
                nn.init.zeros_(layer.weight)
            if bias:
                nn.init.zeros_(layer.bias)

    return answer


def by_multiplying(block):
    with torch.no_grad():
        for part in (*block.attn.proj.parameters(), block.mlp.fc2.bias):
            part *= 0
        block.mlp.fc2.weight -= block.mlp.fc2.weight.clone()


class Scaled(nn.Module):
    """LayerScale that starts at zero."""

    def __init__(self, block):
        super().__init__()
        self.block = block
        self.factors = nn.Parameter(torch.zeros(2, 1, 1, 1))

    def forward(self, x):
        x = x + self.factors[0] * self.block.attn(self.block.norm1(x))
        return x + self.factors[1] * self.block.mlp(self.block.norm2(x))


def new_layers(block):
    width = block.embed_dim
    for branch, name in ((block.attn, "proj"), (block.mlp, "fc2")):
        old = getattr(branch, name)
        layer = nn.Linear(old.in_features, width, dtype=old.weight.dtype)
        setattr(branch, name, layer)
        nn.init.constant_(layer.weight, 0.0)
        nn.init.constant_(layer.bias, 0.0)
    return block


@pytest.mark.parametrize(
    "answer",
    [
        silenced("attn.proj", "mlp.fc2"),
        silenced("norm1", "norm2", "attn.proj", "mlp.fc2"),
        by_multiplying,
        lambda block: Scaled(block).to(block.norm1.weight.dtype),
        new_layers,
    ],
)
def test_every_way_to_start_quietly_is_right(answer):
    result = check.quiet_start(answer)
    assert result, str(result)


class Breaks(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x) @ x


class Drowns(Breaks):
    def forward(self, x):
        return 0 * self.block(x)


class Shortens(Breaks):
    def forward(self, x):
        return self.block(x)[:, 1:]


class Bypasses(Breaks):
    def forward(self, x):
        return x


def frozen(block):
    silenced("attn.proj", "mlp.fc2")(block)
    block.mlp.fc2.requires_grad_(False)


def written_into(block):
    block.attn.proj.weight[:] = 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda block: block, "What attention and the MLP add is still"),
        (silenced("attn.proj"), "What the MLP adds is still"),
        (silenced("mlp.fc2"), "What attention adds is still"),
        (
            silenced("attn.proj", "mlp.fc2", bias=False),
            "Which part of a layer does not look at its input",
        ),
        (
            silenced("attn.qkv", "mlp.fc1"),
            "the same for every token",
        ),
        (
            silenced("attn.proj", "mlp.fc2", "attn.qkv"),
            "`norm1.weight`, `norm1.bias`, `attn.qkv.weight` and",
        ),
        (
            silenced("attn.proj", "mlp.fc1", "mlp.fc2"),
            "`norm2.weight`, `norm2.bias`, `mlp.fc1.weight` and",
        ),
        (frozen, "or is frozen"),
        (lambda block: nn.Identity(), "no parameters left"),
        (lambda block: Bypasses(block), "can never become anything else"),
        (lambda block: Drowns(block), "the tokens are lost"),
        (lambda block: Shortens(block), "your block gives (2, 4, 8)"),
        (lambda block: Breaks(block), "Your code stopped at line"),
        (written_into, "Your code writes into its input"),
        (lambda block: block(5), "Your code stopped at line"),
        (lambda block: 3, "gives the number 3. Wanted is the module"),
    ],
)
def test_a_start_that_is_not_quiet_is_understood(answer, words):
    refused(check.quiet_start(answer), words)


def test_an_endless_block_is_stopped(monkeypatch):
    from vitlib.teach.checking import answer as _answer

    class Endless(Breaks):
        def forward(self, x):
            while True:
                pass

    monkeypatch.setattr(_answer, "SECONDS", 0.2)
    refused(check.quiet_start(lambda block: Endless(block)), "stopped af")
