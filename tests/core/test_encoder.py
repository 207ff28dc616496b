"""Chapter 6: the MLP, the block, and blocks in a row."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchs import torchs_block

from vitlib import MLP, Encoder, EncoderBlock, record_attention

WIDTH, HEADS = 24, 3


@pytest.fixture
def block(randomise):
    return randomise(EncoderBlock(WIDTH, HEADS)).eval()


def blocks_of(depth, **settings):
    return (EncoderBlock(WIDTH, HEADS, **settings) for _ in range(depth))


@pytest.fixture
def encoder(randomise):
    return randomise(Encoder(blocks_of(depth=3))).eval()


@pytest.fixture
def tokens():
    return torch.randn(2, 7, WIDTH)


def make_torchs(block):
    return torchs_block(block, WIDTH, HEADS)


def test_block_equals_torchs_pre_norm_layer(block, tokens):
    expected = make_torchs(block)(tokens)
    torch.testing.assert_close(block(tokens), expected)


def test_block_with_a_mask_equals_torchs(block, tokens):
    mask = torch.rand(7, 7) < 0.5
    mask.fill_diagonal_(True)
    expected = make_torchs(block)(tokens, src_mask=~mask)
    torch.testing.assert_close(block(tokens, mask), expected)


def test_encoder_equals_torchs_layers_in_order(encoder, tokens):
    """E8: and has no norm of its own at the end."""
    expected = tokens
    for block in encoder:
        expected = make_torchs(block)(expected)
    torch.testing.assert_close(encoder(tokens), expected)


def test_gradients_of_the_block_are_torchs(block, tokens):
    torchs = make_torchs(block)
    torchs(tokens).square().sum().backward()
    block(tokens).square().sum().backward()
    torch.testing.assert_close(
        block.attn.qkv.weight.grad, torchs.self_attn.in_proj_weight.grad
    )
    torch.testing.assert_close(
        block.norm1.weight.grad, torchs.norm1.weight.grad
    )


def test_mask_reaches_attention_through_the_encoder(encoder, tokens):
    """E15: the article's residual wrapper let no mask through."""
    mask = torch.ones(7, 7).tril().bool()
    with record_attention(encoder) as maps:
        masked = encoder(tokens, mask)
    for weights in maps:
        assert not weights[..., ~mask].any()
    assert not torch.allclose(masked, encoder(tokens), atol=0.01)
    changed = tokens.clone()
    changed[:, 5:] = 0
    after = encoder(changed, mask)
    torch.testing.assert_close(after[:, :5], masked[:, :5])


def test_masked_padding_changes_nothing(encoder, tokens):
    """E15, with two pictures of different lengths in one batch."""
    real = torch.arange(7) < torch.tensor([[7], [4]])
    padded = encoder(tokens, real[:, None, None])
    alone = encoder(tokens[1:, :4])
    torch.testing.assert_close(padded[1:, :4], alone)


