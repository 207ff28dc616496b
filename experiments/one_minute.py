"""Train the digit model for one minute, with five seeds; keep the runs.

    .venv/bin/python experiments/one_minute.py

The recipe is the one that recipe.py found. It learns from 8,000 digits
and is judged by 1,000 validation digits, which no weight has seen but
which chose the recipe. Run it on a machine that does nothing else: the
seconds are stored too. Of the first seed, one_minute.npz keeps what the
model was at the end of each epoch: its filters, its positions, and the
probabilities that it gave to the classes of the first hundred validation
digits.
"""

import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from storing import store
from torch import Tensor

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.augment import distort
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import fit

DATA = Path(__file__).parents[1] / "vitlib" / "teach" / "data" / "files"
THREADS = 2
SEEDS = range(5)
STRENGTH = 0.5
RECIPE = {
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "warmup": 0.1,
    "label_smoothing": 0.1,
}


def frame(model: ViT) -> dict[str, Tensor]:
    """Give what the film shows of a model."""
    images, _ = digits("validation")
    was_training = model.training
    with torch.no_grad():
        scores = model.eval()(images[:100])
    model.train(was_training)
    return {
        "filters": model.patch_embed.proj.weight[:, 0].detach().clone(),
        "positions": model.pos_embed[0].detach().clone(),
        "shares": scores.softmax(dim=1),
    }


def keep(frames: list[dict[str, Tensor]]) -> None:
    """Store the film, in half precision."""
    arrays = {}
    for name in frames[0]:
        array = torch.stack([frame[name] for frame in frames])
        arrays[name] = array.half().numpy()
    np.savez_compressed(DATA / "one_minute.npz", **arrays)


def run(seed: int) -> dict:
    """Train once; keep the mean loss of every 25 steps."""
    torch.manual_seed(seed)
    model = ViT(**SETTINGS)
    losses, accuracies, frames = [], [], [frame(model)]
    start = time.perf_counter()
    steps = fit(
        model,
        *digits("train"),
        validation=digits("validation"),
        augment=partial(distort, strength=STRENGTH),
        seed=seed,
        **RECIPE,
    )
    for progress in steps:
        losses.append(progress.loss)
        if progress.accuracy is not None:
            accuracies.append(round(progress.accuracy, 4))
            frames.append(frame(model))
    seconds = time.perf_counter() - start
    if seed == SEEDS[0]:
        keep(frames)
    every = 25
    means = [
        round(statistics.mean(losses[i : i + every]), 3)
        for i in range(0, len(losses), every)
    ]
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "accuracy": accuracies[-1],
        "accuracy_by_epoch": accuracies,
        "steps": len(losses),
        "loss_every_25_steps": means,
    }


def main() -> None:
    """Run all seeds, print and store them."""
    torch.set_num_threads(THREADS)
    runs = []
    for seed in SEEDS:
        runs.append(run(seed))
        last = runs[-1]
        print(seed, last["seconds"], "s", last["accuracy"], flush=True)
    store(
        "one_minute",
        data="8,000 training digits, judged by 1,000 validation digits",
        settings=SETTINGS,
        recipe=RECIPE | {"augment": "distort", "strength": STRENGTH},
        machine="two cores of an x86 server, no GPU",
        runs=runs,
    )


if __name__ == "__main__":
    main()
