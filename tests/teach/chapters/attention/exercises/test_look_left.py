"""check.look_left: right answers of any style, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def by_addition_theorem(places):
    d = places.shape[1]
    f = 1e-4 ** (torch.arange(d // 4) / (d // 4))
    sin, cos, row = places.split([d // 4, d // 4, d // 2], dim=1)
    left_sin = sin * f.cos() - cos * f.sin()
    left_cos = cos * f.cos() + sin * f.sin()
    return torch.cat([left_sin, left_cos, row], dim=1)


def by_complex_numbers(places):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter)
    wave = torch.complex(*places.split(quarter, 1)[1::-1])
    wave = wave * torch.polar(torch.ones_like(f), -f)
    row = places[:, 2 * quarter :]
    return torch.cat([wave.imag, wave.real, row], dim=1)


def by_one_matrix(places):
    d = places.shape[1]
    matrix = by_addition_theorem(torch.eye(d, dtype=places.dtype))
    return 40 * places @ matrix


def by_reading_the_place(places):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter)
    slow = torch.atan2(
        places[:, quarter // 2], places[:, quarter + quarter // 2]
    )
    column = (slow / f[quarter // 2]).round()[:, None] - 1
    row = places[:, 2 * quarter :]
    return torch.cat([(column * f).sin(), (column * f).cos(), row], 1)


@right(
    by_addition_theorem,
    by_complex_numbers,
    by_one_matrix,
    by_reading_the_place,
)
def test_every_way_to_look_left_is_right(answer):
    is_right(check.look_left(answer))


def turn(places, first, angle):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter) * angle
    parts = list(places.split(quarter, dim=1))
    sin, cos = parts[first : first + 2]
    parts[first] = sin * f.cos() + cos * f.sin()
    parts[first + 1] = cos * f.cos() - sin * f.sin()
    return torch.cat(parts, dim=1)


def column_only(places):
    quarter = places.shape[1] // 4
    return turn(places, 0, -1) * (torch.arange(4 * quarter) < 2 * quarter)


def row_only(places):
    half = places.shape[1] // 2
    return torch.cat(
        [torch.zeros_like(places[:, :half]), places[:, half:]], 1
    )


def from_both(places, sine, cosine):
    """Take the sines turned by one angle, the cosines by another."""
    parts = [list(turn(places, 0, a).chunk(4, 1)) for a in (sine, cosine)]
    return torch.cat([parts[0][0], *parts[1][1:]], dim=1)


def in_order(places, order):
    quarters = turn(places, 0, -1).chunk(4, dim=1)
    return torch.cat([quarters[i] for i in order], dim=1)


def half_a_step(places):
    return turn(places, 0, -0.4)


@wrong(
    ("finds_itself", lambda p: 3 * p),
    ("right_neighbour", lambda p: turn(p, 0, 1)),
    ("neighbour_above", lambda p: turn(p, 2, -1)),
    ("neighbour_below", lambda p: turn(p, 2, 1)),
    ("two_columns", lambda p: turn(p, 0, -2)),
    ("one_before_in_the_sequence", lambda p: p.roll(1, 0)),
    ("least_alike", lambda p: -p),
    ("no_rows", column_only),
    ("no_columns", row_only),
    ("no_single_winner", lambda p: turn(p, 0, -0.5)),
    ("no_single_winner", lambda p: p.mean(0, keepdim=True).expand_as(p)),
    ("finds_itself", half_a_step),
    ("unknown", lambda p: turn(p, 0, -3)),
    ("sign_of_the_sine", lambda p: from_both(p, 1, -1)),
    ("sign_of_the_cosine", lambda p: from_both(p, -1, 1)),
    ("sine_and_cosine_swapped", lambda p: in_order(p, [1, 0, 2, 3])),
    ("halves_swapped", lambda p: in_order(p, [2, 3, 0, 1])),
    ("above_to_the_left", lambda p: turn(turn(p, 0, -1), 2, -1)),
    ("one_after_in_the_sequence", lambda p: p.roll(-1, 0)),
    ("left_with_the_sign_turned", lambda p: -turn(p, 0, -1)),
    ("all_places_alike", lambda p: 0 * p),
    ("all_places_alike", lambda p: p * math.nan),
    ("other_shape", lambda p: p[:, :10]),
    ("no_floats", lambda p: p.argmax(1)),
)
def test_a_head_that_looks_elsewhere_is_named(mistake, answer):
    is_named(mistake, check.look_left(answer))


def test_who_looks_left_is_counted():
    said = str(check.look_left(lambda p: turn(p, 0, -3)))
    assert "Of 182 patches that have a left neighbour 14 look" in said


def test_a_patch_with_several_winners_is_told_so():
    said = str(check.look_left(lambda p: turn(p, 0, -0.5)))
    assert "in row 0, column 1 looks at several places alike. By" in said


def test_the_shape_of_the_queries_is_said():
    said = str(check.look_left(lambda p: p[:, :10]))
    assert "in all (196, 384). Yours have the shape (196, 10)" in said