def test_layers_are_added_to_the_stream_not_put_in_its_place(
    block, tokens
):
    for layer in (block.attn.proj, block.mlp.fc2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert torch.equal(block(tokens), tokens)


def test_norms_stand_before_the_layers(block, tokens):
    """Pre-norm: what a block adds does not grow with the stream."""
    added = block(1e3 * tokens) - 1e3 * tokens
    attended = block.attn(block.norm1(1e3 * tokens))
    stream = 1e3 * tokens + attended
    expected = attended + block.mlp(block.norm2(stream))
    torch.testing.assert_close(added, expected, rtol=0, atol=1e-3)
    assert added.std() < 10 * tokens.std()


def test_norms_use_eps_1e_minus_6(block):
    """E11: with torch's 1e-5, small tokens come out 14 % too small."""
    small = 0.005 * torch.randn(1, 7, WIDTH)
    small = small - small.mean(dim=-1, keepdim=True)
    variance = small.square().mean(dim=-1, keepdim=True)
    for norm in (block.norm1, block.norm2):
        expected = small / (variance + 1e-6).sqrt() * norm.weight
        torch.testing.assert_close(norm(small), expected + norm.bias)


def test_gelu_is_the_exact_one():
    """E12: the tanh formula is 5e-4 off at 2.7; JAX and timm differ."""
    mlp = MLP(1, mlp_ratio=1)
    nn.init.ones_(mlp.fc1.weight)
    nn.init.ones_(mlp.fc2.weight)
    nn.init.zeros_(mlp.fc1.bias)
    nn.init.zeros_(mlp.fc2.bias)
    for x in (-3.0, -2.7, -0.5, 0.0, 1.0, 2.7):
        exact = x * (1 + math.erf(x / math.sqrt(2))) / 2
        found = mlp(torch.full((1, 1, 1), x)).item()
        assert found == pytest.approx(exact, abs=1e-6)
    rough = F.gelu(torch.tensor(2.7), approximate="tanh").item()
    assert abs(rough - 2.7 * (1 + math.erf(2.7 / math.sqrt(2))) / 2) > 4e-4


def test_mlp_works_on_each_token_alone(randomise, tokens):
    mlp = randomise(MLP(WIDTH))
    together = mlp(tokens)
    for number in range(7):
        alone = mlp(tokens[:, number : number + 1])
        torch.testing.assert_close(together[:, number : number + 1], alone)


@pytest.mark.parametrize(
    ("width", "ratio", "hidden"),
    [
        (24, 4.0, 96),
        (24, 2.5, 60),
        (10, 2.67, 26),
        (24, 1, 24),
        (8, 0.2, 1),
    ],
)
def test_mlp_is_mlp_ratio_times_as_wide(width, ratio, hidden):
    mlp = MLP(width, ratio)
    assert mlp.fc1.weight.shape == (hidden, width)
    assert mlp.fc2.weight.shape == (width, hidden)
    assert mlp(torch.randn(2, 7, width)).shape == (2, 7, width)


@pytest.mark.parametrize("width", [48, 192, 768])
def test_mlp_starts_by_xaviers_rule(width):
    """E10: and with biases that are almost, not exactly, zero."""
    mlp = MLP(width)
    bound = math.sqrt(6 / (width + 4 * width))
    for layer in (mlp.fc1, mlp.fc2):
        weight, bias = layer.weight.detach(), layer.bias.detach()
        assert 0.98 * bound < weight.abs().max() <= bound
        assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.03)
        assert 0 < bias.abs().max() < 1e-5
        assert bias.std() == pytest.approx(1e-6, rel=0.3)


def test_every_advertised_dropout_is_there():
    """E13: the article took the number for the MLP and dropped it."""
    encoder = Encoder(blocks_of(depth=2, dropout=0.25))
    dropouts = [m for m in encoder.modules() if isinstance(m, nn.Dropout)]
    assert [dropout.p for dropout in dropouts] == [0.25] * 2 * 3
    for block in encoder:
        assert block.attn.proj_drop.p == 0.25
        assert block.mlp.drop1.p == block.mlp.drop2.p == 0.25


@pytest.mark.parametrize("name", ["drop1", "drop2"])
def test_each_dropout_of_the_mlp_acts(randomise, tokens, name):
    """E13: being there is not enough."""
    mlp = randomise(MLP(WIDTH)).train()
    before = mlp(tokens)
    getattr(mlp, name).p = 0.5
    assert not torch.allclose(mlp(tokens), before, atol=0.01)
    getattr(mlp, name).p = 0.0
    assert torch.equal(mlp(tokens), before)


