"""A monkey plays with every figure: no error, no dead figure.

What it does is drawn by lot, the same each time: clicks, keys, drags,
files that are no pictures, windows of other sizes.
"""

import random

import pytest
from built_site import NOTEBOOKS, figures_of, of_page
from live_page import settle

FEW, MANY = 50, 500  # actions a figure; the clinic's twelve share them
KEYS = (
    *("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Enter", "Space"),
    *("Tab", "Shift+Tab", "Escape", "Backspace", "Delete", "Home", "End"),
    *("PageUp", "PageDown", "0", "5", "9", "a", "Control+z"),
)
WINDOWS = (1280, 900), (400, 800), (320, 640), (1600, 500)
FILES = {  # a name -> its bytes: none is a picture
    "empty.png": b"",
    "cut off.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    "words.txt": b"not a picture",
    "<b>bold</b>.svg": b"<svg xmlns='http://www.w3.org/2000/svg'",
    "notes.gif": b"GIF89a\x00\x00\x00\x00",
}

# What of the figure can be seen and pressed now, and where.
TARGETS = """(figure) => {
  figure.scrollIntoView({ block: "nearest" });
  const pressed = figure.querySelectorAll(
    "button, input, select, label, canvas, svg, [role], [tabindex]");
  return [figure, ...pressed].flatMap((e) => {
    const { left, top, right, bottom } = e.getBoundingClientRect();
    const box = [Math.max(left, 1), Math.max(top, 1),
      Math.min(right, innerWidth - 1), Math.min(bottom, innerHeight - 1)];
    const seen = box[2] > box[0] && box[3] > box[1];
    return seen && e.checkVisibility() ? [box] : [];
  });
}"""
DROP = """(figure, [name, bytes, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  const places = [figure, ...figure.querySelectorAll("canvas, .vit-pad")];
  for (const place of places) {
    const about = { bubbles: true, cancelable: true };
    place.dispatchEvent(kind === "drop"
      ? new DragEvent("drop", { ...about, dataTransfer: data })
      : new ClipboardEvent("paste", { ...about, clipboardData: data }));
  }
}"""
NONSENSE = """(figure) => {
  const said = figure.innerText + figure.getAttribute("aria-label");
  return ["NaN", "undefined", "[object", "Infinity"].filter(
    (word) => said.includes(word));
}"""
# Where a link led, the figure would be gone: none is followed. What is
# round the figures is not laid out anew for each window.
ALONE = """() => {
  addEventListener("click", (event) => {
    if (event.target.closest("a[href]")) event.preventDefault();
  });
  const keep = (place) => {
    for (const e of place.children) {
      if (e.matches("[data-figure]")) continue;
      if (e.querySelector("[data-figure]")) keep(e);
      else e.style.setProperty("display", "none", "important");
    }
  };
  keep(document.body);
}"""
STATE = "(figure) => ({ ...figure.dataset })"


class Monkey:
    """Plays with one figure of a page."""

    def __init__(self, tab, figure, seed: str) -> None:
        self.tab, self.figure = tab, figure
        self.lot = random.Random(seed)
        self.done = []

    def places(self, count: int) -> list[tuple[float, float]]:
        """Draw points of the figure, rather on what can be pressed."""
        boxes = self.figure.evaluate(TARGETS) or [[5, 5, 5, 5]]
        return [
            (self.lot.uniform(left, right), self.lot.uniform(top, bottom))
            for left, top, right, bottom in self.lot.choices(
                boxes, k=count
            )
        ]

    def click(self) -> None:
        (place,) = self.places(1)
        self.tab.mouse.click(*place)

    def press(self) -> None:
        self.tab.keyboard.press(self.lot.choice(KEYS))

    def drag(self) -> None:
        start, *others = self.places(self.lot.randint(2, 5))
        self.tab.mouse.move(*start)
        self.tab.mouse.down()
        for place in others:
            self.tab.mouse.move(*place)
        self.tab.mouse.up()

    def bring(self) -> None:
        name = self.lot.choice(list(FILES))
        kind = self.lot.choice(["drop", "paste"])
        self.figure.evaluate(DROP, [name, list(FILES[name]), kind])

    def resize(self) -> None:
        width, height = self.lot.choice(WINDOWS)
        self.tab.set_viewport_size({"width": width, "height": height})

    def play(self, count: int) -> None:
        """Do something, so many times."""
        some = [self.click, self.press, self.drag, self.bring, self.resize]
        for _ in range(count):
            (act,) = self.lot.choices(some, [8, 6, 4, 1, 1])
            self.done.append(act.__name__)
            act()


