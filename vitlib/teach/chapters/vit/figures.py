"""Figures of chapter 7: the whole model, its sizes, one by hand."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from vitlib.attention import record_attention
from vitlib.teach.draw.canvas import (
    SIGNED,
    WEIGHTS,
    bare,
    canvas,
    show,
    style,
)
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    LINE,
    ON_PICTURE,
    ON_TILE,
    STREAM,
)
from vitlib.tokens import add_positions, prepend_cls
from vitlib.vit import ViT

PARTS = {
    "patch_embed": "patch embedding",
    "cls_token": "class token, positions",
    "pos_embed": "class token, positions",
    "attn": "attention",
    "mlp": "MLPs",
    "norm": "norms",
    "head": "head",
}


def _part(name: str) -> str:
    return next(part for key, part in PARTS.items() if key in name)


def where_parameters_live(model: nn.Module) -> None:
    """Show how the model's parameters are shared out among its parts."""
    counts = dict.fromkeys(PARTS.values(), 0)
    for name, parameter in model.named_parameters():
        counts[_part(name)] += parameter.numel()
    total = sum(counts.values())
    shares = ", ".join(f"{n} {c / total:.1%}" for n, c in counts.items())
    show(
        _shared_out(counts, beside=True),
        f"Bars for {total:,} parameters: {shares}.",
        narrow=_shared_out(counts, beside=False),
    )


def _shared_out(counts: dict[str, int], beside: bool) -> Figure:
    """Draw a bar for each part, its name beside the bar or above."""
    total, most = sum(counts.values()), max(counts.values())
    heights = range(len(counts), 0, -1)
    figure = canvas(680, 215) if beside else canvas(NARROW, 330)
    left = 0.27 if beside else 0.01
    with style():
        axes = figure.add_axes((left, 0.04, 0.98 - left, 0.92))
        colours = [
            STREAM if n != "class token, positions" else CLS
            for n in counts
        ]
        thick = 0.6 if beside else 0.36
        axes.barh(
            heights, list(counts.values()), color=colours, height=thick
        )
        axes.set_yticks(heights, list(counts) if beside else [])
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=12)
        axes.set_xticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xlim(0, (1.4 if beside else 1.75) * most)
        axes.set_ylim(0.5, len(counts) + (0.5 if beside else 0.7))
        for height, (name, count) in zip(
            heights, counts.items(), strict=True
        ):
            label = f"{count:,}  ({count / total:.1%})"
            place = count + 0.015 * most
            axes.text(place, height, label, va="center", color=GREY)
            if not beside:
                axes.text(0, height + 0.26, name)
    return figure


def untrained_scores(cat: Tensor, noise: Tensor) -> None:
    """Show the sorted probabilities that an untrained model gives."""
    figure = canvas(680, 230)
    tops = []
    with style():
        axes = figure.subplots(1, 2, sharey=True)
        for ax, logits, name in zip(
            axes, (cat, noise), ("the cat", "noise"), strict=True
        ):
            shares = logits.softmax(-1).flatten().sort(descending=True)[0]
            tops.append(shares[0].item())
            every = np.arange(0, len(shares), 5)
            ax.fill_between(every, shares[every] * 100, color=STREAM, lw=0)
            ax.axhline(100 / len(shares), color=INK, lw=0.8)
            ax.set_title(name)
            ax.set_xlabel(f"{len(shares)} classes, most likely first")
            ax.set_xticks([0, len(shares)])
            # Each has its own: on a phone each stands by itself.
            ax.set_ylabel("probability, %")
            ax.tick_params(labelleft=True)
            words = "one in a thousand"
            ax.text(990, 0.13, words, ha="right", color=GREY, size=11)
        figure.tight_layout(w_pad=2)
    show(
        figure,
        "Two curves of 1,000 sorted probabilities, for the cat and for "
        f"noise. Both fall from about {100 * tops[0]:.0f} and "
        f"{100 * tops[1]:.0f} percent at the left to almost nothing; a "
        "line marks 0.1 percent, the share of pure guessing.",
    )


