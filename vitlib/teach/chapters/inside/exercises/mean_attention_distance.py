"""Check your `mean_attention_distance(maps, grid, patch_size)`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitlib import inside
from vitlib.teach.chapters.inside.exercises.rollout import maps_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of

Grid = tuple[int, int]
Distance = Callable[[Tensor, Grid, int], Tensor]


IN_FRONT = {  # what is said of the tokens before the patches
    0: ", no class token",
    1: "",
    5: ", a class token and four registers",
}


def cases() -> list[Case]:
    """Draw maps over grids that are not square."""
    draw, found = Draw(11), []
    for layers, batch, heads, grid, p, extra in [
        (2, 2, 3, (2, 3), 4, 1),
        (1, 1, 2, (3, 2), 7, 1),
        (3, 2, 1, (2, 2), 16, 1),
        (1, 2, 2, (1, 4), 3, 0),
        (2, 3, 4, (4, 2), 5, 5),
    ]:
        n = extra + grid[0] * grid[1]
        words = (
            f"maps of {count_of(layers, 'layer')} and "
            f"{count_of(heads, 'head')}, a grid of {grid[0]} by {grid[1]} "
            f"patches of {p} pixels" + IN_FRONT[extra]
        )
        maps = maps_of(draw, layers, batch, heads, n)
        inputs = {"maps": maps, "grid": grid, "patch_size": p}
        found.append(Case(words, inputs, tells={"p": p}))
    return found


def places(grid: Grid, like: Tensor) -> Tensor:
    """Give row and column of every patch."""
    sides = [torch.arange(side) for side in grid]
    return torch.cartesian_prod(*sides).reshape(-1, 2).to(like.dtype)


def shares(kept: Tensor) -> Tensor:
    """Let the rows sum to 1 again."""
    return kept / kept.sum(dim=-1, keepdim=True)


def measured(
    length: Callable[[Tensor], Tensor] = lambda apart: apart.norm(dim=-1),
    weigh: Callable[[Tensor], Tensor] = shares,
) -> Distance:
    """Give an answer with another measure, or other weights."""

    def wrong(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
        spots = places(grid, maps)
        apart = length(spots[:, None] - spots)
        extra = maps.shape[-1] - len(spots)
        weights = weigh(maps[..., extra:, extra:])
        return patch_size * (weights * apart).sum(-1).mean(dim=(1, 3))

    return wrong


def rows_and_columns_swapped(
    maps: Tensor, grid: Grid, patch_size: int
) -> Tensor:
    """Take rows for columns."""
    return inside.mean_attention_distance(maps, grid[::-1], patch_size)


def in_patches(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Measure in patches."""
    return inside.mean_attention_distance(maps, grid, 1)


