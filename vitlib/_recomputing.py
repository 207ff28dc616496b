"""Blocks that keep little for the backward pass, and compute again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def mark(block: Any, enable: bool) -> None:
    """Say whether a block keeps its input alone."""
    block.grad_checkpointing = enable


def is_marked(block: nn.Module) -> bool:
    """Tell if it does; blocks of other libraries may say nothing."""
    return bool(getattr(block, "grad_checkpointing", False))


def sparing(block: nn.Module) -> Callable[..., Any]:
    """Let a block that is marked keep its input alone.

    In the backward pass it runs once more, by torch's checkpoint, with
    the random numbers of the first time. Where no gradients are asked
    for it keeps nothing anyway.
    """
    if not is_marked(block) or not torch.is_grad_enabled():
        return block
    return partial(checkpoint, block, use_reentrant=False)


@contextmanager
def computed_once(block: nn.Module) -> Iterator[None]:
    """Keep all that a block makes while the `with` runs.

    Who changes a block for a while would have the backward pass, which
    may come later, compute it again unchanged.
    """
    marked = is_marked(block)
    mark(block, False)
    try:
        yield
    finally:
        mark(block, marked)
