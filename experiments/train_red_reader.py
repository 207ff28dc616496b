"""Train the small ViT of chapter 10, which names the red shape.

    .venv/bin/python experiments/train_red_reader.py

Two minutes on one core. Its pictures are drawn by seeded code, so there
are always new ones to test it on: the seeds below are for these alone.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from storing import store

from vitlib import ViT
from vitlib.teach.chapters.inside.red import FILE, SETTINGS, red_shapes
from vitlib.training import evaluate, fit

DATA = Path(__file__).parents[1] / "vitlib" / "teach" / "data" / "files"
THREADS = 1
SEED = 0
PICTURES = {"train": (8000, 1), "test": (2000, 2)}  # count, seed
RECIPE = {
    "epochs": 10,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "label_smoothing": 0.0,
}


def main() -> None:
    """Train, halve the precision, measure, store."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    model = ViT(**SETTINGS)
    train, test = (red_shapes(*PICTURES[k]) for k in ("train", "test"))
    images = train.images * 2 - 1
    run = fit(model, images, train.labels, seed=SEED, **RECIPE)
    for progress in run:
        if progress.step * 10 % progress.steps == 0:
            print(
                f"step {progress.step}: loss {progress.loss:.4f}",
                flush=True,
            )
    weights = {k: v.half() for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    save_file(weights, DATA / FILE, {"settings": json.dumps(SETTINGS)})
    store(
        "red_reader",
        settings=SETTINGS,
        recipe=RECIPE,
        **{"pictures (count, seed)": PICTURES},
        seed=SEED,
        accuracy=evaluate(model, test.images * 2 - 1, test.labels),
    )
    digest = hashlib.sha256((DATA / FILE).read_bytes()).hexdigest()
    print(f"SHA256 in vitlib/teach/chapters/inside/red.py: {digest}")


if __name__ == "__main__":
    main()
