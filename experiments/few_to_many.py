"""Train a ViT and a CNN of one size on few digits, and on many.

    .venv/bin/python experiments/few_to_many.py

First each model chooses its learning rate: on 1,000 digits without
distortion, by validation digits. Then every run takes the same number of
steps. In the stage "scrambled" the digits' patches and pixels are in
another order, the same for all. Each result is added to few_to_many.csv
at once; what stands there is not run again.
"""

from functools import partial

import torch
from storing import Table
from torch import nn

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.chapters.data.convnet import small_cnn
from vitlib.teach.chapters.data.scramble import scramble
from vitlib.teach.data.augment import distort
from vitlib.training import Data, evaluate, fit

TABLE = Table("few_to_many")
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


def best_rate(table: Table, model: str) -> float:
    """Give the learning rate that the search liked best."""
    found = [
        row
        for row in table.rows()
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

    def score() -> dict:
        known, asked = some_digits(images, seed), digits("validation")
        if stage == "scrambled":
            known, asked = (
                (scramble(pictures, PATCH), labels)
                for pictures, labels in (known, asked)
            )
        made = train(model, known, strength, rate, seed)
        return {"accuracy": f"{evaluate(made, *asked):.3f}"}

    TABLE.add(run, score)


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
