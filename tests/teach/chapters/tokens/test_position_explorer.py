"""How alike positions are: every number on the page is vitlib's."""

import re

import pytest
import torch
from live_page import PHONE, pixels
from torch.nn import functional as F
from traitlets import TraitError

from vitlib import sincos_positions
from vitlib.teach.chapters.tokens.position_explorer import PositionExplorer

PRESSED = ("[role=application]", "ArrowLeft", "place", (3, 2))
GIVEN = {"positions": {"any": torch.eye(16).reshape(4, 4, 16)}}

# Three grids of which none is another's multiple, one of them not square.
KINDS = {
    "waves": sincos_positions((6, 9), 16, class_token=False)[0].reshape(
        6, 9, 16
    ),
    "random": torch.randn(
        4, 4, 8, generator=torch.Generator().manual_seed(0)
    ),
    "wide": torch.randn(
        2, 5, 12, generator=torch.Generator().manual_seed(1)
    ),
}
PLACE = re.compile(r"^\((\d+), (\d+)\): beside it (\S+), farther (\S+)$")


def explorer(**traits):
    return PositionExplorer(KINDS, **traits)


def said(tab):
    """Read of each map its place and the two means."""
    lines = tab.locator(".vit-places-said").all_inner_texts()
    found = [PLACE.match(line).groups() for line in lines]
    return [
        ((int(row), int(col)), number(near), number(far))
        for row, col, near, far in found
    ]


def number(text):
    return float(text.replace("\u2212", "-"))


def cosine(name, a, b):
    table = KINDS[name]
    return F.cosine_similarity(table[a], table[b], dim=0).item()


def by_loops(name, place):
    """The two means, pair by pair."""
    rows, cols, _ = KINDS[name].shape
    near, far = [], []
    for other in ((r, c) for r in range(rows) for c in range(cols)):
        steps = abs(other[0] - place[0]) + abs(other[1] - place[1])
        if steps:
            which = near if steps == 1 else far
            which.append(cosine(name, place, other))
    return sum(near) / len(near), sum(far) / len(far)


def agrees(tab, figure):
    for (place, *means), name, expected in zip(
        said(tab), KINDS, figure.places(), strict=True
    ):
        assert place == expected
        assert means == pytest.approx(by_loops(name, place), abs=0.0051)


def wait_for(tab, place):
    row, col = place
    here = tab.locator(".vit-places-said").first
    here.filter(has_text=f"({row}, {col}):").wait_for()


def click(tab, index, row, col, tap=False):
    view = tab.locator(".vit-places").nth(index)
    rows, cols, _ = list(KINDS.values())[index].shape
    box = view.bounding_box()
    x = (col + 0.5) / cols * box["width"]
    y = (row + 0.5) / rows * box["height"]
    (view.tap if tap else view.click)(position={"x": x, "y": y})


def test_the_first_frame_and_python_say_the_same(open_figure):
    figure = explorer(place=[5, 3])
    tab = open_figure(figure)
    tab.locator("[data-figure=position_explorer][data-ready]").wait_for()
    agrees(tab, figure)
    for name, place, means in zip(
        KINDS, figure.places(), figure.nearness(), strict=True
    ):
        assert means == pytest.approx(by_loops(name, place), abs=1e-5)


def test_a_place_is_chosen_by_mouse_on_any_map(open_figure):
    tab = open_figure(explorer())
    for index, row, col in ((0, 2, 8), (1, 3, 0), (2, 0, 4)):
        click(tab, index, row, col)
        rows, cols, _ = list(KINDS.values())[index].shape
        there = [int((row + 0.5) / rows * 6), int((col + 0.5) / cols * 9)]
        wait_for(tab, there)
        assert said(tab)[index][0] == (row, col)
        agrees(tab, explorer(place=there))


