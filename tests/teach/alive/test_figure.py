"""Live figures in Python: their scripts, their state, their pictures."""

import base64
import io
import json
import re
from pathlib import Path

import made
import pytest
from PIL import Image

from vitlib.teach import live
from vitlib.teach.alive import bundle

ROOT = Path(__file__).resolve().parents[3]
WEB = bundle.web_files()
MODULES = [name[:-3] for name in WEB if name.endswith(".js")]
FIGURES = [getattr(live, name) for name in live.__all__]
MEGABYTE = 1_000_000
# Styles that all figures have.
SHARED = {"answers", "chart", "live", "panels"}
STYLES = sorted({n[:-4] for n in WEB if n.endswith(".css")} - SHARED)


def outer_rules(text):
    """What stands before each outermost block of a style sheet."""
    depth, start, found = 0, 0, []
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for at, letter in enumerate(text):
        if letter == "{":
            if depth == 0:
                found.append(text[start:at].strip())
            depth += 1
        elif letter == "}":
            depth -= 1
            start = at + 1
    return found


@pytest.mark.parametrize("name", STYLES)
def test_the_styles_of_a_figure_reach_no_other(name):
    rules = outer_rules(WEB[f"{name}.css"].read_text())
    own = f'[data-figure="{name}"]'
    others = {r for r in rules if not r.startswith("@keyframes vit-")}
    assert others == {own}


@pytest.mark.parametrize("name", MODULES)
def test_every_script_is_one_that_a_page_can_load(name):
    text = bundle.script(name)
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    used = set(re.findall(r"= vitlib\.(\w+);", text))
    assert used <= set(bundle.needs(name))


@pytest.mark.parametrize("name", MODULES)
def test_a_script_asks_nobody_and_keeps_nothing_open(name):
    text = WEB[f"{name}.js"].read_text()
    asking = r"https?://(?!www\.w3\.org/2000/svg)|\bfetch\(|XMLHttpRequest"
    assert not re.search(asking, text)
    assert not re.search(r"console\.log|debugger|setInterval", text)


def test_a_script_comes_after_those_that_it_needs():
    order = bundle.needs("digit_pad")
    assert order.index("vit") < order.index("kit")
    assert order[-1] == "digit_pad"
    assert len(set(order)) == len(order)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.__name__)
def test_a_figure_shows_itself_and_for_others_its_picture(figure):
    data, metadata = made.figure(figure.__name__)._repr_mimebundle_()
    about = metadata["vitlib"]["live"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert f"{about['figure']}.js" in WEB
    assert not {"_esm", "_css", "weights"} & about["state"].keys()
    size = len(json.dumps(metadata)) + len(data["image/png"])
    assert size < MEGABYTE
    picture = base64.b64decode(data["image/png"])
    Image.open(io.BytesIO(picture)).verify()
    assert metadata["image/png"]["alt"] == data["text/plain"]
    assert data["text/plain"].strip().endswith(".")
    json.dumps(about)
