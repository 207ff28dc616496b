"""What a training run is given beside its data, checked and plain."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vitlib._checks import check_choice, is_number, is_whole, sizes_of

PathLike = str | os.PathLike
Augment = Callable[[Tensor, torch.Generator], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]  # of scores and labels
BELOW = {  # each is at least 0, and less than this
    "learning_rate": math.inf,
    "weight_decay": math.inf,
    "warmup": 1,
    "label_smoothing": 1,
}


@dataclass
class Settings:
    """All that the weights depend on, but for the data and the model."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    max_norm: float
    augment: Augment | None
    seed: int
    optimizer: str
    dtype: torch.dtype
    loss: Loss | None
    rates: dict[str, float]
    keep_best: bool

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be learned."""
        self.epochs, self.batch_size = sizes_of(
            epochs=self.epochs, batch_size=self.batch_size
        )
        for name, below in BELOW.items():
            setattr(self, name, rate_of(name, getattr(self, name), below))
        self.max_norm = max_norm_of(self.max_norm)
        self.seed = seed_of(self.seed)
        check_function("augment", self.augment, "images, a generator")
        check_function("loss", self.loss, "scores, labels")
        check_choice("optimizer", self.optimizer, ("adamw", "muon"))
        check_dtype(self.dtype)


def rate_of(name: str, value: float, below: float) -> float:
    """Give a plain number from 0 to less than `below`."""
    if not is_number(value) or not 0 <= value < below:
        raise ValueError(
            f"{name} is {value!r}; it must be a number from 0 "
            + (f"to less than {below}" if below == 1 else "upwards")
        )
    return float(value)


def max_norm_of(max_norm: float) -> float:
    """Give the longest gradient that is left as it is."""
    if max_norm == math.inf:
        return math.inf
    if not is_number(max_norm) or max_norm <= 0:
        raise ValueError(
            f"max_norm is {max_norm!r}; it must be a number above 0, or "
            "math.inf for no clipping"
        )
    return float(max_norm)


def seed_of(seed: int) -> int:
    """Give the seed as a plain number."""
    if not is_whole(seed) or seed < 0:
        raise ValueError(
            f"seed is {seed!r}; it must be a whole number, 0 or more"
        )
    return int(seed)


def check_function(name: str, function: object, inputs: str) -> None:
    """Refuse what cannot be called, but for None."""
    if function is not None and not callable(function):
        raise ValueError(
            f"{name} is {function!r}; it must be a function of two "
            f"inputs ({inputs}), or None"
        )


def check_dtype(dtype: object) -> None:
    """Refuse kinds of numbers that the loop is not made for."""
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(
            f"dtype is {dtype!r}; it must be torch.float32 or "
            "torch.bfloat16"
        )


def check_folder(path: PathLike | None) -> None:
    """Refuse a file for which there is no folder."""
    folder = os.path.dirname(os.path.abspath(path or "."))
    if not os.path.isdir(folder):
        raise ValueError(
            f"checkpoint's folder {folder} does not exist: make it first"
        )
