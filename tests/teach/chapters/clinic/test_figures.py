"""The clinic draws what a planted error does."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import (
    EveryFigure,
    bars,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    scale,
)
from numpy.testing import assert_allclose, assert_array_equal

from vitlib.teach import digit_reader, digits
from vitlib.teach.chapters.clinic import figures
from vitlib.teach.chapters.clinic.patients import planted
from vitlib.teach.draw.palette import STREAM, WEIGHT

FILES = Path(figures.__file__).parents[2] / "data/files"
STAGES = {
    "norm1": 0.0,
    "qkv": 0.0,
    "q": 1.42,
    "scores": 1.19,
    "output": 0.9,
}
ROWS = {"A": 97.1, "B": 96.2}


def images(count):
    return digits("validation")[0][:count]


@cache
def tables():
    """(17, 17) twice: the one sums over rows, the other over columns."""
    torch.manual_seed(0)
    scores = 2 * torch.randn(17, 17)
    return scores.softmax(dim=1), scores.softmax(dim=0)


@cache
def lengths():
    """How much the answer hears of 17 tokens: of two, something."""
    heard = torch.zeros(17)
    heard[1], heard[4] = 3, 1.5
    return heard


@cache
def far():
    """Distances without the error, and with it: every second is 0."""
    torch.manual_seed(0)
    without = 4 + 0.8 * torch.randn(1000)
    return without * (torch.arange(1000) % 2), without


@cache
def as_it_arrives():
    patient = planted(1)(digit_reader())
    return draw(figures.as_it_arrives, images(6), digit_reader(), patient)


@cache
def shares_of_one_head():
    return draw(figures.shares_of_one_head, *tables())


@cache
def stages():
    return draw(figures.stages, STAGES)


@cache
def heard_by_the_answer():
    return draw(figures.heard_by_the_answer, lengths())


@cache
def losses():
    return draw(figures.losses, 5)


@cache
def asked_again():
    torch.manual_seed(0)
    model = planted(8)(digit_reader())
    return draw(figures.asked_again, model, images(10), times=5)


@cache
def nearest():
    return draw(figures.nearest, *far())


@cache
def side_by_side():
    title = "validation digits read rightly"
    return draw(figures.side_by_side, ROWS, "{:.1f} %", title)


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        as_it_arrives,
        shares_of_one_head,
        stages,
        heard_by_the_answer,
        losses,
        asked_again,
        nearest,
        side_by_side,
    )
    silent = ("judged",)
    context = {"as_it_arrives": ["16"], "nearest": ["1,000"]}


def test_the_patches_arrive_column_by_column():
    panels = as_it_arrives().panels
    for index, image in enumerate(images(6)[:, 0]):
        assert_array_equal(pixels(panels[index]), image)
        below = pixels(panels[6 + index])
        for row, col in np.ndindex(4, 4):
            here = below[7 * row :, 7 * col :][:7, :7]
            over_the_diagonal = image[7 * col :, 7 * row :][:7, :7]
            assert_array_equal(here, over_the_diagonal)
    titles = [panels[i].get_title(loc="left") for i in (0, 6)]
    assert titles == ["as it was written", "token by token, four to a row"]


def test_on_a_phone_all_digits_stand_under_what_is_said_of_them():
    drawn = as_it_arrives()
    titles = [drawn.panels[i].get_title(loc="left") for i in (0, 6)]
    assert drawn.in_order(titles) == [titles[:1], titles[1:]]
    assert len(drawn.stacked) == 4  # each row in two


def test_beside_a_table_stands_the_sum_of_each_of_its_rows():
    panels = shares_of_one_head().panels
    for place, (name, table) in enumerate(
        zip(("healthy", "patient"), tables(), strict=True)
    ):
        shown, beside = panels[2 * place : 2 * place + 2]
        assert_array_equal(pixels(shown), table)
        assert shown.get_title(loc="left") == name
        assert scale(shown)[:2] == ("weight", 0)
        for row, (_, low, width, high) in enumerate(bars(beside)):
            assert_allclose(low + high / 2, row, atol=1e-9)
            assert_allclose(width, sum(table[row].tolist()), rtol=1e-5)
        low, high = beside.get_ylim()
        assert low > high  # the first row on top, as in the table
        assert line(beside)[0] == [1, 1]


@pytest.mark.parametrize(
    ("shown", "rows", "written"),
    [(stages, STAGES, "{:.0%}"), (side_by_side, ROWS, "{:.1f} %")],
)
def test_a_bar_is_as_long_as_its_number_and_says_it(shown, rows, written):
    (axes,) = shown().panels
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == list(rows)
    for place, (bar, text) in enumerate(
        zip(bars(axes), axes.texts, strict=True)
    ):
        left, low, width, height = bar
        value = rows[names[place]]
        assert (left, width) == (0, value)
        assert_allclose(low + height / 2, place, atol=1e-9)
        assert text.xy == (value, place)
        assert text.get_text() == written.format(value)
    low, high = axes.get_ylim()
    assert low > high  # the first one on top


def test_a_square_is_dark_as_far_as_its_token_is_heard():
    (axes,) = heard_by_the_answer().panels
    assert_array_equal(pixels(axes), lengths()[None] / 3)
    assert scale(axes) == ("weight", 0, 1)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [str(token) for token in range(17)]
    assert axes.get_xlabel() == "token"
    assert "Not white: 1, 4." in heard_by_the_answer().words


def test_the_patients_losses_are_violet_and_the_healthy_ones_grey():
    (axes,) = losses().panels
    runs = json.loads((FILES / "clinic.json").read_text())["runs"]
    by_name = {run["error"]: run["losses"] for run in runs}
    error = planted(5).__name__
    for drawn, name, colour in zip(
        axes.lines, ("none", error), (STREAM, WEIGHT), strict=False
    ):
        assert_array_equal(drawn.get_ydata(), by_name[name])
        assert_array_equal(drawn.get_xdata(), range(1, 251))
        assert is_colour(drawn, colour)
        last = np.mean(by_name[name][-50:])
        assert f"{last:.2f}" in losses().words
    assert_allclose(line(axes, 2)[1], np.log(10), atol=1e-3)
    assert axes.get_xlabel() == "step"


@pytest.mark.parametrize("case", [5, 6, 7])
def test_no_loss_is_cut_off(case):
    (axes,) = draw(figures.losses, case).panels
    low, high = axes.get_ylim()
    for drawn in axes.lines:
        assert low <= min(drawn.get_ydata())
        assert max(drawn.get_ydata()) <= high


def test_what_was_judged_is_printed_as_it_was_stored(capsys):
    figures.judged(6)
    runs = json.loads((FILES / "clinic.json").read_text())["runs"]
    by_name = {run["error"]: run for run in runs}
    for said, name in zip(
        sorted(capsys.readouterr().out.splitlines()),
        ("none", planted(6).__name__),
        strict=True,
    ):
        run = by_name[name]
        assert (
            f"loss {np.mean(run['losses'][-50:]):.2f} at the end" in said
        )
        assert f"{run['accuracy']:.0%} of validation right" in said
        if len(set(run["answers"]) - {0}) == 1:
            (given,) = np.nonzero(run["answers"])[0]
            assert said.endswith(f"every answer is {given}")


def test_every_answer_to_a_digit_stands_below_it():
    torch.manual_seed(0)
    model = planted(8)(digit_reader())
    with torch.no_grad():
        answers = [model(images(10)).argmax(dim=1) for _ in range(5)]
    for index, axes in enumerate(asked_again().panels):
        assert_array_equal(pixels(axes), images(10)[index, 0])
        said = list(map(int, axes.get_xlabel().split("\n")))
        assert said == [int(round_[index]) for round_ in answers]


def test_the_hills_count_the_digits_at_each_distance():
    (axes,) = nearest().panels
    grey, violet = axes.patches
    distances, without = far()
    top = without.max().item()
    for drawn, values, colour in (
        (grey, without, STREAM),
        (violet, distances, WEIGHT),
    ):
        counts, edges, _ = drawn.get_data()
        wanted, _ = np.histogram(values.numpy(), 40, (0, top))
        assert np.abs(counts - wanted).sum() <= 4  # some lie on an edge
        assert_allclose(edges, np.linspace(0, top, 41), atol=1e-5)
        assert (has_edge if colour == WEIGHT else is_colour)(drawn, colour)
    assert "a peak of 500 at distance 0" in nearest().words
    assert "distance" in axes.get_xlabel()
