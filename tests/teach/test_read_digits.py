"""The reader's pieces in the digit reader."""

import pytest
import torch
from answers import is_named, is_right
from torch import nn

from vitlib import (
    MLP,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
    add_positions,
    fused_attention,
    patchify,
    prepend_cls,
    sincos_positions,
)
from vitlib.attention import attention
from vitlib.teach import check, digit_reader
from vitlib.teach import read_digits as reading
from vitlib.teach.checking import answer as checking


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch):
    monkeypatch.setattr(reading, "COUNT", 40)


def head_of_another_make(features):
    trained = digit_reader().head
    return features @ trained.weight.T + trained.bias


class Linear(nn.Module):
    """An embedding by a linear layer, in the order of a convolution."""

    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.p = patch_size
        self.proj = nn.Linear(in_channels * self.p**2, embed_dim)

    def forward(self, images):
        return self.proj(
            nn.functional.unfold(images, self.p, stride=self.p).mT
        )


@pytest.mark.parametrize(
    "own",
    [
        {"patchify": patchify},
        {"patch_embedding": PatchEmbedding},
        {"patch_embedding": Linear},
        {"prepend_cls": prepend_cls},
        {"add_positions": add_positions},
        {"positions": digit_reader().pos_embed},
        {"attention": attention},
        {"attention": lambda q, k, v: (fused_attention(q, k, v), q)},
        {"multi_head_attention": MultiHeadAttention},
        {"mlp": MLP},
        {"encoder_block": EncoderBlock},
        {"head": head_of_another_make},
        {"vit": ViT},
        {"attention": attention, "mlp": MLP, "patchify": patchify},
        {"patchify": patchify, "patch_embedding": PatchEmbedding},
        {"mlp": MLP, "encoder_block": EncoderBlock},
    ],
    ids=", ".join,
)
def test_a_right_piece_reads_as_before(own):
    result = check.read_digits(**own)
    is_right(result)
    assert "of 40 digits" in str(result)
    for name in own:
        assert f"`{name}`" in str(result)


def unscaled(q, k, v):
    return (q @ k.mT).softmax(-1) @ v


def blind(q, k, v):
    return v


@pytest.mark.parametrize(
    "own",
    [
        {"patchify": lambda x, p: patchify(x, p).flip(1)},
        {"attention": unscaled},
        {"attention": blind},
        {"add_positions": lambda tokens, pos_embed: tokens},
        {"positions": sincos_positions((4, 4), 64)},
        {"head": lambda features: features[:, :10]},
    ],
    ids=", ".join,
)
def test_a_wrong_piece_says_how_many_it_reads(own):
    result = check.read_digits(**own)
    is_named("other_scores", result)
    assert "of 40 digits, with vitlib's" in str(result)
    assert "Its scores have changed by up to" in str(result)


def test_scores_decide_and_not_the_number_of_digits():
    """Some wrong pieces read as many digits, or more."""

    def nearly(q, k, v):
        return attention(1.05 * q, k, v)

    is_named("other_scores", check.read_digits(attention=nearly))


def test_guessing_is_called_so():
    result = check.read_digits(head=lambda features: -features[:, :10] * 0)
    assert "no more than guessing" in str(result)


def test_more_than_chance_explains_is_not_called_guessing():
    """Of 200 a guesser names 20, and seldom more than 28."""
    chances = torch.distributions.Binomial(200, torch.tensor(0.1))
    counts = torch.arange(201.0)
    shares = chances.log_prob(counts).exp()
    more = shares[counts > reading.by_luck(200)].sum()
    assert more < 0.05 < shares[counts >= 26].sum()
    assert 26 < reading.by_luck(200) < 33


def test_patches_that_are_right_for_grey_pictures_only_are_named():
    def channels_first(images, patch_size):
        return nn.functional.unfold(
            images, patch_size, stride=patch_size
        ).mT

    result = check.read_digits(patchify=channels_first)
    is_named("channels_first", result)
    assert "Every score is the same, since a digit is grey" in str(result)


@pytest.mark.parametrize(
    ("own", "mistake"),
    [
        ({"attention": lambda q, k, v: 1 / 0}, "stops"),
        ({"attention": lambda q: q}, "stops"),
        ({"attention": lambda q, k, v: "text"}, "no_tensor"),
        ({"attention": lambda q, k, v: v + 0j}, "no_floats"),
        ({"attention": lambda q, k, v: v.to_sparse()}, "no_plain_tensor"),
        ({"attention": lambda q, k, v: v.to("meta")}, "other_device"),
        ({"head": lambda features: features}, "other_shape"),
        ({"head": nn.Linear(3, 4)}, "stops"),
        ({"positions": torch.zeros(1, 5, 64)}, "other_shape"),
        ({"positions": 5}, "no_tensor"),
        ({"positions": torch.full((1, 17, 64), torch.nan)}, "not_finite"),
        ({"prepend_cls": 3}, "no_function"),
        ({"prepend_cls": MLP}, "no_function"),
        ({"mlp": MLP(64)}, "made_already"),
        ({"mlp": Linear}, "other_arguments"),
        ({"mlp": lambda embed_dim, mlp_ratio: 5}, "no_module"),
        ({"mlp": lambda *_: nn.Linear(64, 64)}, "other_names"),
        ({"vit": 7}, "no_class"),
    ],
)
def test_garbage_gets_an_answer(own, mistake):
    is_named(mistake, check.read_digits(**own))


