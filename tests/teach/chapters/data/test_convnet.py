"""The small CNNs: how many weights they have, and how far they see."""

import pytest
import torch

from vitlib import ViT
from vitlib.teach.chapters.data.convnet import one_cell_cnn, small_cnn


def count(model):
    return sum(p.numel() for p in model.parameters())


def seen_by(features, side, place):
    """Rows and columns of the input that reach one place of a map."""
    image = torch.rand(1, 1, side, side, requires_grad=True)
    features.eval()(image)[0, :, place, place].sum().backward()
    seen = image.grad[0, 0] != 0
    return int(seen.any(dim=1).sum()), int(seen.any(dim=0).sum())


@pytest.mark.parametrize("widths", [(4,), (4, 6), (4, 6, 8)])
def test_each_stage_halves_the_sides(widths):
    model = small_cnn(3, 5, widths)
    body = model[: 6 * len(widths)]
    side = 32 // 2 ** len(widths)
    shape = body(torch.rand(2, 3, 32, 32)).shape
    assert shape == (2, widths[-1], side, side)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 5)


def test_three_stages_see_43_pixels():
    torch.manual_seed(0)
    body = small_cnn(1, 5, (8, 8, 8))[:18]
    assert seen_by(body, 96, 6) == (43, 43)


def test_one_cell_sees_one_cell():
    torch.manual_seed(0)
    body = one_cell_cnn(1, 5, 16, 3, 8)[:12]
    assert seen_by(body, 32, 2) == (8, 8)


def test_of_one_cell_the_scores_are_a_sum_over_the_cells():
    torch.manual_seed(0)
    model = one_cell_cnn(3, 4, 16, 2, 8).double().eval()
    one, other = torch.rand(2, 1, 3, 32, 32).double()
    change = []
    for image in (one, other):
        marked = image.clone()
        image[..., :8, :8], marked[..., :8, :8] = 0.2, 0.9
        change.append(model(marked) - model(image))
    torch.testing.assert_close(*change)
    assert change[0].abs().max() > 1e-6


def test_on_digits_vit_and_cnn_have_the_same_size():
    vit = ViT(
        image_size=28,
        patch_size=7,
        in_channels=1,
        num_classes=10,
        embed_dim=64,
        depth=4,
        num_heads=4,
    )
    assert count(vit) == 205_066
    assert count(small_cnn(1, 10, (32, 64, 96))) == 204_778


def test_on_shapes_all_four_have_the_same_size():
    vit = ViT(
        image_size=32,
        patch_size=8,
        num_classes=4,
        embed_dim=64,
        depth=2,
        num_heads=4,
    )
    assert count(vit) == 113_860
    assert count(small_cnn(3, 4, (16, 40, 82))) == 113_816
    assert count(one_cell_cnn(3, 4, 145, 4, 8)) == 113_974
    assert count(one_cell_cnn(3, 4, 120, 4, 8, hidden=256)) == 113_844


def test_with_a_hidden_layer_the_scores_are_no_sum():
    torch.manual_seed(0)
    model = one_cell_cnn(3, 4, 16, 2, 8, hidden=32).double().eval()
    torch.nn.init.zeros_(model[-1][0].bias)
    change = []
    for image in torch.rand(2, 1, 3, 32, 32).double():
        marked = image.clone()
        image[..., :8, :8], marked[..., :8, :8] = 0.2, 0.9
        change.append(model(marked) - model(image))
    one, other = change
    assert (one - other).abs().max() > 1e-3 * one.abs().max()
