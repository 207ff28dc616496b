"""Figures of the bug clinic: what a planted error does."""

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from vitlib import patchify, unpatchify
from vitlib.teach.chapters.clinic.patients import planted
from vitlib.teach.data.experiments import stored
from vitlib.teach.draw.canvas import (
    WEIGHTS,
    bare,
    canvas,
    ink,
    show,
    style,
)
from vitlib.teach.draw.palette import CUT, GREY, INK, LINE, STREAM, WEIGHT
from vitlib.vit import ViT

PATCH = 7
SAME = 0.05  # a distance that only rounding has made


@torch.no_grad()
def as_it_arrives(images: Tensor, healthy: ViT, patient: ViT) -> None:
    """Show digits, and the patches in the order of the patient's tokens.

    For each of its tokens the patches are drawn whose tokens, in the
    healthy model, are the nearest over all digits.
    """
    before, after = (
        m.patch_embed(images).transpose(0, 1).flatten(1)
        for m in (healthy, patient)
    )
    order = torch.cdist(after, before).argmin(dim=1)
    patches = patchify(images, PATCH)[:, order]
    rows = images, unpatchify(patches, PATCH, images.shape[-1])
    figure = canvas(680, 250)
    count = len(images)
    with style():
        grid = figure.subplots(2, count)
        for axes, pictures in zip(grid, rows, strict=True):
            for axis, picture in zip(axes, pictures, strict=True):
                ink(bare(axis), picture[0])
                for side in (6.5, 13.5, 20.5):
                    axis.axhline(side, color=CUT, lw=1)
                    axis.axvline(side, color=CUT, lw=1)
        grid[0, 0].set_title("as it was written")
        grid[1, 0].set_title("token by token, four to a row")
        figure.tight_layout(w_pad=0.6, h_pad=0.8)
    moved = (order != torch.arange(len(order))).sum()
    show(
        figure,
        f"{count} handwritten digits, each cut into 4 by 4 patches, and "
        "below each the same patches in the order in which its tokens "
        f"arrive, four to a row. {moved} of 16 patches stand in another "
        "place; each is upright and whole. What stood at the upper right "
        "stands at the lower left.",
        by_row=True,
    )


def shares_of_one_head(healthy: Tensor, patient: Tensor) -> None:
    """Show two tables (n, n), with the sum of each row beside it."""
    figure = canvas(680, 330)
    top = 1.05 * max(t.sum(dim=1).max().item() for t in (healthy, patient))
    said = []
    with style():
        for place, (name, table) in enumerate(
            (("healthy", healthy), ("patient", patient))
        ):
            left = 0.02 + 0.5 * place
            axes = figure.add_axes((left, 0.09, 0.34, 0.80))
            bare(axes, name, f"{tuple(table.shape)}")
            axes.imshow(table.numpy(), cmap=WEIGHTS, vmin=0)
            sums = table.sum(dim=1)
            beside = figure.add_axes((left + 0.355, 0.09, 0.1, 0.80))
            bare(beside, "row sums")
            beside.barh(range(len(sums)), sums.numpy(), color=WEIGHT)
            beside.axvline(1, color=INK, lw=0.8)
            beside.set_xlim(0, top)
            beside.set_ylim(len(sums) - 0.5, -0.5)
            said.append(f"{name} {sums.min():.1f} to {sums.max():.1f}")
    show(
        figure,
        "The attention weights of one head for one digit as two tables of "
        "17 rows and columns, healthy and patient, darker for more, and "
        f"beside each a bar for the sum of each row: {'; '.join(said)}.",
        cuts=(340,),
    )


def stages(differences: dict[str, float]) -> None:
    """Show how far each stage of the patient is from the healthy one."""
    figure = canvas(360, 40 + 34 * len(differences))
    with style():
        axes = figure.add_axes((0.16, 0.2, 0.68, 0.78))
        _bars(axes, differences, "{:.0%}")
        axes.set_xticks([])
        axes.set_xlabel("difference from the healthy reader")
    told = ", ".join(f"{n} {v:.0%}" for n, v in differences.items())
    show(
        figure,
        "Bars for the stages of the first attention layer, how far each "
        f"is from the healthy reader's: {told}.",
    )


def heard_by_the_answer(lengths: Tensor) -> None:
    """Show how much the answer would change with each token, (n,)."""
    figure = canvas(680, 130)
    shares = lengths / lengths.max()
    with style():
        axes = figure.add_axes((0.01, 0.3, 0.98, 0.42))
        bare(axes, "what the answer hears of each token")
        axes.imshow(
            shares[None].numpy(),
            cmap=WEIGHTS,
            vmin=0,
            vmax=1,
            aspect="auto",
        )
        axes.set_xticks(range(len(shares)), range(len(shares)))
        axes.tick_params(length=0, labelcolor=GREY)
        for side in range(1, len(shares)):
            axes.axvline(side - 0.5, color=CUT, lw=1)
        axes.set_xlabel("token")
    heard = shares.nonzero().flatten().tolist()
    show(
        figure,
        f"A row of {len(shares)} squares, numbered from 0, one for each "
        "token as it leaves the last block, darker where the scores "
        f"depend on it more. Not white: {', '.join(map(str, heard))}.",
    )


