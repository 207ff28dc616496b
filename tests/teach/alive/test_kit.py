"""The kit in a browser: its example, its model, its charts."""

import base64
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from live_page import give_to_python, hold_the_clock, pixels

import vitlib.teach
from vitlib.teach.alive import bundle

KIT = bundle.web_files()["kit.js"]
MODEL = """
export const render = ({ model }) => { window.model = model; };
"""
CHART = """(values) => {
  const { Chart, linear, log } = vitlib.chart;
  const plot = new Chart("a-plot", {
    width: 400, height: 200, left: 50, right: 30, top: 10, bottom: 40,
    inset: 20, x: log(...values.x), y: linear(...values.y),
  });
  plot.add(
    plot.row(values.y[0], "low"), plot.column(values.x[1], "high"),
    plot.line(values.x, values.y), plot.band(values.x, values.y, [1, 1]),
    plot.move(plot.dot(3), values.x[0], values.y[1]));
  const all = (tag, ...names) => [...plot.picture.querySelectorAll(tag)]
    .map((e) => names.map((name) => e.getAttribute(name)));
  return {
    words: plot.picture.textContent,
    paths: all("path", "class", "d"),
    texts: all("text", "x", "y", "text-anchor"),
    dots: all("circle", "cx", "cy", "r"),
    across: values.inside.map((v) => plot.x(v)),
    back: values.inside.map((v) => plot.fromLeft(plot.x(v) / 400)),
    up: [0.3, 0.6].map((v) => plot.fromTop(plot.y(v) / 200)),
  };
}"""


def example():
    """The figure that stands at the head of the kit."""
    lines = KIT.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "  import" in line)
    end = lines.index("//     });", start)
    inner = (line.removeprefix("//   ") for line in lines[start : end + 1])
    return "\n".join(line.removeprefix("//") for line in inner)


@pytest.fixture
def open_script(open_figure, tmp_path, monkeypatch):
    """Open a page with a figure of this script, and with these traits."""

    def go(source, name, own=False, **traits):
        path = tmp_path / f"{name}.js"
        path.write_text(source)
        monkeypatch.setitem(bundle.web_files(), path.name, path)
        parts = (name, "chart", "panels", "loader")
        names = [n for part in parts for n in bundle.needs(part)]
        scripts = map(bundle.script, dict.fromkeys(names))
        about = json.dumps({"state": traits, "reader": False})
        return open_figure(
            f'<div class="vit-live" data-live="{name}">'
            f'<script type="application/json">{about}</script></div>'
            f"<script>{''.join(scripts)}</script>",
            own=own,
        )

    return go


def brightness(tab):
    return pixels(tab, ".vit-heat")[..., :3].sum(axis=-1).flatten()


def test_the_kits_example_is_a_figure_that_runs(open_script):
    rising = [i / 15 for i in range(16)]
    tab = open_script(example(), "looks", values=rising)
    tab.locator("[data-figure=looks][data-ready]").wait_for()
    shown = brightness(tab)
    assert shown[0] == 3 * 255  # white: no weight
    assert (np.diff(shown) < 0).all()
    give_to_python(tab)
    tab.evaluate("(v) => python.set('values', v)", rising[::-1])
    assert (brightness(tab) == shown[::-1]).all()


def test_a_function_that_leaves_one_trait_still_hears_the_others(
    open_script,
):
    tab = open_script(MODEL, "bare", one=0, two=0)
    heard = tab.evaluate(
        """() => {
          const heard = [];
          const hear = () =>
            heard.push([model.get("one"), model.get("two")]);
          const other = () => heard.push("other");
          model.on("change:one", hear);
          model.on("change:two", hear);
          model.on("change:two", other);
          model.off("change:one", hear);
          model.set("one", 1);
          model.set("two", 2);
          model.off("change:two", hear);
          model.set("two", 3);
          model.off("change:two", other);
          model.off("change:two", other);
          model.set("two", 4);
          return heard;
        }"""
    )
    assert heard == [[1, 2], "other", "other"]


