"""What a still figure draws, caught on its way to the page.

A chapter's test_figures.py draws each figure once, in a function that
is cached and has the figure's name, and hands all of them to the tests
which every figure must pass:

    @cache
    def reading_orders():
        return draw(figures.reading_orders, the_cat(), 16)

    class TestEveryFigure(EveryFigure):
        module = figures
        drawn = (crop_or_squash, reading_orders)

What a figure is about, its own test holds against the drawing:

    def test_the_left_picture_is_the_cat():
        left, _ = reading_orders().panels
        assert_equal(pixels(left), ...)

A live figure is drawn by `still(PatchExplorer(...))`.
"""

import inspect
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from unittest import mock

import numpy as np
import torch
from extensions import extension
from matplotlib.axes import Axes
from matplotlib.colors import same_color, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vitlib.teach import cat, resize_and_crop, to_tensor
from vitlib.teach.draw.canvas import style
from vitlib.teach.draw.narrow import alone, panels
from vitlib.teach.draw.palette import LIGHT

SMALLEST = 10  # pixels of the page
PHONE = extension("figures").PHONE
LEAST = 0.8  # of its size, at which a panel stands there
SMALLEST_THERE = extension("figures").LETTERS  # smaller ones grow
TOUCH = 2  # pixels: a line's box is higher than its letters
NUMBER = re.compile(
    r"(?<![\w.,/-])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w/])"
)


@dataclass(frozen=True)
class Drawn:
    """A figure, the words that stand for it, how a phone has it."""

    figure: Figure
    words: str
    cuts: tuple[float, ...] = ()
    narrow: Figure | None = None
    by_row: bool = False
    alive: bool = False  # then nobody sees it on a phone

    @property
    def panels(self) -> list[Axes]:
        return self.figure.axes

    @cached_property
    def boxes(self) -> list[tuple[Text, Bbox]]:
        """Each text that is really drawn, and where, in pixels."""
        return _boxes(self.figure)

    @cached_property
    def stacked(self) -> list["Stacked"]:
        """What stands one above the other in a narrow window."""
        if self.alive:
            return []
        if self.narrow is not None:
            return [_whole(self.narrow)]
        with style():
            parts, found = panels(self.figure, self.cuts, self.by_row), []
            for part in parts:
                if part.axes:
                    with alone(self.figure, part):
                        found.append(_whole(self.figure))
                else:
                    ends = part.left, part.right
                    boxes = _within(self, *ends, part.rows)
                    found.append(Stacked(*ends, boxes))
        return found or [_whole(self.figure)]

    @property
    def texts(self) -> list[str]:
        return [text.get_text() for text, _ in self.boxes]

    def in_order(self, names: list[str]) -> list[list[str]]:
        """Say which of the names each panel of a phone has."""
        found = [
            [t.get_text() for t, _ in panel.boxes if t.get_text() in names]
            for panel in self.stacked
        ]
        return [some for some in found if some]

    def text(self, start: str) -> Text:
        """Give the one text that begins so."""
        (found,) = (
            t for t, _ in self.boxes if t.get_text().startswith(start)
        )
        return found


@dataclass(frozen=True)
class Stacked:
    """A panel on a phone: from where to where, its texts, what is over."""

    left: float
    right: float
    boxes: list[tuple[Text, Bbox]]
    over: tuple[str, ...] = ()


def _boxes(figure: Figure) -> list[tuple[Text, Bbox]]:
    renderer, seen = figure.canvas.get_renderer(), []
    draw_text = Text.draw

    def note(text, *args):
        draw_text(text, *args)
        if text.get_visible() and text.get_text():
            seen.append(text)

    with style(), mock.patch.object(Text, "draw", note):
        figure.draw(renderer)
        # An annotation's own extent would hold its arrow too.
        return [(t, Text.get_window_extent(t, renderer)) for t in seen]


def _within(drawn: Drawn, left: float, right: float, rows: tuple) -> list:
    """Give the texts of which something stands between the ends."""
    height = 72 * drawn.figure.get_figheight()
    top, end = rows or (-np.inf, np.inf)
    return [
        (text, box)
        for text, box in drawn.boxes
        if box.x1 > left + 1
        and box.x0 < right - 1
        and height - box.y0 > top + 1
        and height - box.y1 < end - 1
    ]


def _whole(figure: Figure) -> Stacked:
    """A panel that was drawn anew: what it is when it is drawn so."""
    over = tuple(beside(Drawn(figure, "")))
    return Stacked(0, 72 * figure.get_figwidth(), _boxes(figure), over)


def draw(function, *args, **settings) -> Drawn:
    """Call a figure's function and catch what it would show."""
    caught = []
    where = inspect.unwrap(function).__globals__
    with mock.patch.dict(
        where, show=lambda *shown, **how: caught.append((shown, how))
    ):
        function(*args, **settings)
    ((shown, how),) = caught
    return Drawn(*shown, **how)


