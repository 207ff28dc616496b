"""Chapter 10: look inside a ViT, and test what you think you saw.

A compiled model runs uncompiled meanwhile: its code would show nothing.
What is removed is removed in every thread that runs the model.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib._checks import (
    check_float,
    check_index,
    check_maps,
    check_rank,
    check_removal,
    check_sizes,
    extra_tokens_of,
    kept_patches_of,
    of_kind,
)
from vitlib._eager import uncompiled
from vitlib._recomputing import computed_once
from vitlib.attention import MultiHeadAttention, record_attention
from vitlib.vit import ViT

MAPS = "(layers, b, heads, n, n)"


def inner(model: nn.Module) -> ViT:
    """Give the ViT, also where `torch.compile` is wrapped around it."""
    return of_kind("model", getattr(model, "_orig_mod", model), ViT)


@torch.no_grad()
def attention_maps(model: ViT, images: Tensor) -> Tensor:
    """Say for each layer and head which token takes how much of which.

    (b, c, h, w) -> (layers, b, heads, n, n): the weights of every
    query, a row that sums to 1, over all keys. No gradients are kept;
    where you want them, use `record_attention`.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> attention_maps(model, torch.rand(2, 3, 64, 64)).shape
    torch.Size([12, 2, 3, 17, 17])
    """
    model = inner(model)
    with record_attention(model) as maps:
        model(images)
    return torch.stack(maps)


def class_attention(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay out what the class token takes of every patch, as a picture.

    (..., n, n) -> (..., rows, cols). The class token must be the first;
    other tokens between it and the patches (registers, distillation) are
    left out, as it is itself. What they get is missing from the sum.

    >>> class_attention(torch.full((4, 17, 17), 1 / 17), (4, 4)).shape
    torch.Size([4, 4, 4])
    """
    extra = extra_tokens_of(maps, grid, at_least=1)
    row = maps[..., 0, extra:]
    return rearrange(row, "... (row col) -> ... row col", row=grid[0])


def mean_attention_distance(
    maps: Tensor, grid: tuple[int, int], patch_size: int
) -> Tensor:
    """Tell how far away, in pixels, each head looks on average.

    (layers, b, heads, n, n) -> (layers, heads): the distance between the
    centres of two patches, weighted by the attention that one pays to
    the other; the mean over queries and images. Tokens in front of the
    patches are left out and each row divided by its sum, so that it sums
    to 1 again. Source: arxiv.org/abs/2010.11929, figures 7 and 11.

    >>> equal = torch.full((3, 2, 4, 17, 17), 1 / 17)
    >>> distances = mean_attention_distance(equal, (4, 4), patch_size=7)
    >>> distances.shape, round(distances[0, 0].item(), 1)
    (torch.Size([3, 4]), 14.1)
    """
    check_rank("maps", maps, MAPS)
    check_sizes(patch_size=patch_size)
    extra = extra_tokens_of(maps, grid)
    places = torch.cartesian_prod(*map(torch.arange, grid)).to(maps)
    distance = patch_size * (places[:, None] - places).norm(dim=-1)
    weights = maps[..., extra:, extra:]
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return (weights * distance).sum(dim=-1).nanmean(dim=(1, 3))


def rollout(maps: Tensor) -> Tensor:
    """Follow the attention back through all layers to the image.

    (layers, b, heads, n, n) -> (b, n, n): row i says how the last
    layer's token i is mixed from the tokens of the first, if a layer
    were half the mean of its heads and half the residual connection.
    MLPs, values and heads play no part. Source: arxiv.org/abs/2005.00928

    >>> rollout(torch.full((3, 2, 4, 17, 17), 1 / 17)).shape
    torch.Size([2, 17, 17])
    """
    check_rank("maps", maps, MAPS)
    check_maps(maps)
    identity = torch.eye(maps.shape[-1]).to(maps)
    mixed = identity.expand(maps.shape[1], -1, -1)
    for weights in maps.mean(dim=2):
        mixed = (weights / 2 + identity / 2) @ mixed
    return mixed


def position_similarity(pos_embed: Tensor) -> Tensor:
    """Compare every position with every other, by the cosine.

    (1, n, d) -> (n, n), from -1 to 1. Row 0 is the class token's where
    there is one: give `pos_embed[:, 1:]` to leave it out. A position of
    nothing but zeros has similarity 0 to all.

    >>> from vitlib import sincos_positions
    >>> waves = sincos_positions((4, 6), embed_dim=64)
    >>> position_similarity(waves[:, 1:]).shape
    torch.Size([24, 24])
    """
    check_rank("pos_embed", pos_embed, "(1, n, d)")
    check_float("pos_embed", pos_embed)
    directions = F.normalize(pos_embed.detach()[0], dim=-1)
    return directions @ directions.T


