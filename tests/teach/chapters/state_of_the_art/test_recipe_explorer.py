"""What changed between two results: the page says what the table says."""

import re

import pytest
from live_page import PHONE, faults, give_to_python, state

from vitlib.teach.chapters.state_of_the_art.recipe_explorer import (
    LADDERS,
    PARTS,
)
from vitlib.teach.data.results import results
from vitlib.teach.live import RecipeExplorer

PRESSED = ("button >> nth=0", "Enter", "chosen", 7)

FIGURE = "[data-figure=recipe_explorer]"
ROWS = f"{FIGURE} .vit-rung"
TWINS = {"deit3": "LayerScale", "clip": "norm"}


def rows_of(ladder):
    """The results of a ladder, taken from the table once more."""
    if ladder == "recipe":
        return [
            row
            for row in results("measured")
            if row.name.startswith(("vit_base_patch16", "deit"))
            and "base_patch16" in row.name
            and row.pixels == 224
        ]
    same = [
        row
        for row in results("published")
        if (row.data, row.pixels) == ("ImageNet-1k", 224)
        and "distilled" not in row.name
    ]
    if ladder == "size":
        return [row for row in same if row.source == "DeiT III"]
    return [row for row in same if 85.5 < row.millions < 89.5]


def at(figure, rung):
    """A rung's button: the best is on top."""
    return len(figure.rungs) - 1 - rung


def cells(tab, part):
    row = tab.locator(f"{FIGURE} tbody tr", has_text=part).first
    return row.locator("td").all_inner_texts()


def holds(tab, figure):
    """What is told must be what the two results of Python say."""
    shown = state(tab)
    before = figure.rungs[figure.against]
    after = figure.rungs[figure.chosen]
    assert [shown["ladder"], shown["from"], shown["to"]] == [
        figure.ladder,
        str(figure.against),
        str(figure.chosen),
    ]
    assert float(shown["points"]) == pytest.approx(figure.points)
    assert shown["changed"].split() == figure.changed
    for part in ("architecture", "recipe", "data"):
        assert cells(tab, part) == [before[part], after[part]]
    assert cells(tab, "parameters") == [
        f"{rung['parameters']:g} M" for rung in (before, after)
    ]
    assert cells(tab, "top-1") == [
        f"{rung['top1']:.{rung['digits']}f} %" for rung in (before, after)
    ]
    links = tab.locator(f"{FIGURE} tbody a").evaluate_all(
        "(all) => all.map((a) => a.getAttribute('href'))"
    )
    assert links == [before["url"], after["url"]]
    told = tab.locator(f"{FIGURE} .vit-rung-told > div").inner_text()
    size = f"{abs(figure.points):.{after['digits']}f}"
    if figure.points:
        word = "more" if figure.points > 0 else "less"
        assert f"{size} points {word}." in told
    changed = ", ".join(figure.changed) or "nothing"
    assert f"Changed: {changed}." in told
    return told


@pytest.mark.parametrize("ladder", LADDERS)
def test_a_ladder_has_the_rows_of_the_table(ladder):
    figure = RecipeExplorer(ladder=ladder)
    found = [(rung["name"], rung["top1"]) for rung in figure.rungs]
    rows = sorted(rows_of(ladder), key=lambda row: row.top1)
    assert sorted(found) == sorted((row.name, row.top1) for row in rows)
    assert [top1 for _, top1 in found] == [row.top1 for row in rows]
    for rung in figure.rungs:
        row = next(row for row in rows if row.name == rung["name"])
        assert (rung["data"], rung["pixels"]) == (row.data, row.pixels)
        assert (rung["source"], rung["url"]) == (row.source, row.url)
        assert rung["parameters"] == row.millions
        assert row.how in rung["recipe"]


def test_the_first_frame_has_the_numbers_of_the_chapter(open_figure):
    figure = RecipeExplorer()
    assert figure.points == 5.96
    assert figure.changed == ["recipe", "data"]
    tab = open_figure(figure)
    told = holds(tab, figure)
    assert "The same: architecture, parameters, pixels." in told
    shown = tab.locator(f"{ROWS} b").all_inner_texts()
    tops = [f"{rung['top1']:.2f}" for rung in figure.rungs]
    assert shown == tops[::-1]


def test_what_is_not_quite_the_same_is_hollow():
    for rung in RecipeExplorer().rungs:
        twin = next((n for n in TWINS if n in rung["name"]), None)
        assert (rung["look"] == "hollow") == (twin is not None)
        if twin:
            assert rung["architecture"].endswith(TWINS[twin])
        else:
            assert rung["architecture"] == "ViT-B/16"


def test_a_dot_stands_at_its_accuracy(open_figure):
    figure = RecipeExplorer(ladder="architecture")
    tab = open_figure(figure)
    tracks = tab.locator(f"{ROWS} .vit-rung-track")
    for rung, one in enumerate(figure.rungs):
        track = tracks.nth(at(figure, rung))
        box = track.bounding_box()
        dot = track.locator(".vit-rung-dot").bounding_box()
        middle = dot["x"] + dot["width"] / 2 - box["x"]
        share = (one["top1"] - 78) / 9
        assert middle / box["width"] == pytest.approx(share, abs=0.005)


def test_two_clicks_compare_two_results(open_figure):
    tab = open_figure(RecipeExplorer())
    for against, chosen in ((6, 5), (5, 2), (2, 3), (3, 0)):
        figure = RecipeExplorer(against=against, chosen=chosen)
        tab.locator(ROWS).nth(at(figure, chosen)).click()
        tab.mouse.move(1, 1)
        told = holds(tab, figure)
        says_little = abs(figure.points) < 0.45
        assert ("this difference says little" in told) == says_little
    marked = tab.locator(f"{ROWS}[aria-pressed=true]")
    assert marked.count() == 1


