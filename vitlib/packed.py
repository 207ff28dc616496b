"""Weights in whole numbers: how a published model becomes a small file."""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib._settings import PathLike

KINDS = {"F32": torch.float32, "I8": torch.int8}


def read(path: PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read packed weights: a state dict of timm's names, and settings.

    The file is a safetensors file, deflated (zlib). A matrix NAME holds
    whole numbers of eight bits, NAME.scale what the number 1 is worth in
    each row; here both become float32. The settings are the arguments of
    `ViT` ("model"), how pixels are prepared ("mean", "std"), how positions
    are resized, and where the weights come from. ValueError for a file
    that is cut short, damaged, or something else.
    """
    try:
        content = memoryview(zlib.decompress(Path(path).read_bytes()))
        length = int.from_bytes(content[:8], "little")
        header = json.loads(bytes(content[8 : 8 + length]))
        settings = json.loads(header.pop("__metadata__")["settings"])
        data = content[8 + length :]
        weights = _floats(
            {name: _tensor(data, **one) for name, one in header.items()}
        )
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read as packed weights ({error}): it is "
            "damaged, cut short or another kind of file; fetch it again"
        ) from error
    return weights, settings


def _tensor(
    content: memoryview, dtype: str, shape: list[int], data_offsets: list
) -> Tensor:
    start, end = data_offsets
    numbers = bytearray(content[start:end])
    return torch.frombuffer(numbers, dtype=KINDS[dtype]).reshape(shape)


def _floats(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    weights = {}
    for name, numbers in stored.items():
        if numbers.dtype is torch.int8:
            scale = stored[f"{name}.scale"]
            rows = numbers.reshape(len(scale), -1)
            numbers = (rows * scale[:, None]).reshape(numbers.shape)
        if not name.endswith(".scale"):
            weights[name] = numbers
    return weights


def positions_for(pos_embed: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize positions as DINOv2 does: bicubic, without antialiasing.

    (1, 1 + side * side, d) -> (1, 1 + rows * cols, d); the class token's
    stays as it is. `resize_positions` of chapter 4 does as timm does,
    with antialiasing, which differs where the new grid is coarser.

    >>> positions_for(torch.zeros(1, 1 + 37 * 37, 384), (16, 16)).shape
    torch.Size([1, 257, 384])
    """
    first, places = pos_embed[:, :1], pos_embed[:, 1:]
    side = math.isqrt(places.shape[1])
    if side * side != places.shape[1]:
        raise ValueError(
            f"pos_embed has {places.shape[1]} places; packed weights have "
            "a square grid of them, behind the class token's"
        )
    picture = places.transpose(1, 2).reshape(1, -1, side, side)
    picture = F.interpolate(picture, grid, mode="bicubic")
    return torch.cat([first, picture.flatten(2).transpose(1, 2)], dim=1)
