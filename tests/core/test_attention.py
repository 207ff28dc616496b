"""Chapter 5: attention, written out, fused, and recorded."""

import copy
import gc
import math
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vitlib import (
    EncoderBlock,
    MultiHeadAttention,
    attention_weights,
    fused_attention,
    record_attention,
)
from vitlib.attention import attention

BATCH, HEADS, QUERIES, KEYS, HEAD_DIM = 2, 3, 5, 7, 4
BOTH = pytest.mark.parametrize("function", [attention, fused_attention])


def make_qkv(**settings):
    q = torch.randn(BATCH, HEADS, QUERIES, HEAD_DIM, **settings)
    k, v = torch.randn(2, BATCH, HEADS, KEYS, HEAD_DIM, **settings)
    return q, k, v


def mask_shapes():
    first = product((1, BATCH), (1, HEADS), (1, QUERIES))
    return [(QUERIES, KEYS), *((*sides, KEYS) for sides in first)]


MASKS = pytest.mark.parametrize("shape", mask_shapes(), ids=str)


def make_mask(shape):
    """Look at about half of the keys, and nowhere in one row."""
    mask = torch.rand(shape) < 0.5
    mask[..., -1, :] = False
    return mask


def of_torch(width=24, heads=3):
    """A layer of ours and torch's own with the same weights."""
    ours = MultiHeadAttention(width, heads)
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.3)
    torchs = nn.MultiheadAttention(width, heads, batch_first=True)
    torchs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.proj.weight,
            "out_proj.bias": ours.proj.bias,
        }
    )
    return ours, torchs


# The function


@BOTH
def test_result_is_that_of_torch(function):
    """E25: by hand and in one kernel, the same numbers."""
    q, k, v = make_qkv(dtype=torch.float64)
    expected = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(function(q, k, v), expected)


@BOTH
@MASKS
def test_result_with_a_mask_is_that_of_torch(function, shape):
    q, k, v = make_qkv(dtype=torch.float64)
    mask = make_mask(shape)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(function(q, k, v, mask), expected)


@BOTH
@MASKS
def test_a_mask_of_floats_is_added_to_the_scores_as_in_torch(
    function, shape
):
    """A bias by distance, say; minus infinity forbids, as False does."""
    inputs = make_qkv(dtype=torch.float64, requires_grad=True)
    bias = torch.randn(shape, dtype=torch.float64)
    bias = bias.masked_fill(~make_mask(shape), -torch.inf)
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=bias)
    result = function(*inputs, bias)
    torch.testing.assert_close(result, expected)
    assert not result[..., -1, :].any()
    weights = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad((result * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    ):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs)


@BOTH
def test_an_added_mask_can_be_learned(function):
    """Some ViTs learn a bias for each distance between two patches."""
    q, k, v = make_qkv(dtype=torch.float64)
    weights = torch.randn(BATCH, HEADS, QUERIES, 1)
    grads = []
    for mix in (function, F.scaled_dot_product_attention):
        bias = torch.ones(QUERIES, KEYS, dtype=torch.float64)
        bias.requires_grad_(True)
        (mix(q, k, v, bias) * weights).sum().backward()
        grads.append(bias.grad)
    torch.testing.assert_close(*grads)


def test_every_pair_is_a_dot_product_a_root_and_a_softmax():
    q, k, v = make_qkv()
    result = attention(q, k, v)
    for b, head, i in product(range(BATCH), range(HEADS), range(QUERIES)):
        scores = [
            math.exp(float(q[b, head, i] @ key) / math.sqrt(HEAD_DIM))
            for key in k[b, head]
        ]
        mixed = sum(
            score / sum(scores) * value
            for score, value in zip(scores, v[b, head], strict=True)
        )
        torch.testing.assert_close(result[b, head, i], mixed)


def test_scale_comes_before_the_softmax():
    """E1: scaled afterwards, a row would sum to 1 / sqrt(k)."""
    q, k, _ = make_qkv()
    weights = attention_weights(q, k)
    ones = torch.ones(BATCH, HEADS, QUERIES)
    torch.testing.assert_close(weights.sum(dim=-1), ones)
    scores = q @ k.transpose(2, 3) / HEAD_DIM**0.5
    torch.testing.assert_close(weights, scores.softmax(dim=-1))


def test_without_the_scale_a_few_keys_would_take_all():
    """E1: 120 of 197 keys have a say; without the root, two."""
    q, k = torch.randn(2, 1, 8, 197, 64)

    def have_a_say(weights):
        return weights.xlogy(weights).sum(-1).neg().mean().exp().item()

    assert have_a_say(attention_weights(q, k)) == pytest.approx(120, abs=3)
    without = (q @ k.transpose(2, 3)).softmax(dim=-1)
    assert have_a_say(without) == pytest.approx(2.1, abs=0.2)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_scale_is_the_root_of_the_head_dim_not_of_the_width(heads):
    """E2: sqrt(768) instead of sqrt(64) is a famous mistake."""
    layer, tokens = MultiHeadAttention(16, heads), torch.randn(2, 5, 16)
    q, k, _ = layer.qkv(tokens).chunk(3, dim=2)
    q, k = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (q, k))
    expected = q @ k.transpose(2, 3) / math.sqrt(16 / heads)
    with record_attention(layer) as maps:
        layer(tokens)
    torch.testing.assert_close(maps[0], expected.softmax(dim=-1))


