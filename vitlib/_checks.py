"""Checks of input, one line each where they are used."""

from collections.abc import Iterable

import torch
from torch import Tensor


def check(condition: bool, message: str) -> None:
    """Raise a ValueError with `message` unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def check_sizes(**sizes: int) -> None:
    """Refuse a size that is not a whole number of at least one."""
    for name, size in sizes.items():
        whole = isinstance(size, int) and not isinstance(size, bool)
        check(
            whole and size > 0,
            f"{name} is {size!r}; it must be a whole number, 1 or more",
        )


def check_rank(name: str, tensor: Tensor, shape: str) -> None:
    """Refuse what has other axes than `shape`, say "(b, n, d)"."""
    check(
        hasattr(tensor, "shape"),
        f"{name} is a {type(tensor).__name__}; pass a tensor {shape}",
    )
    rank = shape.count(",") + 1
    check(
        len(tensor.shape) == rank,
        f"{name} has {len(tensor.shape)} axes, {tuple(tensor.shape)}; it "
        f"must have the {rank} of {shape}: add or remove an axis",
    )


def check_float(name: str, tensor: Tensor) -> None:
    """Refuse whole numbers where a layer has learned floats."""
    check(
        tensor.is_floating_point(),
        f"{name} are {tensor.dtype}, and the layer works on floats; bytes "
        "from 0 to 255 are divided by 255 and normalised first",
    )


def check_tokens(tokens: Tensor, embed_dim: int) -> None:
    """Refuse what is not a batch of sequences of the layer's width."""
    check_rank("tokens", tokens, "(b, n, d)")
    check(
        tokens.shape[-1] == embed_dim,
        f"tokens are {tokens.shape[-1]} wide, but the layer was made for "
        f"embed_dim {embed_dim}",
    )
    check_float("tokens", tokens)


def check_images(
    images: Tensor, in_channels: int, image_size: tuple[int, int]
) -> None:
    """Refuse images of other channels or sides than the layer's."""
    check_rank("images", images, "(b, c, h, w)")
    _, channels, height, width = images.shape
    check(
        channels == in_channels,
        f"images have {channels} channels (axis 1), but the layer was "
        f"made for in_channels {in_channels}",
    )
    check(
        (height, width) == image_size,
        f"images are {height} x {width}, but the layer and its positions "
        f"were made for {image_size[0]} x {image_size[1]}: resize the "
        "images, or make a model of their image_size and give it "
        "positions by resize_positions",
    )
    check_float("images", images)


def check_dropout(dropout: float) -> None:
    """Refuse a dropout probability outside of [0, 1)."""
    check(
        0 <= dropout < 1,
        f"dropout is {dropout}; it is the share that is dropped, 0 or "
        "more and less than 1",
    )


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a word that is none of the choices."""
    known = ", ".join(map(repr, choices))
    check(
        value in choices, f"{name} is {value!r}; it must be one of {known}"
    )


def check_patches(
    patches: Tensor, grid: tuple[int, int], side: int
) -> None:
    """Refuse patches that do not fill the grid, pixel by pixel."""
    check_rank("patches", patches, "(b, n, d)")
    rows, cols = grid
    _, count, length = patches.shape
    check(
        count == rows * cols,
        f"{count} patches do not fill a grid of {rows} x {cols} = "
        f"{rows * cols}: check image_size and patch_size",
    )
    check(
        length > 0 and length % side**2 == 0,
        f"{length} numbers are not a whole number of channels of {side} x "
        f"{side} pixels: check patch_size",
    )


def check_cls_token(cls_token: Tensor, tokens: Tensor) -> None:
    """Refuse a class token that is not one for the whole batch."""
    check_rank("tokens", tokens, "(b, n, d)")
    wanted = (1, 1, tokens.shape[-1])
    check(
        tuple(cls_token.shape) == wanted,
        f"cls_token has shape {tuple(cls_token.shape)}; for tokens "
        f"{tuple(tokens.shape)} it must be {wanted}, one for all images",
    )


def check_positions(pos_embed: Tensor, tokens: Tensor) -> None:
    """Refuse positions of another number or width than the tokens."""
    check_rank("tokens", tokens, "(b, n, d)")
    wanted = (1, *tokens.shape[1:])
    check(
        tuple(pos_embed.shape) == wanted,
        f"pos_embed has shape {tuple(pos_embed.shape)}; for tokens "
        f"{tuple(tokens.shape)} it must be {wanted}: is the class token "
        "in front? Is the grid another one (resize_positions)?",
    )


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Refuse a width that the heads cannot share evenly."""
    check_sizes(embed_dim=embed_dim, num_heads=num_heads)
    check(
        embed_dim % num_heads == 0,
        f"embed_dim {embed_dim} cannot be shared among {num_heads} heads: "
        f"{embed_dim % num_heads} would be left over; take a multiple",
    )


def check_queries(q: Tensor, k: Tensor, mask: Tensor | None) -> None:
    """Refuse queries, keys and a mask that do not belong together."""
    check_rank("q", q, "(b, heads, n, k)")
    check_rank("k", k, "(b, heads, n, k)")
    check(
        q.shape[:2] == k.shape[:2] and q.shape[3] == k.shape[3],
        f"queries {tuple(q.shape)} and keys {tuple(k.shape)} must agree "
        "in batch, heads and head_dim",
    )
    if mask is None:
        return
    check(
        mask.dtype == torch.bool,
        f"mask is {mask.dtype}; it must be boolean, True where a query "
        "may look",
    )
    full = (*q.shape[:3], k.shape[2])
    pairs = tuple(mask.shape) == full[2:]
    each = mask.ndim == 4 and mask.shape[3] == full[3]
    for side, wanted in zip(mask.shape, full, strict=False):
        each = each and side in (1, wanted)
    check(
        pairs or each,
        f"mask has shape {tuple(mask.shape)}; it must be {full[2:]} or "
        f"{full}, where the first three may be 1",
    )


def grid_of(
    image_size: int | tuple[int, int], patch_size: int
) -> tuple[int, int]:
    """Rows and columns of patches, for a side or a (height, width)."""
    if isinstance(image_size, int):
        image_size = (image_size, image_size)
    check(
        isinstance(image_size, tuple | list) and len(image_size) == 2,
        f"image_size is {image_size!r}; it must be a side in pixels or "
        "(height, width)",
    )
    height, width = image_size
    check_sizes(
        image_height=height, image_width=width, patch_size=patch_size
    )
    check(
        height % patch_size == 0 and width % patch_size == 0,
        f"an image of {height} x {width} pixels cannot be cut into "
        f"patches of {patch_size} x {patch_size}: {height % patch_size} "
        f"rows and {width % patch_size} columns would be left over; "
        "resize or crop it to multiples of the patch size",
    )
    return height // patch_size, width // patch_size
