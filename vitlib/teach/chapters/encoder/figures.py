"""Figures of chapter 6: the stream, and what is added to it."""

import torch
from matplotlib.axes import Axes
from matplotlib.patches import (
    Circle,
    FancyArrowPatch,
    FancyBboxPatch,
    Polygon,
)
from torch import Tensor
from torch.nn import functional as F

from vitlib.encoder import EncoderBlock
from vitlib.teach.draw.canvas import bare, canvas, show, style
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    LINE,
    PAPER,
    STREAM,
    WEIGHT,
)

MONO = {"family": "monospace", "size": 11.5, "color": GREY}
SMALL = {"size": 11.5, "color": GREY}
RIGHT = {"size": 12.5, "ha": "right"}
DASHES = ["-", "--", "-.", ":", (0, (1, 3))]


def _length(tokens: Tensor) -> float:
    """(b, n, d) -> the mean length of a token."""
    return tokens.norm(dim=-1).mean().item()


def _band(ax: Axes, left: float, right: float, y: float) -> None:
    """Draw the stream from left to right, with a point at its end."""
    half, tip = 13, 16
    corners = [
        (left, y - half),
        (right - tip, y - half),
        (right, y),
        (right - tip, y + half),
        (left, y + half),
    ]
    ax.add_patch(Polygon(corners, fc=STREAM, ec="none"))


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float]
) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=11,
            shrinkA=0,
            shrinkB=0,
            color=INK,
            lw=1.2,
        )
    )


def _box(ax: Axes, x: float, y: float, w: float, h: float) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - w / 2, y - h / 2),
            w,
            h,
            boxstyle="round,pad=0,rounding_size=6",
            fc=PAPER,
            ec=INK,
            lw=1.1,
        )
    )


def _branch(ax: Axes, start: float, label: str, layer: str) -> None:
    """Draw one detour: up, the norm, the layer's box, down to the sum."""
    stream, detour = 75, 205
    norm, box, end = start + 52, start + 158, start + 250
    ax.plot([start, start], [stream, detour], color=INK, lw=1.2)
    _arrow(ax, (start, detour), (norm - 27, detour))
    _box(ax, norm, detour, 54, 40)
    ax.text(norm, detour, label, ha="center", va="center")
    _arrow(ax, (norm + 27, detour), (box - 54, detour))
    _box(ax, box, detour, 108, 108)
    ax.text(box, detour + 66, layer, ha="center", size=13)
    ax.plot([box + 54, end], [detour, detour], color=INK, lw=1.2)
    _arrow(ax, (end, detour), (end, stream + 12))
    ax.plot(start, stream, "o", ms=5, color=INK)
    ax.add_patch(Circle((end, stream), 11, fc=PAPER, ec=INK, lw=1.2))
    ax.text(end, stream - 0.5, "+", ha="center", va="center", size=15)


def _token(ax: Axes, x: float, y: float, side: float = 14) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - side / 2, y - side / 2),
            side,
            side,
            boxstyle="round,pad=0,rounding_size=3",
            fc=LINE,
            ec=GREY,
            lw=0.8,
        )
    )


