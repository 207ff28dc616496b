"""The cat of the chapters, and how a picture becomes a tensor."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vitlib.photos import Source, open_photo
from vitlib.teach.data.checked import FOLDER


def cat() -> Image.Image:
    """Load the book's cat: 451 pixels wide, 300 high, RGB.

    Chelsea, photographed by Stefan van der Walt, CC0, from scikit-image.
    """
    return open_photo(FOLDER / "cat.png")


def resize_and_crop(picture: Source, image_size: int) -> Image.Image:
    """Shrink the shorter side to `image_size`, then cut out the middle.

    (w, h) -> (image_size, image_size) pixels; nothing is squashed. What
    `open_photo` takes is opened by it: a path, a file, an image.
    """
    image = open_photo(picture)
    scale = image_size / min(image.size)
    width, height = (max(image_size, round(s * scale)) for s in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return image.crop((left, top, left + image_size, top + image_size))


def to_tensor(picture: Source) -> Tensor:
    """Give the picture as a batch of one: (1, 3, h, w), from 0 to 1."""
    pixels = torch.from_numpy(np.array(open_photo(picture)))
    return pixels.permute(2, 0, 1)[None] / 255
