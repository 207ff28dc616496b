"""Train the digit reader that the book's figures run, and ship it.

    .venv/bin/python experiments/train_reader.py

About twenty minutes on one quiet core. It may be interrupted: build/ keeps
the last epoch, and the next call goes on from there to the same weights.
The weights become whole numbers of eight bits, which is checked on
validation digits; then score_reader.py writes the model card.
"""

import hashlib
from pathlib import Path

import torch
from storing import store

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.augment import distort
from vitlib.teach.data.reader import (
    FILE,
    SETTINGS,
    quantise,
    restore,
    save_reader,
)
from vitlib.training import evaluate, fit

ROOT = Path(__file__).parents[1]
DATA = ROOT / "vitlib" / "teach" / "data" / "files"
CHECKPOINT = ROOT / "build" / "train_reader.pt"
THREADS = 1
SEED = 0
RECIPE = {
    "epochs": 200,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "warmup": 0.1,
    "label_smoothing": 0.1,
    "max_norm": 1.0,
}


def main() -> None:
    """Train, make small, measure what that costs, store."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    model = ViT(**SETTINGS)
    validation = digits("validation")
    CHECKPOINT.parent.mkdir(exist_ok=True)
    run = fit(
        model,
        *digits("train"),
        validation=validation,
        augment=distort,
        seed=SEED,
        checkpoint=CHECKPOINT,
        **RECIPE,
    )
    for progress in run:
        if progress.accuracy is not None:
            print(
                f"epoch {progress.epoch}: loss {progress.loss:.3f}, "
                f"validation {progress.accuracy:.2%}",
                flush=True,
            )
    whole = evaluate(model, *validation)
    model.load_state_dict(restore(quantise(model.state_dict())))
    save_reader(model, DATA / FILE)
    store(
        "digit_reader_training",
        data="8,000 digits, each distorted anew in each epoch",
        settings=SETTINGS,
        recipe=RECIPE | {"optimizer": "adamw", "augment": "distort"},
        seed=SEED,
        validation_float32=whole,
        validation_int8=evaluate(model, *validation),
    )
    digest = hashlib.sha256((DATA / FILE).read_bytes()).hexdigest()
    print(f"SHA256 in vitlib/teach/data/reader.py: {digest}")


if __name__ == "__main__":
    main()
