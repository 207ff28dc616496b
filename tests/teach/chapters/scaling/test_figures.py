"""Chapter 12 draws how costs grow, what is bought, and a plan."""

import csv
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from drawn import EveryFigure, bars, draw, line, still
from numpy.testing import assert_allclose

from vitlib.teach.chapters.scaling import figures, plan
from vitlib.teach.chapters.scaling.measured import bought, growth
from vitlib.teach.chapters.scaling.run_planner import RunPlanner
from vitlib.teach.chapters.scaling.tables import show_runs

STORED = Path(figures.__file__).parents[2] / "data/files"
KINDS = ("written out", "fused")


@cache
def against_tokens():
    curves = [growth("image_size", kind) for kind in KINDS]
    return draw(figures.against_tokens, curves)


@cache
def shares():
    return draw(figures.shares, "time of a step", bought()["training"])


@cache
def planner():
    return still(RunPlanner())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (against_tokens, shares, planner)


@cache
def rows():
    with (STORED / "growth.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_curve_goes_through_what_was_measured():
    columns = {"training_ms": 1, "training_bytes": 1e6}
    for axes, (column, unit) in zip(
        against_tokens().panels, columns.items(), strict=True
    ):
        for place, kind in enumerate(KINDS):
            wanted = [
                (1 + (int(r["image_size"]) // 16) ** 2, float(r[column]))
                for r in rows()
                if (r["varied"], r["attention"]) == ("image_size", kind)
            ]
            sizes, values = zip(*sorted(wanted), strict=True)
            assert line(axes, place)[0] == list(sizes)
            found = line(axes, place)[1]
            assert_allclose(found, np.array(values) / unit)


def test_the_legend_has_the_slope_over_the_three_largest():
    for axes in against_tokens().panels:
        texts = [t.get_text() for t in axes.get_legend().get_texts()]
        for place, words in enumerate(texts):
            x, y = (np.log(v[-3:]) for v in line(axes, place))
            mean = x - x.mean()
            slope = (mean * y).sum() / (mean**2).sum()
            assert re.search(r"[\d.]+", words)[0] == f"{slope:.1f}"


def test_a_bar_is_as_long_as_its_way_took():
    stored = json.loads((STORED / "what_it_buys.json").read_text())
    wanted = [v for k, v in stored["training"].items() if k != "plain"]
    found = [width for _, _, width, _ in bars(shares().panels[0])]
    assert found[: len(wanted)] == wanted


def test_a_run_lies_where_its_hours_and_its_peak_put_it():
    (axes,) = planner().panels
    points = [d.get_data() for d in axes.lines if len(d.get_xdata()) == 1]
    for (x, y), run in zip(points, plan.planned(), strict=False):
        assert_allclose(x[0] * 1e18, run.flops)
        paid = run.hours * 3600 * run.peak * 1e12
        assert_allclose(y[0] * 1e18, paid)


def test_the_plan_lies_on_the_line_of_its_share():
    (axes,) = planner().panels
    share = axes.lines[0].get_data()
    x, y = (v[0] for v in axes.lines[-1].get_data())
    assert_allclose(y / x, share[1][0] / share[0][0])


def test_the_table_says_the_hours_as_they_were_published():
    with (STORED / "training_runs.csv").open(newline="") as file:
        published = list(csv.DictReader(file))
    rows = show_runs().data.split("<tr>")[2:]
    assert len(rows) == len(published)
    for run in published:
        words = f"{run['bound']} {float(run['hours']):,.0f}".strip()
        row = f'>{run["name"]}</td><td class="text-right">{words}</td>'
        assert any(row in one for one in rows), row


def test_what_was_never_measured_is_refused():
    with pytest.raises(ValueError, match="varied must be one of"):
        growth("colour")