def test_dropout_of_the_mlp_stands_at_both_ends():
    """E13: after the GELU, and after the last layer."""
    mlp = MLP(WIDTH, dropout=0.5).train()
    nn.init.zeros_(mlp.fc2.weight)
    nn.init.ones_(mlp.fc2.bias)
    out = mlp(torch.randn(4, 50, WIDTH))
    assert (out == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert set(out.unique().tolist()) == {0.0, 2.0}
    nn.init.zeros_(mlp.fc1.weight)
    nn.init.constant_(mlp.fc1.bias, 20.0)  # the GELU of 20 is 20
    nn.init.eye_(mlp.fc2.weight)
    nn.init.zeros_(mlp.fc2.bias)
    mlp.drop2.p = 0.0
    out = mlp(torch.randn(4, 50, WIDTH))
    assert set(out.unique().tolist()) == {0.0, 40.0}


def test_dropout_rests_in_inference(tokens):
    encoder = Encoder(blocks_of(depth=2, dropout=0.5))
    assert not torch.equal(encoder(tokens), encoder(tokens))
    encoder.eval()
    assert torch.equal(encoder(tokens), encoder(tokens))


def test_forward_leaves_its_input_alone(encoder, tokens):
    """E17: the article's residual wrote into what it was given."""
    before = tokens.clone()
    for layer in (encoder, encoder[0], encoder[0].mlp):
        layer(tokens).add_(1)
        assert torch.equal(tokens, before)


def test_a_leaf_that_learns_can_be_the_input(encoder, tokens):
    """E17: adding in place is an error there."""
    tokens.requires_grad_()
    encoder(tokens).sum().backward()
    assert tokens.grad.abs().min() > 0


def test_stream_stays_float32_under_autocast(encoder, tokens):
    """E17: in place, the sums would be rounded to bfloat16."""
    dtypes = []
    for block in encoder:
        block.mlp.register_forward_hook(
            lambda *call: dtypes.append(call[2].dtype)
        )
    with torch.autocast("cpu", torch.bfloat16):
        result = encoder(tokens)
    assert dtypes == [torch.bfloat16] * 3
    assert result.dtype == torch.float32
    rounded = result.bfloat16().float()
    assert (rounded != result).float().mean() > 0.9
    error = (result - encoder(tokens)).norm() / result.norm()
    assert error < 0.02


def test_blocks_can_be_sliced(encoder, tokens):
    """E19: slicing the article's ViT calls its constructor and fails."""
    first, second, third = encoder
    assert encoder[0] is first
    assert encoder[-1] is third
    assert list(encoder[:2]) == [first, second]
    assert list(encoder[::-1]) == [third, second, first]
    assert list(encoder[5:]) == []
    assert len(encoder) == 3
    torch.testing.assert_close(third(encoder[:2](tokens)), encoder(tokens))


def test_a_slice_is_an_encoder_that_shares_its_blocks(encoder, tokens):
    mask = torch.ones(7, 7).tril().bool()
    half = encoder[1:]
    assert type(half) is Encoder
    assert next(iter(half.state_dict())) == "0.norm1.weight"
    expected = encoder[2](encoder[1](tokens, mask), mask)
    assert torch.equal(half(tokens, mask), expected)
    nn.init.zeros_(half[1].mlp.fc2.weight)
    assert not encoder[2].mlp.fc2.weight.any()
    assert torch.equal(encoder[:0](tokens), tokens)


def gradients_of(encoder, tokens, mask=None):
    """Of the tokens and of every parameter, and what came out."""
    tokens = tokens.clone().requires_grad_()
    torch.manual_seed(3)  # of the dropouts
    result = encoder(tokens, mask)
    asked = [tokens, *encoder.parameters()]
    return result, *torch.autograd.grad(result.square().sum(), asked)


def bytes_kept(model, given):
    """What torch keeps for a backward pass, each storage once."""
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        result = model(given)
    weights = {p.data_ptr() for p in model.parameters()}
    del result
    return sum(n for at, n in kept.items() if at not in weights)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("masked", [False, True])
def test_checkpointed_gradients_are_those_without(
    randomise, tokens, dropout, masked
):
    encoder = randomise(Encoder(blocks_of(3, dropout=dropout))).train()
    mask = torch.ones(7, 7).tril().bool() if masked else None
    expected = gradients_of(encoder, tokens, mask)
    encoder.set_grad_checkpointing()
    found = gradients_of(encoder, tokens, mask)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_checkpointed_gradients_are_torchs(encoder, tokens):
    encoder.set_grad_checkpointing()
    found = gradients_of(encoder, tokens)
    layers = nn.Sequential(*map(make_torchs, encoder))
    theirs = tokens.clone().requires_grad_()
    layers(theirs).square().sum().backward()
    torch.testing.assert_close(found[1], theirs.grad)


def test_checkpointed_blocks_keep_their_input_alone(encoder):
    """The written sum: one stream of tokens for each block."""
    tokens = torch.randn(2, 50, WIDTH, requires_grad=True)
    stream = tokens.numel() * tokens.element_size()
    without = bytes_kept(encoder, tokens)
    encoder.set_grad_checkpointing()
    random_state = torch.get_rng_state().numel()
    assert 0 <= bytes_kept(encoder, tokens) - 3 * stream <= random_state
    assert without > 5 * 3 * stream


def test_every_second_block_can_be_checkpointed(encoder):
    """A slice shares its blocks, and so what they are told."""
    tokens = torch.randn(2, 50, WIDTH, requires_grad=True)
    stream = tokens.numel() * tokens.element_size()
    one = bytes_kept(encoder[:1], tokens)
    encoder[::2].set_grad_checkpointing()
    kept = bytes_kept(encoder, tokens)
    assert one < kept < one + 3 * stream
    encoder.set_grad_checkpointing(False)
    assert bytes_kept(encoder, tokens) > 2 * one


def test_copies_go_on_checkpointing_and_the_weights_do_not_tell(
    encoder, tokens
):
    plain = list(encoder.state_dict())
    encoder.set_grad_checkpointing()
    assert list(encoder.state_dict()) == plain
    sparing = bytes_kept(encoder, tokens)
    for other in (
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
        encoder[:],
    ):
        assert bytes_kept(other, tokens) == sparing


def test_checkpointed_blocks_run_once_where_no_gradient_is_asked(
    encoder, tokens
):
    calls = []
    encoder[0].register_forward_pre_hook(lambda *call: calls.append(call))
    expected = encoder(tokens)
    encoder.set_grad_checkpointing()
    with torch.inference_mode():
        assert torch.equal(encoder(tokens), expected)
    with torch.no_grad():
        assert torch.equal(encoder(tokens), expected)
    assert len(calls) == 3
    encoder(tokens).sum().backward()
    assert len(calls) == 5


def test_checkpointed_maps_are_noted_once_with_their_gradients(
    encoder, tokens
):
    found = []
    for enable in (False, True):
        encoder.set_grad_checkpointing(enable)
        tokens.requires_grad_()
        with record_attention(encoder) as maps:
            encoder(tokens).sum().backward(retain_graph=True)
        assert len(maps) == 3
        (grad,) = torch.autograd.grad(maps[2].square().sum(), tokens)
        found.append((torch.stack(maps), grad))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


@pytest.mark.long
def test_checkpointed_blocks_can_be_compiled_and_exported(encoder, tokens):
    expected = gradients_of(encoder, tokens)
    encoder.set_grad_checkpointing()
    compiled = torch.compile(encoder, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(gradients_of(compiled, tokens), expected)
    exported = torch.export.export(encoder, (tokens,)).module()
    torch.testing.assert_close(exported(tokens), expected[0])


def test_blocks_can_be_exchanged_and_taken_away(encoder, tokens):
    encoder[1] = EncoderBlock(WIDTH, num_heads=2)
    assert encoder[1].attn.num_heads == 2
    del encoder[2]
    assert len(encoder) == 2
    expected = encoder[1](encoder[0](tokens))
    assert torch.equal(encoder(tokens), expected)


def test_a_block_may_be_any_layer_of_tokens(encoder, tokens):
    """And takes a mask only where there is one."""
    expected = encoder[2](encoder[0](tokens))
    encoder[1] = nn.Identity()
    assert torch.equal(encoder(tokens), expected)
    encoder.append(nn.LayerNorm(WIDTH))
    normed = F.layer_norm(expected, (WIDTH,))
    torch.testing.assert_close(encoder(tokens), normed)


class Wrapped(nn.Module):
    """What LoRA and quantisation put around a layer: no sizes outside."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, values):
        return self.layer(values)


@pytest.mark.parametrize(
    "name", ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2", "mlp"]
)
def test_every_layer_may_be_wrapped(block, tokens, name):
    expected = block(tokens)
    block.set_submodule(name, Wrapped(block.get_submodule(name)))
    assert torch.equal(block(tokens), expected)


def test_names_of_the_parameters_are_timms(encoder):
    """E19: no '1.0.0.fn.1.qkv.weight'."""
    layers = (
        "norm1",
        "attn.qkv",
        "attn.proj",
        "norm2",
        "mlp.fc1",
        "mlp.fc2",
    )
    expected = [
        f"{number}.{layer}.{kind}"
        for number in range(3)
        for layer in layers
        for kind in ("weight", "bias")
    ]
    assert list(encoder.state_dict()) == expected


def test_blocks_start_with_different_weights(small_vit):
    first, second = small_vit(depth=2).blocks
    for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"):
        one, two = (b.get_submodule(name).weight for b in (first, second))
        assert not torch.equal(one, two)


def test_copies_are_equal_and_apart(encoder, tokens):
    expected = encoder(tokens)
    for other in (
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert torch.equal(other(tokens), expected)
        nn.init.zeros_(other[0].mlp.fc2.weight)
    assert torch.equal(encoder(tokens), expected)


def test_encoder_does_not_know_the_order_of_its_tokens(encoder, tokens):
    order = torch.randperm(7)
    mixed = encoder(tokens[:, order])
    torch.testing.assert_close(mixed, encoder(tokens)[:, order])


def test_gradients_are_right(randomise):
    block = randomise(EncoderBlock(4, 2, mlp_ratio=1)).double()
    tokens = torch.randn(1, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, tokens)


def test_empty_batches_stay_empty(encoder):
    assert encoder(torch.zeros(0, 7, WIDTH)).shape == (0, 7, WIDTH)


def test_nan_comes_out(encoder, tokens):
    tokens[1, 2, 3] = torch.nan
    broken = encoder(tokens).isnan()
    assert broken[1].all()
    assert not broken[0].any()


@pytest.mark.parametrize("layer", [MLP, EncoderBlock])
@pytest.mark.parametrize("bad", [0, -8, 8.0, True, None, "8"])
def test_width_must_be_a_whole_number(refuses, layer, bad):
    refuses(lambda: layer(embed_dim=bad), "embed_dim", repr(bad))


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "2"])
def test_heads_must_be_a_whole_number(refuses, bad):
    refuses(lambda: EncoderBlock(num_heads=bad), "num_heads", repr(bad))


def test_heads_must_divide_the_width(refuses):
    refuses(
        lambda: EncoderBlock(24, num_heads=5), "embed_dim 24", "5 heads", 4
    )


@pytest.mark.parametrize("layer", [MLP, EncoderBlock])
@pytest.mark.parametrize(
    "bad", [0, -4.0, 0.01, math.nan, math.inf, True, None, "4"]
)
def test_mlp_ratio_must_give_a_width(refuses, layer, bad):
    refuses(lambda: layer(24, mlp_ratio=bad), "mlp_ratio", repr(bad), 24)


@pytest.mark.parametrize("layer", [MLP, EncoderBlock])
@pytest.mark.parametrize(
    "bad", [-0.1, 1, 1.0, 2, math.nan, math.inf, True, False, None, "0.1"]
)
def test_dropout_must_be_a_share_below_one(refuses, layer, bad):
    refuses(lambda: layer(24, dropout=bad), "dropout", repr(bad))


LAYERS = pytest.mark.parametrize(
    "make",
    [
        lambda: MLP(WIDTH),
        lambda: EncoderBlock(WIDTH, HEADS),
        lambda: Encoder(blocks_of(depth=1)),
    ],
    ids=["mlp", "block", "encoder"],
)


@LAYERS
@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((2, 7, 23), ("23 wide", "embed_dim 24")),
        ((2, 7, 1), ("1 wide", "embed_dim 24")),
        ((7, 24), ("(b, n, d)", "(7, 24)")),
        ((24,), ("(b, n, d)", "(24,)")),
        ((1, 2, 7, 24), ("(b, n, d)", "(1, 2, 7, 24)")),
    ],
)
def test_tokens_of_another_shape_are_refused(refuses, make, shape, parts):
    refuses(lambda: make()(torch.zeros(shape)), *parts)


@LAYERS
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (torch.zeros(2, 7, 24, dtype=torch.int64), "torch.int64"),
        (np.zeros((2, 7, 24)), "ndarray"),
        (None, "NoneType"),
        ([0.0], "list"),
    ],
    ids=["integers", "numpy", "none", "list"],
)
def test_what_holds_no_floats_is_refused(refuses, make, bad, kind):
    refuses(lambda: make()(bad), "tokens", kind)


@pytest.mark.parametrize("number", [0, 1])
def test_a_mask_that_does_not_fit_is_refused(refuses, encoder, number):
    tokens = torch.zeros(2, 7, WIDTH)
    layer = (encoder, encoder[0])[number]
    wrong = torch.ones(2, 7, dtype=torch.bool)
    refuses(lambda: layer(tokens, wrong), (2, 7), (7, 7))
    whole = torch.ones(7, 7, dtype=torch.int64)
    refuses(lambda: layer(tokens, whole), "torch.int64")


def test_sizes_may_be_numbers_of_numpy():
    made = EncoderBlock(np.int64(24), np.int32(3), np.float32(2.5))
    dropout = np.float32(0.1)
    layers = MLP(np.uint8(24), np.float64(4), dropout), made, made.attn
    for layer in layers:
        assert type(layer.embed_dim) is int
    assert type(made.attn.num_heads) is int
    assert type(layers[0].drop1.p) is float
    assert made.mlp.fc1.weight.shape == (60, 24)
    assert made.norm1.normalized_shape == (24,)
    assert type(made.norm1.normalized_shape[0]) is int
    assert made(torch.zeros(2, 7, 24)).shape == (2, 7, 24)
