"""Chapter 9 draws distorted digits, coloured shapes, and rivals."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import torch
from drawn import (
    EveryFigure,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    still,
)
from made import figure
from numpy.testing import assert_allclose, assert_array_equal

from vitlib.teach import digits
from vitlib.teach.chapters.data import figures
from vitlib.teach.chapters.data.curves import bands
from vitlib.teach.data.shapes import shapes
from vitlib.teach.draw.palette import (
    CUT,
    GREY,
    ON_TILE,
    QUERY,
    WEIGHT,
)

FILES = Path(figures.__file__).parents[2] / "data/files"
GUESSES = {"one of four": 1 / 4, "one of the three shown": 1 / 3}
COLOURS = {
    "ViT": WEIGHT,
    "CNN": GREY,
    "one cell, hidden layer": QUERY,
}


@cache
def rows():
    """(2, 8, 28, 28): sixteen digits that are all different."""
    return digits("validation")[0][:16].reshape(2, 8, 28, 28)


@cache
def pairs():
    """(7, 1, 28, 28) twice."""
    images = digits("validation")[0]
    return images[::150], images[75::150]


@cache
def both():
    """Five pictures with things in cells, five with things anywhere."""
    return {
        "aligned": shapes(5, seed=32),
        "anywhere": shapes(5, seed=32, anywhere=True),
    }


@cache
def distorted():
    return draw(figures.distorted, rows())


@cache
def scrambled():
    return draw(figures.scrambled, *pairs())


@cache
def scenes():
    return draw(figures.scenes, both())


@cache
def relation():
    return draw(figures.relation, bands("relation"), GUESSES)


@cache
def explorer():
    return still(figure("DataExplorer"))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (distorted, scrambled, scenes, relation, explorer)
    context = {"distorted": ["7"], "explorer": ["78.2"]}


def squares(axes, count):
    """Cut the sheet of digits apart, row by row; ink is 1."""
    shown = 1 - pixels(axes)[..., 0] / 255
    return [
        shown[30 * row :, 30 * col :][:28, :28]
        for row in range(2)
        for col in range(count)
    ]


def test_a_row_begins_with_the_digit_and_goes_on_with_its_hands():
    (axes,) = distorted().panels
    for shown, digit in zip(
        squares(axes, 8), rows().flatten(0, 1), strict=True
    ):
        assert_allclose(shown, digit, atol=0.003)
    (cut,) = axes.lines
    assert set(cut.get_xdata()) == {28.5}  # behind the first column
    assert pixels(axes)[:28, 28:30, 3].max() == 0  # the gap is clear


def test_the_scrambled_digits_stand_below_the_whole_ones():
    (axes,) = scrambled().panels
    whole, mixed = pairs()
    for shown, digit in zip(
        squares(axes, 7), torch.cat([whole, mixed])[:, 0], strict=True
    ):
        assert_allclose(shown, digit, atol=0.003)


def test_every_digit_is_cut_into_four_by_four_squares():
    (axes,) = scrambled().panels
    upright, level = set(), set()
    for drawn in axes.lines:
        (x0, x1), (y0, y1) = drawn.get_data()
        assert abs((x1 - x0) + (y1 - y0)) == 28
        (upright if x0 == x1 else level).add((x0, y0))
    cuts = [7, 14, 21]
    starts = [(r, c) for r in range(2) for c in range(7)]
    assert upright == {
        (30 * c - 0.5 + cut, 30 * r - 0.5)
        for r, c in starts
        for cut in cuts
    }
    assert level == {
        (30 * c - 0.5, 30 * r - 0.5 + cut)
        for r, c in starts
        for cut in cuts
    }


def test_the_frame_holds_the_shape_that_the_cue_asks_for():
    kinds = ("disc", "square", "triangle", "cross")
    panels = iter(scenes().panels)
    for name, row in both().items():
        told = []
        for index, axes in zip(range(5), panels, strict=False):
            picture = (255 * row.images[index]).round().permute(1, 2, 0)
            assert_array_equal(pixels(axes), picture)
            (frame,) = axes.patches
            assert has_edge(frame, ON_TILE)
            asked = row.target_mask[index].numpy()
            rows, cols = np.nonzero(asked)
            box = frame.get_bbox().padded(-0.5)
            assert box.x0 < cols.min() < cols.max() < box.x1
            assert box.y0 < rows.min() < rows.max() < box.y1
            assert box.width < np.ptp(cols) + 3
            kind = kinds[row.labels[index]]
            assert axes.get_xlabel() == kind
            shape = picture.numpy()[asked].mean(axis=0)
            told.append(f"{nearest(shape)} cue, {kind}")
        assert f"{name}: {'; '.join(told)}" in scenes().words


def test_the_patches_of_each_picture_are_marked():
    for axes in scenes().panels:
        upright, level = set(), set()
        for drawn in axes.lines:
            assert is_colour(drawn, CUT)
            (left, right), (top, _) = drawn.get_data()
            if left == right:
                upright.add(left)
            else:
                level.add(top)
        assert upright == level == {7.5, 15.5, 23.5}


def test_a_phone_shows_all_of_the_first_kind_before_the_second():
    shown = scenes().in_order(["aligned", "anywhere"])
    assert shown == [["aligned"], ["anywhere"]]
    assert [len(panel.boxes) for panel in scenes().stacked] == [
        *(3, 2, 1),  # a name and two answers, two, one
        *(3, 2, 1),
    ]


def nearest(colour):
    """Name a colour by the strongest of its parts."""
    red, green, blue = colour
    if red > 1.5 * green:
        return "red"
    if red > 1.5 * blue:
        return "yellow"
    return "blue" if blue > green else "green"


def accuracies():
    """{(place, model): percent of each seed}, read from the table."""
    found = {}
    with (FILES / "relation.csv").open() as file:
        for row in csv.DictReader(file):
            if row["stage"] == "curve":
                key = row["place"], row["model"]
                share = 100 * float(row["accuracy"])
                found.setdefault(key, []).append(share)
    return found


def test_every_seed_is_a_dot_in_the_row_of_its_model_and_place():
    (axes,) = relation().panels
    names = dict(
        zip(
            axes.get_yticks(),
            (label.get_text() for label in axes.get_yticklabels()),
            strict=True,
        )
    )
    dots = {}
    for drawn in axes.lines:
        if drawn.get_marker() == "o":
            (row,) = set(drawn.get_ydata())
            dots[row] = drawn
    assert len(dots) == len(names) == 2 * len(COLOURS)
    for (place, model), seeds in accuracies().items():
        top = relation().text(f"things {place}").get_position()[1]
        (row,) = (
            y for y in names if names[y] == model and 0 < y - top < 4
        )
        assert_allclose(sorted(dots[row].get_xdata()), sorted(seeds))
        assert is_colour(dots[row], COLOURS[model])
        said = f"{model} {min(seeds):.0f} to {max(seeds):.0f} %"
        assert said in relation().words.split(f"Things {place}: ")[1]
    assert axes.get_xlabel() == "right of 100 new pictures"


def test_chance_is_dotted_where_it_belongs():
    (axes,) = relation().panels
    dotted = [d for d in axes.lines if d.get_linestyle() == ":"]
    places = [drawn.get_xdata()[0] for drawn in dotted]
    assert_allclose(places, [25, 100 / 3])
    names = {
        text.get_text(): text.xy[0]
        for text in axes.texts
        if hasattr(text, "xy")
    }
    assert_allclose([names[name] for name in GUESSES], places)


def wrong_answers():
    """{(model, strength): {digits: percent wrong of each seed}}."""
    found = {}
    with (FILES / "few_to_many.csv").open() as file:
        for row in csv.DictReader(file):
            if row["stage"] == "curve":
                curve = row["model"], float(row["strength"])
                wrong = 100 - 100 * float(row["accuracy"])
                seeds = found.setdefault(curve, {})
                seeds.setdefault(int(row["images"]), []).append(wrong)
    return found


def test_the_explorer_draws_wrong_answers_on_two_logarithms():
    (axes,) = explorer().panels
    assert axes.get_xscale() == axes.get_yscale() == "log"
    curves = {drawn.get_label(): drawn for drawn in axes.lines}
    for (model, strength), seeds in wrong_answers().items():
        name = model if strength == 0 else f"{model}, distorted"
        wanted = {n: np.mean(ends) for n, ends in seeds.items()}
        shown = dict(zip(*curves[name].get_data(), strict=True))
        assert {*shown} <= {*wanted}
        assert len(shown) >= 4
        for size, height in shown.items():
            assert_allclose(height, wanted[size])
    near = curves["nearest neighbour"].get_ydata()
    assert_allclose(near, [27, 15, 10, 6])


def test_the_explorer_goes_level_to_where_the_partner_is_as_good():
    (axes,) = explorer().panels
    level = [d for d in axes.lines if d.get_label().startswith("_")]
    at = level[-1].get_data()
    wrong = np.mean(wrong_answers()["CNN", 0.0][100])
    assert_allclose(np.ravel(at), [100, wrong])
    assert f"{100 - wrong:.1f} % right" in explorer().words
    sizes, heights = line(axes, 0)
    needed = np.exp(
        np.interp(
            np.log(wrong), np.log(heights[::-1]), np.log(sizes[::-1])
        )
    )
    assert_allclose(level[0].get_xdata()[0], needed)
    assert (
        f"ViT needs about {float(f'{needed:.2g}'):,.0f}"
        in explorer().words
    )
