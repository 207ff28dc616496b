"""Measure what each way to a faster or a smaller step buys.

    .venv/bin/python experiments/what_it_buys.py

A ViT-Ti/16 at 224 pixels, eight pictures, one thread. The ways take
turns, so that what else the machine does meets all of them; stored are
the medians of the ratios to the plain way (float32, fused attention, no
compiler), round by round, and for a training step the most bytes that
torch held beyond weights and gradients. The last part has one step of
two processes with four pictures each, beside one with eight.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from growth import ATTENTIONS, peak_bytes
from storing import store
from torch import Tensor, distributed, nn
from torch.ao.quantization import quantize_dynamic
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW

from vitlib import ViT
from vitlib.teach.chapters.scaling.processes import in_two

ROUNDS, BATCH = 7, 8
BATCHES = (1, 8, 32)
Call = Callable[[], object]


def made(kind: str = "") -> nn.Module:
    """Build the model, changed as the words say."""
    torch.manual_seed(0)
    model = ViT.from_name("Ti/16")
    if "written out" in kind:
        for block in model.blocks:
            block.attn.attention = ATTENTIONS["written out"]
    if "checkpoints" in kind:
        model.blocks.set_grad_checkpointing()
    if "compiled" in kind:
        model.compile()
    return model


def autocast(kind: str) -> torch.autocast | nullcontext:
    """Give the context in which products take 16 bits, where asked."""
    if "bfloat16" in kind:
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def batch_of(count: int) -> tuple[Tensor, Tensor]:
    """Draw some pictures with labels."""
    torch.manual_seed(1)
    return torch.rand(count, 3, 224, 224), torch.arange(count)


def training(kind: str, count: int = BATCH, parts: int = 1) -> Call:
    """Give a training step: forward, backward, AdamW."""
    model = made(kind)
    optimizer = AdamW(model.parameters(), lr=1e-4)
    images, labels = batch_of(count)
    pairs = list(
        zip(images.chunk(parts), labels.chunk(parts), strict=True)
    )

    def step() -> None:
        for some, wanted in pairs:
            with autocast(kind):
                loss = F.cross_entropy(model(some), wanted)
            (loss / parts).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return step


def forward(kind: str, count: int = BATCH) -> Call:
    """Give a forward pass that keeps nothing."""
    model, (images, _) = made(kind).eval(), batch_of(count)
    if "int8" in kind:
        model = quantize_dynamic(model, {nn.Linear}, torch.qint8)
    if "weights" in kind:
        model, images = model.bfloat16(), images.bfloat16()

    @torch.inference_mode()
    def call() -> None:
        with autocast(kind if "weights" not in kind else ""):
            model(images)

    return call


def in_turns(calls: dict[str, Call]) -> dict[str, list[float]]:
    """Time each call in each round, after two that warm up."""
    taken = {name: [] for name in calls}
    for around in range(-2, ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if around >= 0:
                taken[name].append(time.perf_counter() - start)
    return taken


def ratios(taken: dict[str, list[float]], to: str) -> dict[str, float]:
    """Give the median ratio of each to one of them."""
    return {
        name: round(
            statistics.median(
                a / b for a, b in zip(times, taken[to], strict=True)
            ),
            2,
        )
        for name, times in taken.items()
    }


TRAINING = {
    "plain": partial(training, ""),
    "attention written out": partial(training, "written out"),
    "compiled": partial(training, "compiled"),
    "bfloat16": partial(training, "bfloat16"),
    "compiled, bfloat16": partial(training, "compiled, bfloat16"),
    "checkpoints": partial(training, "checkpoints"),
    "four parts of two": partial(training, "", parts=4),
}
FORWARD = {
    "plain": partial(forward, ""),
    "attention written out": partial(forward, "written out"),
    "compiled": partial(forward, "compiled"),
    "bfloat16": partial(forward, "bfloat16"),
    "bfloat16 weights": partial(forward, "bfloat16 weights"),
    "compiled, bfloat16": partial(forward, "compiled, bfloat16"),
    "int8": partial(forward, "int8"),
}


def a_picture(make: Callable[[str, int], Call]) -> dict[int, float]:
    """Say what a picture takes in larger batches, beside alone."""
    taken = in_turns({str(n): make("", n) for n in BATCHES})
    a_batch = ratios(taken, "1")
    return {n: round(a_batch[str(n)] / n, 2) for n in BATCHES}


def side_by_side(rank: int) -> list[float]:
    """Time steps of two processes that average their gradients."""
    model = DistributedDataParallel(made())
    optimizer = AdamW(model.parameters(), lr=1e-4)
    images, labels = (part[rank::2] for part in batch_of(BATCH))

    def step() -> None:
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        distributed.barrier()

    return in_turns({"two": step})["two"]


def in_processes() -> float:
    """Compare a step of two processes with one, both of eight pictures.

    They cannot take turns: each is measured before and after the other.
    """
    alone = in_turns({"one": training("")})["one"]
    both = in_two(side_by_side)[0]
    alone += in_turns({"one": training("")})["one"]
    return round(statistics.median(both) / statistics.median(alone), 2)


def main() -> None:
    """Measure, and store what was found."""
    torch.set_num_threads(1)
    steps = {name: make() for name, make in TRAINING.items()}
    calls = {name: make() for name, make in FORWARD.items()}
    store(
        "what_it_buys",
        machine="one core of an x86 server with AMX (bf16, int8), no GPU",
        seeds=[0],
        batch_size=BATCH,
        training=ratios(in_turns(steps), "plain"),
        training_bytes={
            n: peak_bytes(call, "cpu") for n, call in steps.items()
        },
        forward=ratios(in_turns(calls), "plain"),
        training_a_picture=a_picture(training),
        forward_a_picture=a_picture(forward),
        two_processes=in_processes(),
    )


if __name__ == "__main__":
    main()
