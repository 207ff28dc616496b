"""Two processes of one machine that train one model together.

They talk by gloo, PyTorch's own way for processors, as they would by
NCCL on graphics cards: nothing in `data_parallel` knows the difference.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW, Optimizer

from vitlib import ViT

PATIENCE = timedelta(seconds=60)  # for the other process


def data_parallel(
    rank: int, model: ViT, batches: list[tuple[Tensor, Tensor]]
) -> list[float]:
    """Train a copy on every second picture; gradients are averaged."""
    copy = DistributedDataParallel(model)
    optimizer = AdamW(copy.parameters(), lr=1e-3)
    losses = []
    for images, labels in batches:
        mine = slice(rank, None, 2)
        loss = F.cross_entropy(copy(images[mine]), labels[mine])
        optimizer.zero_grad()
        loss.backward()  # and here the two exchange their gradients
        optimizer.step()
        losses.append(mean_of_both(loss))
    return losses


def sharded(
    rank: int, model: ViT, batches: list[tuple[Tensor, Tensor]]
) -> tuple[list[float], int]:
    """Train as `data_parallel` does, each half of all numbers at home.

    Gives the losses, and the bytes of weights, gradients and means here.
    """
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    losses = []
    for images, labels in batches:
        mine = slice(rank, None, 2)
        loss = F.cross_entropy(model(images[mine]), labels[mine])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(mean_of_both(loss))
    return losses, held(model, optimizer)


def mean_of_both(loss: Tensor) -> float:
    """Average a loss over the processes."""
    both = loss.detach().clone()
    distributed.all_reduce(both)
    return both.item() / distributed.get_world_size()


def held(model: nn.Module, optimizer: Optimizer) -> int:
    """Count the bytes of weights, gradients and means in this process."""
    found = []
    for weight in model.parameters():
        found += [weight, weight.grad]
        means = optimizer.state[weight]
        found += [means["exp_avg"], means["exp_avg_sq"]]
    return sum(
        part.to_local().nbytes
        if isinstance(part, DTensor)
        else part.nbytes
        for part in found
        if part is not None
    )


def in_two(work: Callable[..., Any], *given: Any) -> list[Any]:
    """Run `work(rank, *given)` here and in a second process; give both.

    `work` is a function of a module, so that the other can import it.
    """
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    with TemporaryDirectory() as folder:
        meet = f"file://{folder}/meeting"
        other = context.Process(
            target=_other, args=(meet, answers, work, given)
        )
        other.start()
        try:
            mine = _as_rank(0, meet, work, given)
            return [mine, answers.get()]
        finally:
            other.join(PATIENCE.total_seconds())


def _other(meet: str, answers: Any, work: Callable, given: tuple) -> None:
    given = deepcopy(given)  # it lies in memory that both can write
    torch.set_num_threads(1)
    answers.put(_as_rank(1, meet, work, given))


def _as_rank(rank: int, meet: str, work: Callable, given: tuple) -> Any:
    """Join the other, do the work, and leave."""
    distributed.init_process_group(
        "gloo",
        init_method=meet,
        rank=rank,
        world_size=2,
        timeout=PATIENCE,
    )
    try:
        return work(rank, *given)
    finally:
        distributed.destroy_process_group()
