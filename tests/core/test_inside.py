"""Chapter 10: what is read out of a ViT, and what is taken out of it."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitlib import ViT, record_attention, sincos_positions
from vitlib.attention import fused_attention
from vitlib.inside import (
    attention_maps,
    class_attention,
    logit_lens,
    mean_attention_distance,
    position_similarity,
    residual_stream,
    rollout,
    without_head,
    without_patches,
    without_positions,
)

LAYERS, BATCH, HEADS, GRID, PATCH = 2, 3, 3, (2, 3), 4
PATCHES = GRID[0] * GRID[1]
TOKENS = 1 + PATCHES
POOLS = pytest.mark.parametrize("global_pool", ["token", "avg"])


def random_maps(tokens=TOKENS, **settings):
    shape = (LAYERS, BATCH, HEADS, tokens, tokens)
    return torch.randn(shape, **settings).mul(2).softmax(dim=-1)


def image_of(model):
    """All that a model has: names, objects, numbers, hooks."""
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks))
        for m in model.modules()
    ]
    parameters = [(n, id(p)) for n, p in model.named_parameters()]
    numbers = [p.clone() for p in model.state_dict().values()]
    functions = [block.attn.attention for block in model.blocks]
    return (
        (hooks, parameters, functions, list(model.state_dict())),
        numbers,
    )


def assert_untouched(model, before):
    kept, numbers = before
    now, now_numbers = image_of(model)
    assert now == kept
    for old, new in zip(numbers, now_numbers, strict=True):
        assert torch.equal(old, new)


def by_hand(model, tokens, layer=None, head=None):
    """The blocks, written out, head by head; one may be left out."""
    for index, block in enumerate(model.blocks):
        attn, normed = block.attn, block.norm1(tokens)
        q, k, v = attn.qkv(normed).chunk(3, dim=-1)
        parts = []
        for part in range(attn.num_heads):
            own = slice(part * 8, part * 8 + 8)
            scores = q[..., own] @ k[..., own].mT / math.sqrt(8)
            parts.append(scores.softmax(dim=-1) @ v[..., own])
            if (index, part) == (layer, head):
                parts[-1] = torch.zeros_like(parts[-1])
        tokens = tokens + attn.proj(torch.cat(parts, dim=-1))
        tokens = tokens + block.mlp(block.norm2(tokens))
    return tokens


def embedded(model, pictures):
    patches = model.patch_embed(pictures)
    cls_token = model.cls_token.expand(len(pictures), 1, -1)
    tokens = torch.cat([cls_token, patches], dim=1)
    return tokens if model.pos_embed is None else tokens + model.pos_embed


def scores_of(model, tokens):
    if model.global_pool == "avg":
        return model.head(model.fc_norm(tokens[:, 1:].mean(dim=1)))
    return model.head(model.norm(tokens)[:, 0])


# Maps


def test_maps_are_those_of_the_recorder(small_vit, pictures):
    model = small_vit()
    maps = attention_maps(model, pictures)
    assert maps.shape == (LAYERS, BATCH, HEADS, TOKENS, TOKENS)
    with record_attention(model) as recorded:
        model(pictures)
    for layer, weights in enumerate(recorded):
        assert torch.equal(maps[layer], weights)


def test_maps_are_torchs_per_head_weights(small_vit, pictures):
    model = small_vit()
    block = model.blocks[0]
    torchs = nn.MultiheadAttention(24, HEADS, batch_first=True)
    torchs.load_state_dict(
        {
            "in_proj_weight": block.attn.qkv.weight,
            "in_proj_bias": block.attn.qkv.bias,
            "out_proj.weight": block.attn.proj.weight,
            "out_proj.bias": block.attn.proj.bias,
        }
    )
    tokens = block.norm1(embedded(model, pictures))
    _, expected = torchs(
        tokens, tokens, tokens, average_attn_weights=False
    )
    maps = attention_maps(model, pictures)
    torch.testing.assert_close(maps[0], expected)


def test_rows_of_maps_sum_to_one_and_need_no_gradient(small_vit, pictures):
    maps = attention_maps(small_vit(), pictures)
    ones = torch.ones(LAYERS, BATCH, HEADS, TOKENS)
    torch.testing.assert_close(maps.sum(dim=-1), ones)
    assert not maps.requires_grad


@pytest.mark.parametrize("registers", [0, 4])
def test_class_attention_is_the_first_row_laid_out(registers):
    tokens = 1 + registers + PATCHES
    maps = random_maps(tokens)
    pictures = class_attention(maps, GRID)
    assert pictures.shape == (LAYERS, BATCH, HEADS, *GRID)
    for row, col in product(range(GRID[0]), range(GRID[1])):
        key = 1 + registers + row * GRID[1] + col
        assert torch.equal(pictures[..., row, col], maps[..., 0, key])


def test_class_attention_lacks_what_other_tokens_got():
    maps = random_maps()
    pictures = class_attention(maps, GRID)
    missing = 1 - pictures.sum(dim=(-1, -2))
    torch.testing.assert_close(missing, maps[..., 0, 0])


# Mean attention distance


def distance_by_loops(weights, patch_size):
    """For (b, n, n) over the patches of GRID, whatever rows sum to."""
    places = list(product(range(GRID[0]), range(GRID[1])))
    means = []
    for rows in weights.tolist():
        for place, row in zip(places, rows, strict=True):
            apart = [patch_size * math.dist(place, p) for p in places]
            pairs = zip(row, apart, strict=True)
            means.append(sum(w * far for w, far in pairs) / sum(row))
    return sum(means) / len(means)


@pytest.mark.parametrize("extra", [0, 1, 5])
def test_distance_is_that_of_a_loop_over_all_pairs(extra):
    maps = random_maps(extra + PATCHES)
    distances = mean_attention_distance(maps, GRID, PATCH)
    assert distances.shape == (LAYERS, HEADS)
    for layer, head in product(range(LAYERS), range(HEADS)):
        weights = maps[layer, :, head, extra:, extra:]
        expected = distance_by_loops(weights, PATCH)
        assert distances[layer, head].item() == pytest.approx(expected)


def test_who_looks_at_itself_looks_nowhere_far():
    maps = torch.eye(TOKENS).expand(LAYERS, BATCH, HEADS, -1, -1)
    distances = mean_attention_distance(maps, GRID, PATCH)
    assert torch.equal(distances, torch.zeros(LAYERS, HEADS))


def test_the_next_patch_is_one_side_away():
    """A row of four patches, each looking at a neighbour."""
    maps = torch.eye(4)[[1, 0, 3, 2]].expand(1, 1, 1, -1, -1)
    assert mean_attention_distance(maps, (1, 4), 16).item() == 16


def test_what_the_class_token_gets_does_not_shorten_the_distance():
    maps = random_maps()
    half = maps / 2
    half[..., 0] += 0.5
    torch.testing.assert_close(
        mean_attention_distance(half, GRID, PATCH),
        mean_attention_distance(maps, GRID, PATCH),
    )


def test_a_query_that_gives_the_patches_nothing_does_not_count():
    maps = random_maps()
    expected = mean_attention_distance(maps[:, :1], GRID, PATCH)
    maps[:, 1:] = 0
    maps[:, 1:, ..., 0] = 1
    distances = mean_attention_distance(maps, GRID, PATCH)
    torch.testing.assert_close(distances, expected)


def test_the_distance_does_not_know_right_from_left():
    maps = random_maps(PATCHES)
    mirror = torch.tensor([2, 1, 0, 5, 4, 3])
    flipped = maps[..., mirror, :][..., mirror]
    torch.testing.assert_close(
        mean_attention_distance(flipped, GRID, PATCH),
        mean_attention_distance(maps, GRID, PATCH),
    )


# Rollout


def test_rollout_is_the_sum_over_all_paths():
    """Every way from a token of the end to one of the beginning."""
    maps = random_maps(4, dtype=torch.float64)
    result = rollout(maps)
    assert result.shape == (BATCH, 4, 4)
    step = maps.mean(dim=2) / 2 + torch.eye(4, dtype=torch.float64) / 2
    for b, last, first in product(range(BATCH), range(4), range(4)):
        expected = sum(
            step[1, b, last, middle] * step[0, b, middle, first]
            for middle in range(4)
        )
        torch.testing.assert_close(result[b, last, first], expected)


def test_rollout_of_three_layers_takes_the_last_first():
    maps = torch.rand(3, 1, 2, 5, 5).softmax(dim=-1)
    one, two, three = (m.mean(dim=1) / 2 + torch.eye(5) / 2 for m in maps)
    torch.testing.assert_close(rollout(maps), three @ two @ one)


def test_rows_of_a_rollout_sum_to_one():
    ones = torch.ones(BATCH, TOKENS)
    torch.testing.assert_close(rollout(random_maps()).sum(-1), ones)


# Positions


def test_similarity_is_the_cosine_of_each_pair(small_vit):
    positions = small_vit().pos_embed
    result = position_similarity(positions)
    assert result.shape == (TOKENS, TOKENS)
    assert not result.requires_grad
    for one, other in product(range(TOKENS), repeat=2):
        expected = F.cosine_similarity(
            positions[0, one], positions[0, other], dim=0
        )
        torch.testing.assert_close(result[one, other], expected)


def test_leaving_the_class_token_out_changes_no_other_pair(small_vit):
    positions = small_vit().pos_embed
    inner = position_similarity(positions[:, 1:])
    torch.testing.assert_close(
        inner, position_similarity(positions)[1:, 1:]
    )


def test_a_position_of_zeros_is_like_none():
    """Waves give the class token nothing but zeros."""
    result = position_similarity(sincos_positions(GRID, 24))
    assert not result[0].any()
    ones = torch.ones(PATCHES)
    torch.testing.assert_close(result[1:, 1:].diag(), ones)


# The stream and the lens


@POOLS
@pytest.mark.parametrize("positions", ["learned", "sincos", "none"])
def test_the_stream_is_that_of_the_blocks_by_hand(
    small_vit, pictures, positions, global_pool
):
    model = small_vit(positions=positions, global_pool=global_pool)
    stream = residual_stream(model, pictures)
    assert stream.shape == (1 + LAYERS, BATCH, TOKENS, 24)
    tokens = embedded(model, pictures)
    torch.testing.assert_close(stream[0], tokens)
    for layer, block in enumerate(model.blocks, start=1):
        tokens = block(tokens)
        torch.testing.assert_close(stream[layer], tokens)


def test_the_lens_reads_every_token_through_norm_and_head(
    small_vit, pictures
):
    model = small_vit()
    scores = logit_lens(model, pictures)
    assert scores.shape == (1 + LAYERS, BATCH, TOKENS, 5)
    assert not scores.requires_grad
    tokens = embedded(model, pictures)
    for layer in range(1 + LAYERS):
        for token in range(TOKENS):
            normed = F.layer_norm(
                tokens[:, token],
                (24,),
                model.norm.weight,
                model.norm.bias,
                eps=1e-6,
            )
            expected = normed @ model.head.weight.T + model.head.bias
            torch.testing.assert_close(scores[layer, :, token], expected)
        if layer < LAYERS:
            tokens = model.blocks[layer](tokens)


def test_the_last_class_token_gives_the_models_own_scores(
    small_vit, pictures
):
    model = small_vit()
    scores = logit_lens(model, pictures)[-1, :, 0]
    torch.testing.assert_close(scores, model(pictures).detach())


def test_the_lens_of_a_mean_head_uses_its_norm(small_vit, pictures):
    model = small_vit(global_pool="avg")
    tokens = by_hand(model, embedded(model, pictures))
    expected = model.head(model.fc_norm(tokens)).detach()
    torch.testing.assert_close(logit_lens(model, pictures)[-1], expected)


# Without a head


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("head", range(HEADS))
def test_without_a_head_is_the_sum_over_the_others(
    small_vit, pictures, layer, head
):
    model = small_vit()
    with without_head(model, layer, head):
        scores = model(pictures)
    tokens = by_hand(model, embedded(model, pictures), layer, head)
    torch.testing.assert_close(scores, scores_of(model, tokens))
    assert (scores - model(pictures)).abs().max() > 0.01


def test_maps_can_be_read_while_a_head_is_away(small_vit, pictures):
    model = small_vit()
    with without_head(model, 0, 1), record_attention(model) as maps:
        inside = model(pictures)
    with record_attention(model) as others, without_head(model, 0, 1):
        outside = model(pictures)
    with without_head(model, 0, 1):
        expected = model(pictures)
    torch.testing.assert_close(inside, expected)
    torch.testing.assert_close(outside, expected)
    torch.testing.assert_close(maps, others)


def test_without_all_heads_only_the_bias_of_the_projection_is_added(
    small_vit, pictures
):
    model = small_vit(depth=1)
    with (
        without_head(model, 0, 0),
        without_head(model, 0, 1),
        without_head(model, 0, 2),
    ):
        stream = residual_stream(model, pictures)
    tokens = stream[0] + model.blocks[0].attn.proj.bias
    block = model.blocks[0]
    expected = tokens + block.mlp(block.norm2(tokens))
    torch.testing.assert_close(stream[1], expected.detach())


def test_gradients_pass_where_a_head_is_away(small_vit, pictures):
    model = small_vit()
    with without_head(model, 0, 1):
        model(pictures).sum().backward()
    weight = model.blocks[0].attn.proj.weight.grad
    own = slice(8, 16)
    assert not weight[:, own].any()
    assert weight[:, :8].any()
    assert weight[:, 16:].any()


def test_a_checkpointed_block_learns_without_its_head_afterwards(
    small_vit, pictures
):
    """The backward pass would compute the block again with the head."""
    model = small_vit()
    weight = model.blocks[0].attn.qkv.weight
    grads = []
    for enable in (False, True):
        model.blocks.set_grad_checkpointing(enable)
        with without_head(model, 0, 1):
            score = model(pictures).sum()
        grads += torch.autograd.grad(score, weight)
        assert model.blocks[0].grad_checkpointing is enable
    torch.testing.assert_close(*grads)


# Without positions


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_without_some_positions_they_are_zero(
    small_vit, pictures, positions
):
    model = small_vit(positions=positions)
    with without_positions(model, [0, 4]):
        stream = residual_stream(model, pictures)
    expected = embedded(model, pictures).clone()
    expected[:, [0, 4]] -= model.pos_embed[:, [0, 4]]
    torch.testing.assert_close(stream[0], expected.detach())


def test_without_all_positions_the_patches_may_be_shuffled(
    small_vit, pictures
):
    model = small_vit()
    rows = pictures.unflatten(3, (3, 4))[:, :, :, [2, 0, 1]].flatten(3)
    with without_positions(model):
        torch.testing.assert_close(model(rows), model(pictures))
    assert (model(rows) - model(pictures)).abs().max() > 0.01


# Without patches


def test_without_patches_the_others_are_all_there_is(small_vit, pictures):
    model = small_vit()
    with without_patches(model, [5, 1]):
        scores = model(pictures)
    tokens = embedded(model, pictures)[:, [0, 1, 3, 4, 5]]
    expected = scores_of(model, by_hand(model, tokens))
    torch.testing.assert_close(scores, expected)


@POOLS
def test_each_image_may_lose_its_own_patches(
    small_vit, pictures, global_pool
):
    model = small_vit(global_pool=global_pool)
    patches = torch.tensor([[0, 1], [5, 2], [3, 4]])
    with without_patches(model, patches):
        scores = model(pictures)
    for b, gone in enumerate(patches.tolist()):
        with without_patches(model, gone):
            alone = model(pictures[b : b + 1])
        torch.testing.assert_close(scores[b : b + 1], alone)


def test_no_patches_removed_is_no_change(small_vit, pictures):
    model = small_vit()
    with without_patches(model, []):
        torch.testing.assert_close(model(pictures), model(pictures))
    with without_patches(model, []):
        inside = model(pictures)
    torch.testing.assert_close(inside, model(pictures))


def test_maps_are_smaller_without_patches(small_vit, pictures):
    model = small_vit()
    with without_patches(model, [2]), without_head(model, 1, 1):
        maps = attention_maps(model, pictures)
        scores = logit_lens(model, pictures)
    assert maps.shape == (LAYERS, BATCH, HEADS, TOKENS - 1, TOKENS - 1)
    assert scores.shape == (1 + LAYERS, BATCH, TOKENS - 1, 5)


# Nothing stays behind


CONTEXTS = {
    "head": lambda model: without_head(model, 1, 2),
    "positions": lambda model: without_positions(model, [3]),
    "patches": lambda model: without_patches(model, [3]),
}
REMOVALS = pytest.mark.parametrize("name", CONTEXTS)


def fail_inside(context):
    with context:
        raise RuntimeError("of the reader")


@REMOVALS
@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_a_removal_leaves_no_trace(small_vit, pictures, name, positions):
    model = small_vit(positions=positions)
    before, expected = image_of(model), model(pictures)
    with CONTEXTS[name](model):
        changed = model(pictures)
    assert (changed - expected).abs().max() > 1e-3
    assert_untouched(model, before)
    assert torch.equal(model(pictures), expected)


@REMOVALS
def test_a_removal_leaves_no_trace_after_an_error(small_vit, name):
    model = small_vit()
    before = image_of(model)
    with pytest.raises(RuntimeError, match="of the reader"):
        fail_inside(CONTEXTS[name](model))
    assert_untouched(model, before)


@pytest.mark.parametrize(
    "read", [attention_maps, residual_stream, logit_lens]
)
def test_reading_leaves_no_trace(small_vit, pictures, read):
    model = small_vit()
    before = image_of(model)
    read(model, pictures)
    assert_untouched(model, before)
    with pytest.raises(ValueError, match="pixels"):
        read(model, torch.zeros(1, 2, 8, 8))
    assert_untouched(model, before)
    assert model.blocks[0].attn.attention is fused_attention


def test_the_same_parameter_is_trained_after_positions_are_back(small_vit):
    model = small_vit()
    optimizer = torch.optim.SGD([model.pos_embed], lr=1.0)
    with without_positions(model):
        pass
    model(torch.randn(3, 2, 8, 12)).sum().backward()
    before = model.pos_embed.detach().clone()
    optimizer.step()
    assert (model.pos_embed - before).abs().max() > 1e-4


# What is compiled runs uncompiled while one looks. These backends need no
# C++ compiler.


def in_place(model):
    model.compile(backend="aot_eager")
    return model


def around(model):
    return torch.compile(model, backend="eager")


COMPILED = pytest.mark.parametrize("compiled", [in_place, around])


@COMPILED
def test_all_is_seen_and_removed_in_a_compiled_model(
    small_vit, pictures, compiled
):
    """Removing the head changes nothing: that was the wrong answer."""
    plain = small_vit()
    model = compiled(copy.deepcopy(plain))
    with torch.no_grad():
        before = model(pictures)
    for read in (attention_maps, residual_stream, logit_lens):
        assert torch.equal(read(model, pictures), read(plain, pictures))
    for remove in CONTEXTS.values():
        with remove(model), torch.no_grad():
            scores = model(pictures)
        with remove(plain), torch.no_grad():
            assert torch.equal(scores, plain(pictures))
        assert (scores - before).abs().max() > 1e-3
        with torch.no_grad():
            assert torch.equal(model(pictures), before)


@COMPILED
def test_without_a_stance_a_compiled_model_is_refused(
    small_vit, pictures, refuses, monkeypatch, compiled
):
    """torch 2.5 has none: refuse, and show nothing that is not so."""
    plain = small_vit()
    model = compiled(copy.deepcopy(plain))
    monkeypatch.delattr(torch.compiler, "set_stance", raising=False)
    for remove in CONTEXTS.values():
        refuses(lambda r=remove: enter(r(model)), "compiled", "2.6")
        enter(remove(plain))
    for read in (attention_maps, residual_stream, logit_lens):
        if compiled is in_place:
            refuses(lambda r=read: r(model, pictures), "compiled", "2.6")
        else:  # the model itself is at hand
            expected = read(plain, pictures)
            assert torch.equal(read(model, pictures), expected)


def test_a_function_around_the_model_may_be_compiled(small_vit, pictures):
    model = small_vit()
    double = torch.compile(lambda x: 2 * model(x), backend="eager")
    with torch.no_grad():
        double(pictures)
        with without_head(model, 0, 0):
            assert torch.equal(double(pictures), 2 * model(pictures))
        with record_attention(model) as maps:
            double(pictures)
    assert len(maps) == LAYERS


# Threads, other tokens, parts that were exchanged


def test_each_thread_reads_its_own_stream(small_vit):
    model = small_vit()
    images = [torch.randn(n, 2, 8, 12) for n in (1, 2, 3, 4)]

    def read(own):
        return [residual_stream(model, own) for _ in range(10)]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(read, images))
    for own, streams in zip(images, found, strict=True):
        expected = residual_stream(model, own)
        assert all(torch.equal(stream, expected) for stream in streams)


class WithRegisters(ViT):
    """Four more tokens between the class token and the patches."""

    def forward_features(self, images):
        patches = self.patch_embed(images) + self.pos_embed[:, 1:]
        front = torch.linspace(-1, 1, 5 * 24).reshape(1, 5, 24)
        front = front.expand(len(images), -1, -1)
        tokens = self.pos_drop(torch.cat([front, patches], dim=1))
        return self.norm(self.blocks(tokens))


def test_other_tokens_stay_where_patches_are_removed(
    small_vit, pictures, refuses
):
    model = small_vit()
    model.__class__ = WithRegisters
    stream = residual_stream(model, pictures)
    with without_patches(model, [0, 4]):
        shorter = residual_stream(model, pictures)
    kept = [0, 1, 2, 3, 4, 6, 7, 8, 10]
    assert torch.equal(shorter[0], stream[0][:, kept])
    each = torch.tensor([[0, 1], [2, 3], [4, 5]])
    with without_patches(model, each):
        shorter = residual_stream(model, pictures)
    for b, gone in enumerate(each.tolist()):
        kept = [n for n in range(11) if n - 5 not in gone]
        assert torch.equal(shorter[0, b], stream[0, b, kept])
    with without_patches(model, [0]):
        refuses(lambda: removed_from(model, [1], pictures), "5 patches", 6)


def test_fewer_tokens_than_patches_are_refused(
    small_vit, pictures, refuses
):
    model = small_vit()
    with without_patches(model, [0]):
        refuses(
            lambda: model.pos_drop(torch.zeros(1, 5, 24)), "5 tokens", 6
        )


def test_a_wrapped_projection_can_lose_a_head(small_vit, pictures):
    model = small_vit()
    with without_head(model, 0, 1):
        expected = model(pictures)
    model.blocks[0].attn.proj = nn.Sequential(model.blocks[0].attn.proj)
    with without_head(model, 0, 1):
        assert torch.equal(model(pictures), expected)


def test_indices_may_be_whole_numbers_of_other_libraries(
    small_vit, pictures
):
    model = small_vit()
    with without_head(model, 1, 2):
        expected = model(pictures)
    with without_head(model, np.int64(1), torch.tensor(2)):
        assert torch.equal(model(pictures), expected)
    with without_positions(model, [1, 3]):
        expected = model(pictures)
    with without_positions(model, np.array([1, 3])):
        assert torch.equal(model(pictures), expected)
    with without_positions(model, torch.tensor([1, 3])):
        assert torch.equal(model(pictures), expected)
    with without_patches(model, np.array([1, 3])):
        scores = model(pictures)
    with without_patches(model, [1, 3]):
        assert torch.equal(model(pictures), scores)


def test_a_block_without_heads_has_none_to_lose(small_vit, refuses):
    model = small_vit()
    model.blocks[1] = nn.Identity()
    context = without_head(model, 1, 0)
    refuses(lambda: enter(context), "layer 1", "MultiHeadAttention")


# Refusals


def enter(context):
    with context:
        pass


def test_only_a_vit_can_be_opened(refuses, pictures):
    model = nn.Linear(2, 2)
    for call in (attention_maps, residual_stream, logit_lens):
        refuses(lambda c=call: c(model, pictures), "Linear", "ViT")
    refuses(lambda: enter(without_head(model, 0, 0)), "Linear", "ViT")
    refuses(lambda: enter(without_positions(model)), "Linear", "ViT")
    refuses(lambda: enter(without_patches(model, [0])), "Linear", "ViT")


@pytest.mark.parametrize("value", [LAYERS, -1, 0.0, True, "1"])
def test_a_layer_must_be_one_of_the_model(small_vit, refuses, value):
    context = without_head(small_vit(), value, 0)
    refuses(lambda: enter(context), "layer", value, LAYERS)


@pytest.mark.parametrize("value", [HEADS, -1, 1.0])
def test_a_head_must_be_one_of_the_layer(small_vit, refuses, value):
    context = without_head(small_vit(), 0, value)
    refuses(lambda: enter(context), "head", value, HEADS)


@pytest.mark.parametrize("value", [TOKENS, -1])
def test_a_position_must_be_one_of_the_model(small_vit, refuses, value):
    context = without_positions(small_vit(), [1, value])
    refuses(lambda: enter(context), "token", value, TOKENS)


def test_positions_that_are_not_there_cannot_be_taken(small_vit, refuses):
    context = without_positions(small_vit(positions="none"))
    refuses(lambda: enter(context), "no positions")


@pytest.mark.parametrize("value", [PATCHES, -1])
def test_a_patch_must_be_one_of_the_grid(small_vit, refuses, value):
    context = without_patches(small_vit(), [1, value])
    refuses(lambda: enter(context), "patch", value, PATCHES)


@pytest.mark.parametrize(
    "value", [[0.5], [True, False], 3, [[[1]]]], ids=str
)
def test_patches_must_be_indices(small_vit, refuses, value):
    context = without_patches(small_vit(), value)
    refuses(lambda: enter(context), "patches", "indices", "(b, m")


def test_something_must_be_left_to_see(small_vit, refuses):
    context = without_patches(small_vit(), range(PATCHES))
    refuses(lambda: enter(context), "0", PATCHES, "leave")


def test_every_image_must_lose_as_many(small_vit, refuses):
    context = without_patches(small_vit(), [[1, 1], [1, 2]])
    refuses(lambda: enter(context), "4, 5", PATCHES, "same number")


def removed_from(model, patches, images):
    with without_patches(model, patches):
        return model(images)


def test_rows_of_patches_are_for_as_many_images(
    small_vit, pictures, refuses
):
    model = small_vit()
    refuses(lambda: removed_from(model, [[1], [2]], pictures), 2, BATCH)


def test_patches_are_removed_once(small_vit, pictures, refuses):
    model = small_vit()
    with without_patches(model, [0]):
        refuses(lambda: removed_from(model, [1], pictures), 5, PATCHES)


def test_maps_must_hold_the_grid(refuses):
    maps = random_maps()
    refuses(lambda: class_attention(maps, (3, 3)), TOKENS, "3 x 3", 9)
    call = mean_attention_distance
    refuses(lambda: call(maps, (3, 3), PATCH), TOKENS, "3 x 3", 9)
    refuses(lambda: class_attention(maps[..., 1:, 1:], GRID), "class")
    refuses(lambda: class_attention(maps[..., 1:], GRID), TOKENS, 6)
    refuses(lambda: class_attention(maps, 6), "grid", 6)
    refuses(lambda: class_attention(torch.zeros(3), (1, 2)), "(n, n")


def test_maps_must_have_all_their_axes(refuses):
    maps = random_maps()[0]
    refuses(lambda: rollout(maps), "(layers, b, heads, n, n")
    call = mean_attention_distance
    refuses(lambda: call(maps, GRID, PATCH), "(layers, b, heads, n, n")
    refuses(lambda: rollout(random_maps()[..., 1:]), TOKENS, 6)
    refuses(lambda: call(random_maps(), GRID, 0), "patch_size", 0)
    refuses(lambda: rollout(random_maps().long()), "int64")


def test_positions_must_be_a_table_of_floats(refuses):
    refuses(lambda: position_similarity(torch.zeros(5, 8)), "(1, n, d")
    whole = torch.zeros(1, 5, 8, dtype=torch.int64)
    refuses(lambda: position_similarity(whole), "int64")