def still(figure) -> Drawn:
    """Draw what stands in a live figure's place."""
    return Drawn(*figure.still(), alive=True)


@cache
def the_cat(size: int = 224) -> torch.Tensor:
    """(1, 3, size, size), from 0 to 1."""
    return to_tensor(resize_and_crop(cat(), size))


def pixels(axes: Axes, index: int = 0) -> np.ndarray:
    """What an image of the panel is made of; NaN where it is left out."""
    array = axes.images[index].get_array()
    if np.ma.is_masked(array):
        return array.filled(np.nan)
    return np.asarray(array)


def scale(axes: Axes, index: int = 0) -> tuple[str, float, float]:
    """Name an image's ramp, its lowest number and its highest."""
    image = axes.images[index]
    return (image.cmap.name, *image.get_clim())


def bars(axes: Axes) -> list[tuple[float, float, float, float]]:
    """Left, lower edge, width, height of each bar, as they were made."""
    return [
        (*bar.get_xy(), bar.get_width(), bar.get_height())
        for container in axes.containers
        for bar in container
    ]


def line(axes: Axes, index: int = 0) -> tuple[list, list]:
    """Give a line's places to the right and upwards."""
    x, y = axes.lines[index].get_data()
    return list(map(float, x)), list(map(float, y))


def is_colour(artist, colour: str) -> bool:
    """Tell if a line, a text, a patch or an area has the colour.

    How far one sees through it makes no difference.
    """
    get = getattr(artist, "get_facecolor", None) or artist.get_color
    shown = to_rgba_array(get())
    return np.allclose(shown[0, :3], to_rgba_array(colour)[0, :3])


def has_edge(patch, colour: str) -> bool:
    """Tell if a patch is outlined in the colour."""
    return same_color(patch.get_edgecolor(), colour)


class EveryFigure:
    """What holds for each figure of a chapter.

    `module` is the chapter's figures.py and `drawn` the functions that
    draw its figures, named as they are; live figures may stand there
    too. `silent` are functions which only print. `context` has, for a
    figure, the numbers in its words that name something which is not
    drawn.
    """

    module = None
    drawn = ()
    silent = ()
    context: dict = {}

    def pytest_generate_tests(self, metafunc):
        if "make" in metafunc.fixturenames:
            names = [make.__name__ for make in self.drawn]
            metafunc.parametrize("make", self.drawn, ids=names)

    def test_no_figure_is_forgotten(self):
        own = {
            name
            for name, thing in vars(self.module).items()
            if inspect.isfunction(inspect.unwrap(thing))
            and inspect.getmodule(inspect.unwrap(thing)) is self.module
            and not name.startswith("_")
        }
        assert own - {make.__name__ for make in self.drawn} == {
            *self.silent
        }

    def test_every_text_can_be_read(self, make):
        assert illegible(make()) == []

    def test_nothing_is_drawn_beside_the_canvas(self, make):
        assert beside(make()) == []

    def test_every_panel_can_be_read_on_a_phone(self, make):
        assert cramped(make()) == []

    def test_every_axis_has_its_numbers_on_a_phone(self, make):
        assert unnumbered(make()) == []

    def test_lines_over_a_light_picture_stay_pale_at_night(self, make):
        assert turned_dark(make()) == []

    def test_its_words_tell_the_numbers_that_are_drawn(self, make):
        context = self.context.get(make.__name__, ())
        assert set(untold(make())) == set(context)


def illegible(drawn: Drawn) -> list[str]:
    """Name texts that are too small, cut off, or on one another."""
    width, height = 72 * drawn.figure.get_size_inches()
    room = Bbox([[-1, -1], [width + 1, height + 1]])
    return [
        *_small(drawn.boxes, SMALLEST),
        *_cut_off(drawn.boxes, room),
        *_touching(drawn.boxes),
    ]


def cramped(drawn: Drawn) -> list[str]:
    """Name what of its panels cannot be read on the smallest phone."""
    faults = []
    for panel in drawn.stacked:
        width = panel.right - panel.left
        if width * LEAST > PHONE:
            faults.append(f"{width:.0f} pixels are too wide")
        room = Bbox([[panel.left - 1, -np.inf], [panel.right + 1, np.inf]])
        smallest = SMALLEST_THERE * max(1, width / PHONE)
        boxes = _grown(panel.boxes, smallest)
        faults += [
            *_small(panel.boxes, SMALLEST),
            *_cut_off(boxes, room),
            *_touching(boxes),
            *panel.over,
        ]
    return faults


def unnumbered(drawn: Drawn) -> list[str]:
    """Name panels whose numbers stand beside another one only."""
    if len(drawn.stacked) < 2:
        return []
    return [
        axes.get_title(loc="left")
        for axes in drawn.panels
        if axes.axison
        and axes.spines["left"].get_visible()
        and len(axes.get_yticks())
        and not any(
            label.get_visible() and label.get_text()
            for label in axes.get_yticklabels()
        )
    ]


