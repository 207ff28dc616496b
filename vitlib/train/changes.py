"""How a picture is changed before it is learned from.

What chance decides hangs on the seed, the epoch and the picture alone: it
is the same whichever process opens the picture, and beside which others.
"""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vitlib._preprocess import Preprocess
from vitlib.train.pictures import Pictures

RATIOS = 3 / 4, 4 / 3  # width to height of what is cut out
TRIES = 10
Key = tuple[int, int]  # epoch, picture


@dataclass(frozen=True)
class Changes:
    """What is done to training pictures, and how much of it."""

    flip: bool = True
    crop: float = 0.35  # the least share of the area; 1: no cropping
    mixup: float = 0.0  # alpha of the Beta distribution; 0: no mixing
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares and alphas that mean nothing."""
        if not 0 < self.crop <= 1:
            raise ValueError(
                f"crop is {self.crop}; it is the least share of a "
                "picture's area that is left, above 0 and up to 1"
            )
        for name in ("mixup", "cutmix"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it is the alpha of "
                    "a Beta distribution, 0 for none, or above"
                )


class Prepared(Dataset[tuple[Tensor, Any]]):
    """Pictures as the model takes them: `prepared[epoch, i]`.

    Gives (c, rows, cols) and a class number or, where pictures are mixed,
    shares of all classes. Without `changes` a picture is the same in each
    epoch.
    """

    def __init__(
        self,
        pictures: Pictures,
        preprocess: Preprocess,
        changes: Changes | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.pictures, self.preprocess = pictures, preprocess
        self.changes, self.seed = changes, seed
        # A part that was cut out is stretched to the whole size.
        self.stretch = replace(
            preprocess, resize=preprocess.size, squash=True
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: Key) -> tuple[Tensor, Any]:
        epoch, index = key
        if self.changes is None:
            picture, label = self.pictures[index]
            return self.preprocess(picture), label
        chance = Random(f"{self.seed} {epoch} {index}")
        picture, label = self.changed(index, self.changes, chance)
        if not self.changes.mixup and not self.changes.cutmix:
            return picture, label
        other = chance.randrange(len(self.pictures))
        second = self.changed(other, self.changes, chance)
        mixed, share = mix(picture, second[0], self.changes, chance)
        shares = torch.zeros(len(self.pictures.classes))
        shares[label] += share
        shares[second[1]] += 1 - share
        return mixed, shares

    def changed(
        self, index: int, changes: Changes, chance: Random
    ) -> tuple[Tensor, int]:
        """Open a picture, cut a part out, and perhaps mirror it."""
        picture, label = self.pictures[index]
        if changes.crop < 1:
            pixels = self.stretch(cut_out(picture, changes.crop, chance))
        else:
            pixels = self.preprocess(picture)
        if changes.flip and chance.random() < 0.5:
            pixels = pixels.flip(-1)
        return pixels, label


def cut_out(picture: Any, least: float, chance: Random) -> Any:
    """Cut a part of some share of the area out of Pillow's or (c, h, w).

    Source: arxiv.org/abs/1409.4842
    """
    of_pillow = hasattr(picture, "convert")
    height, width = picture.size[::-1] if of_pillow else picture.shape[-2:]
    top, left, rows, cols = part_of(height, width, least, chance)
    if of_pillow:
        return picture.crop((left, top, left + cols, top + rows))
    return picture[:, top : top + rows, left : left + cols]


def part_of(
    height: int, width: int, least: float, chance: Random
) -> tuple[int, int, int, int]:
    """Choose a part that lies within: top, left, rows, cols."""
    low, high = map(math.log, RATIOS)
    for _ in range(TRIES):
        area = height * width * chance.uniform(least, 1)
        ratio = math.exp(chance.uniform(low, high))
        rows = round(math.sqrt(area / ratio))
        cols = round(math.sqrt(area * ratio))
        if 0 < rows <= height and 0 < cols <= width:
            top = chance.randint(0, height - rows)
            return top, chance.randint(0, width - cols), rows, cols
    return 0, 0, height, width


def mix(
    first: Tensor, second: Tensor, changes: Changes, chance: Random
) -> tuple[Tensor, float]:
    """Mix two pictures (c, h, w); give the share of the first as well.

    Mixup lays one over the other (arxiv.org/abs/1710.09412), CutMix puts
    a part of the second in its place (arxiv.org/abs/1905.04899); where
    both are asked for, a coin decides.
    """
    cut = changes.cutmix and (not changes.mixup or chance.random() < 0.5)
    alpha = changes.cutmix if cut else changes.mixup
    share = chance.betavariate(alpha, alpha)
    if not cut:
        return share * first + (1 - share) * second, share
    height, width = first.shape[-2:]
    side = math.sqrt(1 - share)
    rows, cols = round(height * side), round(width * side)
    top = chance.randint(0, height - rows)
    left = chance.randint(0, width - cols)
    place = slice(top, top + rows), slice(left, left + cols)
    mixed = first.clone()
    mixed[:, place[0], place[1]] = second[:, place[0], place[1]]
    return mixed, 1 - rows * cols / (height * width)
