"""Digits are read from photos; what is no single digit is refused."""

import io
import json

import numpy as np
import pytest
import torch
from photographed import ASIDE, DIGITS, OTHERS, photographed

from vitlib.teach import digit_from_picture, digit_reader, digits
from vitlib.teach.data.checked import FOLDER

COUNT = 4

pytestmark = pytest.mark.long
STORED = json.loads((FOLDER / "photos_of_digits.json").read_text())


@pytest.fixture(scope="module")
def reader():
    return digit_reader()


@torch.no_grad()
def answers(kind, reader, count=COUNT):
    """What is read in some photos of a kind; None where it refuses."""
    images, _ = digits("held_out")
    generator = np.random.default_rng([3, *kind.encode()])
    for at in range(count):
        some = images[at : at + 1 + (kind == "two digits"), 0]
        file = io.BytesIO(photographed(some, kind, generator))
        try:
            yield int(reader(digit_from_picture(file)).argmax())
        except ValueError:
            yield None


@pytest.mark.parametrize("kind", DIGITS)
def test_photographed_digits_are_read(kind, reader):
    labels = digits("held_out")[1][:COUNT].tolist()
    found = list(answers(kind, reader))
    right = sum(a == b for a, b in zip(found, labels, strict=True))
    assert right >= COUNT - 1
    if kind == "clean":
        assert None not in found


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_single_digit_is_refused(kind, reader):
    found = list(answers(kind, reader))
    assert found.count(None) >= COUNT - 1


@pytest.mark.parametrize("kind", DIGITS)
def test_of_a_hundred_photos_ninety_were_read(kind):
    row = STORED["digits"][kind]
    assert STORED["count"] == 100
    assert row["right"] >= 90
    assert row["surely wrong"] <= 5
    assert row["right"] + row["wrong"] + row["refused"] == 100
    if kind == "clean":
        assert row["refused"] == 0


@pytest.mark.parametrize("kind", OTHERS)
def test_of_a_hundred_that_are_no_digit_few_were_surely_read(kind):
    row = STORED["others"][kind]
    assert row["surely wrong"] <= 5
    assert row["wrong"] + row["refused"] == 100


def test_kinds_that_were_put_aside_are_stored_as_they_came():
    assert set(STORED["aside"]) == set(ASIDE)
    assert set(STORED["digits"]) == set(DIGITS)
    assert set(STORED["others"]) == set(OTHERS)