def block(layer: EncoderBlock, tokens: Tensor) -> None:
    """Show the block as two detours from the stream, with real lengths."""
    with torch.no_grad():
        gathered = layer.attn(layer.norm1(tokens))
        between = tokens + gathered
        made = layer.mlp(layer.norm2(between))
        after = between + made
    figure = canvas(680, 330)
    with style():
        ax = bare(figure.add_axes((0, 0, 1, 1)))
        ax.set_xlim(0, 680)
        ax.set_ylim(0, 330)
        _band(ax, 14, 668, 75)
        _branch(ax, 70, "norm1", "attention")
        _branch(ax, 364, "norm2", "MLP")
        attention, mlp = 228, 522
        rows = [205 + step for step in (-33, -11, 11, 33)]
        for y in rows:
            for other in rows:
                ax.plot(
                    [attention - 27, attention + 27],
                    [other, y],
                    color=WEIGHT,
                    lw=0.7,
                    alpha=0.7,
                )
        for y in rows:
            _token(ax, attention - 34, y)
            _token(ax, attention + 34, y)
            _token(ax, mlp - 40, y)
            _token(ax, mlp + 40, y)
            wide = [
                (mlp - 33, y - 2),
                (mlp - 16, y - 9),
                (mlp + 16, y - 9),
                (mlp + 33, y - 2),
                (mlp + 33, y + 2),
                (mlp + 16, y + 9),
                (mlp - 16, y + 9),
                (mlp - 33, y + 2),
            ]
            ax.add_patch(Polygon(wide, fc=STREAM, ec="none"))
        ax.text(
            attention, 133, "from token to token", ha="center", **SMALL
        )
        ax.text(mlp, 133, "each token alone", ha="center", **SMALL)
        for x, value in (
            (36, tokens),
            (347, between),
            (645, after),
        ):
            text = f"{_length(value):.1f}"
            ax.text(x, 75, text, ha="center", va="center", size=12.5)
        for x, value in ((313, gathered), (607, made)):
            ax.text(x, 110, f"+ {_length(value):.1f}", **RIGHT)
        ax.text(14, 40, "the residual stream", size=13)
        shape = f"{tuple(tokens.shape)} everywhere on the band"
        ax.text(14, 18, shape, **MONO)
        hidden = layer.mlp.fc1.out_features
        ax.text(
            mlp,
            298,
            f"{tokens.shape[-1]} -> {hidden} -> {tokens.shape[-1]}",
            ha="center",
            **MONO,
        )
        heads = f"{layer.attn.num_heads} heads"
        ax.text(attention, 298, heads, ha="center", **MONO)
        ax.text(
            668,
            40,
            "the numbers: mean length of a token",
            ha="right",
            color=GREY,
        )
    show(
        figure,
        "A broad grey band runs from left to right: the stream, "
        f"{tuple(tokens.shape)}. Twice a thin line leaves it, passes a "
        "norm and a layer, and comes back to a plus sign on the band: "
        "first through attention, whose threads connect all tokens, then "
        "through the MLP, where each token has its own lane. The mean "
        f"length of a token is {_length(tokens):.1f} before, "
        f"{_length(between):.0f} after the first sum and "
        f"{_length(after):.0f} after the second.",
        cuts=(360,),
    )


def layer_norm(before: Tensor, after: Tensor, names: list[str]) -> None:
    """Draw a few tokens as one draws a sound, before and after the norm.

    (n, d) twice, and a name for each of the n tokens.
    """
    count, width = before.shape
    figure = canvas(680, 60 + 70 * count)
    loudest = max(before.abs().max().item(), after.abs().max().item())
    with style():
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(0.01, 0.07, 0.99, 0.92, wspace=0.06)
        bare(left, "as they are in the stream", f"{tuple(before.shape)}")
        bare(right, "after the norm", f"{tuple(after.shape)}")
        for ax, tokens in ((left, before), (right, after)):
            ax.set(xlim=(0, width), ylim=(count - 0.45, -0.7))
            for row, token in enumerate(tokens.detach()):
                colour = CLS if names[row] == "class token" else GREY
                ax.plot(row - 0.34 * token / loudest, color=colour, lw=0.9)
                mean = f"{token.mean():.2f}".replace("-0.00", "0.00")
                std = f"{token.std(unbiased=False):.2f}"
                above = row - 0.42
                ax.text(0, above, names[row])
                numbers = f"mean {mean}, std {std}"
                ax.text(width, above, numbers, ha="right", **SMALL)
    spreads = before.std(dim=-1, unbiased=False)
    show(
        figure,
        f"{count} tokens, each of {width} numbers drawn as a wave, all on "
        "one scale. Before the norm some are louder than others: standard "
        f"deviations from {spreads.min():.2f} to {spreads.max():.2f}, the "
        "class token nearly a flat line. After it all are equally loud, "
        "mean 0.00 and standard deviation 1.00, and the pattern of each "
        "wave is the same as before.",
    )


