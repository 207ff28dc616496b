"""The curves of chapter 9: what is read off them is what was measured."""

import json
import math

import pytest
from live_page import PHONE, faults, give_to_python, settle
from traitlets import TraitError

from vitlib.teach.chapters.data.curves import band, bands
from vitlib.teach.live import DataExplorer

PRESSED = ("[type=range]", "ArrowRight", "images", 110)
GIVEN = {
    "bands": bands("few_to_many"),
    "neighbours": {100: 0.73, 500: 0.85, 2000: 0.9, 8000: 0.94},
}

FIGURE = "[data-figure=data_explorer]"
MEASURED = bands("few_to_many")
NEIGHBOURS = {100: 0.728, 500: 0.846, 2000: 0.902, 8000: 0.935}
SIZES = (100, 500, 2000, 8000)
NAMES = (
    "ViT",
    "ViT, distorted",
    "CNN",
    "CNN, distorted",
    "nearest neighbour",
)


def explorer(**traits):
    return DataExplorer(MEASURED, NEIGHBOURS, **traits)


def measured(name, size):
    """Worst, mean and best of a measured point, from the table."""
    if name == "nearest neighbour":
        return [NEIGHBOURS[size]] * 3
    strength = 0.5 if name.endswith("distorted") else 0.0
    one = band(MEASURED, model=name[:3], images=size, strength=strength)
    return [one.low, one.mean, one.high]


def on_line(name, images):
    """Worst, mean and best between two points, straight in logs."""
    after = next(i for i in range(1, 4) if SIZES[i] >= images)
    a, b = SIZES[after - 1], SIZES[after]
    t = math.log(images / a) / math.log(b / a)
    pairs = zip(measured(name, a), measured(name, b), strict=True)
    return [1 - (1 - p) ** (1 - t) * (1 - q) ** t for p, q in pairs]


def needed(name, share):
    """Digits with which a curve reaches a share, by halving."""
    low, high = 100.0, 8000.0
    if share < on_line(name, low)[1] - 1e-9:
        return "< 100"
    if share > on_line(name, high)[1] + 1e-9:
        return "> 8,000"
    for _ in range(60):
        middle = math.sqrt(low * high)
        if on_line(name, middle)[1] < share:
            low = middle
        else:
            high = middle
    return low


def rows(tab):
    return tab.evaluate(
        """() => [...document.querySelectorAll(".vit-data-table tbody tr")]
          .map((row) => [
            row.querySelector("button").textContent,
            row.querySelector("button").getAttribute("aria-pressed"),
            row.querySelector("b").textContent,
            row.querySelector("td span").textContent,
            row.lastChild.textContent,
          ])"""
    )


def said(tab):
    return tab.locator(f"{FIGURE} .vit-data-said").inner_text()


def number(words):
    return float(words.strip(" %").replace(",", ""))


def holds(tab, line, images):
    """Every number of the table, and which curve is chosen."""
    share = on_line(line, images)[1]
    shown = rows(tab)
    assert [row[0] for row in shown] == list(NAMES)
    for name, pressed, mean, ends, count in shown:
        assert (pressed == "true") == (name == line)
        worst, middle, best = (100 * v for v in on_line(name, images))
        assert number(mean) == pytest.approx(middle, abs=0.051)
        if name != "nearest neighbour":
            low, high = map(number, ends.split(" to "))
            assert low == pytest.approx(worst, abs=0.051)
            assert high == pytest.approx(best, abs=0.051)
        expected = needed(name, share)
        if name == line:
            assert number(count) == images
        elif isinstance(expected, str):
            assert count == expected
        else:
            assert number(count) == pytest.approx(expected, rel=0.051)
    slider = tab.get_by_role("slider", name="digits")
    assert slider.get_attribute("aria-valuetext") == f"{images:,}"


def spot(tab, line, images):
    """Where a point of a curve lies on the screen."""
    wrong = 1 - on_line(line, images)[1]
    x = 38 + math.log(images / 100) / math.log(80) * 342
    y = 12 + 278 * math.log(0.52 / wrong) / math.log(0.52 / 0.0105)
    box = tab.locator(".vit-data-chart").bounding_box()
    scale = box["width"] / 400
    return box["x"] + x * scale, box["y"] + y * scale


def test_the_first_frame_answers_the_question(open_figure):
    tab = open_figure(explorer())
    tab.locator(f"{FIGURE}[data-ready]").wait_for()
    holds(tab, "CNN", 100)
    assert said(tab) == (
        "For what the CNN does with 100 digits, 78.2 % right, the ViT "
        "needs about 370."
    )
    assert explorer().needs() == pytest.approx(
        needed("ViT", on_line("CNN", 100)[1]), rel=1e-6
    )


@pytest.mark.parametrize("line", NAMES)
def test_page_python_and_table_agree_along_a_curve(open_figure, line):
    tab = open_figure(explorer())
    give_to_python(tab)
    tab.evaluate(f"python.set('line', {json.dumps(line)})")
    for images in (100, 101, 330, 500, 1234, 2000, 7999, 8000):
        tab.evaluate(f"python.set('images', {images})")
        settle(tab)
        holds(tab, line, images)
        python = explorer(line=line, images=images)
        for name in NAMES:
            expected = on_line(name, images)
            assert python.right(name) == pytest.approx(expected)