@MASKS
def test_no_weight_goes_where_the_mask_forbids_it(shape):
    """E14: the article's masked scores were thrown away."""
    q, k, _ = make_qkv()
    mask = make_mask(shape)
    weights = attention_weights(q, k, mask)
    allowed = mask.expand(weights.shape)
    assert not weights[~allowed].any()
    assert (weights[allowed] > 0).all()
    some = allowed.any(dim=-1)
    torch.testing.assert_close(weights.sum(dim=-1), some.float())


def test_masked_keys_could_as_well_be_missing():
    q, k, v = make_qkv()
    mask = torch.tensor([True, False, True, True, False, True, False])
    some = attention(q, k[:, :, mask], v[:, :, mask])
    everywhere = mask.expand(QUERIES, KEYS)
    torch.testing.assert_close(attention(q, k, v, everywhere), some)


@BOTH
@MASKS
def test_a_query_that_may_look_nowhere_gets_zeros(function, shape):
    """E16: minus infinity would give NaN, the lowest number a mean."""
    q, k, v = make_qkv(requires_grad=True)
    mask = torch.zeros(shape, dtype=torch.bool)
    result = function(q, k, v, mask)
    assert not result.any()
    result.sum().backward()


@BOTH
@MASKS
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_gradients_are_finite_and_those_of_torch(function, shape):
    """E16: no NaN on the way either, which anomaly mode would find."""
    mask, weights = make_mask(shape), torch.randn(BATCH, HEADS, QUERIES, 1)
    inputs = make_qkv(dtype=torch.float64, requires_grad=True)
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=mask)
    expected = torch.autograd.grad((expected * weights).sum(), inputs)
    with torch.autograd.detect_anomaly(check_nan=True):
        result = (function(*inputs, mask) * weights).sum()
        grads = torch.autograd.grad(result, inputs)
    for grad, wanted in zip(grads, expected, strict=True):
        assert grad.isfinite().all()
        torch.testing.assert_close(grad, wanted)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_masks_work_in_half_precision(function, dtype):
    """E16: the lowest float32 does not fit into float16."""
    q, k, v = make_qkv()
    mask = make_mask((QUERIES, KEYS))
    expected = attention(q, k, v, mask)
    result = function(q.to(dtype), k.to(dtype), v.to(dtype), mask)
    assert result.dtype == dtype
    torch.testing.assert_close(result.float(), expected, rtol=0, atol=0.03)


def test_huge_scores_do_not_overflow():
    q = k = v = torch.full((1, 1, 2, 4), 1e4)
    mask = torch.eye(2, dtype=torch.bool)
    assert torch.equal(attention(q, k, v), v)
    assert torch.equal(attention(-q, k, v, mask), v)


def test_gradients_are_right():
    q, k, v = torch.randn(
        3, 1, 2, 3, 2, dtype=torch.float64, requires_grad=True
    )
    mask = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1]]).bool()
    assert torch.autograd.gradcheck(attention, (q, k, v))
    assert torch.autograd.gradcheck(
        lambda *qkv: attention(*qkv, mask), (q, k, v)
    )


@BOTH
def test_nan_in_a_key_or_value_comes_out(function):
    q, k, v = make_qkv()
    k[0, 1, 2, 3] = v[1, 2, 6, 0] = torch.nan
    broken = function(q, k, v).isnan()
    assert broken[0, 1].all()
    assert broken[1, 2, :, 0].all()
    assert broken.sum() == QUERIES * HEAD_DIM + QUERIES


def test_nan_in_a_query_comes_out():
    # Of the written-out function only: torch's kernel for CPUs gives zeros
    # where nothing but a query is NaN. In a layer it is never alone.
    q, k, v = make_qkv()
    q[0, 1, 2, 3] = torch.nan
    broken = attention(q, k, v).isnan()
    assert broken[0, 1, 2].all()
    assert broken.sum() == HEAD_DIM


@BOTH
def test_inputs_of_the_function_are_left_alone(function):
    q, k, v = make_qkv()
    mask = make_mask((QUERIES, KEYS))
    before = [t.clone() for t in (q, k, v, mask)]
    function(q, k, v, mask)
    for now, then in zip((q, k, v, mask), before, strict=True):
        assert torch.equal(now, then)


@BOTH
def test_empty_batches_stay_empty(function):
    q = torch.zeros(0, HEADS, QUERIES, HEAD_DIM)
    k = v = torch.zeros(0, HEADS, KEYS, HEAD_DIM)
    assert function(q, k, v).shape == q.shape


