"""Train with three learning rates; chapter 8 compares with them.

    .venv/bin/python experiments/three_rates.py

Two epochs on one thread, as the lab of chapter 8 trains, far below the
best rate, near it and far above it. About half a minute.
"""

from dataclasses import asdict

import torch
from storing import store

from vitlib.teach.chapters.training.training_lab import RECIPE, steps_of

RATES = (3e-4, 2e-3, 3e-2)
THREADS = 1


def main() -> None:
    """Run all three, print and store them."""
    torch.set_num_threads(THREADS)
    runs = []
    for rate in RATES:
        *_, run = steps_of(RECIPE | {"learning_rate": rate})
        run.losses = [round(loss, 3) for loss in run.losses]
        run.seconds = round(run.seconds, 1)
        runs.append(asdict(run))
        print(rate, run.accuracy, run.seconds, "s", flush=True)
    store("three_rates", judged_by="1,000 validation digits", runs=runs)


if __name__ == "__main__":
    main()
