"""What an answer gave is held against what the reference gives."""

import inspect
import math
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Unwritten
from vitlib.teach.checking.words import count_of, numbers, pair

CLOSE = {torch.float64: 1e-7, torch.float32: 2e-4}
LONG = 100  # bits: longer numbers are not written out
NEARLY = 2e-3  # what differs by less is meant to be the same


def as_tensor(output: object) -> Tensor:
    """Refuse everything that is no tensor of floats on the CPU."""
    if output is None or output is ...:
        raise Unwritten
    if not isinstance(output, Tensor):
        raise Finding(
            f"Your code gives {kind_of(output)}. Wanted is one tensor of "
            "torch.",
            "no_tensor",
        )
    if output.layout != torch.strided or output.is_nested:
        kind = "nested" if output.is_nested else str(output.layout)
        raise Finding(
            f"Your tensor is {kind.removeprefix('torch.')}. Wanted is a "
            "plain one, which holds every number in its place.",
            "no_plain_tensor",
        )
    if output.device.type != "cpu":
        raise Finding(
            f"Your tensor lives on the device {output.device}, the input "
            "on the CPU. Where does your code choose a device of its own?",
            "other_device",
        )
    if not output.is_floating_point():
        kind = str(output.dtype).removeprefix("torch.")
        raise Finding(
            f"Your tensor holds {kind} numbers, and the input floats. "
            "What turned them, and what was lost on the way?",
            "no_floats",
        )
    return output.as_subclass(Tensor)


def as_number(output: object) -> Tensor:
    """Take a number, or a tensor of one."""
    if output is None or output is ...:
        raise Unwritten
    if isinstance(output, Tensor) and output.numel() == 1:
        output = output.detach().item()
    if isinstance(output, np.ndarray | np.generic) and output.size == 1:
        output = output.item()
    if isinstance(output, bool) or not isinstance(output, Real):
        raise Finding(
            f"Your code gives {kind_of(output)}. Wanted is a number.",
            "no_number",
        )
    return torch.tensor([float(output)], dtype=torch.float64)


def kind_of(output: object) -> str:
    """Name what an answer gave instead of a tensor."""
    if output is None:
        return "nothing (None)"
    if isinstance(output, np.ndarray):
        return "a numpy array"
    if isinstance(output, tuple | list):
        kind = type(output).__name__
        return f"a {kind} of {count_of(len(output), 'thing')}"
    if isinstance(output, str):
        return f"the text “{output[:40]}”"
    if isinstance(output, int) and output.bit_length() > LONG:
        return "a number of very many digits"
    if isinstance(output, bool | int | float):
        return f"the number {output}"
    if inspect.isgenerator(output):
        return "a generator (there is a `yield` in it)"
    if inspect.iscoroutine(output):
        output.close()
        return "a coroutine (it is an `async def`)"
    if callable(output):
        return "a function"
    return f"a thing of type {type(output).__name__}"


def agrees(yours: object, wanted: Tensor) -> bool:
    """Tell if two tensors are equal but for rounding."""
    if not isinstance(yours, Tensor) or yours.shape != wanted.shape:
        return False
    if not wanted.numel():
        return True
    close = CLOSE[
        torch.float32
        if torch.float32 in (yours.dtype, wanted.dtype)
        else torch.float64
    ]
    yours, wanted = yours.double(), wanted.double()
    largest = wanted.abs().nan_to_num(0.0, 0.0, 0.0).max().item()
    return torch.allclose(
        yours,
        wanted,
        rtol=close,
        atol=close * max(largest, 1e-12),
        equal_nan=True,
    )


def first_difference(yours: Tensor, wanted: Tensor) -> dict[str, str]:
    """Give the numbers of both where they first differ, and where.

    `seen` is a sentence that says all three.
    """
    yours, wanted = yours.double(), wanted.double()
    off = (yours - wanted).abs().nan_to_num(math.inf)
    scale = wanted.abs().max().item()
    least = min(1e-6 * scale, 0.9 * off.max().item())
    first = (off > least).nonzero()
    if not len(first) or yours.numel() == 1:
        mine, right = pair([yours.flatten()[0]], [wanted.flatten()[0]])
        seen = f"Yours is {mine}, wanted is {right}."
        return {"yours": mine, "wanted": right, "where": "", "seen": seen}
    *row, place = first[0].tolist()
    start = 0 if place < 3 else place
    stop = min(start + 3, yours.shape[-1])
    mine, right = pair(yours[*row, start:stop], wanted[*row, start:stop])
    inside = f"{start or ''}:{stop}"
    if stop == start + 1:
        inside = str(start)
    where = f"`[{', '.join([*map(str, row), inside])}]`"
    seen = f"At {where} yours has {mine}, wanted is {right}."
    return {"yours": mine, "wanted": right, "where": where, "seen": seen}


def compared(yours: Tensor, wanted: Tensor) -> Finding:
    """Say how two tensors of one shape differ."""
    yours, wanted = yours.double(), wanted.double()
    seen = first_difference(yours, wanted)["seen"]
    if yours.numel() == 1:
        return Finding(seen, "unknown")
    many = yours.numel() > 3
    if many and agrees(
        yours.flatten().sort()[0], wanted.flatten().sort()[0]
    ):
        return Finding(
            "Yours has the right shape and all the right numbers, but not "
            f"in their places. {seen} Which step puts them in order?",
            "out_of_place",
        )
    if many and agrees(yours.abs(), wanted.abs()):
        return Finding(
            "Yours has the right shape and the right numbers, but for "
            f"their signs. {seen} Which step takes a sign away, or turns "
            "it?",
            "other_signs",
        )
    off = (yours - wanted).abs().max() / wanted.abs().max()
    if off < NEARLY:
        return Finding(
            f"Nearly: the largest difference is {off:.0e} of the largest "
            f"number. {seen} Which small constant is another one, or "
            "which function an approximation?",
            "nearly_right",
        )
    if not yours.any():
        return Finding(
            "The shape is right, and every number of yours is 0. What was "
            "written over, or never filled in?",
            "all_zeros",
        )
    factor = factor_of(yours, wanted)
    if many and factor is not None:
        return Finding(
            "Right but for a factor: your numbers are "
            f"{numbers([factor])} times the wanted ones. {seen} What is "
            "multiplied or divided once too often, or not at all?",
            "right_but_for_a_factor",
        )
    agree = (yours - wanted).abs() <= 1e-6 * wanted.abs().max()
    share = int(agree.sum())
    said = "the numbers are not"
    if share and many:
        said = f"and {share} of {yours.numel()} numbers are"
    return Finding(
        f"The shape is right, {said}. {seen} Work out the first of them "
        "by hand: which of your steps does something else?",
        "unknown",
    )


def factor_of(yours: Tensor, wanted: Tensor) -> float | None:
    """Give the one factor between the two, if there is one."""
    power = (wanted * wanted).sum()
    if not power:
        return None
    factor = (yours * wanted).sum() / power
    return factor.item() if agrees(yours, factor * wanted) else None


def gradients_of(
    output: Tensor, learned: dict[str, Tensor]
) -> dict[str, Tensor | None]:
    """Differentiate a fixed mixture of the outputs."""
    if not output.requires_grad:
        return dict.fromkeys(learned)
    mixture = torch.linspace(-1, 2, output.numel(), dtype=output.dtype)
    total = (output * mixture.reshape(output.shape)).sum()
    found = torch.autograd.grad(
        total, list(learned.values()), allow_unused=True
    )
    return dict(zip(learned, found, strict=True))