@BOTH
@pytest.mark.parametrize(
    "shape",
    [
        (1, HEADS, KEYS, HEAD_DIM),
        (BATCH, 1, KEYS, HEAD_DIM),
        (BATCH, HEADS, 1, HEAD_DIM),
        (BATCH, HEADS, KEYS, 1),
        (BATCH, HEADS, KEYS, HEAD_DIM + 1),
        (BATCH, HEADS, KEYS + 1, HEAD_DIM),
        (HEADS, KEYS, HEAD_DIM),
    ],
)
def test_values_must_have_the_shape_of_the_keys(refuses, function, shape):
    q, k, _ = make_qkv()
    v = torch.zeros(shape)
    refuses(lambda: function(q, k, v), shape)


@BOTH
@pytest.mark.parametrize(
    "shape",
    [
        (1, HEADS, KEYS, HEAD_DIM),
        (BATCH, 1, KEYS, HEAD_DIM),
        (BATCH, HEADS, KEYS, 1),
        (BATCH, HEADS, KEYS, HEAD_DIM + 1),
        (HEADS, KEYS, HEAD_DIM),
    ],
)
def test_queries_and_keys_must_fit(refuses, function, shape):
    q, _, _ = make_qkv()
    k = v = torch.zeros(shape)
    refuses(lambda: function(q, k, v), shape)


@BOTH
@pytest.mark.parametrize(
    "shape",
    [
        (KEYS,),
        (KEYS, QUERIES),
        (QUERIES, 1),
        (1, KEYS),
        (HEADS, QUERIES, KEYS),
        (BATCH, QUERIES, KEYS),
        (BATCH, KEYS),
        (BATCH, HEADS, QUERIES, 1),
        (BATCH, HEADS, QUERIES + 1, KEYS),
        (BATCH, HEADS + 1, 1, KEYS),
        (BATCH + 1, 1, 1, KEYS),
        (1, BATCH, HEADS, QUERIES, KEYS),
        (),
    ],
    ids=str,
)
def test_masks_of_another_shape_are_refused(refuses, function, shape):
    mask = torch.ones(shape, dtype=torch.bool)
    full = (BATCH, HEADS, QUERIES, KEYS)
    refuses(
        lambda: function(*make_qkv(), mask), shape, full, (QUERIES, KEYS)
    )


@BOTH
@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (torch.ones(QUERIES, KEYS, dtype=torch.uint8), "torch.uint8"),
        (torch.ones(QUERIES, KEYS, dtype=torch.int64), "torch.int64"),
        (np.ones((QUERIES, KEYS), bool), "bool"),
        ([[True] * KEYS] * QUERIES, "list"),
        (True, "bool"),
    ],
    ids=["bytes", "integers", "numpy", "list", "one"],
)
def test_masks_must_be_tensors_of_booleans_or_floats(
    refuses, function, mask, kind
):
    refuses(lambda: function(*make_qkv(), mask), kind, "torch.bool")


