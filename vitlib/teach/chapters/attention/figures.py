"""Figures of chapter 5: who looks at whom, and how much it takes."""

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from torch import Tensor

from vitlib.patches import patchify
from vitlib.teach.draw.canvas import (
    WEIGHTS,
    as_picture,
    bare,
    canvas,
    show,
    style,
)
from vitlib.teach.draw.palette import (
    GREY,
    INK,
    KEY,
    LINE,
    ON_TILE,
    PAPER,
    QUERY,
    VALUE,
    WEIGHT,
    on,
)

CODE = {"family": "monospace", "size": 11, "color": GREY}


def _squares(images: Tensor, patch_size: int) -> np.ndarray:
    """(1, 3, h, w), 0 to 1 -> (n, p, p, 3) bytes, a picture a patch."""
    pixels = (patchify(images, patch_size)[0] * 255).round().byte()
    squares = rearrange(pixels, "n (y x c) -> n y x c", y=patch_size, c=3)
    return squares.numpy()


def _sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Give axes over the whole figure, in pixels, y pointing down."""
    figure = canvas(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure, axes


def _token(
    axes: Axes, x: float, y: float, side: float, edge: str, face
) -> None:
    """Draw a token centred at x, y; `face` is a picture or a colour."""
    left, top = x - side / 2, y - side / 2
    rounded = FancyBboxPatch(
        (left, top),
        side,
        side,
        boxstyle=f"round,pad=0,rounding_size={side / 7}",
        fc="none",
        ec=edge,
        lw=2.4,
        zorder=3,
    )
    axes.add_patch(rounded)
    if isinstance(face, np.ndarray) and face.ndim == 3:
        extent = (left, left + side, top + side, top)
        image = axes.imshow(face, extent=extent, zorder=2, aspect="auto")
        image.set_clip_path(rounded)
    else:
        rounded.set_facecolor(face)


def _thread(axes: Axes, start, end, colour: str, width: float) -> None:
    """Draw a thin curve from one token to another."""
    middle = (start[0] + end[0]) / 2
    bends = [start, (middle, start[1]), (middle, end[1]), end]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    axes.add_patch(
        PathPatch(Path(bends, codes), fc="none", ec=colour, lw=width)
    )


def _numbers(values: Tensor) -> str:
    return "(" + ", ".join(f"{v:.2f}" for v in values.tolist()) + ")"


def one_query(
    images: Tensor,
    patch_size: int,
    chosen: list[int],
    q: Tensor,
    k: Tensor,
    v: Tensor,
) -> None:
    """Show the first of the chosen tokens ask all of them.

    q (k), k (chosen, k) and v (chosen, 3), the values being colours.
    """
    scores = k @ q / q.shape[0] ** 0.5
    weights = scores.softmax(dim=0)
    output = weights @ v
    pictures = _squares(images, patch_size)[chosen]
    heights = (86, 168, 250)
    columns = (66, 226, 356, 436, 516, 616)
    names = ("query", "keys", "scores", "weights", "values", "output")
    root = f"q·k / √{q.shape[0]}"
    shapes = ("q", "k", root, "w", "v", "w @ v")
    with style():
        figure, axes = _sheet(668, 338)
        for x, name, shape in zip(columns, names, shapes, strict=True):
            axes.text(x, 24, name, ha="center", size=13)
            axes.text(x, 324, shape, ha="center", **CODE)
        _token(axes, 66, 168, 72, QUERY, pictures[0])
        axes.text(
            66, 226, _numbers(q), ha="center", size=11.5, color=QUERY
        )
        for y, picture, key, score, weight, value in zip(
            heights, pictures, k, scores, weights, v, strict=True
        ):
            width = 0.8 + 7 * weight.item()
            _thread(axes, (104, 168), (196, y), QUERY, width)
            _token(axes, 226, y, 52, KEY, picture)
            axes.text(
                226, y + 43, _numbers(key), ha="center", size=11, color=KEY
            )
            axes.text(
                356, y + 4, f"{score:.2f}", ha="center", size=13, color=INK
            )
            axes.plot([256, 322], [y, y], color=LINE, lw=1, zorder=0)
            # Not quite WEIGHT itself, which is another one in the dark.
            shade = WEIGHTS(0.99 * weight.item() / weights.max().item())
            _token(axes, 436, y, 40, WEIGHT, shade)
            axes.text(
                436,
                y + 4.5,
                f"{weight:.2f}",
                ha="center",
                size=12,
                color=on(shade),
                zorder=4,
            )
            _thread(axes, (546, y), (584, 168), VALUE, width)
            _token(axes, 516, y, 52, VALUE, tuple(value.tolist()))
        _token(axes, 618, 168, 60, GREY, tuple(output.tolist()))
    parts = "; ".join(
        f"score {s:.2f}, weight {w:.2f}"
        for s, w in zip(scores.tolist(), weights.tolist(), strict=True)
    )
    show(
        figure,
        "In order: the query, a square of the cat's eye with "
        f"the numbers {_numbers(q)}; three keys, the same square, the "
        f"other eye and the nose, each with two numbers; {parts}; three "
        "values, each a plain colour; and the output, a dark olive mixed "
        "from the first two. The threads to the two eyes are thick, the "
        "thread to the nose is thin.",
        cuts=(318,),  # the scores stay with what they become
    )


def _map(
    axes: Axes, weights: Tensor, grid: tuple[int, int], title: str
) -> None:
    """Draw (n) weights as a grid, white at 0; say the range beneath."""
    high = weights.max().item()
    bare(axes, title, f"0 to {high:.2g}")
    axes.imshow(
        weights.reshape(grid).numpy(), cmap=WEIGHTS, vmin=0, vmax=high
    )
    rows, cols = grid
    frame = Rectangle((-0.5, -0.5), cols, rows, fc="none", ec=LINE, lw=0.8)
    axes.add_patch(frame)


def _asked(
    axes: Axes, query: int, cols: int, side: float, shift: float = 0
) -> None:
    """Outline the square which asks."""
    row, col = divmod(query, cols)
    corner = (col * side - 0.5 - shift, row * side - 0.5 - shift)
    axes.add_patch(
        Rectangle(
            corner,
            side + 2 * shift,
            side + 2 * shift,
            fc="none",
            ec=QUERY,
            lw=2.2,
        )
    )


def _effective(weights: Tensor) -> float:
    """(..., n) -> e to the mean entropy: how many keys are heard."""
    return torch.special.entr(weights).sum(dim=-1).mean().exp().item()


def eye_attention(
    images: Tensor,
    patch_size: int,
    query: int,
    scores: Tensor,
    factors: tuple[float, ...] = (0.25, 1.0, 4.0),
) -> None:
    """Show the cat and where one patch looks, from vague to strict.

    `scores` (n) are those of this query with every patch; each map is
    the softmax of the scores times one of the `factors`.
    """
    rows, cols = (side // patch_size for side in images.shape[-2:])
    figure = canvas(680, 224)
    told = []
    with style():
        axes = figure.subplots(1, 1 + len(factors))
        figure.subplots_adjust(0.008, 0.1, 0.992, 0.9, wspace=0.07)
        bare(axes[0], "who asks", f"query {query}")
        axes[0].imshow(as_picture(images))
        _asked(axes[0], query, cols, patch_size, 2)
        for ax, factor in zip(axes[1:], factors, strict=True):
            weights = (factor * scores).softmax(dim=0)
            count = _effective(weights)
            heard = f"{count:.0f}" if count > 20 else f"{count:.1f}"
            name = "scores" if factor == 1 else f"scores × {factor:g}"
            _map(ax, weights, (rows, cols), f"{name}: {heard} heard")
            _asked(ax, query, cols, 1)
            told.append(
                f"times {factor:g}, {heard} tokens are heard and the "
                f"largest weight is {weights.max():.2g}"
            )
    show(
        figure,
        "The cat with one square in the eye at the left outlined, and "
        f"three maps of {rows} by {cols} squares, dark where this square "
        "looks. In all three both eyes are darkest. With the scores "
        + "; ".join(told)
        + ": first almost even violet, at last only a few squares in the "
        "eyes.",
    )


def effective_tokens(
    head_dims: list[int],
    scaled: list[float],
    unscaled: list[float],
    tokens: int,
) -> None:
    """Show how many tokens are heard, by head_dim, with and without."""
    figure = canvas(680, 300)
    with style():
        axes = figure.add_axes((0.09, 0.17, 0.68, 0.73))
        axes.set_title("how many tokens a query hears")
        axes.plot(head_dims, scaled, "o-", color=WEIGHT)
        axes.plot(head_dims, unscaled, "o-", color=GREY)
        pairs = list(zip(head_dims, unscaled, strict=True))
        for width, count in pairs[:-1]:  # the last stands at its name
            heard = f"{count:.0f}" if count > 20 else f"{count:.1f}"
            axes.annotate(
                heard,
                (width, count),
                (6, 6),
                textcoords="offset points",
                size=11,
                color=GREY,
            )
        axes.axhline(tokens, color=LINE, lw=1, zorder=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(head_dims, [f"{k}" for k in head_dims])
        axes.set(ylim=(0, tokens + 8), yticks=(0, 50, 100, 150, tokens))
        axes.set_xlabel("head_dim k")
        beside = {"xycoords": ("axes fraction", "data"), "va": "center"}
        ends = (
            (tokens, f"all {tokens}", GREY),
            (scaled[-1], f"with the root: {scaled[-1]:.0f}", WEIGHT),
            (unscaled[-1], f"without: {unscaled[-1]:.1f}", GREY),
        )
        for height, text, colour in ends:
            axes.annotate(text, (1.02, height), color=colour, **beside)
    show(
        figure,
        f"Two curves over the head_dim, from {head_dims[0]} to "
        f"{head_dims[-1]}. With the scale the number of tokens heard "
        f"stays level, from {scaled[0]:.0f} to {scaled[-1]:.0f} of "
        f"{tokens}; without it the number falls from {unscaled[0]:.0f} "
        f"to {unscaled[-1]:.1f}.",
    )


def splitting_heads(heads: int = 6, head_dim: int = 64) -> None:
    """Show how one layer's output is shared out among the heads."""
    show(
        _two_orders(heads, head_dim),
        f"A row of {3 * heads} tiles, {heads} blue for queries, {heads} "
        f"red for keys, {heads} green for values, shared out to {heads} "
        "heads in two ways. Read as (qkv heads k) each head gets a blue, "
        "a red and a green tile with its own number; read as (heads k "
        "qkv) heads 0 and 1 get only blue ones, 2 and 3 only red, 4 and "
        "5 only green.",
        narrow=_two_orders(heads, head_dim, step=18),
    )