def test_pointing_at_another_place_reads_one_cosine(open_figure):
    tab = open_figure(explorer(place=[4, 2]))
    view = tab.locator(".vit-places").first
    box = view.bounding_box()
    view.hover(position={"x": box["width"] * 7.5 / 9, "y": 3})
    text = tab.locator(".vit-places-of .vit-hint").first.inner_text()
    assert text.startswith("with (0, 7): ")
    expected = cosine("waves", (4, 2), (0, 7))
    assert number(text.split()[-1]) == pytest.approx(expected, abs=0.0051)


def test_a_place_is_chosen_by_keyboard(open_figure):
    tab = open_figure(explorer(place=[0, 1]))
    tab.keyboard.press("Tab")
    for key in ("ArrowUp", "ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    wait_for(tab, (1, 3))
    for _ in range(9):
        tab.keyboard.press("ArrowLeft")
    wait_for(tab, (1, 0))
    agrees(tab, explorer(place=[1, 0]))
    label = tab.locator(".vit-places").first.get_attribute("aria-label")
    assert label == "waves: row 1, column 0"
    for _ in range(2):  # the name, then the second map
        tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowDown")
    tab.locator(".vit-places-said").nth(1).filter(
        has_text="(2, 0):"
    ).wait_for()
    output = tab.locator(".vit-spoken").filter(has_text="random: (2, 0)")
    output.wait_for(state="attached")


def test_every_place_of_the_finest_grid_is_reached(open_figure):
    grids = {"coarse": torch.randn(2, 2, 4), "fine": torch.randn(5, 3, 4)}
    tab = open_figure(PositionExplorer(grids, place=[0, 0]))
    tab.locator(".vit-places").nth(1).focus()
    for row in range(1, 5):
        tab.keyboard.press("ArrowDown")
        words = tab.locator(".vit-places-said").nth(1)
        words.filter(has_text=f"({row}, 0):").wait_for()
        there = tab.locator(".vit-places-said").first.inner_text()
        assert there.startswith(f"({int((row + 0.5) / 5 * 2)}, 0):")


def test_a_place_is_chosen_by_finger_on_a_phone(open_figure):
    tab = open_figure(explorer(), **PHONE)
    click(tab, 0, 0, 0, tap=True)
    wait_for(tab, (0, 0))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400


def test_names_carry_the_shapes_and_light_their_maps(open_figure):
    tab = open_figure(explorer())
    names = tab.locator(".vit-shape")
    assert names.all_inner_texts() == ["(54, 16)", "(16, 8)", "(10, 12)"]
    names.nth(2).focus()
    assert "wide" in tab.locator(".vit-panel-lit").get_attribute(
        "aria-label"
    )


def test_white_is_the_least_of_all_pairs_and_dark_the_place(open_figure):
    table = F.normalize(KINDS["waves"].flatten(0, 1), dim=1)
    table = table @ table.T
    place, least = divmod(table.argmin().item(), 54)
    tab = open_figure(explorer(place=list(divmod(place, 9))))
    shown = pixels(tab, ".vit-places canvas")
    colours = torch.from_numpy(shown).reshape(54, 4)[:, :3]
    assert table[place, least] > 0.1  # white is not zero
    assert colours[least].tolist() == [255, 255, 255]
    assert colours[place].tolist() == [0x0B, 0x54, 0x72]
    red = colours[:, 0]  # falls as the likeness grows
    assert torch.equal(red.argmin(), table[place].argmax())


@pytest.mark.parametrize("place", [[6, 0], [0, 9], [-1, 2]])
def test_a_place_off_the_grid_is_refused(place):
    figure = explorer()
    with pytest.raises(TraitError, match="6 rows and 9 columns"):
        figure.place = place
    assert figure.place == [5, 4]


def test_positions_without_a_grid_are_refused():
    shape = r"'flat' has the shape \(16, 8\)"
    with pytest.raises(ValueError, match=shape):
        PositionExplorer({"flat": torch.zeros(16, 8)})
    with pytest.raises(ValueError, match="one kind at least"):
        PositionExplorer({})


def test_the_still_picture_tells_the_same():
    alt = explorer().still()[1]
    near, far = by_loops("waves", (5, 4))
    assert f"waves, 6 by 9: {near:.1f} with the places beside it" in alt
    assert f"{far:.1f} with all others" in alt
