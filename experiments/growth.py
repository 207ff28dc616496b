"""Measure how time and memory grow with tokens, depth, width and batch.

    .venv/bin/python experiments/growth.py

One size of a small ViT changes, the others stay: the side of the image,
with attention written out and with the fused kernel; the number of
blocks; the width, in heads of 64; the pictures of a batch. Each line of
growth.csv has the milliseconds of a forward pass and of a training step
(forward and backward), the best of several, and the most bytes that
torch held beyond the weights and their gradients. One thread. What
stands in the table is not measured again: run it on a quiet machine.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from storing import Table

from vitlib import ViT
from vitlib.attention import attention, fused_attention

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from measuring import peak_bytes

TABLE = Table("growth")
SIZES = {"image_size": 224, "embed_dim": 192, "depth": 12, "batch": 1}
HEAD_DIM = 64
VARIED = {
    "image_size": (112, 160, 224, 320, 448, 640, 896),
    "depth": (3, 6, 12, 24),
    "embed_dim": (192, 384, 768, 1152),
    "batch": (1, 2, 4, 8, 16),
}
ATTENTIONS = {"written out": attention, "fused": fused_attention}
SECONDS, LEAST = 3.0, 3  # how long one number is measured; how many times


def calls(sizes: dict, kind: str) -> dict[str, Callable[[], object]]:
    """Make the model and its batch; give what is measured."""
    torch.manual_seed(0)
    rest = dict(sizes)
    images = torch.rand(rest.pop("batch"), 3, *(rest["image_size"],) * 2)
    model = ViT(num_heads=rest["embed_dim"] // HEAD_DIM, **rest)
    for block in model.blocks:
        block.attn.attention = ATTENTIONS[kind]

    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)

    @torch.no_grad()
    def forward() -> None:
        model(images)

    def training() -> None:
        model.zero_grad(set_to_none=False)
        model(images).square().mean().backward()

    return {"forward": forward, "training": training}


def best_seconds(call: Callable[[], object]) -> float:
    """Give the shortest of several calls, after one that warms up."""
    call()
    taken, begun = [], time.perf_counter()
    while len(taken) < LEAST or time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def one_run(varied: str, value: int, kind: str) -> None:
    """Measure one model, unless that is done."""
    sizes = SIZES | {varied: value}

    def find() -> dict:
        found = {}
        for name, call in calls(sizes, kind).items():
            found[f"{name}_bytes"] = peak_bytes(call, "cpu")
            found[f"{name}_ms"] = f"{1000 * best_seconds(call):.1f}"
        return found

    TABLE.add({"varied": varied, "attention": kind, **sizes}, find)


def runs() -> Iterator[tuple[str, int, str]]:
    """Give what varies, to which value, with which attention."""
    for varied, values in VARIED.items():
        kinds = ATTENTIONS if varied == "image_size" else ["fused"]
        for value in values:
            for kind in kinds:
                yield varied, value, kind


def main() -> None:
    """Measure all that is not in the table."""
    torch.set_num_threads(1)
    for run in runs():
        one_run(*run)


if __name__ == "__main__":
    main()
