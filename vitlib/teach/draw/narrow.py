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
from matplotlib.text import Text
from matplotlib.transforms import Bbox

NARROW = 340  # pixels: what a phone of 400 has for a figure
SCALED = 352  # up to here a phone shows a figure whole, only smaller
CLEAR = 3  # pixels of paper, where it is cut
EDGE = 4  # pixels of paper, where it is drawn anew


@dataclass(frozen=True)
class Panel:
    """A part of a figure, in its pixels; with `axes` to be drawn anew.

    `rows` are its upper and its lower end, where it is not as high as
    the figure.
    """

    left: float
    right: float
    axes: tuple[Axes, ...] = ()
    rows: tuple[float, float] | None = None


def panels(
    figure: Figure, cuts: tuple[float, ...] = (), by_row: bool = False
) -> list[Panel]:
    """Say what stands in a narrow window, from top to bottom.

    The `cuts`, in pixels, are made as they are; without any they are
    found. `by_row` does so in each row of pictures for itself: all of the
    first come before the second. A figure that is narrow already has no
    panels.
    """
    width = 72 * figure.get_figwidth()
    if width <= SCALED:
        return []
    boxes = list(_boxes(figure))
    if by_row:
        return _row_by_row(boxes, cuts, 72 * figure.get_figheight())
    if cuts:
        return [Panel(*ends) for ends in pairwise((0, *cuts, width))]
    found = _clear([(box.x0, box.x1) for box in boxes])
    return [
        Panel(left, right, _curves(figure, left, right))
        for left, right in _lines([0, *found, width])
    ]


def _clear(ends: list[tuple[float, float]]) -> list[float]:
    """Find where clear paper runs through, between things' ends."""
    cuts, reached = [], np.inf
    for start, end in sorted(ends):
        if start - reached > CLEAR:
            cuts.append((start + reached) / 2)
        reached = end if reached == np.inf else max(reached, end)
    return cuts


def _row_by_row(
    boxes: list[Bbox], cuts: tuple[float, ...], height: float
) -> list[Panel]:
    """Cut across first, then each row; its panels begin where it does."""
    across = _clear([(height - b.y1, height - b.y0) for b in boxes])
    found = []
    for rows in pairwise((0, *across, height)):
        low, high = (height - end for end in rows[::-1])
        ends = [(b.x0, b.x1) for b in boxes if low < b.y0 < b.y1 < high]
        first, last = _edges(ends)
        inside = [cut for cut in cuts if first < cut < last]
        lines = pairwise((first, *inside, last))
        if not cuts:
            lines = _lines([first, *_clear(ends), last])
        for left, right in lines:
            seen = [end for end in ends if left < sum(end) / 2 < right]
            found.append(Panel(*_edges(seen), rows=rows))
    return found


def _edges(ends: list[tuple[float, float]]) -> tuple[float, float]:
    """Give both ends of some things, with a little paper."""
    starts, stops = zip(*ends, strict=True)
    return min(starts) - EDGE, max(stops) + EDGE


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
    others = [one for one in figure.axes if one not in places]
    ticks = {
        one: (
            one.xaxis.get_major_locator(),
            one.xaxis.get_major_formatter(),
        )
        for one in places
    }
    names = [(one, name) for one in places for name in _names(one)]
    starts = [name.get_position() for _, name in names]
    try:
        for one in others:
            one.set_visible(False)
        figure.set_size_inches(NARROW / 72, height)
        _squeeze(places)
        for one, name in names:
            _move_inside(one, name)
        yield
    finally:
        figure.set_size_inches(width, height)
        for one in others:
            one.set_visible(True)
        for one, place in places.items():
            one.set_position(place)
            locator, formatter = ticks[one]
            one.xaxis.set_major_locator(locator)
            one.xaxis.set_major_formatter(formatter)
        for (_, name), start in zip(names, starts, strict=True):
            name.set_position(start)


def _names(axes: Axes) -> tuple[Text, Text]:
    """Give what may stand elsewhere along its side: label and title."""
    left = axes._left_title
    return axes.xaxis.label, left if left.get_text() else axes.title


def _squeeze(places: dict[Axes, Bbox]) -> None:
    """Give the axes the room that is left beside what is written there.

    What is written at a number moves as the axes do: three times are
    enough.
    """
    left, right = 0.0, float(NARROW)
    for _ in range(3):
        for one, place in places.items():
            start, room = left / NARROW, (right - left) / NARROW
            one.set_position((start, place.y0, room, place.height))
            _thin_out(one)
        first, last = _reach(places)
        left, right = left + EDGE - first, right - EDGE + NARROW - last


def _reach(places: dict[Axes, Bbox]) -> tuple[float, float]:
    """Measure from where to where the axes reach, but for their names."""
    ends = []
    for one in places:
        for name in _names(one):
            name.set_in_layout(False)
        box = one.get_tightbbox(one.figure.canvas.get_renderer())
        ends.append((box.x0, box.x1))
        for name in _names(one):
            name.set_in_layout(True)
    return min(end[0] for end in ends), max(end[1] for end in ends)


def _move_inside(axes: Axes, name: Text) -> None:
    """Move a name that stands out at one side."""
    box = name.get_window_extent(axes.figure.canvas.get_renderer())
    over = max(EDGE - box.x0, 0) or min(NARROW - EDGE - box.x1, 0)
    x, y = name.get_position()
    name.set_position((x + over / axes.bbox.width, y))


def _thin_out(axes: Axes) -> None:
    """Leave out every second number below, as long as two would touch."""
    renderer = axes.figure.canvas.get_renderer()
    while len(axes.get_xticks()) > 2:
        words = [t for t in axes.get_xticklabels() if t.get_text()]
        boxes = [word.get_window_extent(renderer) for word in words]
        gaps = [b.x0 - a.x1 for a, b in pairwise(boxes)]
        if not gaps or min(gaps) > CLEAR:
            return
        kept = [t.get_text() for t in axes.get_xticklabels()][::2]
        axes.set_xticks(np.asarray(axes.get_xticks())[::2], kept)
