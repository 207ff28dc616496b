"""Where a run is computed: one device, or many processes as one.

Accelerate finds the device, starts what lets processes talk, and averages
their gradients. What is learned from a batch is chapter 8's.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import is_tensorboard_available
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.optim import Optimizer

from vitlib._checkpoint import Memory
from vitlib._randomness import randomness_from
from vitlib._settings import Settings
from vitlib.train.shares import Piece, Shares
from vitlib.training import device_of, loss_of, scores_of

DEVICES = "auto", "cpu", "cuda", "mps"
PRECISIONS = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
}
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
DDP = DistributedDataParallelKwargs(gradient_as_bucket_view=True)


def device_named(name: str) -> str:
    """Give the kind of device that is asked for, if it is here."""
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(kind for kind, found in here.items() if found)
    if not here.get(name):
        found = ", ".join(kind for kind, found in here.items() if found)
        raise ValueError(f"device is {name}, but here is only {found}")
    return name


def dtype_named(name: str, device: str) -> torch.dtype:
    """Give the numbers in which the model computes.

    "auto" takes bfloat16 where a GPU computes with it, and float32
    elsewhere: on most processors bfloat16 is slower.
    """
    if name != "auto":
        return PRECISIONS[name]
    low = device == "cuda" and torch.cuda.is_bf16_supported(
        including_emulation=False
    )
    return torch.bfloat16 if low else torch.float32


def accelerator_on(device: str, folder: Path) -> Accelerator:
    """Start Accelerate: alone, or as one of a launcher's processes."""
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision="no",  # scores_of sees to it
        kwargs_handlers=[DDP],
        log_with="tensorboard" if is_tensorboard_available() else None,
        project_dir=folder,
    )
    wanted = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != wanted:
        raise ValueError(
            f"a launcher has started {wanted} processes, but on "
            f"{device} they do not find each other: take --device cpu or "
            "cuda"
        )
    return accelerator


def placed(
    model: nn.Module, accelerator: Accelerator, shard: bool
) -> nn.Module:
    """Put the model on its device, and let its gradients be averaged.

    With `shard` each process holds a part of each block's weights, and
    gathers a block when it is its turn.
    """
    if not shard:
        return accelerator.prepare_model(model)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if accelerator.num_processes == 1:
        raise ValueError(
            "shard parts a model among processes, and there is one: start "
            "more by torchrun --nproc_per_node N -m vitlib.train ..."
        )
    count = accelerator.num_processes
    mesh = init_device_mesh(accelerator.device.type, (count,))
    for block in model.blocks:  # type: ignore[union-attr]
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


@contextmanager
def unsynced(model: nn.Module, accelerator: Accelerator) -> Iterator[None]:
    """Keep gradients to oneself: a later piece brings them together."""
    if not hasattr(model, "set_requires_gradient_sync"):
        with accelerator.no_sync(model):
            yield
        return
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)


class LearnTogether:
    """Find the gradient of a batch, of which each process has a share.

    It is that of the mean over the whole batch, as on one device. The
    processes also agree here to `stop`, where one is asked to.
    """

    def __init__(self, accelerator: Accelerator, step: int = 0) -> None:
        self.accelerator = accelerator
        self.step = step
        self.asked_to_stop = self.stop = False

    def __call__(
        self, memory: Memory, pieces: list[Piece], settings: Settings
    ) -> tuple[float, float]:
        """Give each parameter its gradient; return the loss and length."""
        accelerator, model = self.accelerator, memory.model
        rank, ranks = accelerator.process_index, accelerator.num_processes
        self.step += 1
        place = (settings.seed * 2**20 + self.step) * ranks + rank
        memory.generator.manual_seed(place % 2**63)
        model.zero_grad()
        loss = torch.zeros((), device=accelerator.device)
        for piece in pieces:
            last = piece is pieces[-1]
            with nullcontext() if last else unsynced(model, accelerator):
                part = loss_of_piece(memory, piece, settings)
                scaled = part * ranks  # what comes is the mean of ranks
                scaled.backward()
            loss += part.detach()
        length = nn.utils.clip_grad_norm_(
            model.parameters(), settings.max_norm
        )
        stop = torch.full_like(loss, float(self.asked_to_stop))
        told = accelerator.reduce(torch.stack([loss, stop]), "sum")
        self.stop = told[1].item() > 0
        return told[0].item(), whole(length).item()


def loss_of_piece(
    memory: Memory, piece: Piece, settings: Settings
) -> Tensor:
    """Say how wrong a piece is, as its share of the batch's loss."""
    model, device = memory.model, device_of(memory.model)
    images = piece.images.to(device, non_blocking=True)
    labels = piece.labels.to(device, non_blocking=True)
    with randomness_from(memory.generator, device):
        scores = scores_of(model, images, settings.dtype)
    return loss_of(scores, labels, settings) * piece.share


def whole(tensor: Any) -> Tensor:
    """Gather a tensor of which each process has a part."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


@torch.no_grad()
def count_right(
    model: nn.Module,
    shares: Shares,
    num_classes: int,
    accelerator: Accelerator,
) -> Tensor:
    """Count what the model names rightly: (num_classes, 2).

    Each row has the number of pictures of the class that it names
    rightly, and of all, of every process.
    """
    counts = torch.zeros(num_classes, 2, device=accelerator.device)
    model.eval()
    for pieces in shares.in_order():
        for images, labels, share in pieces:
            guesses = model(images.to(accelerator.device)).argmax(dim=1)
            if share == 0:  # another process counts this one
                continue
            labels = labels.to(guesses.device)
            right = labels[guesses == labels]
            for column, some in enumerate((right, labels)):
                counts[:, column] += some.bincount(minlength=num_classes)
    return accelerator.reduce(counts, "sum").cpu()


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Gather all weights by their names.

    Every process must ask; the first is answered, in memory of the CPU.
    """
    return get_model_state_dict(model, options=WHOLE)


def remembered_of(
    model: nn.Module, optimizers: list[Optimizer]
) -> dict[str, Tensor]:
    """Gather what the optimizers remember, as `weights_of` the weights."""
    found = get_optimizer_state_dict(model, optimizers, options=WHOLE)
    return {
        f"{parameter}/{name}": tensor
        for parameter, own in found.get("state", {}).items()
        for name, tensor in own.items()
    }


def take_up(
    model: nn.Module,
    optimizers: list[Optimizer],
    weights: dict[str, Tensor],
    remembered: dict[str, Tensor],
) -> None:
    """Put back what was gathered, into however many processes."""
    set_model_state_dict(model, weights, options=WHOLE)
    state: dict[str, Any] = {}
    for place, tensor in remembered.items():
        parameter, _, name = place.partition("/")
        state.setdefault(parameter, {})[name] = tensor
    found = get_optimizer_state_dict(model, optimizers)
    groups = found["param_groups"]  # as this run's settings have them
    set_optimizer_state_dict(
        model,
        optimizers,
        {"state": state, "param_groups": groups},
        options=WHOLE,
    )