def with_class_token(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Let the class token stand at distance zero."""
    spots = places(grid, maps)
    extra = maps.shape[-1] - len(spots)
    apart = (spots[:, None] - spots).norm(dim=-1)
    apart = nn.functional.pad(apart, (extra, 0, extra, 0))
    return patch_size * (maps * apart).sum(-1).mean(dim=(1, 3))


def mean_over_keys(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Divide by the number of keys once more."""
    found = inside.mean_attention_distance(maps, grid, patch_size)
    return found / (grid[0] * grid[1])


def first_tokens(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Keep the tokens in front, and lose as many patches."""
    n = grid[0] * grid[1]
    return inside.mean_attention_distance(
        maps[..., :n, :n], grid, patch_size
    )


def images_kept(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Take no mean over the images."""
    each = [
        inside.mean_attention_distance(
            maps[:, i : i + 1], grid, patch_size
        )
        for i in range(maps.shape[1])
    ]
    return torch.stack(each, dim=1)


def heads_for_images(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Take the mean over the heads, and keep the images."""
    return images_kept(maps, grid, patch_size).mean(dim=2)


def heads_joined(maps: Tensor, grid: Grid, patch_size: int) -> Tensor:
    """Join the heads."""
    found = inside.mean_attention_distance(maps, grid, patch_size)
    return found.mean(dim=1)


PIECE = Piece(
    module=__name__,
    number=2,
    reference=inside.mean_attention_distance,
    cases=cases,
    axes="layers, heads",
    differentiable=False,
    next="It is the ViT paper's answer to what a head looks at: some look "
    "next door, some across the picture, from the first layer on.",
    mistakes=(
        Mistake(
            "in_patches",
            in_patches,
            "Right, and measured in patches: {yours}. Wanted are pixels, "
            "{wanted}, and a patch has {p}."
            " What are your places to be multiplied by?",
        ),
        Mistake(
            "with_class_token",
            with_class_token,
            "The class token is among your patches, at a distance of 0 "
            "from all. {seen} It has no place in the picture. Which rows "
            "and columns of the maps are left?",
        ),
        Mistake(
            "rows_not_shared_again",
            measured(weigh=lambda kept: kept),
            "The class token is left out, and what it got is missing: the "
            "rows no longer sum to 1, and distances come out too short. "
            "{seen} What makes shares of them again?",
        ),
        Mistake(
            "mean_over_keys",
            mean_over_keys,
            "You take the mean over the keys where their sum belongs: the "
            "weights of a row make 1 together, they share already. {seen}"
            " What is to be done with the products instead?",
        ),
        Mistake(
            "rows_and_columns_swapped",
            rows_and_columns_swapped,
            "Rows and columns of the grid have changed places. {seen} How "
            "many patches stand in one line of the picture?",
        ),
        Mistake(
            "first_tokens",
            first_tokens,
            "You keep the first tokens of each map, and these are not all "
            "patches: the last patches are lost. {seen} From which end "
            "are the patches to be counted?",
        ),
        Mistake(
            "shared_among_queries",
            measured(weigh=lambda kept: kept / kept.sum(-2, keepdim=True)),
            "You divide by the sums of the columns. {seen} It is a query "
            "that shares out its attention: in which axis do its keys "
            "lie?",
        ),
        Mistake(
            "shared_among_all",
            measured(
                weigh=lambda kept: kept / kept.sum((-1, -2), keepdim=True)
            ),
            "You divide by the sum of the whole table. {seen} Each query "
            "has 1 of its own to share out."
            " Over which axis is that sum?",
        ),
        Mistake(
            "softmax_again",
            measured(weigh=lambda kept: kept.softmax(-1)),
            "A softmax makes shares of what were shares already, and "
            "blurs them. {seen} The rows only lack what the tokens in "
            "front got. By what are they to be divided?",
        ),
        Mistake(
            "images_kept",
            images_kept,
            "The images stand apart still: your shape is {shape}, wanted "
            "is {right}. Over which axes is the mean taken?",
        ),
        Mistake(
            "heads_for_images",
            heads_for_images,
            "Your mean goes over the heads, and the images are left: your "
            "shape is {shape}, wanted is {right}. Which of the axes of "
            "the maps counts the images?",
        ),
        Mistake(
            "queries_summed",
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size)
                * (grid[0] * grid[1])
            ),
            "You sum over the queries where their mean belongs. {seen} "
            "How far does one of them look, on average?",
        ),
        Mistake(
            "images_summed",
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size)
                * maps.shape[1]
            ),
            "You sum over the images where their mean belongs. {seen} How "
            "many are there?",
        ),
        Mistake(
            "squared_pixels",
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size)
                * patch_size
            ),
            "The size of a patch comes in twice: {yours}, wanted is "
            "{wanted}. Are your places in pixels already?",
        ),
        Mistake(
            "squared_distance_in_pixels",
            lambda maps, grid, patch_size: (
                patch_size
                * measured(length=lambda apart: apart.square().sum(-1))(
                    maps, grid, patch_size
                )
            ),
            "These are squares of distances. {seen} What is missing at "
            "the end of Pythagoras?",
        ),
        Mistake(
            "squared_distance",
            measured(length=lambda apart: apart.square().sum(-1)),
            "These are squares of distances. {seen} What is missing at "
            "the end of Pythagoras?",
        ),
        Mistake(
            "rows_plus_columns",
            measured(length=lambda apart: apart.abs().sum(-1)),
            "You go along the streets: rows plus columns. {seen} A "
            "straight line is shorter."
            " What did Pythagoras do with the two?",
        ),
        Mistake(
            "longer_side",
            measured(length=lambda apart: apart.abs().amax(-1)),
            "You take the longer of the two sides. {seen} A straight line "
            "has a part of both."
            " What did Pythagoras do with the two?",
        ),
        Mistake(
            "attention_ignored",
            measured(weigh=lambda kept: shares(torch.ones_like(kept))),
            "The attention plays no part: all pairs count alike. {seen} "
            "By what is each distance weighted?",
        ),
        Mistake(
            "heads_joined",
            heads_joined,
            "The heads are joined: your shape is {shape}, wanted is "
            "{right}. The differences between the heads are what the "
            "paper's picture shows."
            " Which axis of your mean is too many?",
        ),
        Mistake(
            "layers_and_heads_swapped",
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size).T
            ),
            "Layers and heads have changed places: your shape is {shape}, "
            "wanted is {right}."
            " Which comes first?",
        ),
    ),
)
