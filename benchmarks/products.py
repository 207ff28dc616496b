"""The floor: the matrix products of a ViT, with nothing in between."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from vitlib import SIZES

Call = Callable[[], object]
Pair = tuple[Tensor, Tensor]


def matrix_products(
    size: str, batch: int, side: int, training: bool, like: Tensor
) -> tuple[Call, int]:
    """Give the products of one call, to be run alone, and their FLOPs.

    Every layer has weights of its own, as in the model, so that they come
    from memory; operands and results of one shape share their place. All
    are of the device and the dtype of `like`.
    """

    @cache
    def shared(*shape: int | str) -> Tensor:
        sides = [side for side in shape if side != "result"]
        return torch.randn(sides).to(like)

    pairs = []
    layers = layers_of(size, batch, side)
    for index, (count, inputs, outputs) in enumerate(layers):
        x = shared(count, inputs)
        weight = torch.randn(outputs, inputs).to(like)
        pairs.append((x, weight.T))
        if training:
            gradient = shared(count, outputs)
            pairs.append((gradient.T, x))
            if index > 0:  # the image needs no gradient
                pairs.append((gradient, weight))
    _, tokens, heads, head_dim = sizes_of(size, side)
    queries = shared(batch * heads, tokens, head_dim)
    weights = shared(batch * heads, tokens, tokens)
    pairs += SIZES[size].depth * mixtures(queries, weights, training)

    def call() -> None:
        for left, right in pairs:
            result = shared("result", *left.shape[:-1], right.shape[-1])
            torch.matmul(left, right, out=result)

    call()
    return call, sum(2 * a.numel() * b.shape[-1] for a, b in pairs)


def sizes_of(size: str, side: int) -> tuple[int, int, int, int]:
    """Count patches and tokens, heads and the width of a head."""
    patch_size, width, _, heads = SIZES[size]
    patches = (side // patch_size) ** 2
    return patches, patches + 1, heads, width // heads


def layers_of(
    size: str, batch: int, side: int
) -> list[tuple[int, int, int]]:
    """List rows, inputs and outputs of all layers with weights."""
    patches, tokens, *_ = sizes_of(size, side)
    patch_size, width, depth, _ = SIZES[size]
    block = [(width, 3 * width), (width, width)]
    block += [(width, 4 * width), (4 * width, width)]
    first = (batch * patches, 3 * patch_size**2, width)
    blocks = depth * [(batch * tokens, *sides) for sides in block]
    return [first, *blocks, (batch, width, 1000)]


def mixtures(
    queries: Tensor, weights: Tensor, training: bool
) -> list[Pair]:
    """List the products of attention: two, and four for gradients."""
    pairs = [(queries, queries.mT), (weights, queries)]
    if training:
        pairs += [(queries, queries.mT), (weights.mT, queries)]
        pairs += [(weights, queries), (weights.mT, queries)]
    return pairs