def losses(case: int) -> None:
    """Show the stored run of a case, and the healthy one in grey."""
    error = planted(case).__name__
    runs = {run["error"]: run for run in stored("clinic")["runs"]}
    figure = canvas(680, 240)
    with style():
        axes = figure.add_axes((0.07, 0.2, 0.85, 0.68))
        for name, color in (("none", STREAM), (error, WEIGHT)):
            values = runs[name]["losses"]
            axes.plot(range(1, len(values) + 1), values, color=color)
        axes.axhline(2.303, color=LINE, lw=1, zorder=0)
        axes.text(252, 2.303, "ln 10", va="center", size=11, color=GREY)
        axes.set_xlim(0, 250)
        axes.set_ylim(0, 1.1 * max(values))
        axes.set_xlabel("step")
        axes.set_title("loss of the batch; in grey the healthy run")
    ends = {name: sum(runs[name]["losses"][-50:]) / 50 for name in runs}
    highest = max(runs[error]["losses"])
    show(
        figure,
        "The loss of each batch over 250 steps, and in grey that of the "
        f"healthy run. Mean of the last 50 steps: {ends[error]:.2f}, "
        f"healthy {ends['none']:.2f}. Highest of all: {highest:.2f}.",
    )


def judged(case: int) -> None:
    """Print what came of a stored run, beside the healthy one."""
    error = planted(case).__name__
    for run in stored("clinic")["runs"]:
        if run["error"] in ("none", error):
            name = "healthy" if run["error"] == "none" else "patient"
            last = sum(run["losses"][-50:]) / 50
            print(
                f"{name}: loss {last:.2f} at the end, "
                f"{run['accuracy']:.0%} of validation right, "
                f"{_unused(run['answers'])}"
            )


def _unused(answers: list[int]) -> str:
    """Say which of the ten answers were never given."""
    given = [str(k) for k, count in enumerate(answers) if count]
    if len(given) == 1:
        return f"every answer is {given[0]}"
    never = [str(k) for k, count in enumerate(answers) if not count]
    return f"no answer is {', '.join(never)}" if never else "all classes"


@torch.no_grad()
def asked_again(model: nn.Module, images: Tensor, times: int) -> Tensor:
    """Ask about the same digits several times; show and give answers.

    (n, 1, 28, 28) -> (times, n).
    """
    answers = torch.stack(
        [model(images).argmax(dim=1) for _ in range(times)]
    )
    figure = canvas(680, 75 + 20 * times)
    with style():
        grid = figure.subplots(1, len(images))
        for axes, image, said in zip(grid, images, answers.T, strict=True):
            ink(bare(axes), image[0])
            axes.set_anchor("N")
            axes.set_xlabel("\n".join(map(str, said.tolist())), size=12)
        figure.tight_layout(w_pad=0.6)
    show(
        figure,
        f"{len(images)} handwritten digits, and below each what the model "
        f"answers when it is asked {times} times.",
    )
    return answers


def nearest(distances: Tensor, without: Tensor) -> None:
    """Show how far each asked digit is from the nearest known one."""
    figure = canvas(680, 230)
    top = without.max().item()
    with style():
        axes = figure.add_axes((0.08, 0.22, 0.89, 0.66))
        for values, color, kind in (
            (without, STREAM, "stepfilled"),
            (distances, WEIGHT, "step"),
        ):
            counts = torch.histc(values, 40, 0, top).numpy()
            edges = torch.linspace(0, top, 41).numpy()
            fill = kind == "stepfilled"
            axes.stairs(counts, edges, fill=fill, color=color, lw=1.6)
        axes.set_xlim(0, top)
        axes.set_xlabel("distance to the nearest known digit")
        axes.set_title("asked digits; in grey those of chapter 9")
    at_zero = int((distances < SAME).sum())
    show(
        figure,
        f"How many of {len(distances):,} digits lie how far from the "
        "nearest known one: a hill, in grey as in chapter 9, and for the "
        f"patient half as high, with a peak of {at_zero} at distance 0.",
    )


def side_by_side(rows: dict[str, float], written: str, title: str) -> None:
    """Show numbers as bars; `written` formats them, "{:.1f} %"."""
    figure = canvas(360, 46 + 34 * len(rows))
    with style():
        axes = figure.add_axes((0.3, 0.05, 0.46, 0.68))
        _bars(axes, rows, written)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(title)
    told = ", ".join(f"{n} {written.format(v)}" for n, v in rows.items())
    show(figure, f"Bars, {title}: {told}.")


def _bars(axes: Axes, rows: dict[str, float], written: str) -> None:
    axes.barh(list(rows), list(rows.values()), color=WEIGHT, height=0.55)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    for place, value in enumerate(rows.values()):
        axes.annotate(
            written.format(value),
            (value, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
