"""Make the mistakes that people make in training, and see what they cost.

    .venv/bin/python experiments/mistakes.py

Every mistake changes one thing of the same short run: two epochs of plain
digits on one thread, three seeds. Judged by validation digits. About ten
minutes. Chapter 8 shows what it writes.
"""

import torch
from storing import store
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib import ViT
from vitlib.teach import digits
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import evaluate, parameter_groups, warmup_cosine

SEEDS = (0, 1, 2)
THREADS = 1
RECIPE = {"epochs": 2, "batch_size": 64, "learning_rate": 2e-3}
MISTAKES = (
    "none",
    "no zero_grad",
    "softmax before the loss",
    "labels of other images",
    "images sorted by class",
    "0.02 for all weights",
    "pixels from 0 to 255",
    "decay on everything",
    "decay inside Adam",
    "dropout 0.1",
)


def start_small(model: ViT) -> None:
    """Begin as is right for width 768: deviation 0.02 everywhere."""
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2 and not name.startswith("head"):
            nn.init.trunc_normal_(parameter, std=0.02)


def data_for(mistake: str, seed: int) -> tuple[Tensor, Tensor]:
    """Give the digits to train on, with the mistake if it is theirs."""
    images, labels = digits("train")
    generator = torch.Generator().manual_seed(seed)
    if mistake == "labels of other images":
        labels = labels[torch.randperm(len(labels), generator=generator)]
    if mistake == "images sorted by class":
        order = labels.argsort(stable=True)
        images, labels = images[order], labels[order]
    if mistake == "pixels from 0 to 255":
        images = images * 255
    return images, labels


def optimizer_for(mistake: str, model: ViT) -> torch.optim.Optimizer:
    """Give AdamW, or what is taken for it."""
    groups = parameter_groups(model, 0.05)
    if mistake == "decay on everything":
        groups[1]["weight_decay"] = 0.05
    if mistake == "decay inside Adam":
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.AdamW(groups, fused=True)


def train(mistake: str, seed: int) -> dict:
    """Train by hand, so that each line can be got wrong."""
    torch.manual_seed(seed)
    dropout = 0.1 if mistake == "dropout 0.1" else 0.0
    model = ViT(**SETTINGS, dropout=dropout)
    if mistake == "0.02 for all weights":
        start_small(model)
    images, labels = data_for(mistake, seed)
    optimizer = optimizer_for(mistake, model)
    steps_per_epoch = len(images) // RECIPE["batch_size"]
    steps, losses = RECIPE["epochs"] * steps_per_epoch, []
    for _ in range(RECIPE["epochs"]):
        order = torch.randperm(len(images))
        if mistake == "images sorted by class":
            order = torch.arange(len(images))
        for picked in order.split(RECIPE["batch_size"]):
            share = warmup_cosine(len(losses), steps, warmup=0.1)
            for group in optimizer.param_groups:
                group["lr"] = RECIPE["learning_rate"] * share
            scores = model(images[picked])
            if mistake == "softmax before the loss":
                scores = scores.softmax(dim=1)
            loss = F.cross_entropy(
                scores, labels[picked], label_smoothing=0.1
            )
            if mistake != "no zero_grad":
                optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
    validation, wanted = digits("validation")
    if mistake == "pixels from 0 to 255":
        validation = validation * 255
    found = {
        "loss": round(sum(losses[-50:]) / 50, 3),
        "accuracy": evaluate(model, validation, wanted),
    }
    if dropout:
        model.train()
        with torch.no_grad():
            right = model(validation).argmax(dim=1) == wanted
        found["accuracy_in_training_mode"] = right.float().mean().item()
    return found


def main() -> None:
    """Make every mistake with every seed and store what came of it."""
    torch.set_num_threads(THREADS)
    rows = []
    for mistake in MISTAKES:
        for seed in SEEDS:
            found = train(mistake, seed)
            rows.append({"mistake": mistake, "seed": seed} | found)
            print(rows[-1], flush=True)
    store(
        "mistakes",
        seeds=SEEDS,
        recipe=RECIPE,
        judged_by="1,000 validation digits",
        rows=rows,
    )


if __name__ == "__main__":
    main()
