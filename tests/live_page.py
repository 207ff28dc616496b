"""A live figure on a page of its own, in a real browser.

    def test_it_draws(open_figure):
        tab = open_figure(PatchExplorer())
        tab.locator("[data-ready]").wait_for()

The page lies on disk and is made as the book's are: the figure's place as
book/_ext/figures.py writes it, the scripts that book/_ext/live.py names.
What a browser complains about fails the test.

What is done with such a page stands here as well: `settle` and `state`
wait until it is drawn, `hold_the_clock` stops its time, `pixels` reads a
canvas, `draw_one` draws on a pad, `keys_at_once` presses keys faster than
frames come, `give_to_python` puts a kernel behind the figure, and `faults`
asks what would shut a reader out.
"""

import atexit
import base64
import json
import shutil
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from extensions import extension

from vitlib.teach.alive.bring import as_scripts
from vitlib.teach.alive.bundle import needs, script, styles
from vitlib.teach.alive.figure import LiveFigure

DRAWN = {}  # the pictures of figures, by their names
ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120_000  # milliseconds: it only bounds what hangs
AXE = ROOT / "tests" / "vendor" / "axe.min.js"
PHONE = {
    "viewport": {"width": 400, "height": 800},
    "has_touch": True,
    "is_mobile": True,
}
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A figure</title>
<style>
body {{ margin: 16px auto; max-width: 700px; padding: 0 16px; }}
html[data-theme="dark"] {{ background: #15181c; color-scheme: dark; }}
{css}
</style>
{place}
<script>{scripts}</script>
</html>"""

FAULTS = """async ([only, without]) => {
  const off = without.map((rule) => [rule, { enabled: false }]);
  const { violations } = await axe.run(".vit-live", {
    preload: false,
    resultTypes: ["violations"],
    rules: Object.fromEntries(off),
    ...(only && { runOnly: only }),
  });
  return violations.map(
    ({ impact, id, nodes }) =>
      [impact, id, nodes.map((n) => n.html.slice(0, 90))]);
}"""

# Of the whole page: what is wrong, and where axe-core cannot tell.
WHOLE = """async () => {
  const { violations, incomplete } = await axe.run(document, {
    preload: false,
    resultTypes: ["violations", "incomplete"],
  });
  const told = ({ impact, id, nodes }) =>
    [impact, id, nodes.map((n) => n.html.slice(0, 90))];
  const open = incomplete.map(
    ({ id, nodes }) => [id, nodes.map((n) => n.target[0])]);
  return [violations.map(told), Object.fromEntries(open)];
}"""

KEYS = """(element, keys) => {
  for (const key of keys) {
    element.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true }));
  }
}"""

# The first photo that is opened from now on waits for `goOn()`.
SLOW_PHOTO = """() => {
  const open = window.createImageBitmap;
  window.createImageBitmap = async (...given) => {
    window.createImageBitmap = open;
    const found = await open(...given);
    await new Promise((go) => { window.goOn = go; });
    return found;
  };
}"""

KERNEL = """() => {
  const place = document.querySelector(".vit-live");
  const text = place.querySelector("script").textContent;
  const { state, reader } = JSON.parse(text);
  const view = (coded) =>
    new DataView(vitlib.vit.fromBase64(coded).buffer);
  for (const [trait, value] of Object.entries(state)) {
    if (value?.base64 !== undefined) state[trait] = view(value.base64);
  }
  if (reader) state.weights = view(vitlib.weights);
  const heard = {};
  const calls = (event) => (heard[event] ??= []);
  vitlib.files = {};
  window.python = {
    saved: [],
    get: (trait) => state[trait],
    set(trait, value) {
      state[trait] = value;
      for (const f of [...calls(`change:${trait}`)]) f();
    },
    save_changes() { this.saved.push({ ...state }); },
    on: (event, f) => calls(event).push(f),
    off(event, f) {
      heard[event] = calls(event).filter((g) => g !== f);
    },
    listeners: () => Object.values(heard).flat().length,
    sent: [],
    send(message) { this.sent.push(message); },
    tell(message, buffers) {
      for (const f of [...calls("msg:custom")]) f(message, buffers);
    },
  };
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const { render } = vitlib[place.dataset.live];
  window.end = render({ model: python, el });
}"""


def _output_of(figure):
    """Give a figure's output; a class's picture is drawn once.

    The page hides it as soon as the figure is alive: it may be that of
    another state.
    """
    kind, name = type(figure), figure._figure  # each has its own type
    if kind.pictures is not LiveFigure.pictures:
        return figure._repr_mimebundle_()
    if name not in DRAWN:
        DRAWN[name] = figure.pictures()
    with patch.object(kind, "pictures", lambda _: deepcopy(DRAWN[name])):
        return figure._repr_mimebundle_()


@cache
def _brought(name):
    """Write the parts of a large file once; give their addresses."""
    folder = Path(tempfile.mkdtemp(prefix="vitlib-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file, text in as_scripts(name).items():
        (folder / file).write_text(text)
    return [(folder / file).as_uri() for file in as_scripts(name)]


def page_of(*figures, theme="light"):
    """Write the HTML of a page with these figures."""
    figures_of, places, names = extension("figures"), [], []
    for number, figure in enumerate(figures, start=1):
        data, about = _output_of(figure)
        about = json.loads(json.dumps(about["vitlib"]))
        places.append(figures_of.as_page(data, about, number))
        live = about["live"]
        names += [n for n in needs(live["figure"]) if n not in names]
    weights = next((f.weights for f in figures if f.weights), b"")
    coded = base64.b64encode(weights).decode()
    scripts = [script(name) for name in (*names, "loader")]
    scripts.insert(-1, f'vitlib.weights = "{coded}";')
    files = {name: _brought(name) for f in figures for name in f._brings}
    scripts.insert(-1, f"vitlib.files = {json.dumps(files)};")
    return PAGE.format(
        theme=theme,
        css=styles(),
        place="\n".join(places),
        scripts="\n".join(scripts),
    )


def watch(tab):
    """Collect what goes wrong in a tab."""
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "console",
        lambda m: m.type == "error" and complaints.append(m.text),
    )
    return complaints


class Tabs:
    """Opens pages in tabs that earlier tests have left.

    A new tab costs more than what most tests do in it. `settings` are
    those of the browser's context; with `own` no other test gets it.
    `watch` listens to a new tab, and gives the list of its complaints.
    """

    def __init__(self, browser, watch=watch):
        self.browser, self.watch = browser, watch
        self.left, self.taken = {}, []

    def take(self, own=False, **settings):
        """Give an empty tab."""
        key = None if own else json.dumps(settings, sort_keys=True)
        left = self.left.setdefault(key, [])
        tab, complaints = left.pop() if left else self._new(settings)
        self.taken.append((key, tab, complaints))
        return tab

    def _new(self, settings):
        context = self.browser.new_context(
            reduced_motion="reduce", **settings
        )
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        return tab, self.watch(tab)

    def give_back(self):
        """Leave the tabs as new ones; give what they complained about."""
        said = []
        for key, tab, complaints in self.taken:
            said += complaints
            complaints.clear()
            if key is None:
                tab.context.close()
                continue
            tab.evaluate("localStorage.clear(); sessionStorage.clear()")
            tab.emulate_media(reduced_motion="reduce")
            tab.mouse.move(0, 0)
            self.left[key].append((tab, complaints))
        self.taken.clear()
        return said


ARRIVED = "!document.documentElement.matches('.vit-arriving')"


def arrive(tab):
    """Wait until all of a page of the book has its place (arriving.py)."""
    tab.wait_for_function(ARRIVED)


def settle(tab):
    """Wait for two frames: what was asked for is drawn then."""
    frame = "new Promise((done) => requestAnimationFrame(done))"
    tab.evaluate(f"async () => {{ await {frame}; await {frame}; }}")


def hold_the_clock(tab):
    """Stop the page's time: it goes on by `tab.clock.run_for` alone.

    Frames are drawn in that time too, so `settle` would never end. No
    other test can use the tab: it has to be its `own`.
    """
    tab.clock.install(time=0)
    tab.clock.pause_at(1000)


def state(tab):
    """Give what the page's figure says of itself, once it is drawn."""
    settle(tab)
    return tab.eval_on_selector(
        "[data-figure]", "(e) => ({ ...e.dataset })"
    )


