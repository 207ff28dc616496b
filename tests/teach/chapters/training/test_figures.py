"""Chapter 8 draws digits, losses, rates, and what mistakes cost."""

import csv
import json
import math
import re
from functools import cache
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from drawn import (
    Drawn,
    EveryFigure,
    bars,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    scale,
    still,
)
from numpy.testing import assert_allclose, assert_array_equal

from vitlib.teach import digit_reader, digits
from vitlib.teach.chapters.training import figures
from vitlib.teach.chapters.training.training_lab import (
    TrainingLab,
    stored_runs,
)
from vitlib.teach.chapters.training.training_replay import (
    TrainingReplay,
    film,
)
from vitlib.teach.draw.palette import GREY, INK, STREAM, WEIGHT
from vitlib.training import Progress

FILES = Path(figures.__file__).parents[2] / "data/files"
STEPS, EPOCHS = 500, 4


@cache
def history():
    """A run of four epochs whose loss falls."""
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(STEPS)
    shares = {125: 0.68, 250: 0.85, 375: 0.9, 500: 0.93}
    return [
        Progress(
            step,
            STEPS,
            1 + (step - 1) * EPOCHS // STEPS,
            0.6 + 1.7 * math.exp(-step / 90) + noise[step - 1].item(),
            1e-3,
            1.0,
            shares.get(step),
        )
        for step in range(1, STEPS + 1)
    ]


def some(count=1000):
    images, labels = digits("validation")
    return images[:count], labels[:count]


@cache
def pictures():
    torch.manual_seed(0)
    five = some()[0][:1]
    noise = torch.rand(1, 1, 28, 28)
    return {"yours": five, "upside down": five.flip(-2), "noise": noise}


@cache
def wall():
    return draw(figures.wall, *digits("train"))


@cache
def loss_of_a_share():
    return draw(figures.loss_of_a_share)


@cache
def schedule():
    return draw(figures.schedule, steps=500, peak=2e-3, warmup=0.1)


@cache
def course():
    return draw(figures.course, history())


@cache
def learning_rates():
    return draw(figures.learning_rates)


@cache
def mistakes():
    return draw(figures.mistakes)


@cache
def wrong_answers():
    return draw(figures.wrong_answers, digit_reader(), *some())


@cache
def reading():
    return draw(figures.reading, digit_reader(), pictures())


@cache
def recipe():
    return draw(figures.recipe)


@cache
def replay():
    return still(TrainingReplay())


@cache
def lab():
    figure = TrainingLab(learning_rate=0.01)
    return Drawn(*figure.still(), narrow=figure.narrow())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        wall,
        loss_of_a_share,
        schedule,
        course,
        learning_rates,
        mistakes,
        wrong_answers,
        reading,
        recipe,
        replay,
        lab,
    )
    context = {"wall": ["9"], "replay": ["64", "96.8"]}


def test_four_of_each_class_stand_in_its_column():
    one, many = wall().panels
    images, labels = digits("train")
    assert_array_equal(pixels(one), images[0, 0])
    assert f"handwritten {labels[0]}" in wall().words
    for label in range(10):
        four = [
            image
            for image, own in zip(images, labels, strict=True)
            if own == label
        ][:4]
        for row, image in enumerate(four):
            shown = pixels(many)[28 * row :, 31 * label :][:28, :28]
            assert_array_equal(shown, image[0])
    for axes in (one, many):
        assert scale(axes) == ("gray_r", 0, 1)  # ink is dark on paper


def test_the_grid_cuts_the_digit_into_sixteen_patches():
    one, _ = wall().panels
    cuts = [6.5, 13.5, 20.5]
    level = [line(one, i)[1][0] for i in (0, 2, 4)]
    upright = [line(one, i)[0][0] for i in (1, 3, 5)]
    assert level == upright == cuts
    assert len(one.lines) == 6


