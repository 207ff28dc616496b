"""Chapter 8: look, say how wrong it was, turn every weight a little."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from vitlib._checkpoint import Memory, fingerprint
from vitlib._checks import (
    check_finite,
    check_learning,
    check_scores,
    labelled,
    muon_blocks_of,
    sizes_of,
    validation_of,
)
from vitlib._settings import Augment, PathLike, Settings, check_folder

Data = tuple[Tensor, Tensor]  # images and their labels


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
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
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
    along half a cosine and is 0 from right after the last one on.

    >>> [round(warmup_cosine(i, 8, 0.25), 2) for i in range(9)]
    [0.33, 0.67, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    if step >= steps:
        return 0.0
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    falling = (step - rising) / (steps - rising)
    return (1 + math.cos(math.pi * falling)) / 2


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    batch_size: int = 250,
) -> float:
    """Share of the images, from 0 to 1, which the model names rightly.

    (n, c, h, w), (n,) -> a number; ValueError for a label for which the
    model has no score. The model answers in eval mode, and is
    afterwards in the mode in which it came.
    """
    (batch_size,) = sizes_of(batch_size=batch_size)
    images, labels = labelled(images, labels)
    device, was_training = device_of(model), model.training
    model.eval()
    try:
        right = 0
        for picked in torch.arange(len(images)).split(batch_size):
            scores = model(images[picked].to(device))
            check_scores(scores, labels)
            wanted = labels[picked].to(device)
            right += (scores.argmax(dim=1) == wanted).sum().item()
    finally:
        model.train(was_training)
    return right / len(images)


def fit(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
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
    checkpoint: PathLike | None = None,
) -> Iterator[Progress]:
    """Train a classifier: `for progress in fit(...)` takes its steps.

    (n, c, h, w), (n,) -> one `Progress` a step; what is given is checked
    at the call. In an epoch each image comes once, in an order that
    `seed` decides, as `augment(images, generator)` changes it. Runs on
    the model's device; in bfloat16, if `dtype` says so, by autocast.
    `optimizer` is "adamw", or "muon": Muon for the matrices of `blocks`,
    AdamW for the rest. A gradient longer than `max_norm` is shortened. In
    the end the model is in eval mode.

    The file `checkpoint` is written after each epoch. Where it exists,
    the run goes on from it, to the same weights as without a break.
    """
    settings = Settings(
        epochs,
        batch_size,
        learning_rate,
        weight_decay,
        warmup,
        label_smoothing,
        max_norm,
        augment,
        seed,
        optimizer,
        dtype,
    )
    images, labels = labelled(images, labels, settings.batch_size)
    check_folder(checkpoint)
    check_learning(model)
    with torch.no_grad():
        scores = model.eval()(images[:1].to(device_of(model)))
    check_scores(scores, labels)
    if validation is not None:
        validation = validation_of(validation)
        check_scores(scores, validation[1])
    memory = Memory(
        model,
        optimizers_of(model, settings),
        torch.Generator().manual_seed(settings.seed),
        fingerprint(model, images, labels, settings),
        checkpoint,
    )
    done = memory.read()
    return take_steps(memory, done, settings, images, labels, validation)


def take_steps(
    memory: Memory,
    done: int,
    settings: Settings,
    images: Tensor,
    labels: Tensor,
    validation: Data | None,
) -> Iterator[Progress]:
    """Take all steps of a run, but for the epochs that are done."""
    model, generator = memory.model, memory.generator
    device = device_of(model)
    batches = math.ceil(len(images) / settings.batch_size)
    step, steps = done * batches, settings.epochs * batches
    try:
        for epoch in range(done + 1, settings.epochs + 1):
            order = torch.randperm(len(images), generator=generator)
            for picked in order.split(settings.batch_size):
                share = warmup_cosine(step, steps, settings.warmup)
                rate = settings.learning_rate * share
                step += 1
                some, wanted = images[picked], labels[picked]
                some, wanted = some.to(device), wanted.to(device)
                with randomness_from(generator, device):
                    if settings.augment is not None:
                        some = settings.augment(some, generator)
                    scores = scores_of(model, some, settings.dtype)
                loss = F.cross_entropy(
                    scores,
                    wanted,
                    label_smoothing=settings.label_smoothing,
                )
                norm = differentiate(model, loss, settings.max_norm)
                check_finite(loss.item(), norm, epoch, step, rate)
                update(memory.optimizers, rate)
                accuracy = None
                if step == epoch * batches:
                    if validation is not None:
                        accuracy = evaluate(model, *validation)
                    memory.write(epoch)
                yield Progress(
                    step, steps, epoch, loss.item(), rate, norm, accuracy
                )
    finally:
        model.eval()


def device_of(model: nn.Module) -> torch.device:
    """Where the parameters of the model are."""
    return next(model.parameters()).device


def optimizers_of(model: nn.Module, settings: Settings) -> list[Optimizer]:
    """Make AdamW for all parameters, or Muon for some and AdamW.

    Muon's steps are scaled to the size of AdamW's, so that one learning
    rate serves both. Source: arxiv.org/abs/2502.16982
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    groups = parameter_groups(model, decay)
    fused = device_of(model).type in ("cpu", "cuda")
    if settings.optimizer == "adamw":
        return [AdamW(groups, lr=rate, fused=fused)]
    blocks = muon_blocks_of(model)
    inside = {id(p) for p in blocks.parameters() if p.ndim == 2}
    matrices = groups[0]["params"]
    groups[0]["params"] = [p for p in matrices if id(p) not in inside]
    adamw = AdamW(groups, lr=rate, fused=fused)
    matrices = [p for p in matrices if id(p) in inside]
    if not matrices:  # the blocks are frozen
        return [adamw]
    muon = torch.optim.Muon(
        matrices,
        lr=rate,
        weight_decay=decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, adamw]


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
) -> float:
    """Give each parameter its gradient; return the length of them all.

    Where that is more than `max_norm`, all are shortened alike.
    """
    model.zero_grad()
    loss.backward()
    return nn.utils.clip_grad_norm_(model.parameters(), max_norm).item()


def update(optimizers: list[Optimizer], learning_rate: float) -> None:
    """Take one step of this learning rate, as the gradients say."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        optimizer.step()