@BOTH
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (None, "NoneType"),
        (np.zeros((2, 3, 5, 4)), "ndarray"),
        ([1], "list"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_function_refuses_what_is_no_tensor(
    refuses, function, place, bad, kind
):
    qkv = list(make_qkv())
    qkv[place] = bad
    refuses(lambda: function(*qkv), "qkv"[place], kind)


# The layer


@pytest.mark.parametrize("heads", [1, 2, 3, 8, 24])
def test_layer_equals_torchs_with_the_same_weights(heads):
    ours, torchs = of_torch(24, heads)
    tokens = torch.randn(2, 7, 24)
    expected, _ = torchs(tokens, tokens, tokens, need_weights=False)
    torch.testing.assert_close(ours(tokens), expected)


def test_layer_with_a_mask_equals_torchs():
    """E15: there is a way for a mask to arrive."""
    ours, torchs = of_torch()
    tokens = torch.randn(2, 7, 24)
    mask = torch.rand(7, 7) < 0.5
    mask.fill_diagonal_(True)
    expected, _ = torchs(tokens, tokens, tokens, attn_mask=~mask)
    torch.testing.assert_close(ours(tokens, mask), expected)
    assert not torch.allclose(ours(tokens), expected, atol=0.01)


def test_padding_is_masked_as_torch_does_it():
    ours, torchs = of_torch()
    tokens = torch.randn(2, 7, 24)
    real = torch.arange(7) < torch.tensor([[7], [4]])
    expected, _ = torchs(tokens, tokens, tokens, key_padding_mask=~real)
    torch.testing.assert_close(ours(tokens, real[:, None, None]), expected)


def test_qkv_is_split_as_qkv_heads_k():
    """E4: other orders take published weights and give other answers."""
    ours, torchs = of_torch()
    tokens = torch.randn(2, 7, 24)
    right, _ = torchs(tokens, tokens, tokens)
    torch.testing.assert_close(ours(tokens), right)
    with torch.no_grad():
        articles = ours.qkv.weight.view(3, 3, 8, 24).permute(1, 2, 0, 3)
        ours.qkv.weight.copy_(articles.reshape(72, 24))
    assert (ours(tokens) - right).norm() > 0.3 * right.norm()


def test_heads_change_the_result_and_not_the_parameter_count():
    """E5: with 8 heads for 12 no count looks wrong."""
    tokens, results, counts = torch.randn(2, 7, 24), [], set()
    for heads in (2, 3):
        ours, _ = of_torch(24, heads)
        counts.add(sum(p.numel() for p in ours.parameters()))
        for parameter in ours.parameters():
            torch.manual_seed(1)
            nn.init.normal_(parameter, std=0.3)
        results.append(ours(tokens))
    assert counts == {4 * 24 * 24 + 4 * 24}
    assert not torch.allclose(*results, atol=0.01)


@pytest.mark.parametrize("width", [48, 192, 768])
def test_weights_start_by_xaviers_rule(width):
    """E10: q, k and v each by their own size, not as one big layer."""
    layer = MultiHeadAttention(width, 3)
    bound = math.sqrt(6 / (width + width))
    for weight in (*layer.qkv.weight.chunk(3), layer.proj.weight):
        weight = weight.detach()
        assert 0.98 * bound < weight.abs().max() <= bound
        assert weight.std() == pytest.approx(width**-0.5, rel=0.04)
    assert not layer.qkv.bias.any()
    assert not layer.proj.bias.any()


def test_layer_does_not_know_the_order_of_its_tokens():
    ours, _ = of_torch()
    tokens, order = torch.randn(2, 7, 24), torch.randperm(7)
    torch.testing.assert_close(
        ours(tokens[:, order]), ours(tokens)[:, order]
    )


def test_pictures_of_a_batch_do_not_see_each_other():
    ours, _ = of_torch()
    tokens = torch.randn(3, 7, 24)
    for number in range(3):
        alone = ours(tokens[number : number + 1])
        torch.testing.assert_close(alone[0], ours(tokens)[number])


def test_dropout_acts_on_the_output_in_training_only():
    """E13, here."""
    layer = MultiHeadAttention(24, 3, dropout=0.5)
    nn.init.constant_(layer.proj.bias, 10.0)
    tokens = torch.randn(4, 50, 24)
    dropped = (layer.train()(tokens) == 0).float().mean().item()
    assert dropped == pytest.approx(0.5, abs=0.05)
    assert layer.eval()(tokens).all()


def test_layer_mixes_by_the_readers_own_function():
    def mean_of_values(q, k, v, mask=None):
        return v.mean(dim=2, keepdim=True).expand_as(q)

    ours, _ = of_torch()
    tokens = torch.randn(2, 7, 24)
    ours.attention = mean_of_values
    values = ours.qkv(tokens)[:, :, 48:].mean(dim=1, keepdim=True)
    expected = ours.proj(values).expand(2, 7, 24)
    torch.testing.assert_close(ours(tokens), expected)


def test_layer_leaves_its_input_alone():
    ours, _ = of_torch()
    tokens = torch.randn(2, 7, 24)
    before = tokens.clone()
    ours(tokens).add_(1)
    assert torch.equal(tokens, before)


def test_gradients_of_the_layer_are_right():
    layer = MultiHeadAttention(6, 2).double()
    tokens = torch.randn(1, 3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, tokens)


def test_layer_takes_one_token_and_no_picture():
    layer = MultiHeadAttention(24, 3)
    tokens = torch.randn(2, 1, 24)
    expected = layer.proj(layer.qkv(tokens)[:, :, 48:])
    torch.testing.assert_close(layer(tokens), expected)
    assert layer(torch.zeros(0, 7, 24)).shape == (0, 7, 24)


def test_nan_comes_out_of_the_layer():
    tokens = torch.randn(2, 7, 24)
    tokens[1, 2, 3] = torch.nan
    broken = MultiHeadAttention(24, 3)(tokens).isnan()
    assert broken[1].all()
    assert not broken[0].any()


@pytest.mark.parametrize(
    ("width", "heads"), [(24, 5), (768, 10), (3, 4), (64, 12)]
)
def test_heads_must_divide_the_width(refuses, width, heads):
    refuses(
        lambda: MultiHeadAttention(width, heads),
        f"embed_dim {width}",
        f"{heads} heads",
        width % heads,
        "multiple",
    )


@pytest.mark.parametrize("bad", [0, -3, 3.0, True, None, "3"])
@pytest.mark.parametrize("name", ["embed_dim", "num_heads"])
def test_sizes_must_be_whole_numbers(refuses, name, bad):
    refuses(lambda: MultiHeadAttention(**{name: bad}), name, repr(bad))


@pytest.mark.parametrize(
    "bad", [-0.1, 1, 1.0, 2, math.nan, math.inf, True, False, None, "0.1"]
)
def test_dropout_must_be_a_share_below_one(refuses, bad):
    refuses(lambda: MultiHeadAttention(24, 3, bad), "dropout", repr(bad))


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((2, 7, 23), ("23 wide", "embed_dim 24")),
        ((2, 7, 1), ("1 wide", "embed_dim 24")),
        ((7, 24), ("(b, n, d)", "(7, 24)")),
        ((1, 2, 7, 24), ("(b, n, d)", "(1, 2, 7, 24)")),
    ],
)
def test_tokens_of_another_shape_are_refused(refuses, shape, parts):
    tokens = torch.zeros(shape)
    refuses(lambda: MultiHeadAttention(24, 3)(tokens), *parts)


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [
        (torch.zeros(2, 7, 24, dtype=torch.int64), "torch.int64"),
        (torch.zeros(2, 7, 24, dtype=torch.uint8), "torch.uint8"),
        (np.zeros((2, 7, 24)), "ndarray"),
        (None, "NoneType"),
        ([0.0], "list"),
    ],
    ids=["integers", "bytes", "numpy", "none", "list"],
)
def test_what_holds_no_floats_is_refused(refuses, tokens, kind):
    refuses(lambda: MultiHeadAttention(24, 3)(tokens), "tokens", kind)


