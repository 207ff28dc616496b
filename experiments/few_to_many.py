"""Train a ViT and a CNN of one size on few digits, and on many.

    .venv/bin/python experiments/few_to_many.py

First each model chooses its learning rate, in the stage "search": it
learns from 1,000 training digits without distortion and is judged by
1,000 other training digits. Of all other runs the validation digits are
asked, by which nothing is chosen here. Every run takes the same number
of steps. In the stage "scrambled" the digits' patches and pixels are in
another order, the same for all. Each result is added to few_to_many.csv
at once; what stands there is not run again.
"""

from collections import defaultdict
from functools import partial
from statistics import fmean

import torch
from storing import Table, some_of
from torch import nn

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.chapters.data.convnet import small_cnn
from vitlib.teach.chapters.data.scramble import scramble
from vitlib.teach.data.augment import distort
from vitlib.training import Data, evaluate, fit

TABLE = Table("few_to_many")
STEPS, BATCH, STRENGTH, PATCH = 1000, 32, 0.5, 7
RATES = (5e-4, 2e-3, 8e-3, 3.2e-2)
SEARCHED = 1000  # digits to learn from, and others to choose by
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


def best_rate(table: Table, **wanted: str) -> float:
    """Give the learning rate with the best mean over the search's seeds.

    `wanted` are values that the lines must have, say `model="ViT"`.
    """
    found = defaultdict(list)
    for row in table.rows():
        if row.items() >= (wanted | {"stage": "search"}).items():
            rate = float(row["learning_rate"])
            found[rate].append(float(row["accuracy"]))
    return max(found, key=lambda rate: fmean(found[rate]))


def asked(stage: str, seed: int) -> Data:
    """Give digits that the run does not learn from."""
    if stage == "search":
        return some_of(digits("train"), SEARCHED, seed, after=SEARCHED)
    return digits("validation")


def one_run(
    stage: str, model: str, images: int, strength: float, seed: int, rate
) -> None:
    """Train, ask, note the answer."""
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
        known, others = (
            some_of(digits("train"), images, seed),
            asked(stage, seed),
        )
        if stage == "scrambled":
            known, others = (
                (scramble(pictures, PATCH), labels)
                for pictures, labels in (known, others)
            )
        made = train(model, known, strength, rate, seed)
        return {"accuracy": f"{evaluate(made, *others):.3f}"}

    TABLE.add(run, score)


def main() -> None:
    """Search, then the curves: all of a seed before the next."""
    torch.set_num_threads(1)
    for seed in SEEDS:
        for model in MODELS:
            for rate in RATES:
                one_run("search", model, SEARCHED, 0.0, seed, rate)
    rates = {model: best_rate(TABLE, model=model) for model in MODELS}
    for seed in SEEDS:
        for images in SIZES:
            for model, rate in rates.items():
                for strength in (0.0, STRENGTH):
                    one_run("curve", model, images, strength, seed, rate)
        for model, rate in rates.items():
            one_run("scrambled", model, 2000, 0.0, seed, rate)


if __name__ == "__main__":
    main()
