"""Chapter 10: rollout, mean_attention_distance and logit_lens."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitlib import inside
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._picture import tables
from vitlib.teach.check._piece import Case, Mistake, Piece
from vitlib.teach.check._words import count_of
from vitlib.vit import ViT

SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


def maps_of(draw: Draw, *shape: int) -> Tensor:
    """Draw attention maps: each row sums to 1."""
    return draw.normal(*shape, shape[-1], std=1.5).softmax(dim=-1)


def rollout_cases() -> list[Case]:
    """Draw maps of several depths."""
    draw, found = Draw(10), []
    for layers, batch, heads, n in [
        (3, 2, 2, 5),
        (2, 1, 4, 4),
        (1, 2, 3, 6),
        (4, 3, 1, 3),
    ]:
        words = (
            f"maps of {count_of(layers, 'layer')}, "
            f"{count_of(batch, 'image')}, {count_of(heads, 'head')} and "
            f"{count_of(n, 'token')}"
        )
        maps = maps_of(draw, layers, batch, heads, n)
        found.append(Case(words, {"maps": maps}, tells={"layers": layers}))
    return found


def rolled(
    layer: Callable[[Tensor, Tensor], Tensor] | None = None,
    heads: Callable[[Tensor], Tensor] | None = None,
    backwards: bool = False,
):
    """Give a rollout with another layer, other heads, another order."""

    def wrong(maps: Tensor) -> Tensor:
        identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
        mixed = identity.expand(maps.shape[1], -1, -1)
        joined = heads(maps) if heads else maps.mean(dim=2)
        for weights in joined:
            step = (weights + identity) / 2
            step = layer(weights, identity) if layer else step
            mixed = mixed @ step if backwards else step @ mixed
        return mixed

    return wrong


def rows_of_one(weights: Tensor, identity: Tensor) -> Tensor:
    """Add what stays, without sharing."""
    return weights + identity


def number_by_number(maps: Tensor) -> Tensor:
    """Multiply the tables like single numbers."""
    identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
    return identity * (maps.mean(dim=2) / 2 + identity / 2).prod(dim=0)


ROLLOUT = Piece(
    name="rollout",
    chapter=10,
    reference=inside.rollout,
    cases=rollout_cases,
    axes="images, tokens, tokens",
    differentiable=False,
    draw=tables,
    next="Row 0 is the class token's: what of it came from which patch, "
    "if attention were all that happens. Chapter 10 tests how far it is.",
    mistakes=(
        Mistake(
            number_by_number,
            "The layers are multiplied number by number. " + SEEN + "What "
            "a layer reads was mixed by the one before, every token of "
            "it: this is a product of matrices.",
        ),
        Mistake(
            rolled(backwards=True),
            "Each layer is right, and they are multiplied in the wrong "
            "order. " + SEEN + "A row of the result belongs to a token of "
            "the last layer. On which side does a later layer stand?",
        ),
        Mistake(
            rolled(layer=lambda weights, identity: weights),
            "The residual connection is missing: yours is the product of "
            "the maps alone. " + SEEN + "Half of what a token is stays "
            "where it was.",
        ),
        Mistake(
            rolled(layer=rows_of_one),
            "What stays is added and not shared: your rows grow with "
            "every layer, to a sum of 2 to the power of {layers}. "
            + SEEN
            + "The two halves of a layer have to make 1 together.",
        ),
        Mistake(
            rolled(heads=lambda maps: maps.amax(dim=2)),
            "You take the largest of the heads. Its rows sum to more than "
            "1. " + SEEN + "Here the heads have equal votes.",
        ),
        Mistake(
            rolled(heads=lambda maps: maps.sum(dim=2)),
            "The heads are summed: a row has as many ones to share out as "
            "there are heads. " + SEEN,
        ),
        Mistake(
            rolled(heads=lambda maps: maps[:, :, 0]),
            "Only the first head counts. " + SEEN + "Which axis counts "
            "the heads, and what becomes of it?",
        ),
        Mistake(
            lambda maps: (
                maps.mean(dim=2).mean(dim=0) / 2
                + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
            ),
            "You take the mean of the layers. " + SEEN + "What a layer "
            "reads has been mixed by the one before: each is applied to "
            "the result of the last.",
        ),
        Mistake(
            lambda maps: (
                maps[-1].mean(dim=1) / 2
                + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
            ),
            "Only the last layer counts. " + SEEN + "What did the layers "
            "before it mix?",
        ),
        Mistake(
            lambda maps: inside.rollout(maps).mT,
            "Rows and columns have changed places. " + SEEN + "A row says "
            "what one token is made of, and sums to 1.",
        ),
        Mistake(
            lambda maps: inside.rollout(maps)[:, 0],
            "This is the row of the class token, {shape}. Wanted is the "
            "row of every token, {right}.",
        ),
    ),
)


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


DISTANCE = Piece(
    name="mean_attention_distance",
    chapter=10,
    reference=inside.mean_attention_distance,
    cases=distance_cases,
    axes="layers, heads",
    differentiable=False,
    next="It is the ViT paper's answer to what a head looks at: some look "
    "next door, some across the picture, from the first layer on.",
    mistakes=(
        Mistake(
            in_patches,
            "Right, and measured in patches: {yours}. Wanted are pixels, "
            "{wanted}, and a patch has {p}.",
        ),
        Mistake(
            with_class_token,
            "The class token is among your patches, at a distance of 0 "
            "from all. " + SEEN + "It has no place in the picture. Which "
            "rows and columns of the maps are left?",
        ),
        Mistake(
            measured(weigh=lambda maps, extra: maps[..., extra:, extra:]),
            "The class token is left out, and what it got is missing: the "
            "rows no longer sum to 1, and distances come out too short. "
            + SEEN
            + "What makes shares of them again?",
        ),
        Mistake(
            mean_of_keys,
            "You take the mean over the keys where their sum belongs: the "
            "weights of a row make 1 together, they share already. "
            + SEEN,
        ),
        Mistake(
            swapped_grid,
            "Rows and columns of the grid have changed places. "
            + SEEN
            + "How many patches stand in one line of the picture?",
        ),
        Mistake(
            measured(length=lambda apart: apart.square().sum(-1)),
            "These are squares of distances. " + SEEN + "What is missing "
            "at the end of Pythagoras?",
        ),
        Mistake(
            measured(length=lambda apart: apart.abs().sum(-1)),
            "You go along the streets: rows plus columns. " + SEEN + "A "
            "straight line is shorter.",
        ),
        Mistake(
            measured(length=lambda apart: apart.abs().amax(-1)),
            "You take the longer of the two sides. " + SEEN + "A straight "
            "line has a part of both.",
        ),
        Mistake(
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
            per_layer,
            "The heads are joined: your shape is {shape}, wanted is "
            "{right}. The differences between the heads are what the "
            "paper's picture shows.",
        ),
        Mistake(
            lambda maps, grid, patch_size: (
                inside.mean_attention_distance(maps, grid, patch_size).T
            ),
            "Layers and heads have changed places: your shape is {shape}, "
            "wanted is {right}.",
        ),
    ),
)


def lens_cases() -> list[Case]:
    """Make small models, every weight random."""
    draw, found = Draw(12), []
    for depth in (2, 3):
        model = ViT(
            image_size=(8, 12),
            patch_size=4,
            in_channels=1,
            embed_dim=8,
            depth=depth,
            num_heads=2,
            num_classes=3,
        )
        for name, part in model.named_parameters():
            one = "norm" in name and name.endswith("weight")
            part.data = one + draw.normal(*part.shape, std=0.4)
        words = f"a small ViT of {count_of(depth, 'layer')}"
        images = draw.normal(2, 1, 8, 12)
        found.append(
            Case(words, {"model": model.eval(), "images": images})
        )
    return found


def seen_by(read: Callable[[nn.Module, Tensor], Tensor]):
    """Give a lens which reads the stream in another way."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        return read(model, inside.residual_stream(model, images))

    return wrong


