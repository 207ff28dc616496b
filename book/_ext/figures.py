"""Put the figures into the pages as SVG, in the colours of the page.

vitlib.teach shows a figure as PNG and keeps its SVG in the output's
metadata (see vitlib/teach/draw/canvas.py). When Sphinx reads a
notebook, such an output becomes HTML with that SVG in it, so that the
figure is sharp at every size and follows the page into the dark. A live
figure (vitlib/teach/live.py) gets a place around that picture, with the
values that it starts from; live.py adds the scripts. Where words stand for
the picture, as in a quiz, they do so here.

A phone shows a panel smaller than it was drawn, so its letters grow: each
is drawn at `--least` at least, which every panel sets for itself. A wide
figure without panels, as the picture of a live one is, scrolls there.
"""

import html
import json
import math
import re
from urllib.parse import unquote

from vitlib.teach.asking.questions import anchor_of
from vitlib.teach.draw.narrow import SCALED

PHONE = 312  # pixels: what a phone of 320 has for a figure
LETTERS = 11  # pixels of that phone, at least

FIGURE = """\
<div class="vit-figure{scrolls}" style="--width: {width:g}px{least}">{more}
<div role="img" aria-label="{alt}">
{svg}{narrow}
</div>
</div>"""
MORE = """
<p class="vit-more" aria-hidden="true">\
The picture goes on to the right.</p>"""

# A panel is a window on the figure that stands there, not a copy of it.
NARROW = """
<div class="vit-panels">
{panels}
</div>"""
PANEL = """\
<svg aria-hidden="true" viewBox="{left} {top:g} {width} {height:g}" \
style="--width: {width}px{least}"><use href="#{name}"/></svg>"""

WORDS = """\
<div class="vit-figure vit-words">
{words}
</div>"""

PLACE = """\
<div class="vit-live" data-live="{name}" data-reader="{reader}"{brings}>
{still}
<script type="application/json">{state}</script>
</div>"""


def with_own_ids(svg: str, prefix: str) -> str:
    """Give the SVG ids that no other figure of the page has."""
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    return re.sub(r'href="#', f'href="#{prefix}-', svg)


def sides_of(svg: str) -> tuple[float, float]:
    """Read the width and height of a figure, in pixels."""
    _, _, *sides = re.search(r'viewBox="([^"]+)"', svg)[1].split()
    return float(sides[0]), float(sides[1])


def least(width: float, shown: float = PHONE) -> str:
    """Say how large letters must be where a figure is `shown` so wide."""
    if width <= PHONE:
        return ""
    size = math.ceil(100 * LETTERS * width / shown) / 100
    return f"; --least: {size:g}px"


def that_grows(svg: str) -> str:
    """Let letters grow; who does not know how to takes the first size."""
    return re.sub(
        r"(<text [^>]*font-size: )([\d.]+px)",
        r"\1\2; font-size: max(\2, var(--least, 0px))",
        svg,
    )


def as_html(about: dict, alt: str, number: int) -> str:
    """Wrap the page's figure of this number, wide and narrow."""
    name = f"figure-{number}"
    svg = with_own_ids(about["svg"], name)
    svg = svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
    svg = svg.replace("<g>", f'<g id="{name}">', 1)
    width, height = sides_of(svg)
    panels = [
        as_panel(panel, f"{name}-{index}", name, height)
        for index, panel in enumerate(about.get("panels", []))
    ]
    narrow = NARROW.format(panels="\n".join(panels)) if panels else ""
    scrolls = not panels and width > SCALED
    return FIGURE.format(
        svg=that_grows(svg),
        narrow=narrow,
        alt=html.escape(alt),
        width=width,
        least="" if panels else least(width, width if scrolls else PHONE),
        scrolls=" vit-scroll" if scrolls else "",
        more=MORE if scrolls else "",
    )


def as_panel(panel: dict, own: str, whole: str, height: float) -> str:
    """Show a part of the whole figure, or what was drawn anew."""
    if "svg" not in panel:
        left, width = panel["from"], panel["to"] - panel["from"]
        top, end = panel.get("rows", (0, height))
        return PANEL.format(
            left=left,
            top=top,
            width=width,
            height=end - top,
            name=whole,
            least=least(width),
        )
    svg = with_own_ids(that_grows(panel["svg"]), own)
    width, _ = sides_of(svg)
    style = f"--width: {width:g}px{least(width)}"
    look = f'<svg aria-hidden="true" style="{style}" '
    return svg.replace("<svg ", look, 1)


def as_words(words: str) -> str:
    """Wrap what stands for a picture; its links become the page's."""

    def link(found: re.Match) -> str:
        page, heading = found.groups()
        anchor = anchor_of(unquote(heading))
        return f'href="{page + ".html" if page else ""}#{anchor}"'

    words = re.sub(r'href="(?:(\w+)\.ipynb)?#([^"]+)"', link, words)
    return WORDS.format(words=words)


def as_place(live: dict, still: str) -> str:
    """Give a live figure its place in a page, around the still one."""
    state = {"state": live["state"], "reader": live["reader"]}
    text = json.dumps(state).replace("<", "\\u003c")
    brings = " ".join(live.get("brings", []))
    return PLACE.format(
        name=live["figure"],
        reader=json.dumps(live["reader"]),
        brings=f' data-brings="{brings}"' if brings else "",
        still=still,
        state=text,
    )


def as_page(data: dict, about: dict, number: int) -> str:
    """Give the page's HTML for an output: its data, and what it says."""
    if "svg" in about:
        page = as_html(about, "".join(data["text/plain"]), number)
    else:
        page = as_words("".join(data["text/html"]))
    return as_place(about["live"], page) if "live" in about else page


def use_svg(app, docname: str, source: list[str]) -> None:
    """Replace every output of a notebook that is a figure of ours."""
    if app.env.doc2path(docname, base=False).endswith(".ipynb"):
        notebook = json.loads(source[0])
        outputs = [
            output
            for cell in notebook["cells"]
            for output in cell.get("outputs", [])
            if "vitlib" in output.get("metadata", {})
        ]
        for number, output in enumerate(outputs, start=1):
            about = output["metadata"]["vitlib"]
            page = as_page(output["data"], about, number)
            output["data"] = {"text/html": page}
            output["metadata"] = {}
        source[0] = json.dumps(notebook)


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("source-read", use_svg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