def test_layer_refuses_a_mask_that_does_not_fit(refuses):
    layer, tokens = MultiHeadAttention(24, 3), torch.zeros(2, 7, 24)
    wrong = torch.ones(2, 7, dtype=torch.bool)
    refuses(lambda: layer(tokens, wrong), (2, 7), (7, 7), (2, 3, 7, 7))


# The recorder


@pytest.fixture
def blocks():
    made = nn.Sequential(*(EncoderBlock(24, 3) for _ in range(4)))
    return made.eval()


def functions_of(model):
    layers = model.modules()
    return [
        m.attention for m in layers if isinstance(m, MultiHeadAttention)
    ]


def test_recorded_maps_are_those_of_each_layer_in_order(blocks):
    """E24: the first thing that learners ask for."""
    tokens = torch.randn(2, 7, 24)
    with record_attention(blocks) as maps:
        blocks(tokens)
    assert len(maps) == 4
    for block, weights in zip(blocks, maps, strict=True):
        assert weights.shape == (2, 3, 7, 7)
        q, k, _ = block.attn.qkv(block.norm1(tokens)).chunk(3, dim=2)
        q, k = (t.unflatten(2, (3, 8)).transpose(1, 2) for t in (q, k))
        torch.testing.assert_close(weights, attention_weights(q, k))
        tokens = block(tokens)


def test_recorded_rows_sum_to_one(blocks):
    with record_attention(blocks) as maps:
        blocks(torch.randn(2, 7, 24))
    for weights in maps:
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 7))


def test_recorded_maps_are_torchs_per_head_weights():
    ours, torchs = of_torch()
    tokens = torch.randn(2, 7, 24)
    with record_attention(ours) as maps:
        ours(tokens)
    _, expected = torchs(
        tokens, tokens, tokens, average_attn_weights=False
    )
    torch.testing.assert_close(maps[0], expected)


def test_recording_changes_no_result(blocks):
    tokens = torch.randn(2, 7, 24)
    before = blocks(tokens)
    with record_attention(blocks):
        during = blocks(tokens)
    torch.testing.assert_close(during, before)
    assert torch.equal(blocks(tokens), before)


def test_recording_sees_what_a_mask_adds():
    layer, bias = of_torch()[0], torch.randn(7, 7)
    tokens = torch.randn(2, 7, 24)
    with record_attention(layer) as maps:
        recorded = layer(tokens, bias)
    torch.testing.assert_close(recorded, layer(tokens, bias))
    with record_attention(layer) as plain:
        layer(tokens)
    scores = plain[0].log() + bias
    torch.testing.assert_close(maps[0], scores.softmax(dim=-1))


def test_recording_sees_the_mask():
    layer = MultiHeadAttention(24, 3)
    mask = torch.ones(7, 7).tril().bool()
    with record_attention(layer) as maps:
        layer(torch.randn(2, 7, 24), mask)
    assert not maps[0][..., ~mask].any()


def test_recording_collects_every_call(blocks):
    with record_attention(blocks) as maps:
        blocks(torch.randn(2, 7, 24))
        blocks(torch.randn(1, 3, 24))
    assert [m.shape[0] for m in maps] == [2] * 4 + [1] * 4


def test_recording_keeps_no_state(blocks):
    keys, names = list(blocks.state_dict()), dir(blocks[0].attn)
    with record_attention(blocks) as maps:
        blocks(torch.randn(2, 7, 24))
    blocks(torch.randn(2, 7, 24))
    assert len(maps) == 4
    assert list(blocks.state_dict()) == keys
    assert dir(blocks[0].attn) == names
    assert functions_of(blocks) == [fused_attention] * 4


def fail_while_recording(model):
    with record_attention(model):
        model(torch.zeros(2, 7, 25))


def test_functions_are_back_after_an_exception(blocks):
    with pytest.raises(ValueError, match="25 wide"):
        fail_while_recording(blocks)
    assert functions_of(blocks) == [fused_attention] * 4


def test_the_readers_own_function_is_back_afterwards(blocks):
    def own(q, k, v, mask=None):
        return v

    blocks[2].attn.attention = own
    with record_attention(blocks):
        blocks(torch.randn(2, 7, 24))
    assert functions_of(blocks) == [
        fused_attention,
        fused_attention,
        own,
        fused_attention,
    ]


