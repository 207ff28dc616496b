"""Train a ViT and two CNNs of one size on a relation across the picture.

    .venv/bin/python experiments/relation.py

Twice: with things that lie in the cells of the ViT's patches, and with
things that lie anywhere. First each model chooses its learning rate for
each of the two, by 1,000 pictures that serve for nothing else. Then it
is trained with other seeds, and asked 1,000 pictures by which nothing
was chosen. In the stage "longer", things anywhere, the ViT gets four
times the pictures and the steps, with the rate that it chose for the
cells: that was chosen by models that learned something. Each result is
added to relation.csv at once; what stands there is not run again.
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
IMAGES, STEPS, BATCH = 2000, 400, 64
LONGER = 4  # times as many pictures and steps
RATES = (2.5e-4, 1e-3, 4e-3, 1.6e-2)
WIDER = {"one cell, hidden layer": (6.4e-2,)}  # its best was the largest
SEARCH_SEEDS, SEEDS = range(3), range(3, 6)
TRAINED_ON, ASKED, CHOSEN_BY = 1000, 2000, 3000  # seeds of the pictures
PLACES = {"aligned": False, "anywhere": True}
MODELS = {
    "ViT": lambda: ViT(
        image_size=32,
        patch_size=8,
        num_classes=4,
        embed_dim=64,
        depth=2,
        num_heads=4,
    ),
    "CNN": lambda: small_cnn(3, 4, (16, 40, 82)),
    "one cell, hidden layer": lambda: one_cell_cnn(
        3, 4, 120, 4, 8, hidden=256
    ),
}


def question(place: str, images: int, seed: int) -> Data:
    """Draw pictures, from -1 to 1, and the kinds that are asked for."""
    scenes = shapes(images, seed=seed, anywhere=PLACES[place])
    return scenes.images * 2 - 1, scenes.labels


def train(
    model: str, known: Data, steps: int, learning_rate: float, seed: int
) -> nn.Module:
    """Train one model for about `steps` steps: whole epochs."""
    torch.manual_seed(seed)
    made = MODELS[model]()
    run = fit(
        made,
        *known,
        epochs=max(1, round(steps / -(-len(known[0]) // BATCH))),
        batch_size=BATCH,
        learning_rate=learning_rate,
        label_smoothing=0.0,
        seed=seed,
    )
    for _ in run:
        pass
    return made


def one_run(
    stage: str, place: str, model: str, seed: int, rate: float
) -> None:
    """Train, ask pictures that were never trained on, note the answer."""
    times = LONGER if stage == "longer" else 1
    images, steps = times * IMAGES, times * STEPS
    run = {
        "stage": stage,
        "place": place,
        "model": model,
        "images": images,
        "steps": steps,
        "learning_rate": rate,
        "seed": seed,
    }

    def score() -> dict:
        known = question(place, images, TRAINED_ON + seed)
        others = CHOSEN_BY if stage == "search" else ASKED
        made = train(model, known, steps, rate, seed)
        share = evaluate(made, *question(place, 1000, others))
        return {"accuracy": f"{share:.3f}"}

    TABLE.add(run, score)


def search() -> None:
    """Try all rates with all models: all of a seed before the next."""
    for seed in SEARCH_SEEDS:
        for place in PLACES:
            for model in MODELS:
                for rate in RATES + WIDER.get(model, ()):
                    one_run("search", place, model, seed, rate)


def measure() -> None:
    """Run all models with the rates that the search liked best."""
    for seed in SEEDS:
        for place in PLACES:
            for model in MODELS:
                rate = best_rate(TABLE, place=place, model=model)
                one_run("curve", place, model, seed, rate)
    rate = best_rate(TABLE, place="aligned", model="ViT")
    for seed in SEEDS:
        one_run("longer", "anywhere", "ViT", seed, rate)


def main() -> None:
    """Search first, then measure."""
    torch.set_num_threads(1)
    search()
    measure()


if __name__ == "__main__":
    main()
