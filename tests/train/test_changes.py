"""How pictures are changed: by a chance that hangs on the picture."""

import math
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from vitlib._preprocess import Preprocess
from vitlib.train.changes import Changes, Prepared, cut_out, mix, part_of

PLAIN = Preprocess((8, 12), (8, 12), (0.0,), (1.0,), "bilinear")


class Pictures:
    """Three flat pictures, of classes 0, 1 and 2."""

    classes = ("a", "b", "c")

    def __len__(self):
        return 3

    def __getitem__(self, index):
        levels = torch.linspace(0, 1, 12).expand(1, 8, 12)
        return (levels + index) / 4, index


def prepared(seed=0, **changes):
    how = Changes(**{"flip": False, "crop": 1.0, **changes})
    return Prepared(Pictures(), PLAIN, how, seed)


def test_without_changes_a_picture_is_as_it_is_prepared():
    pixels, label = Prepared(Pictures(), PLAIN)[5, 2]
    assert label == 2
    assert torch.equal(pixels, PLAIN(Pictures()[2][0]))


@pytest.mark.parametrize(
    "changes", [{"flip": True}, {"crop": 0.3}, {"mixup": 1}, {"cutmix": 1}]
)
def test_chance_hangs_on_seed_epoch_and_picture_alone(changes):
    keys = [(epoch, i) for epoch in range(8) for i in range(3)]
    first = {key: prepared(**changes)[key] for key in keys}
    torch.rand(3)  # somebody else's chance
    again = prepared(**changes)
    for key in reversed(keys):
        for one, other in zip(again[key], first[key], strict=True):
            assert torch.equal(*map(torch.as_tensor, (one, other)))
    of_epochs = [first[epoch, 1][0] for epoch in range(8)]
    assert any(not torch.equal(of_epochs[0], p) for p in of_epochs)
    others = [prepared(7, **changes)[key][0] for key in keys]
    olds = [first[key][0] for key in keys]
    pairs = zip(others, olds, strict=True)
    assert any(not torch.equal(*pair) for pair in pairs)


def test_about_half_are_mirrored_and_nothing_else_is_done():
    whole = PLAIN(Pictures()[0][0])
    found = [prepared(flip=True)[epoch, 0][0] for epoch in range(200)]
    mirrored = [torch.equal(one, whole.flip(-1)) for one in found]
    straight = [torch.equal(one, whole) for one in found]
    assert all(a != b for a, b in zip(mirrored, straight, strict=True))
    assert 70 < sum(mirrored) < 130


def test_a_part_lies_within_and_has_the_share_that_is_asked_for():
    chance = Random(1)
    shares, ratios = [], []
    for _ in range(500):
        top, left, rows, cols = part_of(90, 120, 0.2, chance)
        assert 0 <= top <= 90 - rows
        assert 0 <= left <= 120 - cols
        shares.append(rows * cols / (90 * 120))
        ratios.append(cols / rows)
    assert 0.18 < min(shares) < 0.25
    assert max(shares) <= 1
    assert 0.7 < min(ratios) < 0.8
    assert 1.28 < max(ratios) < 1.4


def test_a_part_of_a_narrow_picture_may_be_all_of_it():
    assert part_of(1, 400, 0.9, Random(0)) == (0, 0, 1, 400)


def test_the_same_part_is_cut_out_of_a_photo_and_of_an_array():
    numbers = np.random.default_rng(0).integers(0, 255, (30, 41, 3))
    photo = Image.fromarray(numbers.astype(np.uint8))
    array = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    part = np.array(cut_out(photo, 0.3, Random(2)))
    other = cut_out(array, 0.3, Random(2)).permute(1, 2, 0)
    assert part.shape != (30, 41, 3)
    assert np.array_equal(part, other.numpy())


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_labels_are_mixed_by_the_share_that_each_picture_has(kind):
    black, white = torch.zeros(1, 10, 10), torch.ones(1, 10, 10)
    shares = []
    for seed in range(100):
        changes = Changes(**{kind: 0.8})
        mixed, share = mix(black, white, changes, Random(seed))
        assert mixed.mean().item() == pytest.approx(1 - share, abs=1e-6)
        values = mixed.unique()
        assert len(values) == 1 if kind == "mixup" else len(values) <= 2
        shares.append(share)
    assert 0.4 < sum(shares) / 100 < 0.6


def test_soft_labels_add_up_to_one():
    for epoch in range(20):
        _, shares = prepared(mixup=0.4, cutmix=1.0)[epoch, 1]
        assert shares.shape == (3,)
        assert shares.sum().item() == pytest.approx(1)
        assert shares[1] > 0 or shares.max() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"crop": 0}, {"crop": 1.5}, {"mixup": -1}, {"cutmix": math.inf}],
)
def test_changes_that_mean_nothing_are_refused(wrong, refuses):
    ((name, value),) = wrong.items()
    refuses(lambda: Changes(**wrong), name, value)
