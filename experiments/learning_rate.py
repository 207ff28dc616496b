"""Ask which peak learning rate reads best, with warm-up and without.

    .venv/bin/python experiments/learning_rate.py

Two epochs of plain digits on one thread, three seeds a setting, judged by
validation digits. About ten minutes. Chapter 8 draws what it writes.
"""

import torch
from storing import store

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import evaluate, fit

RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WARMUPS = (0.1, 0.0)
SEEDS = (0, 1, 2)
RECIPE = {"epochs": 2, "batch_size": 64}
THREADS = 1


def accuracy(rate: float, warmup: float, seed: int) -> float:
    """Train one model; share of validation digits that it reads."""
    torch.manual_seed(seed)
    model = ViT(**SETTINGS)
    run = fit(
        model,
        *digits("train"),
        learning_rate=rate,
        warmup=warmup,
        seed=seed,
        **RECIPE,
    )
    for _ in run:
        pass
    return evaluate(model, *digits("validation"))


def main() -> None:
    """Run all settings and store them."""
    torch.set_num_threads(THREADS)
    rows = []
    for rate in RATES:
        for warmup in WARMUPS:
            found = [accuracy(rate, warmup, seed) for seed in SEEDS]
            row = {"learning_rate": rate, "warmup": warmup}
            rows.append(row | {"accuracy": found})
            print(rows[-1], flush=True)
    store(
        "learning_rate",
        seeds=SEEDS,
        recipe=RECIPE,
        judged_by="1,000 validation digits",
        rows=rows,
    )


if __name__ == "__main__":
    main()
