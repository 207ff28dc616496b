"""check.mean_attention_distance: right answers, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def pair_by_pair(maps, grid, patch_size):
    rows, cols = grid
    extra = maps.shape[-1] - rows * cols
    maps = maps[..., extra:, extra:]
    maps = maps / maps.sum(-1, keepdim=True)
    total = 0
    for i in range(rows * cols):
        for j in range(rows * cols):
            apart = math.dist(divmod(i, cols), divmod(j, cols))
            total = total + maps[..., i, j] * apart * patch_size
    return total.mean(1) / (rows * cols)


def by_cdist(maps, grid, patch_size):
    y, x = torch.meshgrid(
        *(torch.arange(side, dtype=maps.dtype) for side in grid),
        indexing="ij",
    )
    spots = torch.stack([y.flatten(), x.flatten()], 1) * patch_size
    table = torch.cdist(spots, spots)
    maps = maps[..., -len(spots) :, -len(spots) :]
    mean = (maps * table).sum(-1) / maps.sum(-1)
    return mean.mean(-1).mean(1)


@right(pair_by_pair, by_cdist)
def test_every_style_is_right(answer):
    is_right(check.mean_attention_distance(answer))


def not_shared_again(maps, grid, patch_size):
    n = grid[0] * grid[1]
    spots = torch.cartesian_prod(*map(torch.arange, grid)).to(maps)
    table = torch.cdist(spots, spots) * patch_size
    return (maps[..., -n:, -n:] * table).sum(-1).mean((1, 3))


def mean_of_keys(maps, grid, patch_size):
    rows, cols = grid
    number = torch.arange(rows * cols)
    places = torch.stack([number // cols, number % cols], dim=1)
    places = patch_size * places.to(maps.dtype)
    apart = (places[:, None] - places).norm(dim=-1)
    weights = maps[..., -rows * cols :, -rows * cols :]
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return (weights * apart).mean(dim=(1, 3, 4))


def shared_again_in_place(maps, grid, patch_size):
    n = grid[0] * grid[1]
    found = by_cdist(maps, grid, patch_size)
    maps[..., -n:, -n:] *= 2
    return found


@wrong(
    ("rows_not_shared_again", not_shared_again),
    ("mean_over_keys", mean_of_keys),
    ("in_patches", lambda maps, grid, p: by_cdist(maps, grid, 1)),
    (
        "rows_and_columns_swapped",
        lambda maps, grid, p: by_cdist(maps, (grid[1], grid[0]), p),
    ),
    ("changes_its_input", shared_again_in_place),
    ("other_shape", lambda maps, grid, p: by_cdist(maps, grid, p)[0]),
    ("no_tensor", lambda maps, grid, p: by_cdist(maps, grid, p).numpy()),
    ("no_floats", lambda maps, grid, p: by_cdist(maps, grid, p).long()),
    ("stops", lambda maps, grid, p: maps.reshape(grid)),
    ("other_arguments", lambda maps, grid: maps),
)
def test_a_wrong_distance_is_named(mistake, answer):
    is_named(mistake, check.mean_attention_distance(answer))