def test_a_trait_that_stays_as_it_is_tells_nobody(open_script):
    tab = open_script(MODEL, "still", one=7)
    count = tab.evaluate(
        """() => {
          let count = 0;
          model.on("change", () => { count += 1; });
          model.set("one", 7);
          model.set("one", 8);
          return count;
        }"""
    )
    assert count == 1


def test_the_first_words_stand_there_and_later_ones_are_said(open_script):
    tab = open_script(MODEL, "quiet")
    found = tab.evaluate(
        """() => {
          const spoken = vitlib.kit.speaker();
          const after = (words) => {
            spoken.say(words);
            return spoken.textContent;
          };
          return [spoken.tagName, after("first"), after("second")];
        }"""
    )
    assert found == ["OUTPUT", "first", "first"]


def test_a_chart_puts_values_where_its_scales_say(open_script):
    tab = open_script(MODEL, "plotted")
    low, high = 10, 1000
    inside = [10, 31, 100, 1000]
    found = tab.evaluate(
        CHART, {"x": [low, high], "y": [0, 1], "inside": inside}
    )
    wide = 400 - 50 - 30
    wanted = [50 + wide * math.log10(v / low) / 2 for v in inside]
    assert found["across"] == pytest.approx(wanted)
    assert found["back"] == pytest.approx(inside)
    assert found["up"] == pytest.approx([0.3, 0.6])
    assert found["words"] == "lowhigh"
    assert found["texts"] == [
        ["24", "164", "end"],
        ["370", "175", "middle"],
    ]
    assert [d for _, d in found["paths"]] == [
        "M30,160 H370",
        "M370,10 V160",
        "M50.0,160.0 370.0,10.0",
        "M50.0,160.0 370.0,10.0 370.0,10.0 50.0,10.0Z",
    ]
    assert found["dots"] == [["50", "10", "3"]]


def test_a_figure_that_ends_waits_for_no_change(open_script):
    tab = open_script(example(), "ended", values=[1] * 16)
    give_to_python(tab)
    assert tab.evaluate("python.listeners()") == 1
    assert tab.evaluate("end(), python.listeners()") == 0


def test_a_share_is_all_or_nothing_only_where_it_is(open_script):
    tab = open_script(MODEL, "shares")
    said = {
        0: "0 %",
        0.004: "< 1 %",
        0.25: "25 %",
        0.994: "99 %",
        0.995: "> 99 %",
        0.9999: "> 99 %",
        1: "100 %",
    }
    found = tab.evaluate("(all) => all.map(vitlib.kit.percent)", [*said])
    assert dict(zip(said, found, strict=True)) == said


def test_of_what_is_said_in_haste_the_last_is_heard(open_script):
    tab = open_script(MODEL, "spoken", own=True)
    hold_the_clock(tab)
    tab.evaluate("() => { window.spoken = vitlib.kit.speaker(); }")
    heard = []
    for words in ("at first", "one", "two", ""):
        if words:
            tab.evaluate("(words) => spoken.say(words)", words)
        tab.clock.run_for(500)
        heard.append(tab.evaluate("spoken.textContent"))
    assert heard == ["at first", "at first", "at first", "two"]


def test_arrow_keys_walk_a_grid_and_stop_at_its_edges(open_script):
    tab = open_script(MODEL, "walked")
    tab.evaluate(
        """() => {
          const { arrows, html } = vitlib.kit;
          window.chosen = [];
          const items = Array.from({ length: 6 }, () => html("button"));
          arrows(items, 3, (index) => chosen.push(index));
          document.body.replaceChildren(...items);
          items[0].focus();
        }"""
    )
    steps = {
        "ArrowUp": 0,
        "ArrowRight": 1,
        "ArrowDown": 4,
        "ArrowLeft": 3,
        "Enter": 3,
        "Alt+ArrowUp": 3,
    }
    for key, place in steps.items():
        tab.keyboard.press(key)
        stops = "(all) => all.map((one) => one.tabIndex)"
        found = tab.eval_on_selector_all("button", stops)
        assert found == [0 if at == place else -1 for at in range(6)], key
    assert tab.evaluate("chosen") == [1, 4, 3, 3]


