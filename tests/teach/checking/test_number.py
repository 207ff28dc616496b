"""Exercises whose answer is a number or a shape: what is said to whom."""

import math

import numpy as np
import pytest
import torch

from vitlib.teach import check
from vitlib.teach.checking import done as _progress
from vitlib.teach.checking import library
from vitlib.teach.checking.number import NumberPiece, Slip

ROOM = "vitlib.teach.chapters.patches.exercises"
COUNT = NumberPiece(
    module=f"{ROOM}.count",
    number=1,
    compute=lambda: 14 * 14 + 1,
    mistakes=(Slip("patches", 196, "{yours} are the patches."),),
    next="A token for the whole.",
)
SHAPE = NumberPiece(
    module=f"{ROOM}.shape",
    number=1,
    compute=lambda: torch.zeros(1, 48, 4000).shape,
    axes=("images", "patches", "numbers of a patch"),
    mistakes=(
        Slip(
            "channels",
            (None, None, 400),
            "400 in {yours} leaves the channels out.",
        ),
    ),
    next="Words of a sentence.",
)
SHARE = NumberPiece(
    module=f"{ROOM}.share",
    number=1,
    compute=lambda: 1 / 3,
    mistakes=(),
    next="A third.",
    close=0.01,
)


@pytest.fixture(autouse=True)
def _nothing_done():
    before = set(_progress._here)
    yield
    _progress._here.clear()
    _progress._here.update(before)


@pytest.mark.parametrize(
    ("piece", "answer"),
    [
        (COUNT, 197),
        (COUNT, 197.0),
        (COUNT, torch.tensor(197)),
        (COUNT, torch.tensor([[197]])),
        (COUNT, np.int64(197)),
        (COUNT, (197,)),
        (SHAPE, (1, 48, 4000)),
        (SHAPE, [1, 48, 4000]),
        (SHAPE, torch.zeros(1, 48, 4000, device="meta").shape),
        (SHAPE, torch.tensor([1, 48, 4000])),
        (SHAPE, np.array([1, 48, 4000])),
        (SHAPE, (torch.tensor(1), np.int64(48), 4000.0)),
        (SHARE, 0.333),
        (SHARE, torch.tensor(1 / 3)),
    ],
)
def test_a_right_number_is_right_however_it_is_written(piece, answer):
    result = piece(answer)
    assert result, str(result)
    assert str(result) == f"Right.\n\n{piece.next}"
    assert piece.name in _progress.done()


@pytest.mark.parametrize(
    ("piece", "answer", "words"),
    [
        (COUNT, 196, "196 are the patches."),
        (COUNT, 198, "198 is next to it"),
        (COUNT, 150528, "150,528 is not it."),
        (COUNT, -2.5, "-2.5 is not it."),
        (COUNT, math.nan, "nan, no number at all"),
        (COUNT, math.inf, "inf is not it"),
        (COUNT, True, "the number True. Wanted is one number"),
        (COUNT, "197", "the text “197”. Wanted is one number"),
        (COUNT, (1, 197), "a tuple of two things"),
        (COUNT, torch.zeros(2, 3), "a tensor of the shape (2, 3)"),
        (COUNT, torch.zeros(0), "a tensor of the shape (0,)"),
        (COUNT, torch.zeros((), device="meta"), "tensor of the shape ()"),
        (COUNT, np.zeros(3), "a tensor of the shape (3,)"),
        (COUNT, 1j, "a thing of type complex"),
        (COUNT, 10**400, "Wanted is one number"),
        (COUNT, len, "a function"),
        (SHAPE, (1, 48, 400), "400 in (1, 48, 400) leaves the channels"),
        (SHAPE, (48, 4000), "Yours is (48, 4000). Wanted is one number"),
        (SHAPE, (48, 1, 4000), "right numbers, and not in their places"),
        (SHAPE, (1, 40, 4000), "Not yet right: 40 for patches. The rest"),
        (
            SHAPE,
            (1, 40, 4),
            "40 for patches, and 4 for numbers of a patch",
        ),
        (SHAPE, (2, 3, 4), "None of your numbers is right yet: (2, 3, 4)"),
        (SHAPE, 48, "Yours is (48). Wanted"),
        (
            SHAPE,
            (1, None, 3),
            "a tuple of three things. Wanted is (images",
        ),
        (SHAPE, torch.zeros(1, 48, 4000), "of the shape (1, 48, 4000)"),
        (SHARE, 0.3, "0.3 is not it"),
    ],
)
def test_a_wrong_number_is_told_what_it_is(piece, answer, words):
    result = piece(answer)
    assert result.kind == "wrong"
    assert words in str(result)
    assert piece.name not in _progress.done()


@pytest.mark.parametrize(
    ("piece", "answer", "mistake"),
    [
        (COUNT, 198, "next_to_it"),
        (COUNT, math.nan, "not_finite"),
        (COUNT, 12, "unknown"),
        (COUNT, "197", "no_numbers"),
        (SHAPE, (48, 4000), "other_count"),
        (SHAPE, (48, 1, 4000), "out_of_place"),
        (SHAPE, (1, 40, 4000), "unknown"),
        (SHAPE, (2, 3, 4), "unknown"),
    ],
)
def test_what_no_slip_explains_has_a_name_too(piece, answer, mistake):
    assert piece(answer).mistake == mistake


@pytest.mark.parametrize(
    ("piece", "answer"),
    [
        (COUNT, ...),
        (COUNT, None),
        (SHAPE, ...),
        (SHAPE, (1, ..., 4000)),
        (SHAPE, [..., ..., ...]),
    ],
)
def test_what_is_not_answered_gets_one_friendly_line(piece, answer):
    result = piece(answer)
    assert result.kind == "unwritten"
    assert f"`{piece.name}` is not written yet" in str(result)
    assert "\n" not in str(result)


def test_the_readers_random_numbers_stay_what_they_were():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    assert check.embedding_sizes((256, 1280, 753920))
    assert torch.equal(torch.rand(3), wanted)


NUMBERS = [
    pytest.param(piece, slip, id=f"{name}-{number}")
    for name, piece in library.pieces().items()
    if isinstance(piece, NumberPiece)
    for number, slip in enumerate(piece.mistakes)
]


@pytest.mark.parametrize(("piece", "slip"), NUMBERS)
def test_no_slip_is_the_right_answer(piece, slip):
    wrong = piece.with_mistake(slip)
    assert wrong != piece.reference
    assert not piece(wrong)
