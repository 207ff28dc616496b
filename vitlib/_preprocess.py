"""How a picture becomes what a published model was trained on."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib._checks import check_choice, check_float

RESAMPLE = {"bilinear": 2, "bicubic": 3}  # as Pillow counts them


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop and normalise pictures as a model expects them.

    A picture of Pillow or (c, h, w) -> (c, rows, cols), (b, c, h, w) ->
    (b, c, rows, cols), rows and cols as `size` says. Tensors hold floats
    from 0 to 1, or bytes. A picture is made just large enough to cover
    `resize`, (height, width), or, if `squash`, exactly as large; then the
    middle is cut out. Pillow's must be RGB or grey: what becomes of
    transparency, 16 bits and a camera's orientation is to be decided
    before. ValueError for others.

    >>> half = 0.5, 0.5, 0.5
    >>> preprocess = Preprocess((224, 224), (256, 256), half, half)
    >>> preprocess(torch.rand(3, 300, 451)).shape
    torch.Size([3, 224, 224])
    """

    size: tuple[int, int]
    resize: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: str = "bicubic"
    squash: bool = False
    floor: bool = False  # how half a pixel is rounded where one crops

    def __post_init__(self) -> None:
        """Refuse settings that fit no picture."""
        check_choice("resample", self.resample, RESAMPLE)
        rows, cols = self.resize
        if rows < self.size[0] or cols < self.size[1]:
            raise ValueError(
                f"resize {self.resize} is smaller than the size "
                f"{self.size} that is to be cut out"
            )
        if len(self.mean) != len(self.std) or not all(self.std):
            raise ValueError(
                f"mean {self.mean} and std {self.std} must have a number "
                "for each channel, std none that is 0"
            )

    def __call__(self, image: Any) -> Tensor:
        """Prepare a picture, or a batch of pictures of one size."""
        of_pillow = hasattr(image, "convert")
        resize = self.of_picture if of_pillow else self.of_tensor
        pixels = resize(image)
        for axis, side in enumerate(self.size, -2):
            half = (pixels.shape[axis] - side) / 2
            start = math.floor(half) if self.floor else round(half)
            pixels = pixels.narrow(axis, start, side)
        mean, std = torch.tensor([self.mean, self.std])[..., None, None]
        return (pixels - mean.to(pixels)) / std.to(pixels)

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Give (height, width) after the resizing, before the crop."""
        rows, cols = self.resize
        if self.squash:
            return rows, cols
        if rows == cols:  # as torchvision counts
            short = min(height, width)
            return int(rows * height / short), int(cols * width / short)
        ratio = min(height / rows, width / cols)  # as timm counts
        return round(height / ratio), round(width / ratio)

    def of_picture(self, image: Any) -> Tensor:
        """Resize a picture of Pillow, by Pillow: (c, h, w), 0 to 1."""
        if image.mode not in ("RGB", "L"):
            raise ValueError(
                f"the picture's mode is {image.mode}; it must be RGB or "
                "L: image.convert('RGB') makes it so, for better or worse"
            )
        image = image.convert("RGB" if len(self.mean) == 3 else "L")
        height, width = self.sides(image.height, image.width)
        image = image.resize((width, height), RESAMPLE[self.resample])
        numbers = torch.frombuffer(
            bytearray(image.tobytes()), dtype=torch.uint8
        )
        pixels = numbers.reshape(height, width, -1).permute(2, 0, 1)
        return pixels.float() / 255

    def of_tensor(self, image: Tensor) -> Tensor:
        """Resize (c, h, w) or (b, c, h, w) alike: floats, 0 to 1."""
        channels = len(self.mean)
        shape = tuple(getattr(image, "shape", ()))
        if len(shape) not in (3, 4) or shape[-3] != channels:
            raise ValueError(
                f"a {type(image).__name__} of the shape {shape} came; it "
                f"must be a picture of Pillow, ({channels}, h, w) or (b, "
                f"{channels}, h, w)"
            )
        if image.dtype == torch.uint8:
            image = image / 255
        check_float("images", image)
        if image.numel() and not 0 <= image.min() <= image.max() <= 1:
            raise ValueError(
                f"pixels go from {image.min():.3g} to {image.max():.3g}; "
                "they must lie between 0 and 1, or be torch.uint8: are "
                "they normalised already?"
            )
        batch = image if len(shape) == 4 else image[None]
        batch = F.interpolate(
            batch,
            self.sides(shape[-2], shape[-1]),
            mode=self.resample,
            antialias=True,
        ).clamp(0, 1)
        return batch if len(shape) == 4 else batch[0]

    def at(self, size: tuple[int, int]) -> "Preprocess":
        """Do the same for pictures of another size, (height, width)."""
        rows, cols = (
            round(big * new / old)
            for big, new, old in zip(
                self.resize, size, self.size, strict=True
            )
        )
        return replace(self, size=size, resize=(rows, cols))

    def of_channels(self, count: int) -> "Preprocess":
        """Do the same for pictures of other channels.

        The only one is normalised by the mean of the three; more have
        the numbers of the three in turn.
        """
        mean, std = (
            (sum(numbers) / len(numbers),)
            if count == 1
            else (numbers * count)[:count]
            for numbers in (self.mean, self.std)
        )
        return replace(self, mean=mean, std=std)