def turned_dark(drawn: Drawn) -> list[str]:
    """Name panels with a picture under lines that follow the page."""
    own = [LIGHT[name] for name in ("line", "ink")]
    return [
        axes.get_title(loc="left")
        for axes in drawn.panels
        if axes.images
        and axes.spines["left"].get_visible() is False
        and any(
            is_colour(line, colour)
            for line in axes.lines
            for colour in own
        )
    ]


def _grown(boxes: list, least: float) -> list:
    """Give the boxes as they are when the page lets the letters grow."""
    return [
        (text, _larger(text, box, least / text.get_fontsize() - 1))
        for text, box in boxes
    ]


def _larger(text: Text, box: Bbox, share: float) -> Bbox:
    """Enlarge a box from where the SVG holds its text, and upwards."""
    if share <= 0:
        return box
    wide, high = share * box.width, share * box.height
    x0, y0, x1, y1 = box.extents
    if text.get_rotation():  # upwards is to the left
        return Bbox.from_extents(x0 - wide, y0, x1, y1 + high)
    before = {"left": 0, "center": 0.5, "right": 1}[text.get_ha()] * wide
    lines = len(text.get_text().splitlines())
    return Bbox.from_extents(
        x0 - before, y0, x1 + wide - before, y1 + high / lines
    )


def _small(boxes: list, least: float) -> list[str]:
    sizes = {t.get_text(): _letters(t) for t, _ in boxes}
    return [
        f"{name!r} is {size} pixels high"
        for name, size in sizes.items()
        if size < least
    ]


def _letters(text: Text) -> float:
    """Give the size of its smallest letters: exponents are smaller."""
    share = 0.7 if re.search(r"\$.*\^", text.get_text()) else 1
    return share * text.get_fontsize()


def _cut_off(boxes: list, room: Bbox) -> list[str]:
    return [
        f"{text.get_text()!r} is cut off: {box.extents.round()}"
        for text, box in boxes
        if box.x0 < room.x0
        or box.y0 < room.y0
        or box.x1 > room.x1
        or box.y1 > room.y1
    ]


def _touching(boxes: list) -> list[str]:
    faults = []
    for (one, here), (other, there) in combinations(boxes, 2):
        both = Bbox.intersection(here, there)
        if both is not None and min(both.width, both.height) > TOUCH:
            names = f"{one.get_text()!r}, {other.get_text()!r}"
            faults.append(f"on one another: {names}")
    return faults


def beside(drawn: Drawn) -> list[str]:
    """Say by how much the drawing stands out of its canvas."""
    with style():
        box = drawn.figure.get_tightbbox()
    width, height = drawn.figure.get_size_inches()
    over = {
        "left": -box.x0,
        "bottom": -box.y0,
        "right": box.x1 - width,
        "top": box.y1 - height,
    }
    return [f"{s}: {72 * o:.1f}" for s, o in over.items() if 72 * o > 1]


def untold(drawn: Drawn) -> list[str]:
    """Give the numbers of the words which nothing drawn has."""
    pool = np.array(sorted(_numbers(drawn)))
    missing = []
    for found in NUMBER.finditer(drawn.words):
        text = found[0].replace(",", "")
        part = 10.0 ** -len(text.partition(".")[2]) / 2
        told = [float(text)]
        if drawn.words[found.end() :].lstrip().startswith("%"):
            told.append(told[0] / 100)
        near = [
            np.abs(pool - value).min() <= 1.001 * part * share
            for value, share in zip(told, (1, 0.01), strict=False)
        ]
        if not any(near):
            missing.append(found[0])
    return missing


def _numbers(drawn: Drawn) -> set[float]:
    """Collect what is drawn: texts, lines, bars, ends of maps, counts."""
    pool = {float(len(drawn.panels))}
    for text in drawn.texts:
        found = NUMBER.findall(
            text.replace("±", " ").replace("\N{MINUS SIGN}", "-")
        )
        pool |= {float(number.replace(",", "")) for number in found}
    return pool.union(*map(_in_panel, drawn.panels))


def _in_panel(axes: Axes) -> set[float]:
    found = Counter(map(type, axes.get_children())).values()
    pool = {*map(float, found), *map(float, map(len, axes.containers))}
    spec = axes.get_subplotspec()
    if spec:
        pool |= {*map(float, spec.get_gridspec().get_geometry())}
    for drawing in axes.lines:
        pool |= {*np.ravel(drawing.get_data(orig=False)).tolist()}
        pool.add(float(len(drawing.get_xdata())))
    for bar in bars(axes):
        pool |= {*map(float, bar)}
    for place in range(len(axes.images)):
        shown = pixels(axes, place)
        pool |= {*map(float, shown.shape), float(shown.size)}
        pool |= {float(np.nanmin(shown)), float(np.nanmax(shown))}
    return pool
