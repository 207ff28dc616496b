"""Digits drawn again: what `distort` may change, and how far."""

import math

import pytest
import torch
from torch.nn import functional as F

from vitlib.teach import digits
from vitlib.teach.data import augment
from vitlib.teach.data.augment import distort


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images():
    return digits("validation")[0][:200]


def middle(images):
    """Centre of mass: (n, 2), right and down, in pixels."""
    ink = images.sum(dim=(1, 2, 3))
    place = torch.arange(images.shape[-1]) + 0.5
    right = (images.sum(dim=(1, 2)) * place).sum(dim=1) / ink
    down = (images.sum(dim=(1, 3)) * place).sum(dim=1) / ink
    return torch.stack([right, down], dim=1)


def test_images_stay_images(images):
    drawn = distort(images, generator())
    assert drawn.shape == images.shape
    assert drawn.dtype == images.dtype
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    changed = (drawn - images).abs().flatten(1).mean(dim=1)
    assert (changed > 0.005).all()


def test_strength_zero_changes_nothing(images):
    drawn = distort(images, generator(), strength=0)
    assert torch.allclose(drawn, images, atol=1e-5)


def test_the_seed_decides(images):
    first = distort(images, generator(3))
    assert torch.equal(first, distort(images, generator(3)))
    assert not torch.equal(first, distort(images, generator(4)))


def test_the_global_random_numbers_are_left_alone(images):
    before = torch.get_rng_state()
    distort(images, generator())
    assert torch.equal(before, torch.get_rng_state())


def test_the_images_given_are_left_alone(images):
    copy = images.clone()
    distort(images, generator())
    assert torch.equal(images, copy)


def test_digits_are_shifted_by_two_pixels_at_most_each_way(
    images, monkeypatch
):
    """With the rest switched off, the middle moves by up to 28 / 14."""
    monkeypatch.setattr(augment, "bend", lambda *_: torch.zeros(()))
    monkeypatch.setattr(augment, "thicken", lambda images, *_: images)
    real = augment.affine

    def only_shift(*arguments):
        grid = real(*arguments)
        grid[:, :, :2] = torch.eye(2)
        return grid

    monkeypatch.setattr(augment, "affine", only_shift)
    moved = middle(distort(images, generator())) - middle(images)
    assert moved.abs().max() <= 2.1
    assert (moved.amax(dim=0) > 1.5).all()
    assert (moved.amin(dim=0) < -1.5).all()


def test_angles_and_sizes_stay_within_what_is_promised():
    grid = augment.affine(2000, generator(), 1.0)
    wide, slant = grid[:, 0, 0], grid[:, 0, 1]
    sine, high = grid[:, 1, 0], grid[:, 1, 1]
    degrees = sine.asin() * 180 / math.pi
    assert degrees.abs().max() == pytest.approx(15, abs=0.2)
    for stretched in (wide, high):
        stretch = stretched / sine.asin().cos()
        assert stretch.max() == pytest.approx(1.15, abs=0.01)
        assert stretch.min() == pytest.approx(0.85, abs=0.01)
    assert (slant + sine).abs().max() == pytest.approx(0.2, abs=0.01)


def test_a_bend_agrees_with_its_coarse_moves():
    """At the corners, the fine moves are the coarse ones."""
    shape = torch.Size([6, 1, 28, 28])
    fine = augment.bend(shape, generator(), 1.0)
    coarse = 0.06 * torch.randn(6, 2, 5, 5, generator=generator())
    for edge in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        corner = fine[:, edge[0], edge[1]]
        expected = coarse[:, :, edge[0], edge[1]]
        assert torch.allclose(corner, expected, atol=1e-6)


def test_strokes_grow_and_shrink():
    """A bar three pixels wide has one to five after it, by its ink."""
    bar = torch.zeros(300, 1, 28, 28)
    bar[:, :, 4:24, 12:15] = 1
    drawn = augment.thicken(bar, generator(), 1.0)
    width = drawn[:, 0, 14].sum(dim=1)
    assert width.min() == pytest.approx(3 - 1.6, abs=0.05)
    assert width.max() == pytest.approx(3 + 1.6, abs=0.05)
    share = augment.uniform(300, 0.8, generator())
    assert torch.allclose(width, 3 + 2 * share, atol=1e-5)


def test_no_turn_is_torchs_identity(images):
    grid = augment.affine(len(images), generator(), 0.0)
    grid = F.affine_grid(grid, images.shape, align_corners=False)
    same = F.grid_sample(images, grid, align_corners=False)
    assert torch.allclose(same, images, atol=1e-5)


def test_bad_input_is_refused(refuses, images):
    refuses(lambda: distort(images[0], generator()), "(n, c, h, w)")
    whole = (images * 255).to(torch.uint8)
    refuses(lambda: distort(whole, generator()), "uint8")
    refuses(lambda: distort(images, generator(), -1), "strength", "-1")
    refuses(
        lambda: distort(images, generator(), math.nan), "strength", "nan"
    )