def _two_orders(heads: int, head_dim: int, step: float = 36) -> Figure:
    """Draw both orders; a tile and what is around it are `step` wide."""
    width = f"({3 * heads * head_dim})"
    edge = 16 if step > 30 else 7
    right = edge + 3 * step * heads
    tops = (0, 214) if step > 30 else (0, 232)
    names = ("right: (qkv heads k)", "wrong: (heads k qkv)")
    with style():
        figure, axes = _sheet(
            right + edge, tops[1] + (182 if step > 30 else 210)
        )
        for top, name in zip(tops, names, strict=True):
            axes.text(edge, top + 24, name, size=13)
            look = {"ha": "right", **CODE}
            below = 24 if step > 30 else 42  # the name takes all the line
            qkv = f"self.qkv(token) {width}"
            axes.text(right, top + below, qkv, **look)
            start = top + below + 32
            row = _row_of_tiles(axes, heads, edge, start, step)
            for number, (part, head, x) in enumerate(row):
                owner, place = head, part
                if top:
                    owner, place = number // 3, 1
                end = _inside(edge, step, owner, place)
                colour = (QUERY, KEY, VALUE)[part]
                fall = (x, start + 5 * step / 12), (end, start + 68)
                _fall(axes, *fall, colour)
            for head in range(heads):
                kinds = (QUERY, KEY, VALUE)
                if top:
                    kinds = (kinds[3 * head // heads],) * 3
                mark = "" if top else f"{head}"
                _head(axes, head, (edge, start + 68, step), kinds, mark)
    return figure


def _inside(edge: float, step: float, head: int, place: int) -> float:
    """Give the centre of a tile within a head."""
    apart = 5 * step / 6 if step > 30 else 8 * step / 9
    return edge + 3 * step * (head + 1 / 2) + (place - 1) * apart


def _row_of_tiles(
    axes: Axes, heads: int, edge: float, y: float, step: float
) -> list[tuple]:
    """Draw the tiles of qkv in a row; give part, head and centre."""
    places = []
    for number in range(3 * heads):
        part, head = divmod(number, heads)
        x = edge + step * (number + 1 / 2)
        colour = (QUERY, KEY, VALUE)[part]
        _tile(axes, x, y, 5 * step / 6, colour)
        axes.text(x, y + 4, f"{'qkv'[part]}{head}", **_on_colour(colour))
        places.append((part, head, x))
    return places


def _head(
    axes: Axes, head: int, place: tuple, colours: tuple, mark: str
) -> None:
    """Draw a head as a box with its queries, keys and values."""
    edge, top, step = place
    left, gap = edge + 3 * step * head, step / 9
    box = FancyBboxPatch(
        (left + gap, top),
        3 * step - 2 * gap,
        60,
        boxstyle=f"round,pad=0,rounding_size={2 * gap}",
        fc="none",
        ec=LINE,
        lw=1.2,
    )
    axes.add_patch(box)
    side = 2 * step / 3 if step > 30 else 5 * step / 6  # two letters wide
    for part, colour in enumerate(colours):
        x = _inside(edge, step, head, part)
        _tile(axes, x, top + 22, side, colour)
        axes.text(
            x, top + 26, f"{'qkv'[part]}{mark}", **_on_colour(colour)
        )
    middle = left + 3 * step / 2
    axes.text(middle, top + 52, f"head {head}", ha="center", **CODE)


def _fall(axes: Axes, start, end, colour: str) -> None:
    """Draw a thin curve downwards."""
    middle = (start[1] + end[1]) / 2
    bends = [start, (start[0], middle), (end[0], middle), end]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    path = Path(bends, codes)
    axes.add_patch(PathPatch(path, fc="none", ec=colour, lw=1.2, zorder=0))


def _on_colour(colour: str) -> dict:
    """Text on a coloured tile: paper, as the tiles follow the page.

    White could not be read on the red of the day.
    """
    return {
        "ha": "center",
        "size": 11,
        "weight": "bold",
        "color": ON_TILE if colour == KEY else PAPER,
        "zorder": 5,
    }


def _tile(
    axes: Axes, x: float, y: float, side: float, colour: str
) -> None:
    """Draw a tile centred at x, y."""
    axes.add_patch(
        FancyBboxPatch(
            (x - side / 2, y - side / 2),
            side,
            side,
            boxstyle=f"round,pad=0,rounding_size={side / 6}",
            fc=colour,
            ec="none",
        )
    )


def heads_on_the_cat(
    images: Tensor,
    patch_size: int,
    query: int,
    maps: Tensor,
    by_hand: Tensor,
) -> None:
    """Show where one patch looks, in every head, and in one set by hand.

    `maps` (heads, n) and `by_hand` (n) are weights over the patches.
    """
    rows, cols = (side // patch_size for side in images.shape[-2:])
    figure = canvas(680, 402)
    with style():
        axes = figure.subplots(2, 4).flatten()
        figure.subplots_adjust(
            0.008, 0.06, 0.992, 0.94, wspace=0.07, hspace=0.3
        )
        bare(axes[0], "who asks", f"query {query}")
        axes[0].imshow(as_picture(images))
        _asked(axes[0], query, cols, patch_size, 2)
        titles = [f"head {head}" for head in range(len(maps))]
        titles.append("set by hand")
        for ax, title, weights in zip(
            axes[1:], titles, [*maps, by_hand], strict=True
        ):
            _map(ax, weights, (rows, cols), title)
            _asked(ax, query, cols, 1)
    largest = ", ".join(f"{weights.max():.2g}" for weights in maps)
    show(
        figure,
        "The cat with a square in the eye at the left outlined; six maps, "
        "one a head of an untrained layer, each mottled in its own way, "
        f"with the largest weights {largest}; last the map of a "
        "head set by hand, in which both eyes are darkest, largest "
        f"weight {by_hand.max():.2g}.",
        by_row=True,
    )
