"""Let the digit reader learn clothes, from few pictures and from many.

    .venv/bin/python experiments/digits_to_clothes.py

Four ways to get a model for clothes: the reader's body stays as it is
and a new head learns ("frozen"); all of the reader learns on ("whole");
the same model begins anew ("scratch"); and, to compare with, the new
head sits on a body that never learned anything ("untrained").

First each way chooses its learning rate, in the stage "search": it
learns from pictures to train, and is judged by 1,000 others of them. Of
the runs of the stage "curve" the validation pictures are asked, by which
nothing is chosen here. Every run takes the same number of steps. Each
result is added to digits_to_clothes.csv at once; what stands there is
not run again.
"""

from collections import defaultdict
from statistics import fmean

import torch
from storing import Table, some_of
from torch import Tensor, nn

from vitlib import ViT
from vitlib.teach import digit_reader
from vitlib.teach.data.clothes import clothes
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import Data, evaluate, fit

TABLE = Table("digits_to_clothes")
WAYS = ("frozen", "whole", "scratch", "untrained")
STEPS, BATCH = 600, 32
RATES = {  # of all layers, and of a head alone
    True: (1.25e-4, 5e-4, 2e-3, 8e-3),
    False: (5e-4, 2e-3, 8e-3, 3.2e-2, 0.128, 0.512),
}
SIZES = (50, 200, 1000, 5000)
SEARCHED = {50: 200, 200: 200, 1000: 1000, 5000: 1000}  # whose rate it is
CHOOSING = 1000  # pictures to choose a rate by
SEARCH_SEEDS, SEEDS = range(1), range(3)


def learns_whole(way: str) -> bool:
    """Tell if all layers learn, or a head on a frozen body."""
    return way in ("whole", "scratch")


def model_for(way: str) -> ViT:
    """Make the model of this way: a new head on a body."""
    learned = way in ("frozen", "whole")
    model = digit_reader() if learned else ViT(**SETTINGS)
    model.head = nn.Linear(SETTINGS["embed_dim"], 10)
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    return model


@torch.no_grad()
def features(body: ViT, images: Tensor) -> Tensor:
    """(n, 1, 28, 28) -> (n, d, 1, 1): what the head reads."""
    some = images.split(250)
    found = [body.pool(body.forward_features(part)) for part in some]
    return torch.cat(found)[:, :, None, None]


def train(
    way: str, known: Data, others: Data, rate: float, seed: int
) -> float:
    """Train for about STEPS steps, whole epochs; judge by the others.

    A frozen body gives the same features in every epoch: they are
    computed once, and the head learns from them.
    """
    torch.manual_seed(seed)
    model: nn.Module = model_for(way).eval()
    if not learns_whole(way):
        known, others = (
            (features(model, images), labels)
            for images, labels in (known, others)
        )
        model = nn.Sequential(nn.Flatten(), model.head)
    epochs = max(1, round(STEPS / -(-len(known[0]) // BATCH)))
    run = fit(
        model,
        *known,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=rate,
        seed=seed,
    )
    for _ in run:
        pass
    return evaluate(model, *others)


def best_rate(table: Table, way: str, images: int) -> float:
    """Give the learning rate with the best mean over the seeds."""
    wanted = {"stage": "search", "way": way, "images": str(images)}
    found = defaultdict(list)
    for row in table.rows():
        if row.items() >= wanted.items():
            rate = float(row["learning_rate"])
            found[rate].append(float(row["accuracy"]))
    return max(found, key=lambda rate: fmean(found[rate]))


def asked(stage: str, seed: int) -> Data:
    """Give pictures that the run does not learn from."""
    if stage == "search":
        largest = max(SEARCHED.values())
        return some_of(clothes("train"), CHOOSING, seed, after=largest)
    return clothes("validation")


def one_run(
    stage: str, way: str, images: int, seed: int, rate: float
) -> None:
    """Train, ask, note the answer."""
    run = {
        "stage": stage,
        "way": way,
        "images": images,
        "steps": STEPS,
        "learning_rate": rate,
        "seed": seed,
    }

    def score() -> dict:
        known, others = (
            some_of(clothes("train"), images, seed),
            asked(stage, seed),
        )
        return {"accuracy": f"{train(way, known, others, rate, seed):.3f}"}

    TABLE.add(run, score)


def main() -> None:
    """Search, then the curves: all of a seed before the next."""
    torch.set_num_threads(1)
    for seed in SEARCH_SEEDS:
        for images in sorted(set(SEARCHED.values())):
            for way in WAYS:
                for rate in RATES[learns_whole(way)]:
                    one_run("search", way, images, seed, rate)
    for seed in SEEDS:
        for images in SIZES:
            for way in WAYS:
                rate = best_rate(TABLE, way, SEARCHED[images])
                one_run("curve", way, images, seed, rate)


if __name__ == "__main__":
    main()