def gelu(inputs: Tensor) -> None:
    """Show the bend and where a layer's real inputs fall on it."""
    x = torch.linspace(-4, 4, 801, dtype=torch.float64)
    exact, approximate = F.gelu(x), F.gelu(x, approximate="tanh")
    difference = approximate - exact
    counts, edges = torch.histogram(
        inputs.detach().flatten().float(), bins=64, range=(-4.0, 4.0)
    )
    bars = counts / counts.max() * 1.6
    figure = canvas(680, 300)
    with style():
        left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        left.set_title("the bend, and the numbers that meet it")
        left.bar(
            edges[:-1],
            bars,
            width=edges[1] - edges[0],
            align="edge",
            color=LINE,
            zorder=0,
        )
        left.plot(x, F.relu(x), color=GREY, ls="--", lw=1.2)
        left.plot(x, exact, color=INK, lw=2.2)
        left.axhline(0, color=GREY, lw=0.6)
        left.text(2.2, 1.35, "GELU", color=INK, size=13)
        left.text(2.4, 2.9, "ReLU, dashed", color=GREY, ha="right")
        left.annotate(
            f"lowest, {exact.min():.2f}\nat {x[exact.argmin()]:.2f}",
            (-0.75, -0.17),
            (-3.8, -0.62),
            va="center",
            arrowprops={"arrowstyle": "-", "color": GREY},
        )
        left.text(-3.8, 1.3, "grey: inputs\nfrom the cat", color=GREY)
        left.set_xlim(-4, 4)
        left.set_ylim(-1, 4)
        left.set_xlabel("in")
        left.set_ylabel("out")
        right.set_title("by how much the tanh form is off")
        right.fill_between(x, difference, color=LINE, lw=0)
        right.plot(x, difference, color=INK, lw=1.8)
        right.axhline(0, color=GREY, lw=0.6)
        place = difference.argmax()
        top = difference[place].item()
        at = abs(x[place].item())
        for side in (-at, at):
            right.plot(side, top, "o", ms=5, color=INK)
        label = f"{top:.5f}\nat ±{at:.2f}"
        right.text(0, top, label, ha="center", va="center")
        right.set_xlim(-4, 4)
        right.set_ylim(-4e-4, 6e-4)
        heights = [-4e-4, -2e-4, 0, 2e-4, 4e-4]
        right.set_yticks(heights, [f"{h:g}" for h in heights])
        right.set_xlabel("in")
        figure.tight_layout(w_pad=2)
    show(
        figure,
        "First, the curve of GELU: close to zero far on the left, a dip "
        f"to {exact.min():.2f} at {x[exact.argmin()]:.2f}, then close to "
        "the input itself, with ReLU's corner dashed beside it; behind it "
        "a bell of the inputs that the cat gives, most of them between -2 "
        "and 2. Then, the approximate curve minus the exact one: two "
        f"peaks of {top:.5f} at -{at:.1f} and {at:.1f}, and nearly zero "
        "in the middle.",
    )


def stream(
    lengths: list[float], writes: list[tuple[float, float]]
) -> None:
    """Show the stream's growth and what the two layers write into it.

    `lengths` are those before the first block and after every layer, two
    a block; `writes` the lengths of the two updates of every block.
    """
    depth = len(writes)
    places = [index / 2 for index in range(2 * depth + 1)]
    figure = canvas(680, 300)
    with style():
        ax = figure.add_subplot()
        ax.fill_between(places, lengths, color=STREAM, alpha=0.55, lw=0)
        ax.plot(places, lengths, color=GREY, lw=1.6)
        for number, (gathered, made) in enumerate(writes):
            ax.bar(number + 0.27, gathered, width=0.2, color=WEIGHT)
            ax.bar(number + 0.75, made, width=0.2, color=INK)
        ax.set_xlim(0, depth + 0.02)
        ax.set_ylim(0, max(lengths) * 1.12)
        ax.set_xticks(range(0, depth + 1, 2))
        ax.set_xlabel("blocks passed")
        ax.set_ylabel("mean length of a token")
        ends = f"the stream: {lengths[0]:.1f} to {lengths[-1]:.0f}"
        rows = (
            ("attention writes", WEIGHT),
            ("the MLP writes", INK),
            (ends, GREY),
        )
        for place, (words, colour) in enumerate(rows):
            height = lengths[-1] * (1.05 - 0.12 * place)
            ax.text(0.25, height, words, color=colour)
        figure.tight_layout()
    first, last = writes[0], writes[-1]
    show(
        figure,
        f"A grey area that grows from {lengths[0]:.1f} to "
        f"{lengths[-1]:.0f} over {depth} blocks: the mean length of a "
        "token in the stream. In front of it two bars a block, which stay "
        f"about as high as they were: attention writes {first[0]:.0f} in "
        f"the first block and {last[0]:.0f} in the last, the MLP "
        f"{first[1]:.0f} and {last[1]:.0f}.",
    )


def switched_off(
    spreads: dict[str, list[float]], lengths: dict[str, list[float]]
) -> None:
    """Show how alike and how long tokens get, with parts switched off."""
    figure = canvas(680, 330)
    panels = (
        (spreads, "what still tells tokens apart", (3e-8, 3)),
        (lengths, "mean length of a token", (1, 1e3)),
    )
    with style():
        axes = figure.subplots(1, 2)
        for ax, (curves, title, limits) in zip(axes, panels, strict=True):
            ax.set_title(title)
            for dash, (name, values) in zip(
                DASHES, curves.items(), strict=False
            ):
                everything = name == next(iter(curves))
                colour = INK if everything else GREY
                thick = 2.6 if everything else 1.5
                ax.plot(values, ls=dash, lw=thick, color=colour)
            _by_factors(ax)
            ax.set_ylim(*limits)
            ax.minorticks_off()
            depth = len(values) - 1
            ax.set_xlim(0, depth)
            ax.set_xticks(range(0, depth + 1, 4))
            ax.set_xlabel("blocks passed")
            _end_labels(ax, curves, limits)
        figure.tight_layout(w_pad=1)
    told = "; ".join(
        f"{name}: {_round(spreads[name][-1])} and "
        f"{_round(lengths[name][-1])}"
        for name in spreads
    )
    show(
        figure,
        "Two panels on logarithmic scales over the blocks: the part of "
        "the tokens in which they differ from their mean, and their "
        f"length. After the last block, {told}.",
    )


