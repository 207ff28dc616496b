"""A live figure on a page of its own, in a real browser.

    from live_page import browser, open_figure  # noqa: F401

    def test_it_draws(open_figure):  # noqa: F811
        tab = open_figure(PatchExplorer())
        tab.locator("[data-ready]").wait_for()

The page lies on disk and is made as the book's are: the figure's place as
book/_ext/figures.py writes it, the scripts that book/_ext/live.py names.
What a browser complains about fails the test.
"""

import base64
import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from vitlib.teach.live._bundle import needs, read_web, script

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
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


def _extension():
    path = ROOT / "book" / "_ext" / "figures.py"
    spec = importlib.util.spec_from_file_location("book_figures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page_of(*figures, theme="light"):
    """Write the HTML of a page with these figures."""
    extension, places, names = _extension(), [], []
    for number, figure in enumerate(figures, start=1):
        data, about = figure._repr_mimebundle_()
        about = json.loads(json.dumps(about["vitlib"]))
        places.append(extension.as_page(data, about, number))
        live = about["live"]
        names += [n for n in needs(live["figure"]) if n not in names]
    weights = next((f.weights for f in figures if f.weights), b"")
    coded = base64.b64encode(weights).decode()
    scripts = [script(name) for name in (*names, "loader")]
    scripts.insert(-1, f'vitlib.weights = "{coded}";')
    return PAGE.format(
        theme=theme,
        css=read_web("live.css"),
        place="\n".join(places),
        scripts="\n".join(scripts),
    )


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_figure(browser, tmp_path):
    """Open figures, or what `page_of` made of them.

    `settings` are those of the browser's context.
    """
    contexts, complaints = [], []

    def go(*figures, theme="light", **settings):
        context = browser.new_context(reduced_motion="reduce", **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "console",
            lambda m: m.type == "error" and complaints.append(m.text),
        )
        path = tmp_path / f"page{len(contexts)}.html"
        text = figures[0]
        if not isinstance(text, str):
            text = page_of(*figures, theme=theme)
        path.write_text(text, encoding="utf-8")
        tab.goto(path.as_uri())
        return tab

    yield go
    for context in contexts:
        context.close()
    assert complaints == []