def test_recordings_can_be_nested(blocks):
    tokens = torch.randn(2, 7, 24)
    with record_attention(blocks) as outer:
        blocks(tokens)
        with record_attention(blocks[1]) as inner:
            blocks(tokens)
        blocks(tokens)
    assert len(inner) == 1
    assert len(outer) == 4 + 3 + 4
    assert torch.equal(inner[0], outer[1])
    assert functions_of(blocks) == [fused_attention] * 4


def test_gradients_reach_the_layer_through_its_maps():
    layer = MultiHeadAttention(24, 3)
    with record_attention(layer) as maps:
        layer(torch.randn(2, 7, 24))
    maps[0][:, :, 0, 1:].square().sum().backward()
    assert layer.qkv.weight.grad[:48].abs().sum() > 0
    assert not layer.qkv.weight.grad[48:].any()


def test_a_model_without_attention_cannot_be_recorded(refuses):
    def record():
        with record_attention(nn.Linear(2, 2)):
            pass

    refuses(record, "MultiHeadAttention")


# A function that the reader sets


class Temperature(nn.Module):
    """Attention that learns how sharply it looks."""

    def __init__(self):
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(1.7))

    def forward(self, q, k, v, mask=None):
        return attention(self.sharpness * q, k, v, mask)


def test_attention_may_be_a_module_that_learns():
    layer, tokens = of_torch()[0], torch.randn(2, 7, 24)
    plain, keys = layer(tokens), list(layer.state_dict())
    layer.attention = Temperature()
    assert list(layer.state_dict()) == [*keys, "attention.sharpness"]
    assert not torch.allclose(layer(tokens), plain, atol=0.01)
    layer(tokens).sum().backward()
    assert layer.attention.sharpness.grad
    layer.attention = Temperature()
    layer.attention = fused_attention
    assert list(layer.state_dict()) == keys
    assert torch.equal(layer(tokens), plain)


def test_a_module_is_recorded_by_its_own_weights():
    layer, tokens = of_torch()[0], torch.randn(2, 7, 24)
    layer.attention = Temperature()
    expected, keys = layer(tokens), list(layer.state_dict())
    mask = torch.ones(7, 7).tril().bool()
    with record_attention(layer) as maps:
        assert torch.equal(layer(tokens), expected)
        layer(tokens, mask)
        assert list(layer.state_dict()) == keys
    q, k, _ = layer.qkv(tokens).unflatten(2, (3, 3, 8)).movedim(2, 0)
    scores = 1.7 / 8**0.5 * q.movedim(2, 1) @ k.movedim(2, 1).mT
    torch.testing.assert_close(maps[0], scores.softmax(dim=-1))
    scores = scores.masked_fill(~mask, -torch.inf)
    torch.testing.assert_close(maps[1], scores.softmax(dim=-1))
    maps[0].square().sum().backward()
    assert layer.attention.sharpness.grad.abs() > 1e-3


def with_a_bias(q, k, v, mask=None):
    far = torch.arange(q.shape[2])
    far = (far[:, None] - far).abs().to(q)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=-far)


def of_the_signs(q, k, v, mask=None):
    return (q @ k.mT).sign() @ v / 10


@pytest.mark.parametrize("function", [with_a_bias, of_the_signs])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 20])
def test_any_mixture_of_values_is_recorded_as_it_is(function, n):
    """More tokens than numbers a value, fewer, as many."""
    layer, tokens = of_torch()[0], torch.randn(2, n, 24)
    layer.attention = function
    expected = layer(tokens)
    with record_attention(layer) as maps:
        assert torch.equal(layer(tokens), expected)
    q, k, v = layer.qkv(tokens).unflatten(2, (3, 3, 8)).movedim(2, 0)
    q, k, v = (part.movedim(2, 1) for part in (q, k, v))
    assert maps[0].shape == (2, 3, n, n)
    torch.testing.assert_close(maps[0] @ v, function(q, k, v))


def recorded(model, *inputs):
    with record_attention(model) as maps:
        model(*inputs)
    return maps


def test_what_mixes_by_more_than_weights_is_not_recorded(refuses):
    layer, tokens = of_torch()[0], torch.randn(2, 7, 24)

    def dropped(q, k, v, mask=None):
        return F.dropout(attention_weights(q, k), 0.5) @ v

    def bent(q, k, v, mask=None):
        return attention(q, k, v.relu())

    for function in (dropped, bent):
        layer.attention = function
        refuses(lambda: recorded(layer, tokens), "attention", "weights")


class OwnForward(MultiHeadAttention):
    def forward(self, tokens, mask=None):
        qkv = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1))
        mixed = self.attention(*qkv.permute(2, 0, 3, 1, 4), mask)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class OwnForwardThatMixes(MultiHeadAttention):
    def forward(self, tokens, mask=None):
        qkv = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1))
        mixed = self.mix(*qkv.permute(2, 0, 3, 1, 4), mask)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class CallsTheFirst(MultiHeadAttention):
    def forward(self, tokens, mask=None):
        return 2 * super().forward(tokens, mask)