def test_a_slider_says_its_value_as_it_is_written(open_script):
    tab = open_script(MODEL, "slid")
    said = tab.evaluate(
        """() => {
          const range = { min: 0, max: 9, value: 3 };
          const write = (value) => `${2 ** value} pixels`;
          const dial = vitlib.kit.slider("side", range, write, () => {});
          const [input, output] = dial.querySelectorAll("input, output");
          const now = () =>
            [input.getAttribute("aria-valuetext"), output.textContent];
          const found = [now()];
          dial.set(5);
          found.push(now());
          input.value = 7;
          input.dispatchEvent(new Event("input"));
          return [...found, now()];
        }"""
    )
    assert said == [[f"{size} pixels"] * 2 for size in (8, 32, 128)]


def test_a_panel_says_the_place_among_all_places(open_script):
    tab = open_script(MODEL, "placed")
    said = tab.evaluate(
        """() => {
          const { view, say } = vitlib.panels.panel("", "Patch");
          say(15, 16, "row 3, column 3");
          return ["min", "now", "max", "text"].map((name) =>
            view.getAttribute(`aria-value${name}`));
        }"""
    )
    assert said == ["0", "15", "15", "row 3, column 3"]


COUNTS = (0, 7, 999, 1000, 12_345, 999_999, 1_234_567, 2**53 - 1)


def test_thousands_stand_apart_as_the_browser_would_set_them(open_script):
    tab = open_script(MODEL, "thousands")
    found = tab.evaluate(
        "(all) => all.map(vitlib.kit.thousands)", [*COUNTS]
    )
    assert found == [f"{count:,}" for count in COUNTS]
    asked = "(all) => all.map((count) => count.toLocaleString('en-US'))"
    assert found == tab.evaluate(asked, [*COUNTS])


def test_no_figure_waits_for_the_languages_that_a_browser_knows():
    scripts = sorted(Path(vitlib.teach.__file__).parent.rglob("*.js"))
    slow = re.compile(r"\bIntl\.|\.toLocale\w+\(")  # 90 ms on a phone
    assert len(scripts) > 30
    assert not [
        s.name for s in scripts if slow.search(s.read_text("utf-8"))
    ]


DRAWN = """
import { figure, html } from "./kit.js";
console.error = ({ message }) => { window.failed = message; };
export const render = figure("drawn", "Drawn", ({ model, root }) => {
  window.wasThere = root.isConnected;
  root.append(html("p", {}, "the words"));
  if (model.get("fails")) throw new Error("no picture");
});
"""


@pytest.mark.parametrize("fails", [False, True])
def test_a_figure_comes_into_the_page_when_it_is_drawn(fails, open_script):
    tab = open_script(DRAWN, "drawn", own=True, fails=fails)
    assert tab.evaluate("wasThere") is False
    words = tab.evaluate("vitlib.drawn && document.body.innerText").strip()
    failed = tab.evaluate("window.failed")
    if fails:
        assert (words, failed) == ("", "no picture")
    else:
        assert (words, failed) == ("the words", None)


def test_bytes_are_the_same_by_the_browsers_way_and_by_ours(open_script):
    tab = open_script(MODEL, "bytes")
    every = base64.b64encode(bytes(range(256)) * 3 + b"ab").decode()
    read = "(text) => [...vitlib.vit.fromBase64(text)]"
    theirs = tab.evaluate(read, every)
    tab.evaluate("() => { delete Uint8Array.fromBase64; }")
    assert tab.evaluate(read, every) == theirs
    assert bytes(theirs) == base64.b64decode(every)
