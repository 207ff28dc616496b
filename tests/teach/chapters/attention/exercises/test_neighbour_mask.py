"""check.neighbour_mask: right answers of any style, and wrong ones."""

import pytest
import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def by_loops(rows, cols):
    mask = torch.zeros(rows * cols, rows * cols).bool()
    for i in range(rows * cols):
        for j in range(rows * cols):
            (a, b), (c, d) = divmod(i, cols), divmod(j, cols)
            mask[i, j] = max(abs(a - c), abs(b - d)) < 2
    return mask


def by_distance(rows, cols):
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(cols))
    return torch.cdist(places.float(), places.float()) < 1.5


def by_kron(rows, cols):
    near = [
        torch.ones(n, n).tril(1).triu(-1).int().contiguous()
        for n in (rows, cols)
    ]
    return torch.kron(*near) == 1


def by_pooling(rows, cols):
    one_hot = torch.eye(rows * cols).reshape(-1, 1, rows, cols)
    return F.max_pool2d(one_hot, 3, 1, 1).flatten(1) > 0


@right(
    by_loops,
    by_distance,
    by_kron,
    by_pooling,
    lambda r, c: by_loops(r, c).int(),
    lambda r, c: by_loops(r, c).float(),
    lambda r, c: by_loops(r, c).tolist(),
    lambda r, c: by_loops(r, c).numpy(),
)
def test_every_style_is_right(answer):
    is_right(check.neighbour_mask(answer))


def places(rows, cols, width=None):
    number = torch.arange(rows * cols)
    return number // (width or cols), number % (width or cols)


def apart(rows, cols, width=None):
    sides = places(rows, cols, width)
    return [(side[:, None] - side).abs() for side in sides]


def number_apart(rows, cols):
    i = torch.arange(rows * cols)
    steps = (i[:, None] - i).abs()
    near = (steps <= 1) | ((steps >= cols - 1) & (steps <= cols + 1))
    return near


def a_cross(rows, cols):
    down, right = apart(rows, cols)
    return down + right < 2


def without_itself(rows, cols):
    return by_loops(rows, cols) & ~torch.eye(rows * cols).bool()


def crossed(rows, cols):
    down, right = apart(rows, cols, rows)
    return (down <= 1) & (right <= 1)


def signed(rows, cols):
    row, col = places(rows, cols)
    return (row[:, None] - row <= 1) & (col[:, None] - col <= 1)


def half_signed(rows, cols):
    (row, _), (_, right) = places(rows, cols), apart(rows, cols)
    return (row[:, None] - row <= 1) & (right <= 1)


def either(rows, cols):
    down, right = apart(rows, cols)
    return (down <= 1) | (right <= 1)


def in_a_row(rows, cols):
    i = torch.arange(rows * cols)
    return (i[:, None] - i).abs() < 2


def rolled_up(rows, cols):
    down, right = apart(rows, cols)
    down, right = down.minimum(rows - down), right.minimum(cols - right)
    return torch.stack([down, right]).amax(0) < 2


def with_the_class_token(rows, cols):
    return F.pad(by_loops(rows, cols), (1, 0, 1, 0), value=True)


@wrong(
    ("neighbours_by_number", number_apart),
    ("no_corners", a_cross),
    ("inverted", lambda r, c: ~by_loops(r, c)),
    ("without_itself", without_itself),
    ("rows_and_columns_swapped", crossed),
    ("one_sided", signed),
    ("unknown", half_signed),
    ("row_or_column", either),
    ("only_itself", lambda r, c: torch.eye(r * c).bool()),
    ("two_steps", lambda r, c: torch.stack(apart(r, c)).amax(0) < 3),
    ("with_class_token", with_the_class_token),
    (
        "an_axis_for_each_side",
        lambda r, c: by_loops(r, c).view(r, c, r, c),
    ),
    ("no_booleans", lambda r, c: by_loops(r, c).float() - 1),
    ("no_booleans", lambda r, c: torch.where(by_loops(r, c), 0.0, -9)),
    ("next_in_sequence", in_a_row),
    ("round_the_edges", rolled_up),
    ("rows_only", lambda r, c: apart(r, c)[0] < 2),
    ("columns_only", lambda r, c: apart(r, c)[1] < 2),
    ("corners_only", lambda r, c: sum(a**2 for a in apart(r, c)) == 2),
    ("a_circle_of_two", lambda r, c: sum(a**2 for a in apart(r, c)) < 5),
    ("unknown", lambda r, c: torch.ones(r * c, r * c).bool()),
    ("other_shape", lambda r, c: by_loops(r, c)[0]),
    ("no_tensor", lambda r, c: "a mask"),
    ("no_tensor", lambda r, c: [[0], [0, 1]]),
    ("other_arguments", lambda rows: rows),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.neighbour_mask(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (number_apart, "patch 0 (row 0, column 0) may look at patch 3 ("),
        (
            lambda r, c: number_apart(r, c) * 0,
            "May a patch not look at it",
        ),
        (half_signed, "patch 8 (row 2, column 0). How far apart"),
        (
            lambda r, c: torch.ones(r * c, r * c).bool(),
            "In a grid of 3 by 4 patches 70 of 144 pairs are right. But",
        ),
        (with_the_class_token, "your shape is (13, 13), wanted is (12, 1"),
        (lambda r, c: by_loops(r, c)[0], "patches that look, patches"),
    ],
)
def test_the_first_wrong_pair_and_the_shapes_are_said(answer, words):
    assert words in str(check.neighbour_mask(answer))
