"""Bring the live figures to the pages that have one.

A notebook says in an output's metadata which figure stands there (see
vitlib/teach/alive/figure.py) and figures.py gives it a place in the page.
Here the page gets the scripts that the figure needs, written into the
site once, as plain scripts that also run from disk, and the trained
model, where a figure runs it. What a figure only asks for on a click lies
beside them in parts; the page gets the parts' addresses.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from vitlib.teach.alive.bring import as_scripts
from vitlib.teach.alive.bundle import needs, script, styles
from vitlib.teach.data.checked import read_checked
from vitlib.teach.data.reader import FILE, SHA256
from vitlib.teach.draw import palette

FOLDER = "_static/live"
FIRST = "first-live-figure"
# What many figures share, as files that a browser loads once.
BUNDLES = {
    "shared": [
        *("palette", "vit", "kit", "answers", "chart", "photo", "panels"),
    ],
    "bringing": ["bring", "inflate", "photo_door"],
    "drawings": ["own_digit", "likeness", "samples", "drawing"],
}
PLACE = re.compile(r'data-live="(\w+)" data-reader="(true|false)"')
BRINGS = re.compile(r'data-brings="([\w ]+)"')
WEIGHTS = 'var vitlib = vitlib || {{}};\nvitlib.weights = "{}";\n'
NEEDS = """\
<noscript><p class="vit-noscript">JavaScript is off: the live figures of
this page stand still, and its questions are listed without their answers.
</p></noscript>
"""
WAKE = "<script>vitlib.loader.wake();</script>\n"
FILES = """\
var vitlib = vitlib || {{}};
vitlib.files = {{}};
for (const [name, parts] of Object.entries({})) {{
  const here = document.currentScript.src;
  vitlib.files[name] = parts.map((part) => new URL(part, here).href);
}}
"""


def write_once(folder: Path, name: str, text: str) -> str:
    """Write a file of the site unless another page has; give its link."""
    path = folder / FOLDER / name
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    version = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{FOLDER}/{name}?v={version}"


def addresses_of(folder: Path, names: list[str]) -> str:
    """Write the parts of large files; give a script that names them."""
    found = {
        name: [
            write_once(folder, file, text).removeprefix(f"{FOLDER}/")
            for file, text in as_scripts(name).items()
        ]
        for name in names
    }
    return FILES.format(json.dumps(found))


def scripts_of(figures: list[tuple[str, str]]) -> dict[str, str]:
    """Name all that the figures need, each script after what it needs."""
    names = [n for figure, _ in figures for n in needs(figure)]
    texts = {}
    for bundle, parts in BUNDLES.items():
        if set(parts) & set(names):
            texts[f"{bundle}.js"] = "\n".join(map(script, parts))
    bundled = [part for parts in BUNDLES.values() for part in parts]
    for name in names:
        if name not in bundled:
            texts[f"{name}.js"] = script(name)
    if any(reader == "true" for _, reader in figures):
        weights = base64.b64encode(read_checked(FILE, SHA256)).decode()
        texts["weights.js"] = WEIGHTS.format(weights)
    return texts


def add_first(body: str, scripts: str) -> str:
    """Bring the first figure's scripts right behind its place."""
    before, place, rest = body.partition('<div class="vit-live" ')
    own, end, rest = rest.partition("</script>\n</div>")
    mark = f'id="{FIRST}" '
    return "".join([before, NEEDS, place, mark, own, end, scripts, rest])


def add_scripts(app, pagename, templatename, context, doctree) -> None:
    """Load on a page what its figures are made of, and nothing else.

    What the first figure needs stands right behind it: it is drawn while
    the rest of the page is read. What the others need stands right behind
    the text: they wait for nothing else that the page loads.
    """
    figures = PLACE.findall(context.get("body") or "")
    if not figures:
        return
    folder, pathto = Path(app.outdir), context["pathto"]

    def load(texts: dict[str, str]) -> str:
        links = [
            pathto(write_once(folder, name, text), resource=True)
            for name, text in texts.items()
        ]
        return "".join(
            f'<script src="{link}"></script>\n' for link in links
        )

    first = scripts_of(figures[:1])
    if found := BRINGS.findall(context["body"]):
        names = sorted({name for some in found for name in some.split()})
        first = {"files.js": addresses_of(folder, names), **first}
    all_ = scripts_of(figures)
    rest = {name: all_[name] for name in all_ if name not in first}
    first["loader.js"] = script("loader")
    context["body"] = add_first(context["body"], f"\n{load(first)}")
    context["body"] += f"{load(rest)}{WAKE}"
    context["live_figure"] = FIRST  # for the skip link of layout.html
    write_once(folder, "live.css", styles())
    app.add_css_file("live/live.css", priority=900)


def write_palette(app) -> None:
    """Write the colours of the pages, which book.css uses."""
    path = Path(app.outdir) / "_static" / "palette.css"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(palette.sheet("html", 'html[data-theme="dark"]'))


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.add_css_file("palette.css", priority=700)
    app.connect("builder-inited", write_palette)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
