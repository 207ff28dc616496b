"""Figures of chapter 8: how a model learns, and what it gets wrong."""

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from vitlib.teach.alive.watch import smooth
from vitlib.teach.data.experiments import stored, table
from vitlib.teach.draw.canvas import bare, canvas, ink, show, style
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import CUT, GREY, INK, LINE, STREAM, WEIGHT
from vitlib.training import Progress, warmup_cosine


def wall(images: Tensor, labels: Tensor) -> None:
    """Show one digit cut into patches, beside four of each class."""
    rows = [images[labels == label][:4, 0] for label in range(10)]
    shape = f"{tuple(images.shape)}"
    figure, small = canvas(680, 300), canvas(NARROW, 720)
    with style():
        _cut_digit(figure.add_axes((0.0, 0.12, 0.36, 0.78)), images[0, 0])
        right = figure.add_axes((0.40, 0.12, 0.60, 0.78))
        ink(bare(right, "four of each class", shape), _sheet(rows))
        _cut_digit(small.add_axes((0, 0.65, 0.66, 0.31)), images[0, 0])
        above = small.add_axes((0, 0.335, 0.99, 0.25))
        ink(bare(above, "four of each class, 0 to 4"), _sheet(rows[:5]))
        below = small.add_axes((0, 0.03, 0.99, 0.25))
        ink(bare(below, "and 5 to 9", shape), _sheet(rows[5:]))
        for axes in small.axes:
            axes.set_anchor("W")
    show(
        figure,
        f"A handwritten {labels[0]}, 28 by 28 pixels, in a grid of 4 by "
        "4 patches; beside it forty smaller digits, four of each class "
        "from 0 to 9, written by different hands.",
        narrow=small,
    )


def _cut_digit(axes: Axes, digit: Tensor) -> None:
    """Draw (28, 28) ink, and where its patches are cut."""
    ink(bare(axes, "one digit, 16 patches", "(1, 28, 28)"), digit)
    for side in (6.5, 13.5, 20.5):
        axes.axhline(side, color=CUT, lw=1.5)
        axes.axvline(side, color=CUT, lw=1.5)


def _sheet(rows: list[Tensor]) -> Tensor:
    """Lay (4, 28, 28) of each class below one another, side by side."""
    gap = torch.zeros(28, 3)
    lines = [
        torch.cat([torch.cat([row[i], gap], 1) for row in rows], 1)
        for i in range(4)
    ]
    return torch.cat(lines)[:, :-3]


def loss_of_a_share() -> None:
    """Show the loss against the probability that the truth was given."""
    marks = {0.01: "surely wrong", 0.1: "a guess among ten"}
    marks |= {0.5: "rather", 0.9: "quite sure"}
    figure = canvas(680, 260)
    with style():
        axes = figure.add_axes((0.08, 0.19, 0.88, 0.70))
        shares = np.linspace(0.005, 1, 300)
        axes.plot(shares, -np.log(shares), color=INK)
        for share, words in marks.items():
            loss = -math.log(share)
            axes.plot(share, loss, "o", color=WEIGHT, ms=8)
            axes.text(
                share + (0.02 if share < 0.9 else 0),
                loss + (0.12 if share < 0.9 else 0.3),
                f"{words}: {loss:.2f}",
                ha="left" if share < 0.9 else "center",
            )
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 5.4)
        axes.set_xticks([0, 0.1, 0.5, 0.9, 1])
        axes.set_yticks([0, 1, 2, 3, 4, 5])
        axes.set_xlabel("probability that the model gave to the truth")
        axes.set_title("loss of this one digit", color=GREY)
    show(
        figure,
        "A curve that falls from the left, where the truth got almost no "
        "probability and the loss is large, to 0 where it got all. "
        + ", ".join(
            f"At {share:g} it is {-math.log(share):.2f}" for share in marks
        )
        + ".",
    )


def schedule(steps: int, peak: float, warmup: float) -> None:
    """Show the learning rate of every step of a run."""
    rates = [
        peak * warmup_cosine(step, steps, warmup) for step in range(steps)
    ]
    top = rates.index(max(rates))
    figure = canvas(680, 220)
    with style():
        axes = figure.add_axes((0.09, 0.22, 0.87, 0.64))
        axes.plot(range(1, steps + 1), rates, color=WEIGHT)
        axes.set_xticks([1, top + 1, steps])
        axes.set_yticks([0, peak / 2, peak])
        axes.set_ylim(0, 1.15 * peak)
        axes.set_xlabel("step")
        axes.set_title("learning rate", color=GREY)
        axes.text(top * 0.6, peak * 0.3, "warm-up", color=INK)
        axes.text(
            0.62 * steps, 0.6 * peak, "half a cosine", color=INK, ha="left"
        )
    show(
        figure,
        f"The learning rate over {steps} steps: it rises in a line to "
        f"{peak:g} at step {top + 1}, then falls along half a cosine to "
        "nothing.",
    )