def by_hand(model: ViT, images: Tensor) -> None:
    """Show every number of the four-patch ViT on a grey picture."""
    with torch.no_grad(), record_attention(model) as maps:
        result = model.forward_features(images)[0]
        scores = model.head(model.pool(result[None]))
        tokens = prepend_cls(model.patch_embed(images), model.cls_token)
        before = add_positions(tokens, model.pos_embed)[0]
    weights = maps[0][0, 0, :1]
    figure = canvas(680, 330)
    with style():
        left = figure.add_axes((0.01, 0.16, 0.34, 0.70))
        _quarters(left, images, before[1:, 0])
        names = ("class", "0", "1", "2", "3")
        _numbers(
            figure.add_axes((0.42, 0.16, 0.19, 0.70)),
            before.numpy(),
            "tokens",
            "(1, 5, 3)",
            names,
        )
        _numbers(
            figure.add_axes((0.68, 0.16, 0.075, 0.70)),
            weights.T.numpy(),
            "attention",
            "(1, 1, 5)",
            names,
            weights=True,
        )
        _numbers(
            figure.add_axes((0.81, 0.74, 0.18, 0.12)),
            result[:1].numpy(),
            "class token after",
            "(1, 3)",
            ("class",),
        )
        _numbers(
            figure.add_axes((0.86, 0.16, 0.09, 0.42)),
            scores.T.numpy(),
            "scores",
            "(1, 4)",
            names[1:],
        )
    brightest, answer = int(before[1:, 0].argmax()), int(scores.argmax())
    shares = ", ".join(f"{w:.2f}" for w in weights.flatten())
    show(
        figure,
        "The cat in grey, cut into four quarters with brightness "
        + ", ".join(f"{b:.2f}" for b in before[1:, 0])
        + ". Beside it five tokens of three numbers; the attention of the "
        f"class token to them, {shares}; the class token after the block, "
        + ", ".join(f"{v:.2f}" for v in result[0])
        + f"; four scores, the largest for quarter {answer}. The "
        f"brightest is quarter {brightest}.",
    )


def _quarters(axes: Axes, images: Tensor, brightness: Tensor) -> None:
    bare(axes, "the picture", f"{tuple(images.shape)}")
    axes.imshow(images[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
    side = images.shape[-1] / 2
    for number, value in enumerate(brightness):
        row, col = divmod(number, 2)
        place = (col * side - 0.5, row * side - 0.5)
        axes.add_patch(
            Rectangle(place, side, side, fill=False, ec=ON_PICTURE, lw=3)
        )
        axes.text(
            place[0] + side / 2,
            place[1] + side / 2,
            f"{number}: {value:.2f}",
            ha="center",
            va="center",
            color=ON_PICTURE,
            bbox={
                "boxstyle": "round,pad=0.3",
                "fc": (0, 0, 0, 0.6),
                "ec": "none",
            },
        )


def _numbers(
    axes: Axes,
    table: np.ndarray,
    title: str,
    shape: str,
    names: tuple[str, ...],
    weights: bool = False,
) -> None:
    """Draw a small table of numbers as coloured tiles."""
    bare(axes, title, shape)
    limit = max(1.0, float(np.abs(table).max()) * 1.6)
    if weights:
        axes.imshow(table, cmap=WEIGHTS, vmin=0, vmax=1.6, aspect="auto")
    else:
        axes.imshow(
            table, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto"
        )
    for row, numbers in enumerate(table):
        for col, number in enumerate(numbers):
            axes.text(
                col,
                row,
                f"{number:.2f}",
                ha="center",
                va="center",
                color=ON_TILE,
            )
    rows, cols = table.shape
    frame = Rectangle((-0.5, -0.5), cols, rows, fc="none", ec=LINE, lw=0.8)
    axes.add_patch(frame)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=GREY)
