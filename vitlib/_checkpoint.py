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
            given = content["given"]
        except Exception as error:
            raise ValueError(
                f"{path} cannot be read as a checkpoint of fit: move it "
                "away to start anew, or give another path"
            ) from error
        check_remembered(path, given, self.given)
        self.model.load_state_dict(content["model"])
        states = content["optimizers"]
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        self.generator.set_state(content["generator"])
        return content["epoch"]


def fingerprint(
    model: nn.Module, images: Tensor, labels: Tensor, settings: Settings
) -> dict:
    """Describe what `fit` was given, where the weights depend on it."""
    augment = settings.augment
    name = getattr(augment, "__name__", type(augment).__name__)
    if isinstance(augment, partial):
        name = f"{augment.func.__name__} {augment.args} {augment.keywords}"
    return {
        "model": str(model),
        "images": checksum(images),
        "labels": checksum(labels),
        **{name: str(value) for name, value in vars(settings).items()},
        "augment": name,
    }


def checksum(tensor: Tensor) -> int:
    """Boil all numbers and their order down to one whole number."""
    numbers = tensor.detach().cpu().double().flatten().view(torch.int64)
    odd = 2 * torch.arange(len(numbers)) + 1
    return int((numbers * odd).sum())