def test_a_forward_that_shows_nothing_is_not_recorded(refuses):
    tokens = torch.randn(2, 7, 24)
    own = OwnForward(24, 3)
    refuses(lambda: recorded(own, tokens), "OwnForward", "self.mix")
    for kind in (OwnForwardThatMixes, CallsTheFirst):
        assert len(recorded(kind(24, 3), tokens)) == 1


# As exact as the kernel


def test_half_precision_does_not_overflow():
    """33 * 33 * 64 is more than float16 can hold; the kernel can."""
    q = torch.full((1, 1, 4, 64), 33.0).half()
    weights = attention_weights(q, q)
    assert torch.equal(weights, torch.full((1, 1, 4, 4), 0.25).half())
    mask = torch.ones(4, 4).tril().bool()
    expected = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    assert torch.equal(attention(q, q, q, mask), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_as_exact_as_the_kernel(dtype):
    """Scores are not rounded: at 20 bfloat16s are an eighth apart."""
    q, k, v = torch.randn(3, 2, 3, 9, 64)
    q, k, v = (part.to(dtype) for part in (4 * q, 4 * k, v))
    exact = attention(q.double(), k.double(), v.double())
    ours = (attention(q, k, v) - exact).abs().max()
    kernels = (fused_attention(q, k, v) - exact).abs().max()
    assert ours < 2 * kernels
    weights = attention_weights(q, k)
    assert weights.dtype == dtype
    exact = attention_weights(q.double(), k.double())
    torch.testing.assert_close(weights, exact.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_maps_under_autocast_are_exact(dtype):
    layer = of_torch()[0]
    tokens = 10 * torch.randn(2, 7, 24)
    with torch.autocast("cpu", dtype):
        q, k, _ = layer.qkv(tokens).unflatten(2, (3, 3, 8)).movedim(2, 0)
        (weights,) = recorded(layer, tokens)
    q, k = q.movedim(2, 1).double(), k.movedim(2, 1).double()
    expected = attention_weights(q, k)
    assert weights.dtype == dtype
    error = (weights - expected).abs().max()
    assert error <= 1.01 * (expected.to(dtype) - expected).abs().max()
    assert error > 0


# Recording in threads, copies, replicas, and under checkpoints


def test_each_thread_records_what_it_calls(blocks):
    """And the model records nothing more when all are done."""

    def run(number):
        tokens = torch.full((number, 7, 24), 0.1 * number)
        return [recorded(blocks, tokens) for _ in range(20)]

    expected = [recorded(blocks, torch.ones(n, 7, 24)) for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, [1, 2, 3, 4]))
    for number, runs in enumerate(found, start=1):
        for maps in runs:
            assert [m.shape[0] for m in maps] == [number] * 4
    assert [len(maps) for maps in expected] == [4] * 4
    blocks(torch.ones(2, 7, 24))
    assert [len(maps) for maps in expected] == [4] * 4


def test_recordings_may_end_in_any_order(blocks):
    tokens = torch.randn(2, 7, 24)
    first, second = record_attention(blocks), record_attention(blocks)
    one, two = first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    blocks(tokens)
    second.__exit__(None, None, None)
    blocks(tokens)
    assert (len(one), len(two)) == (0, 4)


def test_another_threads_calls_are_not_recorded(blocks):
    with ThreadPoolExecutor(1) as other, record_attention(blocks) as maps:
        other.submit(blocks, torch.randn(2, 7, 24)).result()
        assert not maps
        blocks(torch.randn(2, 7, 24))
    assert len(maps) == 4


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_made_while_one_records_is_an_ordinary_model(
    blocks, copied
):
    tokens = torch.randn(2, 7, 24)
    with record_attention(blocks) as maps:
        twin = copied(blocks)
        twin(tokens)
        assert not maps
    assert torch.equal(twin(tokens), blocks(tokens))
    assert not maps
    assert len(recorded(twin, tokens)) == 4


def replica_of(model):
    """As nn.DataParallel makes it, here without another device."""
    replica = model._replicate_for_data_parallel()
    for name, part in model.named_children():
        setattr(replica, name, replica_of(part))
    for name, parameter in model.named_parameters(recurse=False):
        setattr(replica, name, parameter.detach().clone())
    return replica


def test_replicas_are_refused_for_each_has_a_part_of_the_batch(
    blocks, refuses
):
    replicas = [replica_of(blocks), replica_of(blocks)]
    halves = [torch.randn(2, 7, 24), torch.randn(1, 7, 24)]

    def run(models):
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda m, x: m(x), models, halves))

    def record():
        with record_attention(blocks):
            run(replicas)

    refuses(record, "replica", "DataParallel")
    run(replicas)
    twin = copy.deepcopy(blocks)
    with record_attention(blocks):
        run([replica_of(twin), replica_of(twin)])