def lens(model: ViT, stream: Tensor) -> Tensor:
    """Norm, then head."""
    return model.head(model.norm(stream))


def normed_on_the_way(model: ViT, images: Tensor) -> Tensor:
    """Let the normed tokens go on to the next block."""
    tokens = inside.residual_stream(model, images)[0]
    found = [model.norm(tokens)]
    for block in model.blocks:
        found.append(model.norm(block(found[-1])))
    return model.head(torch.stack(found))


LENS = Piece(
    name="logit_lens",
    chapter=10,
    reference=inside.logit_lens,
    cases=lens_cases,
    axes="layers and the one before them, images, tokens, classes",
    differentiable=False,
    next="Token by token and layer by layer: when does the picture begin "
    "to look like its class?",
    mistakes=(
        Mistake(
            seen_by(lambda model, stream: model.head(stream)),
            "The head reads the bare stream, without the norm before it. "
            + SEEN
            + "What stands between the last block and the head?",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream[1:])),
            "One is missing at the beginning: your shape is {shape}, "
            "wanted is {right}. The tokens have something to say before "
            "the first layer, too.",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream[:-1])),
            "One is missing at the end: your last entry is what goes into "
            "the last layer. Your shape is {shape}, wanted is {right}.",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream[:, :, 0])),
            "Only the class token is read: your shape is {shape}, wanted "
            "is {right}. The lens asks every token.",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream[:, :, 1:])),
            "The class token is left out: your shape is {shape}, wanted "
            "is {right}.",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream).softmax(-1)),
            "Right, and then made into shares by a softmax: {yours}, "
            "wanted are the scores, {wanted}.",
        ),
        Mistake(
            seen_by(lambda model, stream: lens(model, stream[-1])),
            "This is the last layer only: your shape is {shape}, wanted "
            "is {right}.",
        ),
        Mistake(
            seen_by(lambda model, stream: stream),
            "This is the stream itself, {shape}. The norm and the head "
            "have not read it yet: wanted is {right}.",
        ),
        Mistake(
            normed_on_the_way,
            "Your normed tokens go on to the next block. " + SEEN + "The "
            "lens looks at the stream and leaves it as it is.",
        ),
    ),
)