def test_the_luck_is_that_of_the_chapter(open_figure):
    tab = open_figure(RecipeExplorer(against=2, chosen=3))
    found = tab.evaluate("vitlib.recipe_explorer.chance(84, 84)")
    wanted = 100 * (0.84 * 0.16 / 50_000) ** 0.5 * 2**0.5
    assert found == pytest.approx(wanted)
    assert f"{wanted:.2f}" == "0.23"
    variance = sum(p * (1 - p) for p in (0.8178, 0.8198)) / 50_000
    assert f"about {100 * variance**0.5:.2f} points" in holds(
        tab, RecipeExplorer(against=2, chosen=3)
    )


def test_to_point_is_to_look_ahead(open_figure):
    tab = open_figure(RecipeExplorer())
    figure = RecipeExplorer(against=6, chosen=1)
    tab.locator(ROWS).nth(at(figure, 1)).hover()
    holds(tab, figure)
    tab.mouse.move(1, 1)
    holds(tab, RecipeExplorer())


def test_another_ladder_starts_with_its_ends(open_figure):
    tab = open_figure(RecipeExplorer())
    for words in ("size", "architecture", "recipe and data"):
        tab.get_by_text(words, exact=True).first.click()
        told = holds(tab, RecipeExplorer(ladder=words.split()[0]))
        assert ("28.7 times the parameters" in told) == (words == "size")


@pytest.mark.parametrize(
    "every", [5, pytest.param(1, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("ladder", LADDERS)
def test_every_pair_is_told_apart(ladder, every, open_figure):
    tab = open_figure(RecipeExplorer(ladder=ladder))
    figure = RecipeExplorer(ladder=ladder)
    for against in range(len(figure.rungs)):
        for chosen in range(against % every, len(figure.rungs), every):
            tab.locator(ROWS).nth(at(figure, against)).click()
            tab.locator(ROWS).nth(at(figure, chosen)).click()
            tab.mouse.move(1, 1)
            if chosen != against:
                figure = RecipeExplorer(
                    ladder=ladder, against=against, chosen=chosen
                )
                holds(tab, figure)


def test_keys_alone_are_enough(open_figure):
    tab = open_figure(RecipeExplorer())
    tab.locator(f"{ROWS}[tabindex='0']").focus()
    tab.keyboard.press("ArrowDown")
    holds(tab, RecipeExplorer(against=6, chosen=5))
    tab.keyboard.press("ArrowDown")
    holds(tab, RecipeExplorer(against=5, chosen=4))
    tab.get_by_role("radio", name="recipe and data").focus()
    tab.keyboard.press("ArrowRight")
    holds(tab, RecipeExplorer(ladder="size"))


def test_a_finger_on_a_phone(open_figure):
    tab = open_figure(RecipeExplorer(), **PHONE)
    figure = RecipeExplorer(against=6, chosen=1)
    tab.locator(ROWS).nth(at(figure, 1)).tap()
    holds(tab, figure)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    heights = tab.locator(ROWS).evaluate_all(
        "(all) => all.map((e) => e.offsetHeight)"
    )
    assert min(heights) >= 40


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ladder", ["recipe", "architecture"])
def test_nobody_is_shut_out(theme, ladder, open_figure):
    tab = open_figure(RecipeExplorer(ladder=ladder), theme=theme)
    assert faults(tab) == []


def test_what_python_sets_moves_the_page_and_back(open_figure):
    tab = open_figure(RecipeExplorer())
    give_to_python(tab)
    tab.evaluate("python.set('against', 3)")
    holds(tab, RecipeExplorer(against=3))
    tab.evaluate("python.set('ladder', 'size')")  # the rest comes later
    tab.evaluate("python.set('chosen', 2); python.set('against', 1)")
    holds(tab, RecipeExplorer(ladder="size", chosen=2, against=1))
    tab.locator(ROWS).first.click()
    found = tab.evaluate("[python.get('chosen'), python.get('against')]")
    assert found == [3, 2]
    assert tab.evaluate("python.saved.length") == 1


def test_another_ladder_in_python_is_stood_on_its_ends():
    figure = RecipeExplorer()
    figure.ladder = "size"
    assert (figure.against, figure.chosen) == (0, 3)
    assert figure.changed == ["architecture", "recipe", "parameters"]
    figure.chosen = 1
    figure.ladder = "recipe"
    assert (figure.against, figure.chosen) == (0, 1)


def test_no_two_sizes_differ_in_their_parameters_alone():
    rungs = RecipeExplorer(ladder="size").rungs
    assert len({rung["recipe"] for rung in rungs}) == len(rungs) == 4
    patches = [re.findall(r"\d+$", rung["architecture"]) for rung in rungs]
    assert patches == [["16"], ["16"], ["16"], ["14"]]


@pytest.mark.parametrize(
    ("traits", "parts"),
    [
        ({"chosen": 8}, ("chosen", 8, 7)),
        ({"against": -1}, ("against", -1, 7)),
        ({"ladder": "size", "chosen": 4}, ("chosen", 4, 3)),
        ({"ladder": "luck"}, ("luck", "recipe", "size")),
    ],
)
def test_what_is_not_there_is_refused(refuses, traits, parts):
    refuses(lambda: RecipeExplorer(**traits), *parts)


@pytest.mark.parametrize("ladder", LADDERS)
def test_the_still_picture_tells_the_same(ladder):
    figure = RecipeExplorer(ladder=ladder)
    _, alt = figure.still()
    for rung in figure.rungs:
        name = f"{rung['label']}, {rung['below']}"
        assert f"{name}: {rung['top1']:.{rung['digits']}f} %" in alt
    assert f"{figure.points:+.2f} points" in alt
    assert set(figure.changed) <= set(PARTS)