def course(history: list[Progress]) -> None:
    """Show the loss of every step of a run, and what it then reads."""
    steps = [progress.step for progress in history]
    losses = [progress.loss for progress in history]
    epochs = [p for p in history if p.accuracy is not None]
    figure = canvas(680, 280)
    with style():
        left = figure.add_axes((0.06, 0.17, 0.53, 0.72))
        left.plot(steps, losses, color=STREAM, lw=0.7)
        left.plot(steps, smooth(losses), color=WEIGHT)
        left.axhline(math.log(10), color=INK, lw=0.8, ls=(0, (4, 3)))
        left.text(
            steps[-1], math.log(10) + 0.04, "guessing, 2.30", ha="right"
        )
        left.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)))
        left.text(1, 0.34, "the lowest with label smoothing, 0.50")
        left.set_ylim(0.2, 2.6)
        left.set_yticks([0.5, 1, 1.5, 2])
        left.set_xticks([1, *[p.step for p in epochs]])
        left.set_xlabel("step")
        left.set_title("loss of the batch", color=GREY)
        right = figure.add_axes((0.68, 0.17, 0.30, 0.72))
        shares = [100 * progress.accuracy for progress in epochs]
        numbers = [progress.epoch for progress in epochs]
        right.plot([0, *numbers], [10, *shares], "o-", color=WEIGHT)
        right.set_ylim(0, 105)
        right.set_xticks([0, *numbers])
        right.set_yticks([0, 10, 50, 90])
        for share in (10, 90):
            right.axhline(share, color=LINE, lw=0.8, zorder=0)
        right.set_xlabel("epoch")
        right.set_title("validation right, %", color=GREY)
    show(
        figure,
        f"Two curves over {len(epochs)} epochs of this run. The loss of "
        "the batches begins at ln 10, about 2.3, falls steeply in the "
        "first epoch and slowly after it, with much noise from batch to "
        "batch. The share of validation digits that are read rightly "
        f"begins at a tenth and ends above {10 * int(shares[-1] / 10)} %.",
    )


def learning_rates() -> None:
    """Show what each learning rate reached, with warm-up and without."""
    record = stored("learning_rate")
    rates = sorted({row["learning_rate"] for row in record["rows"]})
    figure = canvas(680, 300)
    told = []
    with style():
        axes = figure.add_axes((0.07, 0.19, 0.91, 0.70))
        for warmup, colour, name, move in (
            (0.1, WEIGHT, "with warm-up", -0.06),
            (0.0, GREY, "without", 0.06),
        ):
            rows = [r for r in record["rows"] if r["warmup"] == warmup]
            rows.sort(key=lambda row: row["learning_rate"])
            table = 100 * np.array([row["accuracy"] for row in rows])
            middle = np.median(table, axis=1)
            places = np.arange(len(rates)) + move
            axes.plot(places, middle, color=colour, lw=1)
            for seed in table.T:
                axes.plot(places, seed, "o", color=colour, ms=5)
            axes.text(
                len(rates) - 0.8,
                middle[-1],
                name,
                color=colour,
                va="center",
            )
            told.append(
                f"{name} "
                + ", ".join(
                    f"{m:.0f} at {r:g}"
                    for r, m in zip(rates, middle, strict=True)
                )
            )
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axes.set_xlim(-0.3, len(rates))
        axes.set_ylim(0, 104)
        axes.set_yticks([10, 50, 90])
        axes.axhline(10, color=LINE, lw=0.8, zorder=0)
        axes.set_xlabel("peak learning rate")
        axes.set_title("validation right after two epochs, %", color=GREY)
    show(
        figure,
        "Percent of validation digits read rightly, medians of three "
        f"seeds: {'; '.join(told)}.",
    )


