"""Chapter 8: look, say how wrong it was, turn every weight a little."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from vitlib._checkpoint import Memory, fingerprint
from vitlib._checks import (
    check_best,
    check_finite,
    check_learning,
    check_scores,
    is_in,
    muon_blocks_of,
    rates_of,
)
from vitlib._data import Batches, Loader, batches_of, validation_of
from vitlib._randomness import randomness_from
from vitlib._settings import (
    Augment,
    Loss,
    PathLike,
    Settings,
    check_folder,
)

Data = tuple[Tensor, Tensor] | Loader  # images and their labels


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
    images: Tensor | Loader,
    labels: Tensor | None = None,
    batch_size: int = 250,
) -> float:
    """Share of the images, from 0 to 1, which the model names rightly.

    (n, c, h, w), (n,) -> a number; a `DataLoader` may stand for both.
    ValueError for a label for which the model has no score. The model
    answers in eval mode, and is afterwards in the mode in which it came.
    """
    batches = batches_of(images, labels, batch_size)
    device, was_training = device_of(model), model.training
    model.eval()
    try:
        right = count = 0
        for some, wanted in batches.in_order():
            scores = model(some.to(device))
            check_scores(scores, wanted)
            wanted = wanted.to(device)
            right += (scores.argmax(dim=1) == wanted).sum().item()
            count += len(wanted)
    finally:
        model.train(was_training)
    return right / count


def fit(
    model: nn.Module,
    images: Tensor | Loader,
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
    loss: Loss | None = None,
    rates: dict[str, float] | None = None,
    keep_best: bool = False,
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

    A `DataLoader` may stand for images and labels, with batches of its
    own. Labels may be soft: shares of the classes, (n, num_classes). An
    own `loss(scores, labels)` takes labels of any kind. `rates` tells
    parts of the model by the beginning of their names, and their shares
    of the rate: {"blocks": 0.1}. With `keep_best` the model ends with the
    weights of the epoch that had the best accuracy of `validation`.

    The file `checkpoint` is written after each epoch. Where it exists,
    the run goes on from it, to the same weights as without a break, or
    to more `epochs` than it had.
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
        loss,
        rates_of(model, rates),
        keep_best,
    )
    kind = "soft" if loss is None else "any"
    size = settings.batch_size
    batches = batches_of(images, labels, size, kind, least=size)
    check_folder(checkpoint)
    check_learning(model)
    tried = try_out(model, batches, kind)
    check_best(keep_best, validation)
    if validation is not None:
        validation = validation_of(validation)
        asked = batches_of(*validation)
        check_scores(tried, asked.first()[1])
    memory = Memory(
        model,
        optimizers_of(model, settings),
        torch.Generator().manual_seed(settings.seed),
        fingerprint(model, batches.about(), settings),
        checkpoint,
    )
    done = memory.read() * len(batches)
    return take_steps(memory, done, settings, batches, validation)


def try_out(model: nn.Module, batches: Batches, kind: str) -> Tensor:
    """Ask the model once, and refuse labels that do not fit its scores."""
    some, wanted = batches.first()
    with torch.no_grad():
        scores = model.eval()(some[:1].to(device_of(model)))
    if kind != "any":
        check_scores(scores, wanted)
    return scores


def learn_at_once(
    memory: Memory, batch: tuple[Tensor, Tensor], settings: Settings
) -> tuple[float, float]:
    """Give each parameter its gradient; return loss and length."""
    model, generator = memory.model, memory.generator
    device = device_of(model)
    some, wanted = (part.to(device) for part in batch)
    with randomness_from(generator, device):
        if settings.augment is not None:
            some = settings.augment(some, generator)
        scores = scores_of(model, some, settings.dtype)
    loss = loss_of(scores, wanted, settings)
    return loss.item(), differentiate(model, loss, settings.max_norm)


def take_steps(
    memory: Memory,
    done: int,
    settings: Settings,
    batches: Batches,
    validation: tuple | None,
    learn: Callable[..., tuple[float, float]] = learn_at_once,
) -> Iterator[Progress]:
    """Take the steps that are left; `learn` finds the gradient of each."""
    count, step = len(batches), done
    steps = settings.epochs * count
    try:
        for epoch in range(done // count + 1, settings.epochs + 1):
            for batch in batches.by_chance(memory.generator):
                share = warmup_cosine(step, steps, settings.warmup)
                rate = settings.learning_rate * share
                step += 1
                loss, norm = learn(memory, batch, settings)
                check_finite(loss, norm, epoch, step, rate)
                update(memory.optimizers, rate)
                accuracy = None
                if step == epoch * count:
                    if validation is not None:
                        accuracy = evaluate(memory.model, *validation)
                        memory.remember(accuracy, settings.keep_best)
                    memory.write(epoch)
                yield Progress(
                    step, steps, epoch, loss, rate, norm, accuracy
                )
    finally:
        memory.give_best()
        memory.model.eval()


def loss_of(scores: Tensor, wanted: Tensor, settings: Settings) -> Tensor:
    """How wrong the scores are: cross entropy, or a loss of one's own."""
    if settings.loss is not None:
        return settings.loss(scores, wanted)
    check_scores(scores, wanted)
    smoothing = settings.label_smoothing
    return F.cross_entropy(scores, wanted, label_smoothing=smoothing)


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
        groups = with_rates(groups, model, settings.rates)
        return [AdamW(groups, lr=rate, fused=fused)]
    blocks = muon_blocks_of(model)
    inside = {id(p) for p in blocks.parameters() if p.ndim == 2}
    matrices = groups[0]["params"]
    groups[0]["params"] = [p for p in matrices if id(p) not in inside]
    matrices = [p for p in matrices if id(p) in inside]
    groups = with_rates(groups, model, settings.rates)
    found: list[Optimizer] = []
    if groups:
        found.append(AdamW(groups, lr=rate, fused=fused))
    if not matrices:  # the blocks are frozen
        return found
    muon = torch.optim.Muon(
        with_rates([{"params": matrices}], model, settings.rates),
        lr=rate,
        weight_decay=decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, *found]


def with_rates(
    groups: list[dict], model: nn.Module, rates: dict[str, float]
) -> list[dict]:
    """Split groups by the shares of the learning rate that they take.

    A parameter takes that of the longest name that it begins with, or
    all of it.
    """
    split = []
    for group in groups:
        shares: dict[float, list[nn.Parameter]] = {}
        own = {id(p) for p in group["params"]}
        for name, parameter in model.named_parameters():
            if id(parameter) in own:
                parts = [part for part in rates if is_in(name, part)]
                share = rates[max(parts, key=len)] if parts else 1.0
                shares.setdefault(share, []).append(parameter)
        for share, some in shares.items():
            split.append({**group, "params": some, "share": share})
    return split


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
            group["lr"] = learning_rate * group["share"]
        optimizer.step()
