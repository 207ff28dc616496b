"""Published accuracies: each with a source, shown as they were written."""

import csv

import pytest

from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.results import results, show_results

PATH = FOLDER / "results.csv"
TABLES = ("published", "measured")


def lines():
    with PATH.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_line_is_in_one_of_the_two_tables():
    count = sum(len(results(table)) for table in TABLES)
    assert count == len(lines())


@pytest.mark.parametrize("table", TABLES)
def test_every_result_has_a_source_with_a_link(table):
    for row in results(table):
        assert row.source, row.name
        assert row.url.startswith("https://"), row.name


@pytest.mark.parametrize("table", TABLES)
def test_every_number_can_be_what_it_says(table):
    for row in results(table):
        assert 50 < row.top1 < 92, row.name
        assert row.millions is None or 1 < row.millions < 25_000, row.name
        assert row.pixels is None or 160 <= row.pixels <= 800, row.name
        assert row.family in ("ViT", "windows", "CNN"), row.name


def test_no_result_is_there_twice():
    keys = [
        (line["table"], line["name"], line["data"]) for line in lines()
    ]
    assert len(set(keys)) == len(keys)


def test_the_recipes_of_one_architecture_span_six_points():
    base = {
        row.name: row.top1
        for row in results("measured")
        if row.millions == 86.57 and "clip" not in row.name
    }
    assert min(base.values()) == 79.15
    assert max(base.values()) == 85.11


@pytest.mark.parametrize("table", TABLES)
def test_the_table_shows_each_row_with_its_link(table):
    rows = results(table)
    html = show_results(rows).data
    assert html.count("<tr>") == 1 + len(rows)
    for row in rows:
        assert f'href="{row.url}"' in html
        assert f">{row.name}<" in html


def test_accuracies_keep_the_digits_they_were_published_with():
    html = show_results(results("published")).data
    for text in (">77.9 %<", ">82.0 %<", ">88.55 %<", ">91.0 %<"):
        assert text in html


def test_an_unknown_table_is_refused_by_name():
    with pytest.raises(ValueError, match="'publish'"):
        results("publish")
