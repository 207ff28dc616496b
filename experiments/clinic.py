"""Train with the errors that the bug clinic plants, and keep the curves.

    .venv/bin/python experiments/clinic.py

Two epochs of plain digits on one thread, as in experiments/mistakes.py,
without label smoothing: once rightly and once with each error. Judged by
validation digits. About two minutes. book/clinic.ipynb shows what it
writes.
"""

import torch
from storing import store
from torch import nn
from torch.nn import functional as F

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.chapters.clinic.patients import (
    labels_of_others,
    softmax_twice,
    sorted_by_class,
)
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import evaluate, parameter_groups, warmup_cosine

SEEDS = (0,)
THREADS = 1
RECIPE = {"epochs": 2, "batch_size": 64, "learning_rate": 2e-3}
ERRORS = (
    "none",
    "sorted_by_class",
    "labels_of_others",
    "softmax_twice",
)


def train(error: str, seed: int) -> dict:
    """Train by hand, so that each line can be got wrong."""
    torch.manual_seed(seed)
    model = ViT(**SETTINGS)
    images, labels = digits("train")
    if error == "labels_of_others":
        labels = labels_of_others(labels, seed)
    if error == "sorted_by_class":
        images, labels = sorted_by_class(images, labels)
    loss_of = (
        softmax_twice if error == "softmax_twice" else F.cross_entropy
    )
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.05))
    steps = RECIPE["epochs"] * (len(images) // RECIPE["batch_size"])
    losses = []
    for _ in range(RECIPE["epochs"]):
        order = torch.randperm(len(images))
        if error == "sorted_by_class":
            order = torch.arange(len(images))
        for picked in order.split(RECIPE["batch_size"]):
            share = warmup_cosine(len(losses), steps, warmup=0.1)
            for group in optimizer.param_groups:
                group["lr"] = RECIPE["learning_rate"] * share
            loss = loss_of(model(images[picked]), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(round(loss.item(), 3))
    images, labels = digits("validation")
    with torch.no_grad():
        answers = model.eval()(images).argmax(dim=1)
    counts = answers.bincount(minlength=10)
    return {
        "losses": losses,
        "accuracy": round(evaluate(model, images, labels), 3),
        "answers": counts.tolist(),
    }


def by_heart(seed: int, steps: int = 120) -> int:
    """Count how many of 64 digits with others' labels are learned."""
    torch.manual_seed(seed)
    model = ViT(**SETTINGS)
    images, labels = digits("train")
    images, labels = images[:64], labels_of_others(labels, seed)[:64]
    optimizer = torch.optim.AdamW(
        model.parameters(), RECIPE["learning_rate"]
    )
    for _ in range(steps):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return round(64 * evaluate(model, images, labels))


def main() -> None:
    """Make every error and store what came of it."""
    torch.set_num_threads(THREADS)
    runs = []
    for error in ERRORS:
        for seed in SEEDS:
            runs.append(
                {"error": error, "seed": seed, **train(error, seed)}
            )
            print(error, runs[-1]["accuracy"], flush=True)
    store(
        "clinic",
        seeds=SEEDS,
        recipe=RECIPE,
        judged_by="1,000 validation digits",
        by_heart=[by_heart(seed) for seed in SEEDS],
        runs=runs,
    )


if __name__ == "__main__":
    main()
