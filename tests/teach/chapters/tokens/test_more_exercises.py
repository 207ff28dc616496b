"""Chapter 4's other exercises: right answers of any style, wrong ones."""

import math

import pytest
import torch
from torch.nn import functional as F

from vitlib import learned_positions, sincos_positions
from vitlib.teach import check


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((5, 60, 64), "Who else stands in the sequence?"),
        ((5, 62, 64), "62 is one too many"),
        ((5, 120, 64), "one behind the other"),
        ((5, 122, 64), "one behind the other"),
        ((5, 65, 64), "Each image has a sequence of its own"),
        ((5, 197, 64), "197 are the tokens of 224 by 224"),
        ((5, 61, 128), "side by side. They are added"),
        ((5, 61, 768), "768 numbers has a patch"),
        ((1, 61, 64), "How many images go in?"),
        ((5, 64, 61), "not in their places: (5, 64, 61)"),
        ((61, 64), "one number for each of these: (images, tokens"),
    ],
)
def test_a_wrong_shape_for_the_encoder_is_understood(answer, words):
    result = check.encoder_input(answer)
    assert not result
    assert words in str(result)


# prepend_registers, right


def by_cat(tokens, registers):
    several = registers.repeat(len(tokens), 1, 1)
    return torch.cat([tokens[:, :1], several, tokens[:, 1:]], dim=1)


def by_assignment(tokens, registers):
    b, n, d = tokens.shape
    r = registers.shape[1]
    result = tokens.new_zeros(b, n + r, d)
    result[:, 0] = tokens[:, 0]
    result[:, 1 : 1 + r] = registers
    result[:, 1 + r :] = tokens[:, 1:]
    return result


def by_loop(tokens, registers):
    rows = [torch.vstack([t[:1], registers[0], t[1:]]) for t in tokens]
    return torch.stack(rows)


def by_insertion(tokens, registers):
    n, r = tokens.shape[1], registers.shape[1]
    every = torch.hstack([tokens, registers.expand(len(tokens), -1, -1)])
    order = [0, *range(n, n + r), *range(1, n)]
    return every[:, order]


@pytest.mark.parametrize(
    "answer", [by_cat, by_assignment, by_loop, by_insertion]
)
def test_every_style_of_prepend_registers_is_right(answer):
    result = check.prepend_registers(answer)
    assert result, str(result)


# prepend_registers, wrong


def several(tokens, registers):
    return registers.repeat(len(tokens), 1, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda t, r: torch.cat([several(t, r), t], 1),
            "in front of the class token",
        ),
        (
            lambda t, r: torch.hstack([t, several(t, r)]),
            "the registers stand at the end",
        ),
        (
            lambda t, r: torch.cat([several(t, r), t[:, 1:]], 1),
            "have taken the place of the class token",
        ),
        (
            lambda t, r: torch.cat([t[:, :1], several(t, r), t], 1),
            "The class token stands there twice",
        ),
        (
            lambda t, r: torch.cat(
                [t[:, :1], several(t, r), t[:, 1 + r.shape[1] :]], 1
            ),
            "have taken the places of patches",
        ),
        (
            lambda t, r: torch.cat([t[:, :1], several(t, r)], 1),
            "The patches are gone",
        ),
        (
            lambda t, r: by_cat(t, torch.zeros_like(r)),
            "there are zeros in them",
        ),
        (lambda t, r: by_cat(t, r[:, :1]), "where 3 were given"),
        (lambda t, r: by_cat(t, r.data), "no gradient comes back to `reg"),
        (
            lambda t, r: torch.cat([t[:, :1], r, t[:, 1:]], 1),
            "Your code stopped at line",
        ),
        (
            lambda t, r: by_cat(t, torch.randn(r.shape)),
            "gives two answers",
        ),
    ],
)
def test_wrong_registers_are_understood(answer, words):
    result = check.prepend_registers(answer)
    assert not result
    assert words in str(result)


# design_positions, right


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


@pytest.mark.parametrize(
    "answer", [waves, one_clock_a_side, bumps, random_waves]
)
def test_positions_of_every_design_are_right(answer):
    result = check.design_positions(answer)
    assert result, str(result)


# design_positions, wrong


def along_the_sequence(grid, embed_dim):
    index = torch.arange(grid[0] * grid[1])[:, None]
    angles = index * 1e-4 ** torch.linspace(0, 1, embed_dim // 2)
    return F.normalize(torch.cat([angles.sin(), angles.cos()], 1), dim=1)


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (along_the_sequence, "count along the sequence, over the ends"),
        (share_of_the_side, "in steps, whatever the size of the grid?"),
        (too_fast, "turn back, or jump, somewhere?"),
        (too_slow, "What changes in your vector from one to the other?"),
        (rows_only, "all along each row. Where do columns go in?"),
        (
            lambda grid, d: torch.ones(math.prod(grid), d) / d**0.5,
            "So it is with all of them.",
        ),
        (a_mark_each, "What could make the near ones nearer?"),
        (random_and_kept, "know nothing of near and far"),
        (
            lambda grid, d: learned_positions(math.prod(grid), d),
            "What may be random once",
        ),
        (
            lambda grid, d: sincos_positions(grid, d, class_token=False),
            "Your vectors have a length of 5.66. Wanted is 1",
        ),
        (sincos_positions, "yours gives 17 positions. One too many"),
        (
            lambda grid, d: waves(grid, d)[0].reshape(*grid, d),
            "yours gives the shape (4, 4, 64), wanted is (16, 64)",
        ),
        (divided_by_zero, "A grid may have a single row"),
        (lambda grid, d: waves(grid, d).mT @ 1, "Your code stopped"),
    ],
)
def test_positions_that_miss_a_demand_are_told_which(answer, words):
    result = check.design_positions(answer)
    assert not result
    assert words in str(result)


def test_a_picture_shows_what_is_near():
    picture = check.design_positions(along_the_sequence).picture
    assert "Two grids of 3 by 7 places" in picture
    assert picture.count("<rect") == 2 * (3 * 7 + 1)