def test_the_loss_is_the_negative_logarithm_of_the_share():
    (axes,) = loss_of_a_share().panels
    x, y = axes.lines[0].get_data()
    assert_allclose(y, [-math.log(share) for share in x])
    marks = [line(axes, index) for index in range(1, len(axes.lines))]
    for ((share,), (loss,)), text in zip(marks, axes.texts, strict=True):
        assert_allclose(loss, -math.log(share))
        assert text.get_text().endswith(f": {loss:.2f}")
        assert f"At {share:g} it is {loss:.2f}" in loss_of_a_share().words
    guess = loss_of_a_share().text("a guess among ten")
    assert guess.get_text().endswith(f": {math.log(10):.2f}")
    assert "probability" in axes.get_xlabel()


def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine():
    (axes,) = schedule().panels
    steps, rates = line(axes)
    assert steps == list(range(1, 501))
    rising = np.diff([0, *rates[:51]])
    assert_allclose(rising, 2e-3 / 51, rtol=1e-6)
    for step in range(50, 500):
        angle = math.pi * (step - 50) / 450
        wanted = 1e-3 * (1 + math.cos(angle))
        assert_allclose(rates[step], wanted, rtol=1e-6, atol=1e-12)
    assert axes.get_xticks().tolist() == [1, 51, 500]
    assert "0.002 at step 51" in schedule().words


def test_the_course_has_every_loss_and_their_moving_average():
    left, right = course().panels
    losses = [progress.loss for progress in history()]
    assert line(left, 0) == (list(range(1, STEPS + 1)), losses)
    assert is_colour(left.lines[0], STREAM)
    x, smoothed = line(left, 1)
    assert x == list(range(1, STEPS + 1))
    for step in (1, 2, 10, 250, 500):
        powers = [0.9 ** (step - 1 - i) for i in range(step)]
        wanted = np.dot(powers, losses[:step]) / sum(powers)
        assert_allclose(smoothed[step - 1], wanted)
    levels = [line(left, index)[1][0] for index in (2, 3)]
    assert_allclose(levels, [math.log(10), 0.5])
    assert line(right) == ([0, 1, 2, 3, 4], [10, 68, 85, 90, 93])
    assert right.get_title(loc="left") == "validation right, %"


def test_the_lowest_loss_with_smoothing_is_half():
    """What the figure says beside its lower line, computed."""
    scores = (
        torch.full((1, 10), 0.01)
        .index_fill_(1, torch.tensor([3]), 0.91)
        .log()
    )
    loss = torch.nn.functional.cross_entropy(
        scores, torch.tensor([3]), label_smoothing=0.1
    )
    assert_allclose(loss, 0.5, atol=0.005)


