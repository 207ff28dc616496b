"""Chance that one seed decides, and that leaves all else alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def randomness_from(
    generator: torch.Generator, device: torch.device
) -> Iterator[None]:
    """Let dropout follow `generator`, and leave torch's own as it was."""
    seed = int(torch.randint(2**31, (), generator=generator))
    used = [torch.default_generator]
    if device.type != "cpu":
        used.append(generator_of(device))
    before = [one.get_state() for one in used]
    try:
        for one in used:
            one.manual_seed(seed)
        yield
    finally:
        for one, state in zip(used, before, strict=True):
            one.set_state(state)


def generator_of(device: torch.device) -> torch.Generator:
    """Torch's own generator on one GPU, or another accelerator."""
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    kind = torch.get_device_module(device)
    kind.init()
    number = device.index
    return kind.default_generators[
        kind.current_device() if number is None else number
    ]