def _by_factors(ax: Axes) -> None:
    """Make heights go by factors, and write no exponent small: 1e-6."""
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(
        lambda value, _: f"{value:g}".replace("e-0", "e-")
    )


def _round(value: float) -> str:
    """Say a number in one or two digits that every machine gives."""
    if value < 1e-5:
        return "below 0.00001"
    if value < 1e-3:
        return f"{value:.5f}"
    return f"{value:.1g}" if value < 1 else f"{value:.0f}"


def _end_labels(
    ax: Axes, curves: dict[str, list[float]], limits: tuple[float, float]
) -> None:
    """Write each curve's name beside its end, no two on one another."""
    low, high = (torch.tensor(limit).log10().item() for limit in limits)
    step = (high - low) * 0.075
    ends = {
        name: torch.tensor(values[-1]).log10().item()
        for name, values in curves.items()
    }
    names = sorted(ends, key=ends.get)
    places: list[float] = []
    for name in names:
        floor = places[-1] + step if places else low
        places.append(max(ends[name], floor))
    middle = sum(places) / len(places)
    shift = middle - sum(ends.values()) / len(ends)
    for name, place in zip(names, places, strict=True):
        ax.annotate(
            name,
            (1.03, 10 ** (place - shift / 2)),
            xycoords=("axes fraction", "data"),
            va="center",
            color=INK if name == next(iter(curves)) else GREY,
            size=11.5,
            annotation_clip=False,
        )


def before_and_after(
    gradients: dict[tuple[str, int], list[float]],
    shares: dict[str, list[float]],
) -> None:
    """Show gradients by block, and what is left of the first tokens.

    `gradients` has a list for every (place of the norm, depth), `shares`
    one for each place of the norm, over the layers of the deepest.
    """
    figure = canvas(680, 320)
    looks = {"pre": (INK, "-"), "post": (GREY, "--")}
    with style():
        left, right = figure.subplots(1, 2)
        left.set_title("gradient at the block's weights")
        for (place, depth), values in gradients.items():
            colour, dash = looks[place]
            left.plot(
                range(1, depth + 1), values, color=colour, ls=dash, lw=1.6
            )
            left.plot(depth, values[-1], "o", ms=5, color=colour)
        _by_factors(left)
        left.set_ylim(0.2, 4)
        left.set_yticks(
            [0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"]
        )
        left.minorticks_off()
        left.set_xlabel("block")
        right.set_title("share of the input that is left")
        for place, values in shares.items():
            colour, dash = looks[place]
            count = len(values)
            right.plot(values, color=colour, ls=dash, lw=2)
            above = place == "pre"
            right.text(
                count - 1 if above else count * 0.56,
                values[-1] * 2 if above else values[count * 3 // 5],
                f"{place}-norm: {_round(values[-1])}",
                ha="right",
                va="bottom" if above else "top",
                color=colour,
            )
        _by_factors(right)
        right.set_ylim(1e-6, 6)
        right.set_xlabel("layers passed, two a block")
        deepest = max(depth for _, depth in gradients)
        left.text(
            deepest,
            gradients["post", deepest][-1] * 1.35,
            "post-norm",
            color=GREY,
            ha="right",
        )
        left.text(
            deepest,
            gradients["pre", deepest][-1] * 0.72,
            "pre-norm",
            color=INK,
            ha="right",
        )
        figure.tight_layout(w_pad=2)
    ends = ", ".join(
        f"{gradients['pre', depth][-1]:.1f} of {depth}"
        for place, depth in gradients
        if place == "pre"
    )
    low, high = (
        pick(v[-1] for (p, _), v in gradients.items() if p == "post")
        for pick in (min, max)
    )
    show(
        figure,
        "First, the gradient's length at the weights of every block. With "
        "the norm in front of the layers it falls from block to block, to "
        f"{ends} blocks at the last; with the norm after the sum it ends "
        f"between {low:.1f} and {high:.1f} at every depth. Then, the "
        "share of the stream that the tokens which entered still are, "
        "logarithmic: it sinks slowly with pre-norm, to "
        f"{shares['pre'][-1]:.2f}, and by the same factor again and again "
        f"with post-norm, to {_round(shares['post'][-1])}.",
    )
