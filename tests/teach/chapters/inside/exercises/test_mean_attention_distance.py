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


def by_steps(cut=None, share=None, end=None):
    """Write it as the stub does, and change one of the lines."""

    def answer(maps, grid, patch_size):
        rows, cols = grid
        spots = [divmod(i, cols) for i in range(rows * cols)]
        spots = patch_size * torch.tensor(spots, dtype=maps.dtype)
        apart = (spots[:, None] - spots).norm(dim=-1)
        n = rows * cols
        kept = cut(maps, n) if cut else maps[..., -n:, -n:]
        kept = share(kept) if share else kept / kept.sum(-1, keepdim=True)
        far = (kept * apart).sum(-1)
        return end(far) if end else far.mean(dim=(1, 3))

    return answer


def squared(maps, grid, patch_size):
    spots = torch.tensor(
        [divmod(i, grid[1]) for i in range(grid[0] * grid[1])],
        dtype=maps.dtype,
    )
    apart = (patch_size * (spots[:, None] - spots)).square().sum(-1)
    kept = maps[..., -len(spots) :, -len(spots) :]
    return ((kept * apart).sum(-1) / kept.sum(-1)).mean(dim=(1, 3))


def otherwise_apart(length):
    """Measure by `length`, of (n, n, 2) steps down and to the right."""

    def answer(maps, grid, patch_size):
        rows, cols = grid
        spots = [[i // cols, i % cols] for i in range(rows * cols)]
        spots = torch.tensor(spots, dtype=maps.dtype)
        apart = length(spots[:, None] - spots) * patch_size
        kept = maps[..., -len(spots) :, -len(spots) :]
        return ((kept * apart).sum(-1) / kept.sum(-1)).mean(dim=(1, 3))

    return answer


def at_no_distance(maps, grid, patch_size):
    n = grid[0] * grid[1]
    spots = torch.cartesian_prod(*map(torch.arange, grid)).to(maps)
    apart = torch.zeros(maps.shape[-2:], dtype=maps.dtype)
    apart[-n:, -n:] = torch.cdist(spots, spots) * patch_size
    return (maps * apart).sum(-1).mean(dim=(1, 3))


@wrong(
    ("with_class_token", at_no_distance),
    ("squared_distance", otherwise_apart(lambda s: (s**2).sum(-1))),
    ("rows_plus_columns", otherwise_apart(lambda s: s.abs().sum(-1))),
    ("longer_side", otherwise_apart(lambda s: s.abs().max(-1).values)),
    (
        "attention_ignored",
        by_steps(share=lambda k: k * 0 + 1 / k.shape[-1]),
    ),
    ("heads_joined", by_steps(end=lambda far: far.mean((1, 2, 3)))),
    ("layers_and_heads_swapped", lambda *given: by_cdist(*given).mT),
    ("first_tokens", by_steps(cut=lambda maps, n: maps[..., :n, :n])),
    (
        "shared_among_queries",
        by_steps(share=lambda kept: kept / kept.sum(-2, keepdim=True)),
    ),
    (
        "shared_among_all",
        by_steps(share=lambda kept: kept / kept.sum((-2, -1), True)),
    ),
    ("softmax_again", by_steps(share=lambda kept: kept.softmax(-1))),
    ("images_kept", by_steps(end=lambda far: far.mean(-1))),
    ("heads_for_images", by_steps(end=lambda far: far.mean((2, 3)))),
    ("queries_summed", by_steps(end=lambda far: far.sum(-1).mean(1))),
    ("images_summed", by_steps(end=lambda far: far.mean(-1).sum(1))),
    (
        "squared_pixels",
        lambda maps, grid, p: p * by_steps()(maps, grid, p),
    ),
    ("squared_distance_in_pixels", squared),
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


def test_more_than_a_class_token_may_stand_in_front():
    cases = check.mean_attention_distance.cases()
    extra = {
        c.inputs["maps"].shape[-1] - math.prod(c.inputs["grid"])
        for c in cases
    }
    assert extra == {0, 1, 5}
