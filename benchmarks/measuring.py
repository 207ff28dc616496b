"""How time and memory of calls are measured, side by side.

A round runs every contender once, in an order drawn anew, so that a busy
moment of the machine strikes all alike. A ratio is the median over the
rounds of one's time by another's in the same round.

Memory: the most that torch holds at once in one call, to the byte: the
weights and the optimiser's state, plus the peak of what the profiler sees
allocated and freed. Scratch inside of the matrix library is not in it.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler is chatty

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

Call = Callable[[], object]
Times = dict[str, list[float]]  # milliseconds, one a round
Context = Callable[[], AbstractContextManager]

SECONDS = 30  # for the rounds of one table
LEAST, MOST = 11, 100  # rounds, however long they take
DRAWS = 1000  # to tell how far a median may wander


def forward_call(
    model: nn.Module, images: Tensor, context: Context = nullcontext
) -> tuple[Call, int]:
    """Give a forward pass to call, and the bytes it starts from."""
    model.eval()

    @torch.inference_mode()
    def call() -> None:
        with context():
            model(images)

    call()
    return call, size_in_bytes(model.state_dict().values())


def training_call(
    model: nn.Module, images: Tensor, context: Context = nullcontext
) -> tuple[Call, int]:
    """Give a training step to call, and the bytes it starts from."""
    model.train()
    labels = torch.arange(len(images), device=images.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def call() -> None:
        with context():
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    call()  # makes the optimiser's state
    held = list(model.state_dict().values())
    for state in optimiser.state.values():
        held.extend(state.values())
    return call, size_in_bytes(held)


def size_in_bytes(tensors: Iterable[Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


def peak_bytes(call: Call, device: str) -> int:
    """How far one call raises what torch holds, at its highest."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() - before
    activities = [ProfilerActivity.CPU]
    with profile(activities=activities, profile_memory=True) as record:
        call()
    events = record.profiler.kineto_results.events()
    steps = [e for e in events if e.name() == "[memory]"]
    held = peak = 0
    for step in sorted(steps, key=lambda e: e.start_ns()):
        held += step.nbytes()
        peak = max(peak, held)
    return peak


def run_rounds(
    calls: dict[str, Call], rounds: int | None, device: str
) -> Times:
    """Time every contender once a round."""
    wait = torch.cuda.synchronize if device == "cuda" else int
    times: Times = {name: [] for name in calls}
    least, most = (rounds, rounds) if rounds else (LEAST, MOST)
    begin = time.perf_counter()
    for done in range(most):
        if done >= least and time.perf_counter() - begin > SECONDS:
            break
        for name in random.sample(list(calls), len(calls)):
            wait()
            start = time.perf_counter()
            calls[name]()
            wait()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def ratios(times: Times, name: str, other: str) -> list[float]:
    """Divide one's times by another's, round by round."""
    pairs = zip(times[name], times[other], strict=True)
    return [mine / theirs for mine, theirs in pairs]


def ratio(times: Times, name: str, other: str) -> float:
    return statistics.median(ratios(times, name, other))


def noise(times: Times, name: str, twin: str) -> float:
    """How far from 1 the ratio of two of the same may come to lie.

    The rounds are drawn again, a thousand times, and 95 % of the medians
    lie within it.
    """
    found, draw = ratios(times, twin, name), random.Random(0)
    medians = sorted(
        statistics.median(draw.choices(found, k=len(found)))
        for _ in range(DRAWS)
    )
    cut = DRAWS // 40
    return max(medians[-1 - cut] - 1, 1 - medians[cut])