def mistakes() -> None:
    """Show what each mistake costs, a dot for every seed."""
    rows = stored("mistakes")["rows"]
    found = {}
    for row in rows:
        shares = found.setdefault(row["mistake"], [])
        shares.append(100 * row["accuracy"])
    names = sorted(found, key=lambda name: np.median(found[name]))
    figure = canvas(680, 40 + 34 * len(names))
    told = []
    with style():
        axes = figure.add_axes((0.31, 0.12, 0.60, 0.80))
        for place, name in enumerate(names):
            shares = found[name]
            colour = WEIGHT if name == "none" else INK
            axes.plot(shares, [place] * len(shares), "o", color=colour)
            middle = np.median(shares)
            axes.text(103, place, f"{middle:.1f}", va="center")
            told.append(f"{name} {middle:.0f}")
        names = ["no mistake" if n == "none" else n for n in names]
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=12)
        axes.set_xlim(0, 101)
        axes.set_xticks([10, 50, 90, 100])
        axes.grid(axis="x", color=LINE, lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["left"]].set_visible(False)
        axes.set_xlabel("validation right after two epochs, %")
    show(
        figure,
        "Percent of validation digits read rightly after the same short "
        "run with one mistake, medians of three seeds: "
        + ", ".join(reversed(told))
        + ".",
    )


@torch.no_grad()
def wrong_answers(
    model: nn.Module, images: Tensor, labels: Tensor
) -> None:
    """Show the sixteen mistakes of which the model was most sure."""
    shares, answers = model(images).softmax(dim=1).max(dim=1)
    wrong = (answers != labels).nonzero().flatten()
    worst = wrong[shares[wrong].argsort(descending=True)][:16]
    figure = canvas(680, 218)
    with style():
        grid = figure.subplots(2, 8, squeeze=False).flatten()
        for axes in grid:
            bare(axes)
        for axes, index in zip(grid, worst.tolist(), strict=False):
            ink(axes, images[index, 0])
            axes.set_title(
                f"{labels[index]}, not {answers[index]}",
                loc="center",
                fontsize=11,
            )
        figure.tight_layout(w_pad=0.6, h_pad=1.4)
    show(
        figure,
        "Up to sixteen validation digits which this model misreads, those "
        "first of which it is most sure. Above each what it is, and what "
        "the model took it for.",
        by_row=True,
    )


@torch.no_grad()
def reading(model: nn.Module, pictures: dict[str, Tensor]) -> None:
    """Show pictures of digits, and what the model reads in each."""
    figure = canvas(680, 215)
    width, told = 1 / len(pictures), []
    with style():
        for place, (name, image) in enumerate(pictures.items()):
            left = figure.add_axes(
                (place * width + 0.005, 0.13, 0.48 * width, 0.72)
            )
            bare(left, name)
            ink(left, image[0, 0])
            for side in ("left", "right", "top", "bottom"):
                left.spines[side].set(visible=True, color=LINE)
            right = figure.add_axes(
                (place * width + 0.57 * width, 0.13, 0.30 * width, 0.72)
            )
            shares = model(image)[0].softmax(dim=0)
            answer = int(shares.argmax())
            right.barh(range(10), shares, color=STREAM, height=0.7)
            right.barh(answer, shares[answer], color=WEIGHT, height=0.7)
            right.text(
                shares[answer] + 0.05, answer, f"{answer}", va="center"
            )
            right.set_yticks(range(10), range(10))
            right.set_ylim(9.6, -0.6)
            right.set_xlim(0, 1)
            right.set_xticks([0, 1], ["0", "1"])
            right.tick_params(axis="y", length=0)
            told.append(f"{name}: {answer}")
    show(
        figure,
        "Pictures of digits, and beside each the probabilities of ten "
        f"classes. The most probable: {', '.join(told)}.",
        cuts=tuple(680 * n * width for n in range(1, len(pictures))),
        by_row=True,
    )


def recipe() -> None:
    """Show what each change of the recipe is worth, best first."""
    found = {}
    for row in table("recipe"):
        shares = found.setdefault(row["change"], [])
        shares.append(100 * float(row["accuracy"]))
    names = sorted(found, key=lambda name: np.mean(found[name]))
    figure = canvas(680, 60 + 22 * len(names))
    with style():
        axes = figure.add_axes((0.32, 0.1, 0.58, 0.86))
        for place, name in enumerate(names):
            colour = WEIGHT if name == "none" else INK
            shares = found[name]
            axes.plot(shares, [place] * len(shares), "o", color=colour)
            axes.text(
                99.3, place, f"{np.mean(shares):.1f}", va="center", size=11
            )
        labels = ["the first recipe" if n == "none" else n for n in names]
        axes.set_yticks(range(len(names)), labels)
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=12)
        axes.set_xlim(None, 99)
        axes.grid(axis="x", color=LINE, lw=0.8)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("validation right, %")
    told = ", ".join(
        f"{name} {np.mean(found[name]):.1f}" for name in reversed(names)
    )
    show(
        figure,
        "Percent of validation digits read rightly by recipes that differ "
        f"from the first in one thing, means of the seeds: {told}.",
    )
