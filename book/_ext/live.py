"""Bring the live figures to the pages that have one.

A notebook says in an output's metadata which figure stands there (see
vitlib/teach/live/_figure.py) and figures.py gives it a place in the page.
Here the page gets the scripts: those of vitlib/teach/web, written into
the site once, as plain scripts that also run from disk, and the trained
model, where a figure runs it.
"""

import base64
import re
from pathlib import Path

from vitlib.teach.data import read_checked
from vitlib.teach.live._bundle import needs, read_web, script
from vitlib.teach.reader import FILE, SHA256

FOLDER = "live"
PLACE = re.compile(r'data-live="(\w+)" data-reader="(true|false)"')
WEIGHTS = 'var vitlib = vitlib || {{}};\nvitlib.weights = "{}";\n'


def write_once(folder: Path, name: str, text: str) -> None:
    """Write a file of the site unless an earlier page has."""
    path = folder / "_static" / FOLDER / name
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def add_scripts(app, pagename, templatename, context, doctree) -> None:
    """Load on a page what its figures are made of, and nothing else."""
    found = PLACE.findall(context.get("body") or "")
    if not found:
        return
    names = [n for figure, _ in found for n in needs(figure)]
    texts = {f"{name}.js": script(name) for name in names}
    if any(reader == "true" for _, reader in found):
        weights = base64.b64encode(read_checked(FILE, SHA256)).decode()
        texts["weights.js"] = WEIGHTS.format(weights)
    texts["loader.js"] = script("loader")
    for name, text in texts.items():
        write_once(Path(app.outdir), name, text)
        app.add_js_file(f"{FOLDER}/{name}", loading_method="defer")
    write_once(Path(app.outdir), "live.css", read_web("live.css"))
    app.add_css_file(f"{FOLDER}/live.css")


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
