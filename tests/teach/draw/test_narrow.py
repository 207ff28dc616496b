"""In a narrow window the panels of a figure stand one above the other."""

import re
from itertools import pairwise

import numpy as np
import pytest
from extensions import extension

from vitlib.teach.draw import canvas as kit
from vitlib.teach.draw.narrow import NARROW, alone, panels


def squares(*lefts, side=120, width=680):
    """A figure with a panel at each place, and no ticks."""
    figure = kit.canvas(width, side + 40)
    with kit.style():
        for left in lefts:
            place = (left / width, 0.1, side / width, 0.7)
            kit.bare(figure.add_axes(place)).plot([0, 1], [0, 1])
    return figure


def curve(ticks=(0, 100, 200, 300), label="steps"):
    """One panel with axes, as wide as the page."""
    figure = kit.canvas(680, 200)
    with kit.style():
        axes = figure.add_axes((0.1, 0.2, 0.6, 0.6))
        axes.plot(ticks, ticks)
        axes.set_xticks(ticks)
        axes.set_xlabel(label)
        axes.text(1.02 * ticks[-1], ticks[-1], "with the root")
    return figure


def ends(figure, **given):
    with kit.style():
        found = panels(figure, **given)
    return [(round(one.left), round(one.right)) for one in found]


def test_it_is_cut_in_the_clear_between_two_panels():
    found = ends(squares(0, 280, 560))
    assert found == [(0, 200), (200, 480), (480, 680)]


def test_neighbours_that_find_room_stay_in_one_line():
    assert ends(squares(0, 180, 380, 520)) == [(0, 340), (340, 680)]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8])
def test_all_of_the_figure_is_in_one_of_the_lines(count):
    step = 680 / count
    lefts = [number * step + 5 for number in range(count)]
    found = ends(squares(*lefts, side=step - 10))
    assert found[0][0] == 0
    assert found[-1][1] == 680
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert max(right - left for left, right in found) <= NARROW


def two_rows(count):
    """Two rows of squares: the second begins one place later."""
    figure = kit.canvas(680, 300)
    with kit.style():
        for row, col in np.ndindex(2, count):
            if (row, col) != (1, 0):
                place = (col / count + 0.01, 0.55 - 0.5 * row, 0.15, 0.4)
                kit.bare(figure.add_axes(place)).plot([0, 1], [0, 1])
    return figure


@pytest.mark.parametrize("cuts", [(), (170, 510)])
def test_all_of_a_row_comes_before_the_next(cuts):
    with kit.style():
        found = panels(two_rows(4), cuts, by_row=True)
    starts = [(one.rows[0] > 100, round(one.left)) for one in found]
    edges = (3, 173, 513) if cuts else (3, 343)
    below = (173, 513)
    assert starts == [
        *((False, left) for left in edges),
        *((True, left) for left in below),
    ]
    assert found[0].rows[1] == found[-1].rows[0]


def test_the_page_learns_of_the_rows():
    _, about = kit.bundle(two_rows(4), "Seven squares.", by_row=True)
    found = about["vitlib"]["panels"]
    assert found[0]["rows"][0] == 0
    assert found[-1]["rows"][1] == 300
    page = extension("figures").as_html(about["vitlib"], "Squares", 1)
    assert re.search(r'viewBox="173 1\d\d \d+ 1\d\d"', page)


def test_a_wide_figure_without_panels_scrolls_and_keeps_its_letters():
    figure = squares(0, 280, 560)
    figure.text(0.5, 0.5, "small", size=9)
    _, about = kit.bundle(figure, "Three squares.", whole=True)
    page = extension("figures").as_html(about["vitlib"], "Squares", 1)
    assert 'class="vit-figure vit-scroll"' in page
    assert "--least: 11px" in page
    assert "font-size: 9px; font-size: max(9px, var(--least" in page
    _, about = kit.bundle(squares(0, 130, width=340), "Two.", whole=True)
    page = extension("figures").as_html(about["vitlib"], "Squares", 1)
    assert "vit-scroll" not in page


def test_it_is_cut_where_it_is_told():
    assert ends(squares(0, 180, 380, 520), cuts=(140,)) == [
        (0, 140),
        (140, 680),
    ]


def test_what_is_narrow_is_left_alone():
    assert ends(squares(0, 130, width=340)) == []


