"""A live figure that shows the reader's own drawing."""

import torch
from torch import Tensor
from traitlets import Bytes

from vitlib.teach.alive.bundle import as_bytes, samples
from vitlib.teach.alive.figure import LiveFigure

FIRST = 5


class DrawnFigure(LiveFigure):
    """A figure of the reader's drawing; `shareWith` keeps it in the page.

    `image` is what is drawn, (1, 1, 28, 28) from 0 (paper) to 1 (ink), as
    `digits` gives it; set it to show a picture of your own.
    """

    _brings = ("known_digits",)

    pixels = Bytes().tag(sync=True)

    @property
    def image(self) -> Tensor:
        """The drawing as a batch of one; a sample before the first."""
        if not self.pixels:
            return samples()[FIRST][None]
        numbers = torch.frombuffer(
            bytearray(self.pixels), dtype=torch.uint8
        )
        return numbers.reshape(1, 1, 28, 28) / 255

    @image.setter
    def image(self, image: Tensor) -> None:
        if tuple(image.shape) != (1, 1, 28, 28):
            raise ValueError(
                f"image has the shape {tuple(image.shape)}; it must be "
                "(1, 1, 28, 28): one picture of one channel"
            )
        if not 0 <= image.min() <= image.max() <= 1:
            raise ValueError(
                f"image runs from {image.min():g} to {image.max():g}; it "
                "must stay between 0 (paper) and 1 (ink)"
            )
        self.pixels = as_bytes(image[0].float())
