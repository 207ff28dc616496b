"""check.corner_to_corner: right numbers, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib.teach import check


def reached(rows, cols):
    """Stack layers until one corner reaches the other."""
    layer = nn.Conv2d(1, 1, kernel_size=5, padding=2, bias=False)
    nn.init.ones_(layer.weight)
    seen = torch.zeros(1, 1, rows, cols)
    seen[0, 0, -1, -1] = 1
    depth = 0
    with torch.no_grad():
        while not seen[0, 0, 0, 0]:
            seen = (layer(seen) > 0).float()
            depth += 1
    return depth


@right(150, 150.0, torch.tensor(150), math.ceil(300 / 2))
def test_a_right_number_is_right_however_it_is_written(answer):
    is_right(check.corner_to_corner(answer))


def test_the_right_number_is_what_convolutions_need():
    is_right(check.corner_to_corner(reached(97, 301)))


@wrong(
    ("unknown", 100),
    ("unknown", 150.5),
    ("unknown", 304),
    ("windows_of_3_pixels", 300),
    ("columns_for_steps", math.ceil(301 / 2)),
    ("next_to_it", 149),
    ("four_pixels_a_layer", 75),
    ("windows_side_by_side", 301 // 5),
    ("windows_side_by_side_rounded_up", math.ceil(301 / 5)),
    ("rows_only", reached(97, 97)),
    ("one_direction_after_the_other", 48 + 150),
    ("along_the_diagonal", math.ceil(math.hypot(96, 300) / 2)),
    ("unknown", 1),
    ("unknown", math.inf),
    ("no_numbers", "150"),
    ("no_numbers", reached),
    ("no_numbers", (97, 301)),
)
def test_a_wrong_number_is_named(mistake, answer):
    is_named(mistake, check.corner_to_corner(answer))


def test_what_the_corner_sees_is_told():
    said = str(check.corner_to_corner(100))
    assert "sees as far as row and column 201, counted from 1" in said
    said = str(check.corner_to_corner(152))
    assert "row and column 305" in said
    assert "ends at column 301" in said
