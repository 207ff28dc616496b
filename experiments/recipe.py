"""Look for the recipe that reads best after one minute of training.

    .venv/bin/python experiments/recipe.py

Every recipe gets the same work: that of 15 epochs of the first one on one
thread. What a digit costs beside the first recipe's cost is measured, in
turns, and decides the number of epochs. All is judged by validation
digits. Two recipes run with two seeds: what lies between the two is
chance. Each result is added to recipe.csv at once; what stands
there is not run again.
"""

import statistics
import time
from functools import partial
from itertools import islice

import torch
from storing import Table

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.augment import distort
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import evaluate, fit

TABLE = Table("recipe")
EPOCHS = 15
FIRST = {
    "batch_size": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "warmup": 0.1,
    "label_smoothing": 0.1,
    "strength": 0.5,
    "model": {},
}
CHANGES = {  # what a recipe does otherwise than the first
    "none": {},
    "learning rate 1e-3": {"learning_rate": 1e-3},
    "learning rate 4e-3": {"learning_rate": 4e-3},
    "batches of 32": {"batch_size": 32, "learning_rate": 1.4e-3},
    "batches of 128": {"batch_size": 128, "learning_rate": 2.8e-3},
    "no distortion": {"strength": 0.0},
    "distortion of strength 1": {"strength": 1.0},
    "no warm-up": {"warmup": 0.0},
    "Muon": {"optimizer": "muon"},
    "Muon, learning rate 4e-3": {
        "optimizer": "muon",
        "learning_rate": 4e-3,
    },
    "patches of 4": {"model": {"patch_size": 4}},
    "patches of 14": {"model": {"patch_size": 14}},
    "width 96, depth 2": {"model": {"embed_dim": 96, "depth": 2}},
    "mean of the patches": {"model": {"global_pool": "avg"}},
}


def train(change: dict, seed: int, epochs: int):
    """Give the model and its run."""
    recipe = FIRST | change
    strength = recipe.pop("strength")
    torch.manual_seed(seed)
    model = ViT(**SETTINGS | recipe.pop("model"))
    augment = partial(distort, strength=strength) if strength else None
    run = fit(
        model,
        *digits("train"),
        augment=augment,
        seed=seed,
        epochs=epochs,
        **recipe,
    )
    return model, run


def seconds_per_digit(change: dict) -> float:
    """Time a few steps; the first warms up."""
    batch_size = (FIRST | change)["batch_size"]
    _, run = train(change, seed=0, epochs=1)
    next(run)
    steps = 1024 // batch_size
    start = time.process_time()
    for _ in islice(run, steps):
        pass
    return (time.process_time() - start) / (steps * batch_size)


def cost(change: dict, rounds: int = 3) -> float:
    """Say how many times the first recipe's work a digit takes."""
    ratios = [
        seconds_per_digit(change) / seconds_per_digit({})
        for _ in range(rounds)
    ]
    return statistics.median(ratios)


def one_run(name: str, seed: int, costs: dict[str, float]) -> None:
    """Train one recipe with one seed, for its share of the work."""
    change = CHANGES[name]

    def find() -> dict:
        if name not in costs:
            costs[name] = round(cost(change) if change else 1.0, 2)
        epochs = max(1, round(EPOCHS / costs[name]))
        model, run = train(change, seed, epochs)
        for _ in run:
            pass
        accuracy = evaluate(model, *digits("validation"))
        return {
            "cost": costs[name],
            "epochs": epochs,
            "accuracy": f"{accuracy:.3f}",
        }

    TABLE.add({"change": name, "seed": seed}, find)


def main() -> None:
    """Run what the table lacks."""
    torch.set_num_threads(1)
    costs = {row["change"]: float(row["cost"]) for row in TABLE.rows()}
    runs = [(name, 0) for name in CHANGES]
    for name, seed in [*runs, ("none", 1), ("learning rate 1e-3", 1)]:
        one_run(name, seed, costs)


if __name__ == "__main__":
    main()