def test_an_empty_figure_is_one_panel():
    assert ends(kit.canvas(680, 100)) == [(0, 680)]


def test_what_stands_across_the_gap_is_not_cut():
    figure = squares(0, 400, side=250)
    figure.text(0.3, 0.95, "a title that stands above both of the panels")
    assert ends(figure) == [(0, 680)]


def test_a_curve_is_drawn_anew_with_less_room():
    figure = curve()
    size, place = figure.get_size_inches().copy(), None
    with kit.style():
        (panel,) = panels(figure)
        place = panel.axes[0].get_position().bounds
        with alone(figure, panel):
            assert 72 * figure.get_figwidth() == pytest.approx(NARROW)
            renderer = figure.canvas.get_renderer()
            inches = figure.get_tightbbox(renderer)
            assert inches.x0 >= 0
            assert 72 * inches.x1 <= NARROW + 1
    assert (figure.get_size_inches() == size).all()
    assert panel.axes[0].get_position().bounds == place


def test_while_one_panel_is_alone_the_others_are_out_of_sight():
    figure = curve()
    with kit.style():
        beside = figure.add_axes((0.9, 0.2, 0.09, 0.6))
        panel, _ = panels(figure)
        with alone(figure, panel):
            assert not beside.get_visible()
    assert beside.get_visible()


def test_numbers_that_would_touch_are_thinned_out():
    figure = curve(ticks=tuple(range(100_000, 100_012)))
    with kit.style():
        (panel,) = panels(figure)
        with alone(figure, panel):
            kept = list(panel.axes[0].get_xticks())
    assert 2 <= len(kept) < 12
    assert len(panel.axes[0].get_xticks()) == 12


def test_the_page_learns_of_the_panels():
    _, about = kit.bundle(squares(0, 280, 560), "Three squares.")
    assert about["vitlib"]["panels"] == [
        {"from": 0, "to": 200},
        {"from": 200, "to": 480},
        {"from": 480, "to": 680},
    ]
    _, about = kit.bundle(curve(), "A curve.")
    (panel,) = about["vitlib"]["panels"]
    assert re.search(rf'viewBox="0 0 {NARROW} ', panel["svg"])


def test_another_figure_may_stand_there():
    other = squares(0, width=300)
    _, about = kit.bundle(curve(), "A curve.", narrow=other)
    (panel,) = about["vitlib"]["panels"]
    assert 'viewBox="0 0 300 ' in panel["svg"]


def redrawn(figure):
    """Give the texts of the first panel and where they end, when alone."""
    with kit.style():
        panel = panels(figure)[0]
        with alone(figure, panel):
            renderer = figure.canvas.get_renderer()
            figure.draw(renderer)
            (axes,) = panel.axes
            texts = [
                *axes.texts,
                axes.xaxis.label,
                *axes.get_xticklabels(),
            ]
            boxes = [(t, t.get_window_extent(renderer)) for t in texts]
            return {t.get_text(): box for t, box in boxes if t.get_text()}


def test_what_is_written_at_the_last_number_finds_room():
    figure = curve()
    (axes,) = figure.axes
    axes.text(280, 10, "a name that is longer than what is left of it")
    found = redrawn(figure)
    assert max(box.x1 for box in found.values()) <= NARROW
    assert min(box.x0 for box in found.values()) >= 0


def test_the_name_of_an_axis_is_moved_inside():
    words = "a name that is longer than the axis which it belongs to"
    box = redrawn(curve(label=words))[words]
    assert 0 <= box.x0 < box.x1 <= NARROW


def test_names_below_an_axis_stay_with_their_places():
    figure, words = curve(), "abcdefgh"
    (axes,) = figure.axes
    axes.set_xticks(range(0, 320, 40), [10 * letter for letter in words])
    with kit.style():
        (panel,) = panels(figure)
        with alone(figure, panel):
            kept = axes.get_xticklabels()
            names = {t.get_position()[0]: t.get_text()[0] for t in kept}
    assert 1 < len(names) < 8
    assert all(words[int(x) // 40] == name for x, name in names.items())
    assert [t.get_text()[0] for t in axes.get_xticklabels()] == [*words]


def test_a_picture_may_stay_whole():
    _, about = kit.bundle(squares(0, 280, 560), "Squares.", whole=True)
    assert "panels" not in about["vitlib"]