def test_a_curve_is_chosen_and_followed_by_mouse(open_figure):
    tab = open_figure(explorer())
    tab.mouse.move(*spot(tab, "ViT", 500))
    settle(tab)
    holds(tab, "CNN", 100)  # pointing alone changes nothing
    tab.mouse.down()
    settle(tab)
    holds(tab, "ViT", 500)
    tab.mouse.move(*spot(tab, "CNN", 2000), steps=5)
    settle(tab)
    holds(tab, "ViT", 2000)
    tab.mouse.up()
    tab.mouse.move(*spot(tab, "CNN", 500))
    settle(tab)
    holds(tab, "ViT", 2000)
    x, y = spot(tab, "ViT", 8000)
    tab.mouse.click(x + 12, y)  # beyond the end is the end
    settle(tab)
    assert number(rows(tab)[0][4]) == 8000


@pytest.mark.parametrize("line", NAMES)
def test_every_curve_can_be_pointed_at(open_figure, line):
    tab = open_figure(explorer())
    tab.mouse.click(*spot(tab, line, 500))
    settle(tab)
    holds(tab, line, 500)


def test_everything_is_reached_by_keyboard(open_figure):
    tab = open_figure(explorer())
    tab.keyboard.press("Tab")
    tab.keyboard.press("End")
    settle(tab)
    holds(tab, "CNN", 8000)
    assert "needs more than 8,000" in said(tab)
    tab.keyboard.press("ArrowLeft")
    settle(tab)
    assert number(rows(tab)[2][4]) == 7200
    tab.keyboard.press("Home")
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowUp")
    settle(tab)
    holds(tab, "ViT, distorted", 100)
    assert said(tab) == (
        "For what the ViT does with 100 distorted digits, 82.7 % right, "
        "the CNN needs fewer than 100."
    )
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")  # there is no more
    settle(tab)
    holds(tab, "ViT", 100)


def test_the_slider_meets_what_was_measured(open_figure):
    tab = open_figure(explorer())
    slider = tab.get_by_role("slider", name="digits")
    seen = set()
    for step in range(41):
        slider.fill(str(step))
        seen.add(int(number(slider.get_attribute("aria-valuetext"))))
    assert set(SIZES) <= seen
    assert len(seen) == 41  # each press of a key changes something


def test_a_finger_goes_along_a_curve_on_a_phone(open_figure):
    tab = open_figure(explorer(), **PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    tab.touchscreen.tap(*spot(tab, "ViT", 2000))
    settle(tab)
    holds(tab, "ViT", 2000)
    tab.get_by_role("button", name="CNN, distorted").tap()
    settle(tab)
    holds(tab, "CNN, distorted", 2000)


def test_the_page_tells_python(open_figure):
    tab = open_figure(explorer())
    give_to_python(tab)
    tab.get_by_role("button", name="nearest neighbour").click()
    tab.get_by_role("slider", name="digits").fill("40")
    state = tab.evaluate(
        "(({ line, images }) => [line, images])(python.saved.at(-1))"
    )
    assert state == ["nearest neighbour", 8000]


def test_the_marks_lie_on_the_curves(open_figure):
    tab = open_figure(explorer(line="CNN", images=100))
    for mark, name, count in (
        (".vit-data-here", "CNN", 100),
        (".vit-data-meeting", "ViT", explorer().needs()),
    ):
        box = tab.locator(mark).bounding_box()
        x, y = spot(tab, name, count)
        assert box["x"] + box["width"] / 2 == pytest.approx(x, abs=1)
        assert box["y"] + box["height"] / 2 == pytest.approx(y, abs=1)
    tab.keyboard.press("Tab")
    tab.keyboard.press("End")  # nobody else comes there
    settle(tab)
    assert tab.locator(".vit-data-meeting").is_hidden()


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("line", "ResNet", "'ResNet'; it must be one of 'ViT'"),
        ("images", 99, "99; the curves go from 100 to 8000"),
        ("images", 8001, "8001"),
    ],
)
def test_what_was_not_measured_is_refused(trait, value, words):
    figure = explorer()
    before = getattr(figure, trait)
    with pytest.raises(TraitError, match=words):
        setattr(figure, trait, value)
    assert getattr(figure, trait) == before


def test_curves_that_do_not_belong_together_are_refused():
    few = {n: NEIGHBOURS[n] for n in (100, 500)}
    with pytest.raises(ValueError, match=r"\[100, 500\]; the bands have"):
        DataExplorer(MEASURED, few)
    plain = [one for one in MEASURED if not one.strength]
    with pytest.raises(
        ValueError, match=r"make the curves \['CNN', 'ViT'"
    ):
        DataExplorer(plain, NEIGHBOURS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_hides_nothing_from_a_screen_reader(open_figure, theme):
    tab = open_figure(explorer(), theme=theme)
    assert faults(tab) == []
    spoken = tab.locator(".vit-spoken").filter(has_text="needs about 370")
    spoken.wait_for(state="attached")


def test_the_still_picture_tells_the_same():
    alt = explorer().still()[1]
    assert "CNN, 100 digits: 78.2 % right" in alt
    assert "ViT needs about 370" in alt
    last = explorer(line="CNN", images=8000).still()[1]
    assert "ViT needs more than 8,000" in last
    best = explorer(line="ViT", images=100).still()[1]
    assert "CNN needs fewer than 100" in best
