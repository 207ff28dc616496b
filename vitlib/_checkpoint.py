"""What a training run remembers, so that it can be stopped and go on."""

import os
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vitlib._checks import check_remembered
from vitlib._settings import PathLike, Settings


@dataclass
class Memory:
    """All that the next epoch depends on, and what the run was given."""

    model: nn.Module
    optimizers: list[Optimizer]
    generator: torch.Generator
    given: dict
    path: PathLike | None
    best: float = -1.0
    best_weights: dict | None = None

    def remember(self, accuracy: float, keep_best: bool) -> None:
        """Keep the weights as they are, if none before were better."""
        if keep_best and accuracy > self.best:
            self.best = accuracy
            weights = self.model.state_dict()
            self.best_weights = {k: v.clone() for k, v in weights.items()}

    def give_best(self) -> None:
        """Put the best weights into the model, if any were kept."""
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)

    def write(self, epoch: int) -> None:
        """Store the state after this epoch: the whole file, or none."""
        if self.path is None:
            return
        content = {
            "epoch": epoch,
            "given": self.given,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "generator": self.generator.get_state(),
            "best": (self.best, self.best_weights),
        }
        unfinished = f"{os.fspath(self.path)}.part"
        torch.save(content, unfinished)
        os.replace(unfinished, self.path)

    def read(self) -> int:
        """Take up what was stored, if anything; say how many epochs."""
        path = self.path
        if path is None or not os.path.exists(path):
            return 0
        try:
            content = torch.load(path, "cpu", weights_only=True)
            given, done = content["given"], content["epoch"]
        except Exception as error:
            raise ValueError(
                f"{path} cannot be read as a checkpoint of fit: move it "
                "away to start anew, or give another path"
            ) from error
        if done <= int(self.given["epochs"]):
            given = {**given, "epochs": self.given["epochs"]}
        check_remembered(path, given, self.given)
        self.model.load_state_dict(content["model"])
        states = content["optimizers"]
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        self.generator.set_state(content["generator"])
        self.best, self.best_weights = content["best"]
        return done


def fingerprint(
    model: nn.Module, about: dict[str, object], settings: Settings
) -> dict:
    """Describe what `fit` was given, where the weights depend on it."""
    return {
        "model": str(model),
        **about,
        **{name: str(value) for name, value in vars(settings).items()},
        "augment": name_of(settings.augment),
        "loss": name_of(settings.loss),
    }


def name_of(function: object) -> str:
    """Name a function, as far as that tells it from others."""
    if isinstance(function, partial):
        return (
            f"{function.func.__name__} {function.args} {function.keywords}"
        )
    return getattr(function, "__name__", type(function).__name__)


def checksum(tensor: Tensor) -> int:
    """Boil all numbers and their order down to one whole number."""
    numbers = tensor.detach().cpu().double().flatten().view(torch.int64)
    odd = 2 * torch.arange(len(numbers)) + 1
    return int((numbers * odd).sum())
