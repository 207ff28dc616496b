"""Chapter 8: look, say how wrong it was, turn every weight a little."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from vitlib._checkpoint import Memory, fingerprint
from vitlib._checks import (
    check_finite,
    check_fit,
    check_labelled,
    check_muon,
    check_scores,
    check_sizes,
)

Data = tuple[Tensor, Tensor]  # images and their labels
Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Progress:
    """What one step of `fit` did; steps and epochs count from 1."""

    step: int
    steps: int
    epoch: int
    loss: float
    learning_rate: float
    gradient_norm: float  # as it was before clipping
    accuracy: float | None  # of validation, at the end of an epoch


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Sort the parameters: those that decay, and those that do not.

    Matrices decay. Biases, norms, the class token and the positions do
    not, nor do frozen parameters appear at all.
    """
    groups = {True: [], False: []}
    for name, parameter in model.named_parameters():
        token = name.split(".")[-1] in ("cls_token", "pos_embed")
        if parameter.requires_grad:
            groups[parameter.ndim >= 2 and not token].append(parameter)
    return [
        {"params": groups[True], "weight_decay": weight_decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Say what share of the peak learning rate step 0, 1, 2 ... takes.

    It rises in a line over the share `warmup` of the steps, then falls
    along half a cosine and would reach 0 right after the last one.

    >>> [round(warmup_cosine(i, 8, 0.25), 2) for i in range(9)]
    [0.33, 0.67, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    falling = (step - rising) / (steps - rising)
    return (1 + math.cos(math.pi * falling)) / 2


@torch.no_grad()
def evaluate(
    model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 250
) -> float:
    """Share of the images, from 0 to 1, which the model names rightly.

    (n, c, h, w), (n,) -> a number. The model answers in eval mode, and is
    afterwards in the mode in which it came.
    """
    check_sizes(batch_size=batch_size)
    check_labelled(images, labels)
    device, was_training = device_of(model), model.training
    model.eval()
    try:
        right = 0
        for picked in torch.arange(len(images)).split(batch_size):
            scores = model(images[picked].to(device))
            wanted = labels[picked].to(device)
            right += (scores.argmax(dim=1) == wanted).sum().item()
    finally:
        model.train(was_training)
    return right / len(images)


def fit(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    validation: Data | None = None,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.05,
    warmup: float = 0.1,
    label_smoothing: float = 0.1,
    max_norm: float = 1.0,
    augment: Augment | None = None,
    seed: int = 0,
    optimizer: str = "adamw",
    dtype: torch.dtype = torch.float32,
    checkpoint: str | os.PathLike | None = None,
) -> Iterator[Progress]:
    """Train a classifier: `for progress in fit(...)` takes its steps.

    (n, c, h, w), (n,) -> one `Progress` a step. In an epoch each image
    comes once, in an order that `seed` decides, as `augment(images,
    generator)` changes it. Runs on the model's device; in bfloat16, if
    `dtype` says so, by autocast. `optimizer` is "adamw", or "muon": Muon
    for the matrices of `blocks`, AdamW for the rest. A gradient longer
    than `max_norm` is shortened. In the end the model is in eval mode.

    The file `checkpoint` is written after each epoch. Where it exists,
    the run goes on from it, to the same weights as without a break.
    """
    given = dict(locals())
    check_fit(**given)
    device = device_of(model)
    with torch.no_grad():
        check_scores(model.eval()(images[:1].to(device)), labels)
    generator = torch.Generator().manual_seed(seed)
    optimizers = optimizers_of(
        model, optimizer, learning_rate, weight_decay
    )
    memory = Memory(model, optimizers, generator, fingerprint(given))
    done = memory.read(checkpoint)
    batches = math.ceil(len(images) / batch_size)
    step, steps = done * batches, epochs * batches
    try:
        for epoch in range(done + 1, epochs + 1):
            order = torch.randperm(len(images), generator=generator)
            for picked in order.split(batch_size):
                rate = learning_rate * warmup_cosine(step, steps, warmup)
                step += 1
                some, wanted = images[picked], labels[picked]
                some, wanted = some.to(device), wanted.to(device)
                with randomness_from(generator, device):
                    if augment is not None:
                        some = augment(some, generator)
                    scores = scores_of(model, some, dtype)
                loss = F.cross_entropy(
                    scores, wanted, label_smoothing=label_smoothing
                )
                norm = differentiate(model, loss, max_norm)
                loss, norm = loss.item(), norm.item()
                check_finite(loss, norm, epoch, step, rate)
                update(optimizers, rate)
                accuracy = None
                if step == epoch * batches:
                    if validation is not None:
                        accuracy = evaluate(model, *validation)
                    memory.write(checkpoint, epoch)
                yield Progress(
                    step, steps, epoch, loss, rate, norm, accuracy
                )
    finally:
        model.eval()


def device_of(model: nn.Module) -> torch.device:
    """Where the parameters of the model are."""
    return next(model.parameters()).device


def optimizers_of(
    model: nn.Module, name: str, learning_rate: float, weight_decay: float
) -> list[Optimizer]:
    """Make AdamW for all parameters, or Muon for some and AdamW.

    Muon's steps are scaled to the size of AdamW's, so that one learning
    rate serves both. Source: arxiv.org/abs/2502.16982
    """
    groups = parameter_groups(model, weight_decay)
    fused = device_of(model).type in ("cpu", "cuda")
    if name == "adamw":
        return [AdamW(groups, lr=learning_rate, fused=fused)]
    check_muon(model)
    blocks = {id(p) for p in model.blocks.parameters() if p.ndim == 2}
    decay = groups[0]["params"]
    groups[0]["params"] = [p for p in decay if id(p) not in blocks]
    muon = torch.optim.Muon(
        [p for p in decay if id(p) in blocks],
        lr=learning_rate,
        weight_decay=weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, AdamW(groups, lr=learning_rate, fused=fused)]


@contextmanager
def randomness_from(
    generator: torch.Generator, device: torch.device
) -> Iterator[None]:
    """Let dropout follow `generator`, and leave torch's own as it was."""
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def scores_of(
    model: nn.Module, images: Tensor, dtype: torch.dtype
) -> Tensor:
    """(b, c, h, w) -> (b, num_classes), with dropout if there is any."""
    model.train()
    low = dtype != torch.float32
    with torch.autocast(images.device.type, dtype=dtype, enabled=low):
        scores = model(images)
    return scores.float() if low else scores


def differentiate(
    model: nn.Module, loss: Tensor, max_norm: float
) -> Tensor:
    """Give each parameter its gradient; return the length of them all.

    Where that is more than `max_norm`, all are shortened alike.
    """
    model.zero_grad()
    loss.backward()
    return nn.utils.clip_grad_norm_(model.parameters(), max_norm)


def update(optimizers: list[Optimizer], learning_rate: float) -> None:
    """Take one step of this learning rate, as the gradients say."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        optimizer.step()
