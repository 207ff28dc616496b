"""Train with three learning rates; chapter 8 compares with them.

    .venv/bin/python experiments/three_rates.py

Two epochs on one thread, as the lab of chapter 8 trains, far below the
best rate, near it and far above it. About half a minute.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from vitlib.teach.chapters.training.training_lab import RECIPE, steps_of

TABLE = (
    Path(__file__).parents[1] / "vitlib/teach/data/files/three_rates.json"
)
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
    record = {
        "command": "python experiments/three_rates.py",
        "torch": torch.__version__.split("+")[0],
        "threads": THREADS,
        "judged_by": "1,000 validation digits",
        "runs": runs,
    }
    TABLE.write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