def test_the_shape_that_has_to_go_on_is_said():
    said = str(check.read_digits(head=lambda features: features))
    assert "(20, 10) has to go on" in said
    said = str(check.read_digits(positions=torch.zeros(1, 5, 64)))
    assert "needs (1, 17, 64)" in said


# The way back


class SumsInPlace(EncoderBlock):
    """Right forwards, while autograd still needs the old tokens."""

    def forward(self, tokens):
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens += self.mlp(self.norm2(tokens))
        return tokens


class GoesBackItself(MLP):
    def forward(self, tokens):
        tokens = super().forward(tokens)
        if tokens.requires_grad:
            tokens.sum().backward()
        return tokens


class StopsInAHook(ViT):
    def forward(self, images):
        scores = super().forward(images)
        if scores.requires_grad:
            scores.register_hook(lambda gradient: 1 / 0)
        return scores


class InInferenceMode(MultiHeadAttention):
    @torch.inference_mode()
    def forward(self, tokens):
        return super().forward(tokens)


class WithoutGradient(ViT):
    @torch.no_grad()
    def forward(self, images):
        return super().forward(images)


def values_detached(q, k, v):
    return attention(q, k, v.detach())


def class_token_detached(tokens, cls_token):
    return prepend_cls(tokens, cls_token.detach())


@pytest.mark.parametrize(
    ("own", "mistake"),
    [
        ({"encoder_block": SumsInPlace}, "stops_backwards"),
        ({"mlp": GoesBackItself}, "stops_backwards"),
        ({"vit": StopsInAHook}, "stops_backwards"),
        ({"multi_head_attention": InInferenceMode}, "no_gradient"),
        ({"vit": WithoutGradient}, "no_gradient"),
        ({"prepend_cls": class_token_detached}, "no_gradient"),
        ({"attention": values_detached}, "part_of_the_gradient"),
    ],
    ids=lambda part: part if isinstance(part, str) else ", ".join(part),
)
def test_a_piece_that_is_right_only_forwards_is_not_called_right(
    own, mistake
):
    result = check.read_digits(**own)
    is_named(mistake, result)
    if mistake == "stops_backwards":
        assert "But it could never have been trained" in str(result)
        assert "Every score is the same" not in str(result)
    else:
        assert "Every score is the same. But" in str(result)


def test_a_sum_in_place_is_explained():
    said = str(check.read_digits(encoder_block=SumsInPlace))
    assert "one of them was written over" in said
    assert "I see `tokens += self.mlp(self.norm2(tokens))`." in said


def test_an_unwritten_piece_gets_one_friendly_line():
    def mine(q, k, v):
        weights = ...
        return weights @ v

    for answer in (mine, ..., lambda q, k, v: None):
        result = check.read_digits(attention=answer)
        assert result.kind == "unwritten"
        assert "is not written yet" in str(result)


def test_of_two_pieces_the_unwritten_one_is_named():
    def my_prepend_cls(tokens, cls_token):
        in_front = ...
        return torch.cat([in_front, tokens], dim=1)

    result = check.read_digits(
        prepend_cls=my_prepend_cls, add_positions=torch.add
    )
    assert result.kind == "unwritten"
    assert "`my_prepend_cls` is not written yet" in str(result)


def test_an_endless_piece_is_stopped(monkeypatch):
    def endless(q, k, v):
        while True:
            pass

    monkeypatch.setattr(reading, "ENOUGH", 0.05)
    result = check.read_digits(attention=endless)
    is_named("too_slow", result)
    assert "stopped after 0.3 sec" in str(result)


def test_a_slow_piece_reads_fewer_digits(monkeypatch):
    monkeypatch.setattr(reading, "ENOUGH", 0.0)
    monkeypatch.setattr(checking, "SECONDS", 10)
    runner = checking.Runner
    monkeypatch.setattr(
        reading, "Runner", lambda answer, _: runner(answer)
    )
    result = check.read_digits(attention=attention)
    assert "reads 20 of 20 digits" in str(result)


def test_without_a_piece_it_says_what_it_reads():
    assert "of 40 digits. Give it one of yours" in str(check.read_digits())


def test_the_reader_is_put_together_as_the_vit_is():
    images = torch.rand(3, 1, 28, 28)
    model = digit_reader()
    with torch.no_grad():
        wanted = model(images)
        torch.testing.assert_close(
            reading.ReaderInSteps(model)(images), wanted
        )
