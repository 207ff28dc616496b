"""Chapter 4: one class token for all pictures, a place for each token."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vitlib import (
    add_positions,
    learned_positions,
    prepend_cls,
    resize_positions,
    sincos_positions,
)


def test_class_token_stands_in_front_of_untouched_tokens():
    tokens, cls_token = torch.randn(3, 6, 8), torch.randn(1, 1, 8)
    result = prepend_cls(tokens, cls_token)
    assert result.shape == (3, 7, 8)
    assert torch.equal(result[:, 1:], tokens)
    for first in result[:, 0]:
        assert torch.equal(first, cls_token[0, 0])


def test_class_tokens_gradient_is_the_sum_over_the_batch():
    """E27: one vector for all pictures learns from each of them."""
    tokens, weights = torch.randn(3, 6, 8), torch.randn(3, 7, 8)
    cls_token = torch.randn(1, 1, 8, requires_grad=True)
    (prepend_cls(tokens, cls_token) * weights).sum().backward()
    torch.testing.assert_close(cls_token.grad[0, 0], weights[:, 0].sum(0))


def test_expanding_and_repeating_learn_the_same():
    """E27: that repeating breaks gradients is a myth; it costs memory."""
    tokens, weights = torch.randn(3, 6, 8), torch.randn(3, 7, 8)
    cls_token = torch.randn(1, 1, 8, requires_grad=True)
    repeated = torch.cat([cls_token.repeat(3, 1, 1), tokens], dim=1)
    assert torch.equal(prepend_cls(tokens, cls_token), repeated)
    (grad,) = torch.autograd.grad((repeated * weights).sum(), cls_token)
    (prepend_cls(tokens, cls_token) * weights).sum().backward()
    assert torch.equal(cls_token.grad, grad)


def test_inputs_are_left_alone():
    """E17: the article added positions into its input."""
    tokens = torch.randn(3, 6, 8)
    cls_token, pos_embed = torch.randn(1, 1, 8), torch.randn(1, 6, 8)
    before = [t.clone() for t in (tokens, cls_token, pos_embed)]
    prepend_cls(tokens, cls_token).add_(1)
    add_positions(tokens, pos_embed).add_(1)
    for now, then in zip((tokens, cls_token, pos_embed), before, strict=1):
        assert torch.equal(now, then)


def test_a_leaf_that_learns_can_get_positions():
    """E17: adding in place fails where the input itself learns."""
    tokens = torch.randn(3, 6, 8, requires_grad=True)
    add_positions(tokens, torch.randn(1, 6, 8)).sum().backward()
    assert torch.equal(tokens.grad, torch.ones(3, 6, 8))


def test_half_tokens_become_float_by_adding_float_positions():
    """E17: in place, the stream would stay bfloat16 under autocast."""
    tokens = torch.randn(3, 6, 8).bfloat16()
    assert add_positions(tokens, torch.zeros(1, 6, 8)).dtype == torch.float
    assert prepend_cls(tokens, torch.zeros(1, 1, 8)).dtype == torch.float


def test_each_place_gets_its_own_vector():
    tokens, pos_embed = torch.randn(3, 7, 8), torch.randn(1, 7, 8)
    result = add_positions(tokens, pos_embed)
    for number in range(7):
        expected = tokens[:, number] + pos_embed[0, number]
        assert torch.equal(result[:, number], expected)


def test_empty_batches_stay_empty():
    assert prepend_cls(
        torch.zeros(0, 6, 8), torch.zeros(1, 1, 8)
    ).shape == (
        0,
        7,
        8,
    )
    empty = torch.zeros(0, 7, 8)
    assert add_positions(empty, torch.zeros(1, 7, 8)).shape == (0, 7, 8)


def test_nan_comes_out():
    tokens = torch.zeros(2, 6, 8)
    tokens[1, 2, 3] = torch.nan
    assert prepend_cls(tokens, torch.zeros(1, 1, 8))[1, 3, 3].isnan()
    assert add_positions(tokens, torch.zeros(1, 6, 8))[1, 2, 3].isnan()


@pytest.mark.parametrize("width", [48, 192, 768])
def test_learned_positions_start_with_length_one(width):
    """E9: with N(0, 1), positions drown what the patches hold."""
    positions = learned_positions(197, width)
    assert positions.shape == (1, 197, width)
    assert isinstance(positions, torch.nn.Parameter)
    assert positions.requires_grad
    positions = positions.detach()
    assert positions.norm(dim=2).mean() == pytest.approx(1, rel=0.02)
    assert positions.std() == pytest.approx(width**-0.5, rel=0.03)
    assert positions.mean().abs() < 0.05 * width**-0.5


@pytest.mark.parametrize("grid", [(5, 5), (2, 3), (4, 1)])
def test_sincos_positions_are_those_of_mae(grid):
    from transformers.models.vit_mae import modeling_vit_mae

    reference = modeling_vit_mae.build_2d_sinusoidal_position_embedding
    rows_first = reference(*grid, embed_dim=24, cls_token=True)
    # MAE swaps the halves, and its published weights want it so.
    expected = torch.cat([rows_first[:, 12:], rows_first[:, :12]], dim=1)
    torch.testing.assert_close(sincos_positions(grid, 24)[0], expected)


@pytest.mark.parametrize("grid", [(2, 3), (4, 1), (1, 5), (1, 1), (3, 3)])
@pytest.mark.parametrize("width", [4, 12, 20])
def test_sincos_positions_follow_their_formula(grid, width):
    positions = sincos_positions(grid, width)
    assert positions.shape == (1, 1 + grid[0] * grid[1], width)
    assert not positions[0, 0].any()
    quarter = width // 4
    for row in range(grid[0]):
        for col in range(grid[1]):
            place = positions[0, 1 + row * grid[1] + col].tolist()
            for i in range(quarter):
                speed = 10_000 ** -(i / quarter)
                wave = place[i::quarter]
                assert wave == pytest.approx(
                    [
                        math.sin(col * speed),
                        math.cos(col * speed),
                        math.sin(row * speed),
                        math.cos(row * speed),
                    ],
                    abs=1e-6,
                )


def test_sincos_positions_can_do_without_a_class_token():
    with_cls = sincos_positions((2, 3), 12)
    without = sincos_positions((2, 3), 12, class_token=False)
    assert torch.equal(without, with_cls[:, 1:])


def test_every_place_of_a_large_grid_is_different():
    positions = sincos_positions((14, 14), 768, class_token=False)[0]
    distances = torch.cdist(positions, positions)
    distances.fill_diagonal_(torch.inf)
    assert distances.min() > 1


def test_sincos_positions_have_the_default_dtype():
    assert sincos_positions((2, 3), 12).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        exact = sincos_positions((2, 3), 12)
    finally:
        torch.set_default_dtype(torch.float32)
    assert exact.dtype == torch.float64
    assert exact[0, 2, 0].item() == math.sin(1)


GRIDS = pytest.mark.parametrize(
    ("old", "new"),
    [
        ((2, 3), (4, 5)),
        ((5, 4), (2, 3)),
        ((3, 3), (6, 2)),
        ((1, 4), (4, 1)),
    ],
)


@GRIDS
@pytest.mark.parametrize("extra", [0, 1])
def test_resizing_is_timms_formula(old, new, extra):
    pos_embed = torch.randn(1, extra + old[0] * old[1], 8)
    first, places = pos_embed[:, :extra], pos_embed[:, extra:]
    picture = places.reshape(1, *old, 8).permute(0, 3, 1, 2)
    picture = F.interpolate(picture, new, mode="bicubic", antialias=True)
    picture = picture.permute(0, 2, 3, 1).reshape(1, -1, 8)
    expected = torch.cat([first, picture], dim=1)
    result = resize_positions(pos_embed, old, new)
    assert torch.equal(result, expected)


def test_resizing_equals_timm_where_timm_is_installed():
    try:
        from timm.layers import resample_abs_pos_embed
    except (ImportError, RuntimeError):
        pytest.skip("timm does not import here")
    pos_embed = torch.randn(1, 7, 8)
    for new in ((4, 5), (1, 2), (3, 2)):
        expected = resample_abs_pos_embed(pos_embed, list(new), [2, 3])
        result = resize_positions(pos_embed, (2, 3), new)
        assert torch.equal(result, expected)


def test_the_same_grid_changes_nothing():
    pos_embed = torch.randn(1, 7, 8)
    assert torch.equal(
        resize_positions(pos_embed, (2, 3), (2, 3)), pos_embed
    )


def test_larger_grids_show_the_same_picture():
    """E18: how a model goes from 224 to 256 pixels."""
    rows = torch.linspace(-1, 1, 14).view(14, 1).expand(14, 14)
    pos_embed = rows.reshape(1, 196, 1)
    larger = resize_positions(pos_embed, (14, 14), (16, 16))
    places = larger.view(16, 16)
    torch.testing.assert_close(places, places[:, :1].expand(16, 16))
    assert (places[1:, 0] > places[:-1, 0]).all()
    assert places[0, 0] == pytest.approx(-1, abs=0.05)
    assert places[15, 0] == pytest.approx(1, abs=0.05)


def test_double_positions_are_resized_in_double_precision():
    pos_embed = torch.randn(1, 7, 8, dtype=torch.float64)
    exact = resize_positions(pos_embed, (2, 3), (4, 5))
    single = resize_positions(pos_embed.float(), (2, 3), (4, 5))
    assert exact.dtype == torch.float64
    places = exact[:, 1:]
    assert (places != places.float().double()).float().mean() > 0.9
    torch.testing.assert_close(exact.float(), single)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_positions_stay_half(dtype):
    pos_embed = torch.randn(1, 7, 8).to(dtype)
    result = resize_positions(pos_embed, (2, 3), (4, 5))
    expected = resize_positions(pos_embed.float(), (2, 3), (4, 5))
    assert torch.equal(result, expected.to(dtype))


def test_gradients_reach_the_positions_that_were_resized():
    pos_embed = learned_positions(7, 8)
    resize_positions(pos_embed, (2, 3), (4, 5)).sum().backward()
    assert pos_embed.grad.abs().min() > 0


@pytest.mark.parametrize(
    "shape", [(8,), (1, 8), (3, 1, 8), (1, 6, 8), (1, 1, 1), (1, 1, 9)]
)
def test_class_token_is_never_broadcast(refuses, shape):
    tokens, cls_token = torch.zeros(3, 6, 8), torch.zeros(shape)
    refuses(lambda: prepend_cls(tokens, cls_token), "cls_token", shape)


@pytest.mark.parametrize(
    "shape",
    [
        (8,),
        (6, 8),
        (3, 6, 8),
        (1, 1, 8),
        (1, 7, 8),
        (1, 5, 8),
        (1, 6, 1),
        (1, 6, 9),
    ],
)
def test_positions_are_never_broadcast(refuses, shape):
    tokens, pos_embed = torch.zeros(3, 6, 8), torch.zeros(shape)
    refuses(lambda: add_positions(tokens, pos_embed), "pos_embed", shape)


def test_refused_positions_say_what_would_fit(refuses):
    tokens, pos_embed = torch.zeros(3, 6, 8), torch.zeros(1, 7, 8)
    refuses(
        lambda: add_positions(tokens, pos_embed),
        "(1, 7, 8)",
        "(1, 6, 8)",
        "(3, 6, 8)",
        "resize_positions",
    )


@pytest.mark.parametrize("shape", [(6, 8), (8,), (1, 3, 6, 8)])
def test_tokens_of_other_axes_are_refused(refuses, shape):
    tokens = torch.zeros(shape)
    refuses(
        lambda: prepend_cls(tokens, torch.zeros(1, 1, 8)), "tokens", shape
    )
    refuses(
        lambda: add_positions(tokens, torch.zeros(1, 6, 8)),
        "tokens",
        shape,
    )


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (None, "NoneType"),
        (np.zeros((1, 6, 8)), "ndarray"),
        ([0.0], "list"),
    ],
)
def test_what_is_no_tensor_is_refused(refuses, bad, kind):
    tokens = torch.zeros(3, 6, 8)
    refuses(lambda: prepend_cls(bad, torch.zeros(1, 1, 8)), "tokens", kind)
    refuses(lambda: prepend_cls(tokens, bad), "cls_token", kind)
    refuses(lambda: add_positions(bad, torch.zeros(1, 6, 8)), kind)
    refuses(lambda: add_positions(tokens, bad), "pos_embed", kind)
    refuses(lambda: resize_positions(bad, (2, 3), (4, 5)), kind)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "4"])
def test_sizes_must_be_whole_numbers(refuses, bad):
    refuses(lambda: learned_positions(bad, 8), "num_tokens", repr(bad))
    refuses(lambda: learned_positions(7, bad), "embed_dim", repr(bad))
    refuses(lambda: sincos_positions((2, 3), bad), "embed_dim", repr(bad))


BAD_GRIDS = pytest.mark.parametrize(
    "grid",
    [(2,), (), (2, 3, 4), 6, None, "23", (0, 3), (2, 3.0), (2, True)],
)


@BAD_GRIDS
def test_grid_of_waves_must_be_rows_and_columns(refuses, grid):
    refuses(lambda: sincos_positions(grid, 8), "grid", repr(grid))


@BAD_GRIDS
def test_grids_of_a_resize_must_be_rows_and_columns(refuses, grid):
    positions = torch.zeros(1, 7, 8)
    refuses(lambda: resize_positions(positions, grid, (2, 3)), repr(grid))
    refuses(lambda: resize_positions(positions, (2, 3), grid), repr(grid))


@pytest.mark.parametrize("width", [1, 2, 6, 770])
def test_four_must_divide_the_width_of_waves(refuses, width):
    refuses(
        lambda: sincos_positions((2, 3), width), width, "multiple of 4"
    )


@pytest.mark.parametrize("count", [5, 8, 12])
def test_resizing_refuses_positions_that_do_not_fill_the_grid(
    refuses, count
):
    positions = torch.zeros(1, count, 8)
    refuses(
        lambda: resize_positions(positions, (2, 3), (4, 5)),
        f"{count} positions",
        "2 x 3",
        6,
    )


def test_resizing_refuses_other_shapes_and_whole_numbers(refuses):
    for shape in ((7, 8), (3, 7, 8)):
        bad = torch.zeros(shape)
        refuses(lambda b=bad: resize_positions(b, (2, 3), (4, 5)), shape)
    whole = torch.zeros(1, 7, 8, dtype=torch.int64)
    refuses(lambda: resize_positions(whole, (2, 3), (4, 5)), "torch.int64")


def test_sizes_may_be_whole_numbers_of_numpy():
    rows, cols = np.int64(2), np.uint8(3)
    waves = sincos_positions((rows, cols), np.int32(8))
    assert torch.equal(waves, sincos_positions((2, 3), 8))
    larger = resize_positions(waves, (rows, cols), (cols, rows))
    assert torch.equal(larger, resize_positions(waves, (2, 3), (3, 2)))
    assert learned_positions(rows, cols).shape == (1, 2, 3)
