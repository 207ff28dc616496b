"""Chapter 4: a token for the whole image, and a place for every token."""

import torch
from einops import rearrange
from torch import Tensor, fx, nn
from torch.nn import functional as F

from vitlib._checks import (
    check_cls_token,
    check_positions,
    check_resize,
    check_sizes,
    check_waves,
)

for _called in (check_cls_token, check_positions):
    fx.wrap(_called)  # torch.fx keeps the call as it is


def prepend_cls(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Put the same learned class token in front of every sequence.

    (b, n, d), (1, 1, d) -> (b, 1 + n, d)

    >>> prepend_cls(torch.zeros(2, 6, 8), torch.ones(1, 1, 8)).shape
    torch.Size([2, 7, 8])
    """
    check_cls_token(cls_token, tokens)
    cls_tokens = cls_token.expand(tokens.shape[0], -1, -1)
    return torch.cat([cls_tokens, tokens], dim=1)


def add_positions(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Add to every token, the class token too, the vector of its place.

    (b, n, d), (1, n, d) -> (b, n, d)

    >>> add_positions(torch.zeros(2, 7, 8), torch.ones(1, 7, 8)).shape
    torch.Size([2, 7, 8])
    """
    check_positions(pos_embed, tokens)
    return tokens + pos_embed


def learned_positions(num_tokens: int, embed_dim: int) -> nn.Parameter:
    """Make positions to be learned: (1, n, d), small random numbers.

    Their deviation is 1 / sqrt(d), so that a position starts with length
    1 at every width (as in big_vision).

    >>> learned_positions(num_tokens=197, embed_dim=768).shape
    torch.Size([1, 197, 768])
    """
    check_sizes(num_tokens=num_tokens, embed_dim=embed_dim)
    positions = torch.empty(1, num_tokens, embed_dim)
    return nn.Parameter(nn.init.normal_(positions, std=embed_dim**-0.5))


def sincos_positions(
    grid: tuple[int, int], embed_dim: int, class_token: bool = True
) -> Tensor:
    """Compute positions from waves along the columns and the rows.

    (rows, cols) -> (1, 1 + rows * cols, d): zeros for the class token, if
    there is one, then the grid. A quarter of the width each is sine and
    cosine of the column, sine and cosine of the row (MAE's order), with
    wavelengths from 2 pi to 20,000 pi patches. ValueError unless 4
    divides the width.

    >>> sincos_positions((14, 14), embed_dim=768).shape
    torch.Size([1, 197, 768])
    """
    check_waves(grid, embed_dim)
    steps = torch.arange(embed_dim // 4).double() / (embed_dim // 4)
    row, col = torch.cartesian_prod(*map(torch.arange, grid)).T
    col, row = (side.reshape(-1, 1) * 1e-4**steps for side in (col, row))
    waves = torch.cat([col.sin(), col.cos(), row.sin(), row.cos()], dim=1)
    waves = F.pad(waves, (0, 0, int(class_token), 0))
    return waves[None].to(torch.get_default_dtype())


def resize_positions(
    pos_embed: Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int]
) -> Tensor:
    """Stretch positions to another grid, as one stretches a picture.

    (1, n, d) -> (1, m, d). Bicubic with antialiasing, as in timm; the
    position of a class token in front stays as it is.

    >>> positions = torch.zeros(1, 1 + 14 * 14, 768)
    >>> resize_positions(positions, (14, 14), (24, 24)).shape
    torch.Size([1, 577, 768])
    """
    check_resize(pos_embed, old_grid, new_grid)
    rows, cols = old_grid
    extra = pos_embed.shape[1] - rows * cols
    first, places = pos_embed[:, :extra], pos_embed[:, extra:]
    picture = rearrange(places, "1 (row col) d -> 1 d row col", row=rows)
    full = torch.promote_types(picture.dtype, torch.float32)
    picture = F.interpolate(
        picture.to(full), tuple(new_grid), mode="bicubic", antialias=True
    )
    places = rearrange(picture, "1 d row col -> 1 (row col) d")
    return torch.cat([first, places.to(first.dtype)], dim=1)