def test_a_model_on_several_devices_is_refused(blocks, refuses):
    parallel = nn.DataParallel(blocks)
    parallel.device_ids = [0]
    assert len(recorded(blocks, torch.randn(2, 7, 24))) == 4
    parallel.device_ids = [0, 1]
    tokens = torch.randn(2, 7, 24)
    refuses(lambda: recorded(parallel, tokens), "2 replicas", "module")


class Checkpointed(nn.Module):
    def __init__(self, block, reentrant):
        super().__init__()
        self.block, self.reentrant = block, reentrant

    def forward(self, tokens):
        return checkpoint(self.block, tokens, use_reentrant=self.reentrant)


REENTRANT = pytest.mark.parametrize("reentrant", [True, False])


@REENTRANT
@pytest.mark.parametrize("after", [False, True], ids=["in", "after"])
@pytest.mark.parametrize("function", [fused_attention, with_a_bias])
def test_a_checkpoint_is_recorded_once(blocks, reentrant, after, function):
    """Whether the backward pass comes in the block or after it."""
    for block in blocks:
        block.attn.attention = function
    tokens = torch.randn(2, 7, 24, requires_grad=True)
    (expected,) = torch.autograd.grad(blocks(tokens).sum(), tokens)
    plain = recorded(blocks, tokens)
    model = nn.Sequential(*(Checkpointed(b, reentrant) for b in blocks))
    with record_attention(model) as maps:
        result = model(tokens)
        if not after:
            result.sum().backward()
    if after:
        result.sum().backward()
    assert len(maps) == 4
    for weights, wanted in zip(maps, plain, strict=True):
        torch.testing.assert_close(weights, wanted)
    torch.testing.assert_close(tokens.grad, expected)


def test_maps_under_a_checkpoint_have_gradients(blocks):
    tokens = torch.randn(2, 7, 24, requires_grad=True)
    grads = []
    for model in (
        blocks,
        nn.Sequential(*(Checkpointed(b, False) for b in blocks)),
    ):
        maps = recorded(model, tokens)
        (grad,) = torch.autograd.grad(maps[3].square().sum(), tokens)
        grads.append(grad)
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("function", [fused_attention, with_a_bias])
def test_maps_under_a_checkpoint_are_let_go(blocks, function):
    """What is saved must not hold its own history."""
    blocks[0].attn.attention = function
    tokens = torch.randn(2, 7, 24, requires_grad=True)
    with record_attention(blocks) as maps:
        result = Checkpointed(blocks[0], False)(tokens)
    left = weakref.ref(maps[0])
    maps.clear()
    del result
    gc.collect()
    assert left() is None


def test_gradients_go_from_the_result_to_the_maps(blocks):
    """What maps weighted by their gradients are made of."""
    with record_attention(blocks) as maps:
        score = blocks(torch.randn(2, 7, 24))[0, 0, 0]
    grads = torch.autograd.grad(score, maps)
    assert all(grad[0].any() for grad in grads)
    assert not any(grad[1].any() for grad in grads)


# Recording what is compiled. These backends need no C++ compiler.


def compiled_parts(layers):
    for layer in layers:
        layer.compile(backend="eager")
    return layers


def compiled_in_place(layers):
    layers.compile(backend="aot_eager")
    return layers


COMPILED = pytest.mark.parametrize(
    "compiled",
    [
        compiled_in_place,
        compiled_parts,
        partial(torch.compile, backend="eager"),
    ],
    ids=["in place", "parts", "around"],
)


@COMPILED
def test_a_compiled_model_is_recorded(blocks, compiled):
    layers, tokens = blocks[:2], torch.randn(2, 7, 24)
    expected, plain = recorded(layers, tokens), layers(tokens)
    model = compiled(layers)
    with torch.no_grad():
        model(tokens)
    for _ in range(2):
        for weights, wanted in zip(
            recorded(model, tokens), expected, strict=True
        ):
            assert torch.equal(weights, wanted)
    torch.testing.assert_close(model(tokens), plain)


def test_compiled_code_goes_on_when_the_last_has_recorded():
    """Whoever ends first; and it is as new as it was before."""
    layer, tokens = MultiHeadAttention(24, 3), torch.randn(2, 7, 24)
    calls = []

    def backend(graph, inputs):
        return lambda *given: calls.append(1) or graph(*given)

    model = torch.compile(layer, backend=backend)
    first, second = record_attention(layer), record_attention(layer)
    with torch.no_grad():
        model(tokens)
        assert calls == [1]
        first.__enter__(), second.__enter__()
        first.__exit__(None, None, None)
        model(tokens)
        assert calls == [1]
        second.__exit__(None, None, None)
        model(tokens)
        assert calls == [1, 1]


@COMPILED
def test_without_a_stance_a_compiled_model_is_refused(
    blocks, compiled, refuses, monkeypatch
):
    """torch 2.5 has none."""
    tokens = torch.randn(2, 7, 24)
    torch.compile(lambda x: x)  # something is compiled
    monkeypatch.delattr(torch.compiler, "set_stance", raising=False)
    assert len(recorded(blocks, tokens)) == 4
    model = compiled(blocks)
    refuses(lambda: recorded(model, tokens), "compiled", "2.6")