def test_every_seed_of_every_rate_has_its_dot_and_the_line_the_median():
    (axes,) = learning_rates().panels
    record = json.loads((FILES / "learning_rate.json").read_text())
    labels = [float(t.get_text()) for t in axes.get_xticklabels()]
    assert labels == [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
    for warmup, colour in ((0.1, WEIGHT), (0.0, GREY)):
        dots = {}
        for drawn in axes.lines:
            if is_colour(drawn, colour) and len(drawn.get_xdata()) == 5:
                for x, y in zip(*drawn.get_data(), strict=True):
                    dots.setdefault(labels[round(x)], []).append(y)
        for row in record["rows"]:
            if row["warmup"] == warmup:
                shares = [100 * share for share in row["accuracy"]]
                wanted = sorted([*shares, median(shares)])
                assert_allclose(sorted(dots[row["learning_rate"]]), wanted)
        name = "with warm-up" if warmup else "without"
        assert is_colour(learning_rates().text(name), colour)


def test_every_seed_of_a_mistake_has_its_dot_in_its_row():
    (axes,) = mistakes().panels
    found = {}
    record = json.loads((FILES / "mistakes.json").read_text())
    for row in record["rows"]:
        name = "no mistake" if row["mistake"] == "none" else row["mistake"]
        found.setdefault(name, []).append(100 * row["accuracy"])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == sorted(found, key=lambda name: median(found[name]))
    for place, (name, drawn) in enumerate(
        zip(names, axes.lines, strict=True)
    ):
        assert_allclose(sorted(drawn.get_xdata()), sorted(found[name]))
        assert set(drawn.get_ydata()) == {place}
        assert is_colour(drawn, WEIGHT if name == "no mistake" else INK)
        (text,) = (t for t in axes.texts if t.get_position()[1] == place)
        assert text.get_text() == f"{median(found[name]):.1f}"


def test_a_change_of_the_recipe_has_the_mean_of_its_seeds():
    (axes,) = recipe().panels
    found = {}
    with (FILES / "recipe.csv").open() as file:
        for row in csv.DictReader(file):
            name = row["change"].replace("none", "the first recipe")
            found.setdefault(name, []).append(100 * float(row["accuracy"]))
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == sorted(found, key=lambda name: mean(found[name]))
    for place, (name, drawn) in enumerate(
        zip(names, axes.lines, strict=True)
    ):
        assert_allclose(sorted(drawn.get_xdata()), sorted(found[name]))
        assert set(drawn.get_ydata()) == {place}
        (text,) = (t for t in axes.texts if t.get_position()[1] == place)
        assert text.get_text() == f"{mean(found[name]):.1f}"
    low, high = axes.get_xlim()
    assert low < min(map(min, found.values())) < high


def test_the_surest_mistakes_come_first_under_truth_and_answer():
    images, labels = some()
    with torch.no_grad():
        shares = digit_reader()(images).softmax(dim=1).numpy()
    missed = [
        (-shares[i].max(), i)
        for i in range(len(labels))
        if shares[i].argmax() != labels[i]
    ]
    worst = [i for _, i in sorted(missed)][:16]
    panels = wrong_answers().panels
    assert len(panels) == 16 > len(worst) > 5
    assert not any(axes.images for axes in panels[len(worst) :])
    for axes, index in zip(panels, worst, strict=False):
        assert_array_equal(pixels(axes), images[index, 0])
        answer = shares[index].argmax()
        assert axes.get_title() == f"{labels[index]}, not {answer}"


def test_each_picture_has_ten_bars_and_the_longest_is_the_answer():
    panels = reading().panels
    for place, (name, image) in enumerate(pictures().items()):
        left, right = panels[2 * place : 2 * place + 2]
        assert_array_equal(pixels(left), image[0, 0])
        assert left.get_title(loc="left") == name
        with torch.no_grad():
            shares = digit_reader()(image)[0].softmax(dim=0)
        *ten, longest = bars(right)
        assert_allclose([w for _, _, w, _ in ten], shares, atol=1e-6)
        middles = [low + h / 2 for _, low, _, h in ten]
        assert_allclose(middles, range(10), atol=1e-6)
        answer = int(shares.argmax())
        assert round(longest[1] + longest[3] / 2) == answer
        assert is_colour(right.patches[-1], WEIGHT)
        assert right.texts[0].get_text() == str(answer)
        assert f"{name}: {answer}" in reading().words


def test_the_replay_draws_the_stored_run_up_to_its_epoch():
    losses, accuracies, *_ = replay().panels
    (run, *others) = json.loads((FILES / "one_minute.json").read_text())[
        "runs"
    ]
    wanted = [math.log(10), *run["loss_every_25_steps"]]
    assert_allclose(line(losses, 0)[1], wanted)
    assert_allclose(line(losses, 1)[1], wanted[:6])  # 125 steps an epoch
    assert line(losses, 2)[0] == [5]
    wrong = [100 - 100 * share for share in run["accuracy_by_epoch"]]
    assert_allclose(line(accuracies, 0)[1][1:], wrong)
    assert_allclose(line(accuracies, 2)[1], wrong[:1])
    title = accuracies.get_title(loc="left")
    assert title == f"validation right {100 - wrong[0]:.1f} %"
    best = run["accuracy_by_epoch"][-1]
    assert f"rises to {best:.1%}" in replay().words
    (area,) = accuracies.collections
    outline = area.get_paths()[0].vertices
    runs = [run, *others]
    for epoch in range(1, 13):
        ends = [
            100 - 100 * r["accuracy_by_epoch"][epoch - 1] for r in runs
        ]
        heights = outline[outline[:, 0] == epoch, 1]
        assert_allclose(
            (heights.min(), heights.max()), (min(ends), max(ends))
        )


def test_the_replay_marks_the_digits_that_are_misread():
    *_, sheet, _, _ = replay().panels
    images, labels = some(100)
    shares = film()["shares"][1]
    wrong = (shares.argmax(dim=1) != labels).nonzero().flatten().tolist()
    order = TrainingReplay().order()
    assert sorted(order) == list(range(100))
    marks = {}
    for text in sheet.texts:
        x, y = text.get_position()
        place = 10 * int(y // 30) + int((x - 1) // 30)
        marks[order[place]] = int(text.get_text())
    assert marks == {i: int(shares[i].argmax()) for i in wrong}
    for place, index in enumerate(order):
        row, col = divmod(place, 10)
        shown = pixels(sheet)[30 * row + 1 :, 30 * col + 1 :][:28, :28]
        ink = 1 if index in wrong else 0.3
        assert_allclose(shown, ink * images[index, 0], atol=1e-6)
    (frame,) = sheet.patches
    assert has_edge(frame, INK)
    col, row = (int(at // 30) for at in frame.get_xy())
    assert order[10 * row + col] == 61
    assert (
        sheet.get_title(loc="left") == f"100 digits, {len(wrong)} misread"
    )


def test_the_replay_shows_how_one_digits_probabilities_changed():
    *_, changes, added = replay().panels
    shares = film()["shares"][:, 61]
    assert_array_equal(pixels(changes), shares.T)
    assert scale(changes) == ("weight", 0, 1)
    said = [
        int(text.get_text().removesuffix(" %")) for text in changes.texts
    ]
    assert_allclose(said, 100 * shares[1], atol=0.51)
    (frame,) = changes.patches
    assert frame.get_x() == 0.5
    filters = film()["filters"]
    for index in range(64):
        row, col = (8 * at for at in divmod(index, 8))
        shown = pixels(added)[row : row + 7, col : col + 7]
        wanted = filters[1, index] - filters[0, index]
        assert_array_equal(shown, wanted)
    change = (filters[1] - filters[0]).norm() / filters[0].norm()
    assert f"64 filters: {change:.0%} of the length" in replay().words
    assert scale(added)[0] == "signed"
    assert scale(added)[1] == -scale(added)[2]


def test_the_lab_draws_the_stored_runs_and_their_table():
    (axes,) = lab().panels
    rates = [run.settings["learning_rate"] for run in stored_runs()]
    assert rates == [3e-4, 2e-3, 3e-2]
    for drawn, run in zip(axes.lines, stored_runs(), strict=True):
        x, y = map(np.array, drawn.get_data())
        assert (x[0] >= 0, x[-1], len(run.losses)) == (True, 2, run.steps)
        powers = 0.9 ** np.arange(run.steps)[::-1]
        wanted = powers @ run.losses / powers.sum()
        assert_allclose(y[-1], wanted, atol=1e-6)
    texts = [t.get_text() for t in lab().figure.texts]
    table = [texts[at : at + 7] for at in range(0, 28, 7)]
    assert table[0][0] == "learning rate"
    for row, run in zip(table[1:], stored_runs(), strict=True):
        assert float(row[0]) == run.settings["learning_rate"]
        assert row[-1] == f"{run.accuracy:.1%}"
        found = re.search(
            rf"(?<!\d){re.escape(row[0])}: loss ([\d.]+)", lab().words
        )
        assert found[1] == row[-2]
