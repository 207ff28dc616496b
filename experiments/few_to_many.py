"""Train a ViT and a CNN of one size on few digits, and on many.

    .venv/bin/python experiments/few_to_many.py

First each model chooses its learning rate: on 1,000 digits without
distortion, by validation digits. Then every run takes the same number of
steps. In the stage "scrambled" the digits' patches and pixels are in
another order, the same for all. Each result is added to few_to_many.csv
at once; what stands there is not run again.
"""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.chapters.data.convnet import small_cnn
from vitlib.teach.chapters.data.scramble import scramble
from vitlib.teach.data.augment import distort
from vitlib.training import Data, evaluate, fit

TABLE = (
    Path(__file__).parents[1] / "vitlib/teach/data/files/few_to_many.csv"
)
STEPS, BATCH, STRENGTH, PATCH = 1000, 32, 0.5, 7
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
SIZES = (100, 500, 2000, 8000)
SEEDS = range(3)
MODELS = {
    "ViT": lambda: ViT(
        image_size=28,
        patch_size=PATCH,
        in_channels=1,
        num_classes=10,
        embed_dim=64,
        depth=4,
        num_heads=4,
    ),
    "CNN": lambda: small_cnn(1, 10, (32, 64, 96)),
}


def some_digits(count: int, seed: int):
    """Pick `count` of the training digits; each seed picks others."""
    images, labels = digits("train")
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randperm(len(images), generator=generator)[:count]
    return images[picked], labels[picked]


def train(
    model: str,
    known: Data,
    strength: float,
    learning_rate: float,
    seed: int,
) -> nn.Module:
    """Train one model for about STEPS steps: whole epochs."""
    torch.manual_seed(seed)
    made = MODELS[model]()
    epochs = max(1, round(STEPS / -(-len(known[0]) // BATCH)))
    augment = partial(distort, strength=strength) if strength else None
    run = fit(
        made,
        *known,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=learning_rate,
        augment=augment,
        seed=seed,
    )
    for _ in run:
        pass
    return made


def rows(table: Path) -> list[dict[str, str]]:
    """Read what was measured so far."""
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def measure(table: Path, run: dict, score: Callable[[], float]) -> None:
    """Add the line of a run and its score, if it is not there yet."""
    line = {name: str(value) for name, value in run.items()}
    if any(line.items() <= row.items() for row in rows(table)):
        return
    line["accuracy"] = f"{score():.3f}"
    line["torch"] = torch.__version__
    line["threads"] = str(torch.get_num_threads())
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, line, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(line)
    print(line, flush=True)


def best_rate(table: Path, model: str) -> float:
    """Give the learning rate that the search liked best."""
    found = [
        row
        for row in rows(table)
        if row["stage"] == "search" and row["model"] == model
    ]
    best = max(found, key=lambda row: float(row["accuracy"]))
    return float(best["learning_rate"])


def one_run(
    stage: str, model: str, images: int, strength: float, seed: int, rate
) -> None:
    """Train, ask the validation digits, note the answer."""
    run = {
        "stage": stage,
        "model": model,
        "images": images,
        "strength": strength,
        "steps": STEPS,
        "learning_rate": rate,
        "seed": seed,
    }

    def score() -> float:
        known, asked = some_digits(images, seed), digits("validation")
        if stage == "scrambled":
            known, asked = (
                (scramble(pictures, PATCH), labels)
                for pictures, labels in (known, asked)
            )
        return evaluate(train(model, known, strength, rate, seed), *asked)

    measure(TABLE, run, score)


def main() -> None:
    """Search, then the curves: all of a seed before the next."""
    torch.set_num_threads(1)
    for model in MODELS:
        for rate in RATES:
            one_run("search", model, 1000, 0.0, 0, rate)
    rates = {model: best_rate(TABLE, model) for model in MODELS}
    for seed in SEEDS:
        for images in SIZES:
            for model, rate in rates.items():
                for strength in (0.0, STRENGTH):
                    one_run("curve", model, images, strength, seed, rate)
        for model, rate in rates.items():
            one_run("scrambled", model, 2000, 0.0, seed, rate)


if __name__ == "__main__":
    main()
