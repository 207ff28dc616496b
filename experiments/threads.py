"""Measure how many threads train the digit model fastest.

    .venv/bin/python experiments/threads.py

One and two threads take turns, so that what else the machine does meets
both. The medians go to threads.json. Run it on a quiet machine.
"""

import statistics
import time
from functools import partial
from itertools import islice

import torch
from storing import store

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.augment import distort
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import fit

ROUNDS = 11
STEPS = 15


def main() -> None:
    """Time some steps of `fit` with each number of threads, in turns."""
    torch.manual_seed(0)
    augment = partial(distort, strength=0.5)
    run = fit(
        ViT(**SETTINGS), *digits("train"), augment=augment, epochs=12
    )
    times = {1: [], 2: []}
    for _ in range(ROUNDS):
        for threads, taken in times.items():
            torch.set_num_threads(threads)
            next(run)
            start = time.perf_counter()
            for _ in islice(run, STEPS):
                pass
            taken.append((time.perf_counter() - start) / STEPS)
    medians = {n: statistics.median(taken) for n, taken in times.items()}
    store(
        "threads",
        machine="two cores of an x86 server, no GPU",
        batch_size=64,
        milliseconds_a_step={
            n: round(1000 * median, 1) for n, median in medians.items()
        },
        one_thread_to_two=round(medians[1] / medians[2], 2),
    )


if __name__ == "__main__":
    main()