@torch.no_grad()
def residual_stream(model: ViT, images: Tensor) -> Tensor:
    """Collect all tokens before the first layer and after each.

    (b, c, h, w) -> (1 + layers, b, n, d), before the final norm; entry 0
    is the embedded image with its positions. No gradients are kept.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> residual_stream(model, torch.rand(2, 3, 64, 64)).shape
    torch.Size([13, 2, 17, 192])
    """
    model, thread = inner(model), get_ident()
    tokens: list[Tensor] = []

    def note(_: nn.Module, __: tuple[Tensor], made: Tensor) -> None:
        if get_ident() == thread:
            tokens.append(made)

    with uncompiled(model), ExitStack() as hooks:
        for layer in (model.pos_drop, *model.blocks):
            hooks.enter_context(layer.register_forward_hook(note))
        model(images)
    return torch.stack(tokens)


@torch.no_grad()
def logit_lens(model: ViT, images: Tensor) -> Tensor:
    """Let the head read every token as if no further layer came.

    (b, c, h, w) -> (1 + layers, b, n, num_classes): the final norm and
    the head on each token of the `residual_stream`. With the pool
    "token" the last layer's token 0 gives the model's own scores.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> logit_lens(model, torch.rand(2, 3, 64, 64)).shape
    torch.Size([13, 2, 17, 1000])
    """
    model = inner(model)
    tokens = residual_stream(model, images)
    return model.head(model.fc_norm(model.norm(tokens)))


@contextmanager
def without_head(model: ViT, layer: int, head: int) -> Iterator[None]:
    """Let one head add nothing to the tokens while the block runs.

    Its mixture of values is replaced by zeros. Layers and heads count
    from 0. Blocks can be nested to remove several heads.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> with without_head(model, layer=2, head=0):
    ...     scores = model(torch.rand(2, 3, 64, 64))
    """
    blocks = inner(model).blocks
    check_index("layer", layer, len(blocks))
    block = blocks[layer]
    attn = getattr(block, "attn", None)
    attn = of_kind(f"layer {layer}'s attn", attn, MultiHeadAttention)
    check_index("head", head, attn.num_heads)

    def silence(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        mixed = inputs[0].clone()
        part = rearrange(
            mixed, "b n (heads k) -> b n heads k", heads=attn.num_heads
        )
        part[:, :, head] = 0  # a view: it changes `mixed`
        return mixed

    with (
        uncompiled(model),
        computed_once(block),
        attn.proj.register_forward_pre_hook(silence),
    ):
        yield


@contextmanager
def without_positions(
    model: ViT, tokens: Iterable[int] | None = None
) -> Iterator[None]:
    """Take the positions of some tokens, or all, while the block runs.

    Where a position was added, zero is added. `tokens` count from 0, the
    class token; None means all.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> with without_positions(model, [1, 2]):
    ...     scores = model(torch.rand(2, 3, 64, 64))
    """
    vit = inner(model)
    positions = vit.pos_embed
    if positions is None:
        raise ValueError("the model was made with no positions to take")
    count = positions.shape[1]
    tokens = list(range(count) if tokens is None else tokens)
    for token in tokens:
        check_index("token", token, count)
    changed = positions.detach().clone()
    changed[:, tokens] = 0
    learned = isinstance(positions, nn.Parameter)
    vit.pos_embed = nn.Parameter(changed) if learned else changed
    try:
        with uncompiled(model):
            yield
    finally:
        vit.pos_embed = positions


@contextmanager
def without_patches(
    model: ViT, patches: Tensor | list[int]
) -> Iterator[None]:
    """Make the model read a shorter sequence while the block runs.

    `patches` count from 0, in reading order: (m) the same for all images,
    or (b, m), a row for each. Their tokens, positions included, never
    reach the encoder; the others keep their positions, and so do all
    that stand in front of the patches.

    >>> model = ViT.from_name("Ti/16", image_size=64)
    >>> images = torch.rand(2, 3, 64, 64)
    >>> with without_patches(model, [0, 5]):
    ...     attention_maps(model, images).shape
    torch.Size([12, 2, 3, 15, 15])
    """
    vit = inner(model)
    kept = kept_patches_of(patches, vit.patch_embed.num_patches)
    known = getattr(vit, "num_prefix_tokens", None)

    def shorten(
        _: nn.Module, given: tuple[Tensor], tokens: Tensor
    ) -> Tensor:
        front = given[0].shape[1] - kept.shape[-1]
        check_removal(kept, front, tokens, known)
        mask = F.pad(kept.to(tokens.device), (front, 0), value=True)
        chosen = tokens[mask.expand(tokens.shape[0], -1)]
        left = front + int(kept.sum(dim=-1).flatten()[0])
        return rearrange(chosen, "(b n) d -> b n d", n=left)

    with uncompiled(model), vit.pos_drop.register_forward_hook(shorten):
        yield
