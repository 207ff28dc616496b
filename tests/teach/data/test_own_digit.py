"""A reader's own digit becomes a picture like those of MNIST."""

import numpy as np
import pytest
import torch
from PIL import Image

from vitlib.teach import digit_reader, digits
from vitlib.teach.data.own_digit import (
    digit_from_picture,
    digit_from_text,
    like_the_others,
)

FIVE = [
    "..########",
    ".##.......",
    ".##.......",
    "..#####...",
    "......###.",
    "........##",
    "........##",
    ".......##.",
    "..#####...",
]


def middle(image):
    """Row and column of the middle of the ink."""
    ink = image[0, 0] / image.sum()
    places = torch.arange(28) + 0.5
    return (ink.sum(1) * places).sum(), (ink.sum(0) * places).sum()


@pytest.mark.parametrize("size", [(9, 10), (40, 11), (3, 70), (1, 1)])
def test_ink_fills_twenty_pixels_around_the_middle(size):
    ink = torch.zeros(100, 100)
    ink[7 : 7 + size[0], 20 : 20 + size[1]] = 1
    image = like_the_others(ink)
    assert image.shape == (1, 1, 28, 28)
    assert image.min() == 0
    assert image.max() == 1
    rows = image[0, 0].any(dim=1).sum()
    cols = image[0, 0].any(dim=0).sum()
    assert max(rows, cols) == 20
    for place in middle(image):
        assert place == pytest.approx(14.5, abs=0.55)


def test_uneven_ink_is_centred_by_its_mass():
    ink = torch.zeros(20, 16)
    ink[:4, :] = 1
    ink[:, 2:6] = 1
    image = like_the_others(ink)
    for place in middle(image):
        assert place == pytest.approx(14.5, abs=0.55)


def test_digits_of_mnist_stay_nearly_as_they_were():
    images, _ = digits("validation")
    again = torch.cat([like_the_others(image[0]) for image in images[:50]])
    assert (again - images[:50]).abs().mean() < 1e-3


def test_paper_around_a_digit_changes_nothing():
    wide = ["", " " * 30, *("....." + row + "   " for row in FIVE), "..."]
    assert torch.equal(digit_from_text(wide), digit_from_text(FIVE))


def test_any_mark_is_ink():
    other = [row.replace("#", "x") for row in FIVE]
    assert torch.equal(digit_from_text(other), digit_from_text(FIVE))


def test_the_reader_reads_it():
    answer = digit_reader()(digit_from_text(FIVE)).argmax()
    assert answer == 5


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_picture_reads_like_its_text(tmp_path, negative, mode):
    ink = np.array([[mark == "#" for mark in row] for row in FIVE])
    ink = np.pad(ink, 3).repeat(8, axis=0).repeat(8, axis=1)
    grey = np.where(ink ^ negative, 30, 240).astype(np.uint8)
    path = tmp_path / "five.png"
    Image.fromarray(grey).convert(mode).save(path)
    image = digit_from_picture(path)
    text = digit_from_text(FIVE)
    assert (image - text).abs().mean() < 0.05
    assert image.max() == 1
    assert digit_reader()(image).argmax() == 5


def test_no_ink_is_refused(refuses, tmp_path):
    refuses(lambda: digit_from_text([]), "no ink")
    refuses(lambda: digit_from_text(["...", "   "]), "no ink", "(2, 3)")
    Image.new("L", (9, 7), 255).save(tmp_path / "empty.png")
    refuses(
        lambda: digit_from_picture(tmp_path / "empty.png"),
        "no ink",
        "leave some paper around the digit",
    )
