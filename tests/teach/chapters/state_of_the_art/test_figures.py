"""Chapter 13 draws what was published, measured, and what it costs."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from drawn import EveryFigure, draw, is_colour, line, still
from matplotlib.colors import same_color
from numpy.testing import assert_allclose

from vitlib.teach import results
from vitlib.teach.chapters.state_of_the_art import figures
from vitlib.teach.chapters.state_of_the_art.recipe_explorer import (
    RecipeExplorer,
)
from vitlib.teach.draw.palette import CLS, GREY, PAPER, STREAM, WEIGHT

FILES = Path(figures.__file__).parents[2] / "data/files"
SIDES = list(range(224, 2049, 16))


def gmac(side):
    """Of ViT-B/16: all linear layers, and attention's two products."""
    n, d = (side // 16) ** 2, 768
    linear = n * 3 * 16**2 * d + 12 * 12 * (n + 1) * d**2 + 1000 * d
    return linear / 1e9, 12 * 2 * (n + 1) ** 2 * d / 1e9


def stored(kind):
    with (FILES / "results.csv").open() as file:
        return [
            row for row in csv.DictReader(file) if row["table"] == kind
        ]


@cache
def same_data():
    rows = results("published")
    same = [r for r in rows if (r.data, r.pixels) == ("ImageNet-1k", 224)]
    return draw(figures.same_data, same)


@cache
def measured():
    return draw(figures.measured, results("measured"))


@cache
def cost_of_size():
    layers, pairs = zip(*map(gmac, SIDES), strict=True)
    return draw(figures.cost_of_size, SIDES, layers, pairs)


@cache
def explorer():
    return still(RecipeExplorer())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (same_data, measured, cost_of_size, explorer)
    context = {
        "same_data": ["224"],
        "cost_of_size": ["18", "6,350"],
        "explorer": ["8", "+5.96"],
    }


def test_a_recipe_is_a_row_of_its_published_results():
    (axes,) = same_data().panels
    starts = {
        "MAE": "MAE",
        "DeiT III": "DeiT III",
        "ConvNeXt": "ConvNeXt-",
        "Swin": "Swin-",
        "ConvNeXt, shaped like a ViT": "ConvNeXt iso.",
        "DeiT": "DeiT-",
        "plain ViT, 90 epochs": "ViT-S/16 plain",
    }
    markers = {"ViT": "o", "windows": "o", "CNN": "s"}
    faces = {"ViT": WEIGHT, "windows": PAPER, "CNN": GREY}
    said = {}
    for text in axes.texts:
        said.setdefault(text.xy, []).append(text)
    for place, (drawn, (name, start)) in enumerate(
        zip(axes.lines, starts.items(), strict=True)
    ):
        points = list(map(tuple, drawn.get_xydata().tolist()))
        wanted = [
            row
            for row in stored("published")
            if row["name"].startswith(start)
            and (row["data"], row["pixels"]) == ("ImageNet-1k", "224")
            and "distilled" not in row["name"]
        ]
        assert points == [(float(row["top1"]), place) for row in wanted]
        for point, row in zip(points, wanted, strict=True):
            size = said[point][-1]
            million = round(float(row["millions"]))
            assert size.get_text() == str(million)
            bold = size.get_weight() == "bold"
            assert bold == (million in (86, 87, 88, 89))
            assert drawn.get_marker() == markers[row["family"]]
            face = drawn.get_markerfacecolor()
            assert same_color(face, faces[row["family"]])
        assert said[points[0]][0].get_text() == name
    assert axes.get_xlabel().startswith("top-1 accuracy, %")


def test_every_measured_model_has_its_dot_and_its_name():
    (axes,) = measured().panels
    wanted = {
        row["name"]: float(row["top1"]) for row in stored("measured")
    }
    names, numbers = {}, {}
    for text in axes.texts:
        if text.get_text() in wanted:
            names[text.get_text()] = text.xy
        else:
            numbers[text.xy] = text.get_text()
    assert names.keys() == wanted.keys()
    dots = {tuple(d.get_xydata()[0].tolist()): d for d in axes.lines}
    for name, (x, y) in names.items():
        assert x == wanted[name]
        assert numbers[x, y] == f"{x:.2f}"
        (row,) = (r for r in stored("measured") if r["name"] == name)
        square = dots[x, y].get_marker() == "s"
        assert square == (row["family"] == "CNN")
    by_height = sorted(names, key=lambda name: names[name][1])
    assert [wanted[n] for n in by_height] == sorted(wanted.values())


def test_the_two_parts_of_the_work_lie_on_one_another():
    (axes,) = cost_of_size().panels
    below, above = (
        area.get_paths()[0].vertices for area in axes.collections
    )
    assert is_colour(axes.collections[0], STREAM)
    assert is_colour(axes.collections[1], WEIGHT)
    for side in SIDES:
        linear, pairs = gmac(side)
        heights = below[below[:, 0] == side, 1]
        assert_allclose(max(heights), linear)
        heights = above[above[:, 0] == side, 1]
        assert_allclose(
            (min(heights), max(heights)), (linear, linear + pairs)
        )
    assert axes.get_xlabel() == "side of the image, pixels"
    assert axes.get_title(loc="left") == "GMAC for one image"


def test_the_mark_stands_where_pairs_cost_as_much_as_layers():
    (axes,) = cost_of_size().panels
    (side, _), (_, top) = line(axes)
    assert is_colour(axes.lines[0], CLS)
    linear, pairs = gmac(side)
    before = gmac(side - 16)
    assert before[1] < before[0] < linear < pairs
    assert_allclose(top, linear + pairs)
    assert cost_of_size().text(f"{side:.0f} pixels:\nhalf and half")
    words = cost_of_size().words
    assert f"{sum(gmac(224)):.0f} GMAC at 224 pixels" in words
    assert f"{sum(gmac(2048)):,.0f} at 2048" in words


def test_a_rung_of_the_ladder_is_as_far_right_as_its_accuracy():
    (axes,) = explorer().panels
    rungs = sorted(
        float(row["top1"])
        for row in stored("measured")
        if 86.5 < float(row["millions"]) < 86.6
    )
    dots = [d for d in axes.lines if len(d.get_xdata()) == 1]
    assert_allclose([line_of(d) for d in dots], list(enumerate(rungs)))
    numbers = [t.get_text() for t in axes.texts[::2]]
    assert numbers == [f"{top1:.2f}" for top1 in rungs]
    assert axes.get_xlabel() == "top-1 accuracy, %"
    low, high = np.array(axes.patches[0].get_bbox().intervalx)
    figure = RecipeExplorer()
    assert low == rungs[figure.against]
    assert high == rungs[figure.chosen]
    assert f"{high - low:+.2f} points" in explorer().words


def line_of(dot):
    return dot.get_ydata()[0], dot.get_xdata()[0]
