"""Train digit readers with positions and without; mix their patches.

    .venv/bin/python experiments/without_positions.py

Four epochs of plain digits on one thread, three seeds each, and nothing
is chosen. The validation digits are asked as they are, and with their
patches in the order with which the figure of chapter 4 begins. The
model that learned positions is then asked without them. About a minute.
Chapters 4 and 10 show what it writes.
"""

import torch
from storing import store
from torch import Tensor

from vitlib import ViT, patchify, unpatchify
from vitlib.inside import without_positions
from vitlib.teach import digits
from vitlib.teach.chapters.tokens.patch_shuffle import MIXED
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import evaluate, fit

SEEDS = (0, 1, 2)
THREADS = 1
RECIPE = {"epochs": 4, "batch_size": 64, "learning_rate": 2e-3}


def train(positions: str, seed: int) -> ViT:
    """Train one reader."""
    torch.manual_seed(seed)
    model = ViT(**SETTINGS, positions=positions)
    for _ in fit(model, *digits("train"), seed=seed, **RECIPE):
        pass
    return model


def mixed(images: Tensor) -> Tensor:
    """Put the patches of each image into the order MIXED."""
    patches = patchify(images, SETTINGS["patch_size"])[:, MIXED]
    return unpatchify(patches, SETTINGS["patch_size"], images.shape[-1])


def share_read(model: ViT) -> dict[str, float]:
    """Ask the validation digits, in place and mixed."""
    images, labels = digits("validation")
    return {
        "in_place": evaluate(model, images, labels),
        "mixed": evaluate(model, mixed(images), labels),
    }


def main() -> None:
    """Train both with every seed; take the positions from one."""
    torch.set_num_threads(THREADS)
    rows = []
    for seed in SEEDS:
        for positions in ("learned", "none"):
            model = train(positions, seed)
            row = {"positions": positions, "seed": seed}
            rows.append(row | share_read(model))
            if positions == "learned":
                row["positions"] = "learned, taken away"
                with without_positions(model):
                    rows.append(row | share_read(model))
    store(
        "without_positions",
        seeds=SEEDS,
        recipe=RECIPE,
        order=MIXED,
        judged_by="1,000 validation digits",
        rows=rows,
    )


if __name__ == "__main__":
    main()