def pixels(tab, canvas):
    """Read what a canvas shows, (rows, cols, 4) numbers of 0 to 255."""
    height, width, text = tab.eval_on_selector(
        canvas,
        """(canvas) => {
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d")
            .getImageData(0, 0, width, height);
          let text = "";
          for (const byte of data) text += String.fromCharCode(byte);
          return [height, width, btoa(text)];
        }""",
    )
    shown = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return shown.reshape(height, width, 4).astype(int)


def draw_one(tab):
    """Draw a 1 on the page's pad: one stroke of the mouse, downwards."""
    box = tab.locator(".vit-pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 6
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x, y + 0.7 * box["height"], steps=6)
    tab.mouse.up()


def keys_at_once(element, *keys):
    """Press keys with no frame between them, as a slow page gets them."""
    element.evaluate(KEYS, keys)


def give_to_python(tab):
    """Draw the page's figure anew, as in a notebook with a kernel.

    It is alone on the page then, with the traits that it was saved with.
    `python` is what anywidget calls the model: `python.set(trait, value)`
    does what Python's own setting does, and the figure hears of it.
    `python.get(trait)` is what Python has, `python.saved` all traits each
    time that the figure told Python, `python.listeners()` how many calls
    wait for a change. `end()` takes the figure away. `python.sent` are
    the messages that it sent, `python.tell(message, buffers)` sends it
    one; what it brings comes that way, too.
    """
    tab.evaluate(KERNEL)


def ask_axe(tab):
    """Ask axe-core about the whole page.

    It gives the faults, of whatever impact, and what it leaves open: by
    rule, the selectors of the places.
    """
    tab.add_script_tag(path=AXE)
    return tab.evaluate(WHOLE)


def faults(tab, only=None, without=()):
    """Ask axe-core what of the figures shuts a reader out, and where.

    It goes through all its rules, `only` these, or all `without` those.
    """
    tab.add_script_tag(path=AXE)
    return tab.evaluate(FAULTS, [only, list(without)])
