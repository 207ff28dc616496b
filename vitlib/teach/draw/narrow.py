"""How a figure stands in a narrow window: its panels one above the other.

A figure is drawn for a page of 680 pixels; a phone has half of that.
Where clear paper runs down through a figure it is cut, and its panels wrap
as words do. What cannot be cut, a curve with its axes, is drawn once more
with less room, and letters of the same size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

NARROW = 340  # pixels: what a phone of 400 has for a figure
SCALED = 392  # up to here it is shown a little smaller
CLEAR = 3  # pixels of paper, where it is cut
EDGE = 4  # pixels of paper, where it is drawn anew


@dataclass(frozen=True)
class Panel:
    """A part of a figure, in its pixels; with `axes` to be drawn anew."""

    left: float
    right: float
    axes: tuple[Axes, ...] = ()


def panels(figure: Figure, cuts: tuple[float, ...] = ()) -> list[Panel]:
    """Say what stands in a narrow window, from top to bottom.

    The `cuts`, in pixels, are made as they are; without any they are
    found. A figure that is narrow already has no panels.
    """
    width = 72 * figure.get_figwidth()
    if width <= SCALED:
        return []
    if cuts:
        return [Panel(*ends) for ends in pairwise((0, *cuts, width))]
    return [
        Panel(left, right, _curves(figure, left, right))
        for left, right in _lines(_clear(figure))
    ]


def _clear(figure: Figure) -> list[float]:
    """Find where clear paper runs from top to bottom, and both edges."""
    width = 72 * figure.get_figwidth()
    ends = sorted((box.x0, box.x1) for box in _boxes(figure))
    cuts, reached = [], ends[0][1] if ends else width
    for left, right in ends[1:]:
        if left - reached > CLEAR:
            cuts.append((left + reached) / 2)
        reached = max(reached, right)
    return [0, *cuts, width]


def _boxes(figure: Figure) -> Iterator[Bbox]:
    """Give the box of everything that is drawn."""
    renderer = figure.canvas.get_renderer()
    for artist in _things(figure):
        box = artist.get_tightbbox(renderer)
        if box is not None and box.width > 0 and box.height > 0:
            yield box


def _things(figure: Figure) -> Iterator[Artist]:
    """Give each panel, and each thing on a sheet that has no axes."""
    yield from (*figure.texts, *figure.lines, *figure.patches)
    for axes in figure.axes:
        if axes.axison:
            yield axes
        else:
            frame = {axes.patch, axes.xaxis, axes.yaxis}
            frame |= set(axes.spines.values())
            yield from (a for a in axes.get_children() if a not in frame)


def _lines(edges: list[float]) -> list[tuple[float, float]]:
    """Put neighbours into lines: few of them, and none much the widest."""
    count = len(edges)
    best = [(0, 0.0, 0)] + [(count, 0.0, 0)] * (count - 1)
    for end in range(1, count):
        best[end] = min(
            (best[start][0] + 1, max(best[start][1], wide), start)
            for start in range(end)
            if (wide := edges[end] - edges[start]) <= NARROW
            or start == end - 1
        )
    lines, end = [], count - 1
    while end > 0:
        start = best[end][2]
        lines.append((edges[start], edges[end]))
        end = start
    return lines[::-1]


def _curves(figure: Figure, left: float, right: float) -> tuple[Axes, ...]:
    """Give the axes of a part that is too wide, if it is all of them."""
    if right - left <= SCALED:
        return ()
    width = 72 * figure.get_figwidth()
    inside = [
        axes
        for axes in figure.axes
        if left <= axes.get_position().x0 * width <= right
    ]
    return tuple(inside) if all(map(_has_numbers, inside)) else ()


def _has_numbers(axes: Axes) -> bool:
    ticks = len(axes.get_xticks()) or len(axes.get_yticks())
    return bool(axes.axison and ticks)


@contextmanager
def alone(figure: Figure, panel: Panel) -> Iterator[None]:
    """Make the figure as narrow as a phone, with this panel alone."""
    width, height = figure.get_size_inches()
    places = {one: one.get_position().frozen() for one in panel.axes}
    left, right = _margins(figure, places, 72 * width)
    others = [one for one in figure.axes if one not in places]
    ticks = {one: one.get_xticks() for one in places}
    try:
        for one in others:
            one.set_visible(False)
        figure.set_size_inches(NARROW / 72, height)
        for one, place in places.items():
            room = (NARROW - left - right) / NARROW
            where = (left / NARROW, place.y0, room, place.height)
            one.set_position(where)
            _thin_out(one)
        yield
    finally:
        figure.set_size_inches(width, height)
        for one in others:
            one.set_visible(True)
        for one, place in places.items():
            one.set_position(place)
            one.set_xticks(ticks[one])


def _margins(
    figure: Figure, places: dict[Axes, Bbox], width: float
) -> tuple[float, float]:
    """Measure what stands left and right of the axes, in pixels."""
    renderer = figure.canvas.get_renderer()
    boxes = [one.get_tightbbox(renderer) for one in places]
    left = min(place.x0 for place in places.values()) * width
    right = max(place.x1 for place in places.values()) * width
    return (
        left - min(box.x0 for box in boxes) + EDGE,
        max(box.x1 for box in boxes) - right + EDGE,
    )


def _thin_out(axes: Axes) -> None:
    """Leave out every second number below, as long as two would touch."""
    renderer = axes.figure.canvas.get_renderer()
    while len(axes.get_xticks()) > 2:
        words = [t for t in axes.get_xticklabels() if t.get_text()]
        boxes = [word.get_window_extent(renderer) for word in words]
        gaps = [b.x0 - a.x1 for a, b in pairwise(boxes)]
        if not gaps or min(gaps) > CLEAR:
            return
        axes.set_xticks(np.asarray(axes.get_xticks())[::2])