@of_page([page for page in NOTEBOOKS if figures_of(page)])
@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=pytest.mark.long)]
)
def test_a_monkey_leaves_no_error_and_no_dead_figure(page, count, visit):
    tab = visit(page, own=True)
    tab.evaluate(ALONE)
    figures = tab.locator("[data-figure]").element_handles()
    names = figures_of(page)
    assert len(figures) == len(names)
    for number, figure in enumerate(figures):
        monkey = Monkey(tab, figure, f"{page} {number}")
        monkey.play(count // names.count(names[number]))
        settle(tab)
        assert figure.evaluate(NONSENSE) == [], monkey.done
        assert "ready" in figure.evaluate(STATE), monkey.done
        assert figure.bounding_box()["height"] > 50, monkey.done


def held(tab) -> dict[str, int]:
    """Count what the page holds, when what it no longer needs is gone."""
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    counters = session.send("Memory.getDOMCounters")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return {
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
        "megabytes": heap / 1e6,
    }


def stroke(tab, lot) -> None:
    """Draw a stroke on the page's pad; now and then undo or clear."""
    box = tab.locator("[data-figure=digit_pad] .vit-pad").bounding_box()
    for count in range(lot.randint(2, 6)):
        x = box["x"] + lot.uniform(0.1, 0.9) * box["width"]
        y = box["y"] + lot.uniform(0.1, 0.9) * box["height"]
        tab.mouse.move(x, y)
        if count == 0:
            tab.mouse.down()
    tab.mouse.up()
    if lot.random() < 0.3:
        name = lot.choice(["undo the last stroke", "clear the drawing"])
        tab.get_by_role("button", name=name).click()


@pytest.mark.parametrize(
    "count", [10, pytest.param(1800, marks=pytest.mark.long)]
)
def test_half_an_hour_of_drawing_leaves_nothing_behind(count, visit):
    tab = visit("book/index", own=True)
    lot = random.Random(count)
    for _ in range(10):
        stroke(tab, lot)
    settle(tab)
    before = held(tab)
    for _ in range(count):
        stroke(tab, lot)
    settle(tab)
    after = held(tab)
    assert after["nodes"] <= before["nodes"] + 20
    assert after["listeners"] <= before["listeners"] + 5
    assert after["megabytes"] <= before["megabytes"] + 2
    kept = tab.evaluate("[...vitlib.drawing.drawing.bytes]")
    tab.reload()
    assert tab.evaluate("[...vitlib.drawing.drawing.bytes]") == kept


@pytest.mark.long
@of_page([page for page in NOTEBOOKS if figures_of(page)])
def test_play_leaves_nothing_behind(page, visit):
    tab = visit(page, own=True)
    tab.evaluate(ALONE)
    figures = tab.locator("[data-figure]").element_handles()

    def play(seed):
        for number, figure in enumerate(figures):
            Monkey(tab, figure, f"{seed} {number}").play(100)
        settle(tab)

    play("first")
    before = held(tab)
    play("second")
    after = held(tab)
    assert after["listeners"] <= 1.2 * before["listeners"]
    assert after["nodes"] <= 1.2 * before["nodes"]
    assert after["megabytes"] <= 1.2 * before["megabytes"] + 2
