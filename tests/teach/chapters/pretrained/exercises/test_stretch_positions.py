"""check.stretch_positions: to another grid, and the front stays."""

import math

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def by_reshape(pos_embed, front, old_grid, new_grid):
    first, places = pos_embed[:, :front], pos_embed[:, front:]
    picture = places.reshape(1, *old_grid, -1).permute(0, 3, 1, 2)
    picture = F.interpolate(picture, size=new_grid, mode="bicubic")
    return torch.cat([first, picture.flatten(2).mT], dim=1)


def by_numbers(pos_embed, front, old_grid, new_grid):
    """Stretch each of the d pictures by itself."""
    pictures = [
        F.interpolate(
            pos_embed[0, front:, i].reshape(1, 1, *old_grid),
            new_grid,
            mode="bicubic",
        ).flatten()
        for i in range(pos_embed.shape[2])
    ]
    places = torch.stack(pictures, dim=1)
    return torch.cat([pos_embed[0, :front], places])[None]


def by_torchvisions_way(pos_embed, front, old_grid, new_grid):
    d = pos_embed.shape[-1]
    first, places = pos_embed.tensor_split([front], dim=1)
    rows, cols = new_grid
    grid = places.permute(0, 2, 1).reshape(1, d, *old_grid)
    grid = F.interpolate(grid, (rows, cols), mode="bicubic")
    places = grid.reshape(1, d, rows * cols).permute(0, 2, 1)
    return torch.cat((first, places), 1)


def by_hand(pos_embed, front, old_grid, new_grid):
    """Four weights of Keys' cubic for each new row, and column."""
    down, across = (
        cubic(*sides).to(pos_embed)
        for sides in zip(old_grid, new_grid, strict=True)
    )
    picture = pos_embed[0, front:].unflatten(0, old_grid)
    places = torch.einsum("ij,kl,jld->ikd", down, across, picture)
    places = places.flatten(0, 1)
    return torch.cat([pos_embed[0, :front], places])[None]


def cubic(old, new, a=-0.75):
    found = torch.zeros(new, old, dtype=torch.float64)
    for i in range(new):
        centre = (i + 0.5) * old / new - 0.5
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            x = abs(centre - j)
            near = (a + 2) * x**3 - (a + 3) * x**2 + 1
            far = a * (x**3 - 5 * x**2 + 8 * x - 4)
            found[i, min(max(j, 0), old - 1)] += near if x <= 1 else far
    return found


@right(by_reshape, by_numbers, by_torchvisions_way, by_hand)
def test_every_style_is_right(answer):
    is_right(check.stretch_positions(answer))


def by(**settings):
    def answer(pos_embed, front, old_grid, new_grid):
        picture = pos_embed[:, front:].mT.unflatten(2, old_grid)
        picture = F.interpolate(picture, new_grid, **settings)
        places = picture.flatten(2).mT
        return torch.cat([pos_embed[:, :front], places], dim=1)

    return answer


def grids(change):
    def answer(pos_embed, front, old_grid, new_grid):
        return by_reshape(pos_embed, front, *change(old_grid, new_grid))

    return answer


def lying(p, front, old, new):
    picture = p[:, front:].reshape(1, p.shape[2], *old)
    picture = F.interpolate(picture, new, mode="bicubic")
    places = picture.reshape(1, -1, p.shape[2])
    return torch.cat([p[:, :front], places], dim=1)


def half_lying(p, front, old, new):
    picture = p[:, front:].mT.unflatten(2, old)
    picture = F.interpolate(picture, new, mode="bicubic")
    places = picture.reshape(1, -1, p.shape[2])
    return torch.cat([p[:, :front], places], dim=1)


def downwards(p, front, old, new):
    picture = p[:, front:].mT.unflatten(2, old)
    picture = F.interpolate(picture, new, mode="bicubic")
    places = picture.mT.flatten(2).mT
    return torch.cat([p[:, :front], places], dim=1)


def in_a_line(p, front, old, new):
    row = F.interpolate(p[:, front:].mT, new[0] * new[1], mode="linear")
    return torch.cat([p[:, :front], row.mT], dim=1)


def behind(p, front, old, new):
    found = by_reshape(p, front, old, new)
    return found.roll(-front, dims=1)


def by_dinos_scale(p, front, old, new):
    picture = p[:, front:].mT.unflatten(2, old)
    scale = [(n + 0.1) / o for o, n in zip(old, new, strict=True)]
    picture = F.interpolate(picture, scale_factor=scale, mode="bicubic")
    return torch.cat([p[:, :front], picture.flatten(2).mT], dim=1)


def emptied(p, front, old, new):
    found = by_reshape(p, front, old, new)
    return torch.cat([0 * found[:, :front], found[:, front:]], dim=1)


@wrong(
    ("bilinear_and_antialiased", by(mode="bilinear", antialias=True)),
    ("mean_of_an_area", by(mode="area")),
    ("with_dinos_offset", by_dinos_scale),
    ("front_emptied", emptied),
    ("bilinear", by(mode="bilinear")),
    ("nearest", by()),
    ("corners_aligned", by(mode="bicubic", align_corners=True)),
    ("antialiased", by(mode="bicubic", antialias=True)),
    ("rows_for_columns", grids(lambda a, b: (a[::-1], b))),
    ("new_grid_turned", grids(lambda a, b: (a, b[::-1]))),
    ("down_the_columns", downwards),
    ("read_as_it_lies", lying),
    ("back_as_it_lies", half_lying),
    ("as_a_row", in_a_line),
    ("front_lost", lambda p, f, a, b: by_reshape(p, f, a, b)[:, f:]),
    ("front_at_the_end", behind),
    ("nothing_stretched", lambda p, f, a, b: p + 0),
    ("no_gradient", lambda p, *rest: by_reshape(p.detach(), *rest)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.stretch_positions(answer))
