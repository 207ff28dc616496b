"""Check your `mean_attention_distance(maps, grid, patch_size)`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitlib import inside
from vitlib.teach.chapters.inside.exercises.rollout import SEEN, maps_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def distance_cases() -> list[Case]:
    """Draw maps over grids that are not square."""
    draw, found = Draw(11), []
    for layers, batch, heads, grid, p, extra in [
        (2, 2, 3, (2, 3), 4, 1),
        (1, 1, 2, (3, 2), 7, 1),
        (3, 2, 1, (2, 2), 16, 1),
        (1, 2, 2, (1, 4), 3, 0),
    ]:
        n = extra + grid[0] * grid[1]
        words = (
            f"maps of {count_of(layers, 'layer')} and "
            f"{count_of(heads, 'head')}, a grid of {grid[0]} by {grid[1]} "
            f"patches of {p} pixels"
            + ("" if extra else ", no class token")
        )
        maps = maps_of(draw, layers, batch, heads, n)
        inputs = {"maps": maps, "grid": grid, "patch_size": p}
        found.append(Case(words, inputs, tells={"p": p}))
    return found


def places(grid: tuple[int, int], like: Tensor) -> Tensor:
    """Give row and column of every patch."""
    sides = [torch.arange(side) for side in grid]
    return torch.cartesian_prod(*sides).reshape(-1, 2).to(like.dtype)


def measured(
    length: Callable[[Tensor], Tensor] | None = None,
    weigh: Callable[[Tensor, int], Tensor] | None = None,
):
    """Give a distance with another measure, or other weights."""

    def wrong(maps: Tensor, grid: tuple[int, int], patch_size: int):
        spots = places(grid, maps)
        apart = spots[:, None] - spots
        apart = length(apart) if length else apart.norm(dim=-1)
        extra = maps.shape[-1] - len(spots)
        kept = maps[..., extra:, extra:]
        kept = kept / kept.sum(dim=-1, keepdim=True)
        kept = weigh(maps, extra) if weigh else kept
        return patch_size * (kept * apart).sum(-1).mean(dim=(1, 3))

    return wrong


def swapped_grid(maps: Tensor, grid: tuple[int, int], patch_size: int):
    """Take rows for columns."""
    return inside.mean_attention_distance(maps, grid[::-1], patch_size)


def in_patches(maps: Tensor, grid: tuple[int, int], patch_size: int):
    """Measure in patches."""
    return inside.mean_attention_distance(maps, grid, 1)


def with_class_token(maps: Tensor, grid: tuple[int, int], patch_size: int):
    """Let the class token stand at distance zero."""
    spots = places(grid, maps)
    extra = maps.shape[-1] - len(spots)
    apart = (spots[:, None] - spots).norm(dim=-1)
    apart = nn.functional.pad(apart, (extra, 0, extra, 0))
    return patch_size * (maps * apart).sum(-1).mean(dim=(1, 3))


def mean_of_keys(maps: Tensor, grid: tuple[int, int], patch_size: int):
    """Divide by the number of keys once more."""
    found = inside.mean_attention_distance(maps, grid, patch_size)
    return found / (grid[0] * grid[1])


def per_layer(maps: Tensor, grid: tuple[int, int], patch_size: int):
    """Join the heads."""
    found = inside.mean_attention_distance(maps, grid, patch_size)
    return found.mean(dim=1)


PIECE = Piece(
    module=__name__,
    number=2,
    reference=inside.mean_attention_distance,
    cases=distance_cases,
    axes="layers, heads",
    differentiable=False,
    next="It is the ViT paper's answer to what a head looks at: some look "
    "next door, some across the picture, from the first layer on.",
    mistakes=(
        Mistake(
            "in_patches",
            in_patches,
            "Right, and measured in patches: {yours}. Wanted are pixels, "
            "{wanted}, and a patch has {p}.",
        ),
        Mistake(
            "with_class_token",
            with_class_token,
            "The class token is among your patches, at a distance of 0 "
            "from all. " + SEEN + "It has no place in the picture. Which "
            "rows and columns of the maps are left?",
        ),
        Mistake(
            "measured",
            measured(weigh=lambda maps, extra: maps[..., extra:, extra:]),
            "The class token is left out, and what it got is missing: the "
            "rows no longer sum to 1, and distances come out too short. "
            + SEEN
            + "What makes shares of them again?",
        ),
        Mistake(
            "mean_of_keys",
            mean_of_keys,
            "You take the mean over the keys where their sum belongs: the "
            "weights of a row make 1 together, they share already. "
            + SEEN,
        ),
        Mistake(
            "swapped_grid",
            swapped_grid,
            "Rows and columns of the grid have changed places. "
            + SEEN
            + "How many patches stand in one line of the picture?",
        ),
        Mistake(
            "measured_too",
            measured(length=lambda apart: apart.square().sum(-1)),
            "These are squares of distances. " + SEEN + "What is missing "
            "at the end of Pythagoras?",
        ),
        Mistake(
            "measured_too_too",
            measured(length=lambda apart: apart.abs().sum(-1)),
            "You go along the streets: rows plus columns. " + SEEN + "A "
            "straight line is shorter.",
        ),
        Mistake(
            "measured_too_too_too",
            measured(length=lambda apart: apart.abs().amax(-1)),
            "You take the longer of the two sides. " + SEEN + "A straight "
            "line has a part of both.",
        ),
        Mistake(
            "measured_too_too_too_too",
            measured(
                weigh=lambda maps, extra: torch.full_like(
                    maps[..., extra:, extra:],
                    1 / (maps.shape[-1] - extra),
                )
            ),
            "The attention plays no part: all pairs count alike. "
            + SEEN
            + "By what is each distance weighted?",
        ),
        Mistake(
            "per_layer",
            per_layer,
            "The heads are joined: your shape is {shape}, wanted is "
            "{right}. The differences between the heads are what the "
            "paper's picture shows.",
        ),
        Mistake(
            "mistake_10",
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size).T
            ),
            "Layers and heads have changed places: your shape is {shape}, "
            "wanted is {right}.",
        ),
    ),
)
