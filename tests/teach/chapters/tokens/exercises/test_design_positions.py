"""check.design_positions: designs that meet every demand, or miss one."""

import math

import pytest
import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib import learned_positions, sincos_positions
from vitlib.teach import check


def places(grid):
    return torch.cartesian_prod(*map(torch.arange, grid)).double()


def waves(grid, embed_dim):
    table = sincos_positions(grid, embed_dim, class_token=False)
    return F.normalize(table, dim=2)


def one_clock_a_side(grid, embed_dim):
    row, col = 0.3 * places(grid).T
    hands = [col.sin(), col.cos(), row.sin(), row.cos()]
    return F.pad(torch.stack(hands, dim=1) / 2**0.5, (0, embed_dim - 4))


def bumps(grid, embed_dim):
    at = torch.linspace(-3, 17, embed_dim // 2)
    rows, cols = (
        F.normalize((-((side[:, None] - at) ** 2) / 8).exp(), dim=1)
        for side in places(grid).T
    )
    return torch.cat([rows, cols], dim=1) / 2**0.5


def random_waves(grid, embed_dim):
    generator = torch.Generator().manual_seed(0)
    ways = 0.35 * torch.randn(2, embed_dim // 2, generator=generator)
    angles = places(grid).float() @ ways
    return F.normalize(torch.cat([angles.sin(), angles.cos()], 1), dim=1)


@right(one_clock_a_side, bumps, random_waves)
def test_every_design_is_right(answer):
    is_right(check.design_positions(answer))


def along_the_sequence(grid, embed_dim):
    index = torch.arange(grid[0] * grid[1])[:, None]
    angles = index * 1e-4 ** torch.linspace(0, 1, embed_dim // 2)
    return F.normalize(torch.cat([angles.sin(), angles.cos()], 1), dim=1)


def only_the_fast_half(grid, embed_dim):
    """Bumps as narrow as the width leaves them room."""
    at = torch.linspace(0, 13, embed_dim // 2)
    rows, cols = (
        F.normalize((-((side[:, None] - at) ** 2)).exp(), dim=1)
        for side in places(grid).T
    )
    return torch.cat([rows, cols], dim=1) / 2**0.5


def turned_by(angles):
    hands = [f(side) for side in angles for f in (torch.sin, torch.cos)]
    return torch.stack(hands, dim=1) / 2**0.5


def share_of_the_side(grid, embed_dim):
    sides = torch.tensor(grid).clamp(min=2) - 1
    table = turned_by((places(grid) / sides * 2.8).T)
    return F.pad(table, (0, embed_dim - 4))


def too_fast(grid, embed_dim):
    return F.pad(turned_by(2.0 * places(grid).T), (0, embed_dim - 4))


def too_slow(grid, embed_dim):
    return F.pad(turned_by(0.1 * places(grid).T), (0, embed_dim - 4))


def rows_only(grid, embed_dim):
    rows = waves((grid[0], 1), embed_dim)[0]
    return rows.repeat_interleave(grid[1], dim=0)


def a_mark_each(grid, embed_dim):
    row, col = places(grid).long().T
    rows, cols = torch.eye(embed_dim)[row], torch.eye(embed_dim)[-1 - col]
    return F.normalize(rows + cols, dim=1)


def random_and_kept(grid, embed_dim):
    generator = torch.Generator().manual_seed(0)
    shape = grid[0] * grid[1], embed_dim
    return F.normalize(torch.randn(shape, generator=generator), dim=1)


def divided_by_zero(grid, embed_dim):
    sides = torch.tensor(grid) - 1
    table = turned_by((places(grid) / sides).T)
    return F.pad(table, (0, embed_dim - 4))


def all_ones(grid, embed_dim):
    return torch.ones(math.prod(grid), embed_dim) / embed_dim**0.5


def drawn_anew(grid, embed_dim):
    return learned_positions(math.prod(grid), embed_dim)


def too_long(grid, embed_dim):
    return sincos_positions(grid, embed_dim, class_token=False)


def as_a_grid(grid, embed_dim):
    return waves(grid, embed_dim)[0].reshape(*grid, embed_dim)


@wrong(
    ("turns_back", only_the_fast_half),
    ("waves_of_the_chapter", waves),
    ("waves_of_the_chapter", lambda g, d: waves(g, d).double()),
    ("along_the_sequence", along_the_sequence),
    ("rows_unlike_columns", share_of_the_side),
    ("turns_back", too_fast),
    ("places_alike", too_slow),
    ("columns_alike", rows_only),
    ("all_places_alike", all_ones),
    ("equally_far", a_mark_each),
    ("near_as_far", random_and_kept),
    ("random", drawn_anew),
    ("other_length", too_long),
    ("with_class_token", sincos_positions),
    ("other_shape", as_a_grid),
    ("not_finite", divided_by_zero),
    ("stops", lambda grid, d: waves(grid, d).mT @ 1),
)
def test_the_demand_that_is_missed_is_named(mistake, answer):
    is_named(mistake, check.design_positions(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (too_long, "a length of 5.66. Wanted is 1"),
        (sincos_positions, "yours gives 17 positions"),
        (as_a_grid, "the shape (4, 4, 64), wanted is (16, 64)"),
        (rows_only, "Their dot product is 1.000"),
        (along_the_sequence, "The place beside it, row 1, column 0, has"),
        (share_of_the_side, "3 by 7"),
        (share_of_the_side, "A step down changes more than a step the"),
    ],
)
def test_what_was_measured_is_said(answer, words):
    assert words in str(check.design_positions(answer))


def test_a_picture_shows_what_is_near():
    picture = check.design_positions(along_the_sequence).picture
    assert "Two grids of 3 by 7 places" in picture
    assert picture.count("<rect") == 2 * (3 * 7 + 1)
