"""Compute what the pretrained figure shows before its model is there.

    .venv/bin/python experiments/first_look.py

Seconds. Two photos, seen by the packed backbone: how alike all patches are
to one of them, the colours of all tokens, and what the class token's heads
hear, block by block. Each page with the figure carries it, so it is small:
eight bits a number, four for what the heads hear, and the photos as WebP.
"""

import base64
import io

import numpy as np
import torch
from PIL import Image
from storing import store
from torch import Tensor
from torch.nn import functional as F

from vitlib import record_attention
from vitlib.teach import to_tensor
from vitlib.teach.chapters.pretrained.colours import colours_of
from vitlib.teach.data.backbone import backbone
from vitlib.teach.data.examples import EXAMPLES, Example

SHOWN = ("cat", "admiral")
SIDE, GRID = 224, 16
PATCH = 6 * GRID + 5  # on the cat's left eye
QUALITY = 80


def small(example: Example) -> Image.Image:
    """Give a photo as the model takes it."""
    return example.image().resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def webp(picture: Image.Image) -> str:
    """Give a picture as a WebP, in base64."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=6)
    return base64.b64encode(file.getvalue()).decode()


@torch.no_grad()
def seen(images: Tensor) -> tuple[list[Tensor], Tensor]:
    """Give the tokens by block, and the class token's maps.

    (2, 1 + n, d) each, and (depth, 2, heads, n).
    """
    model, tokens = backbone(), []
    first = model.blocks[0].register_forward_pre_hook
    first(lambda _, given: tokens.append(given[0]))
    for block in model.blocks:
        block.register_forward_hook(lambda *given: tokens.append(given[2]))
    with record_attention(model) as maps:
        model(images)
    return tokens, torch.stack(maps)[:, :, :, 0, 1:]


def coded(numbers: Tensor, top: int) -> str:
    """Give numbers from -1 to 1 as bytes, in base64."""
    kind = np.int8 if top == 127 else np.uint8
    whole = (numbers * top).round().numpy().astype(kind)
    return base64.b64encode(whole.tobytes()).decode()


def in_four_bits(shares: Tensor) -> str:
    """Give shares from 0 to 1 as bytes of two, in base64.

    It is their roots that are rounded: most shares are small.
    """
    whole = (15 * shares.sqrt()).round().numpy().astype(np.uint8)
    first, second = whole.reshape(-1, 2).T
    return base64.b64encode((16 * first + second).tobytes()).decode()


def main() -> None:
    """Look, and store."""
    torch.set_num_threads(1)
    chosen = [e for name in SHOWN for e in EXAMPLES if e.name == name]
    pictures = [small(example) for example in chosen]
    tokens, looks = seen(torch.cat([to_tensor(p) for p in pictures]))
    units = F.normalize(torch.stack(tokens)[:, :, 1:], dim=-1)
    alike = torch.einsum("lpnd,ld->lpn", units, units[:, 0, PATCH])
    store(
        "first_look",
        photos=[
            {
                "name": example.name,
                "shows": example.shows,
                "credit": example.credit,
                "webp": webp(picture),
            }
            for example, picture in zip(chosen, pictures, strict=True)
        ],
        grid=GRID,
        depth=len(looks),
        heads=looks.shape[2],
        patch=PATCH,
        alike=coded(alike.clamp(-1, 1), 127),
        colours=coded(torch.stack(colours_of(tokens)), 255),
        looks=in_four_bits(looks / looks.amax(dim=-1, keepdim=True)),
    )


if __name__ == "__main__":
    main()
