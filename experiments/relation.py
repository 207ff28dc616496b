"""Train a ViT and three CNNs of one size on a relation across the picture.

    .venv/bin/python experiments/relation.py

First each model chooses its learning rate, on 2,000 pictures. Then every
run takes the same number of steps; in the stage "longer" the ViT gets
twice and the CNN that sees the whole picture four times as many. Scored
on 1,000 pictures of a seed of their own. Each result is added to
relation.csv at once; what stands there is not run again.
"""

import torch
from few_to_many import best_rate
from storing import Table
from torch import nn

from vitlib import ViT
from vitlib.teach.chapters.data.convnet import one_cell_cnn, small_cnn
from vitlib.teach.data.shapes import shapes
from vitlib.training import Data, evaluate, fit

TABLE = Table("relation")
STEPS, BATCH = 400, 64
LONGER = {"ViT": 2, "CNN": 4}  # times as many steps
RATES = (1e-3, 2e-3, 4e-3)
SIZES = (500, 2000, 8000)
TRAINED_ON, SCORED_ON = 1000, 2000  # seeds of the pictures
MODELS = {
    "ViT": lambda: ViT(
        image_size=32,
        patch_size=8,
        num_classes=4,
        embed_dim=64,
        depth=4,
        num_heads=4,
    ),
    "CNN": lambda: small_cnn(3, 4, (32, 64, 100)),
    "one cell": lambda: one_cell_cnn(3, 4, 207, 4, 8),
    "one cell, hidden layer": lambda: one_cell_cnn(
        3, 4, 167, 4, 8, hidden=400
    ),
}


def question(images: int, seed: int) -> Data:
    """Draw pictures, from -1 to 1, and the kinds that are asked for."""
    scenes = shapes(images, seed=seed)
    return scenes.images * 2 - 1, scenes.labels


def train(
    model: str, images: int, steps: int, learning_rate: float, seed: int
) -> nn.Module:
    """Train one model for about `steps` steps: whole epochs."""
    pictures, labels = question(images, TRAINED_ON + seed)
    torch.manual_seed(seed)
    made = MODELS[model]()
    run = fit(
        made,
        pictures,
        labels,
        epochs=max(1, round(steps / -(-images // BATCH))),
        batch_size=BATCH,
        learning_rate=learning_rate,
        label_smoothing=0.0,
        seed=seed,
    )
    for _ in run:
        pass
    return made


def one_run(
    stage: str, model: str, images: int, steps: int, seed: int, rate: float
) -> None:
    """Train, ask pictures that were never trained on, note the answer."""
    run = {
        "stage": stage,
        "model": model,
        "images": images,
        "steps": steps,
        "learning_rate": rate,
        "seed": seed,
    }

    def score() -> dict:
        made = train(model, images, steps, rate, seed)
        share = evaluate(made, *question(1000, SCORED_ON))
        return {"accuracy": f"{share:.3f}"}

    TABLE.add(run, score)


def main() -> None:
    """Search, then the curves: all of a seed before the next."""
    torch.set_num_threads(1)
    for model in MODELS:
        for rate in RATES:
            one_run("search", model, 2000, STEPS, 0, rate)
    rates = {model: best_rate(TABLE, model) for model in MODELS}
    for seed in range(3):
        for images in SIZES:
            for model, rate in rates.items():
                one_run("curve", model, images, STEPS, seed, rate)
        for model, times in LONGER.items():
            steps, rate = times * STEPS, rates[model]
            one_run("longer", model, 8000, steps, seed, rate)


if __name__ == "__main__":
    main()
