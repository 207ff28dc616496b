"""Say in each page's head what it is, for searches and for links.

Every page gets a description, its first sentences. Where the book will
stand is known from the environment's BOOK_SITE, or from `Documentation`
in pyproject.toml's [project.urls]; then every page also gets its own
address and a picture for previews, drawn from its first live figure, and
the site a list of its pages and a page for addresses that lead nowhere.
"""

import base64
import io
import json
import os
import re
import tomllib
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from vitlib.teach.draw import palette

ENOUGH, MOST = 110, 200  # letters of a description
SIZE, MARGIN = (1200, 630), 70
INK, GREY = palette.LIGHT["ink"], palette.LIGHT["grey"]
TAG = '<meta {kind}="{name}" content="{text}">'
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>There is no such page</title>
<p>There is no such page. <a href="{site}">The book begins here.</a></p>
</html>
"""
SITEMAP = """\
<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{pages}
</urlset>
"""


def find_site(environment: Mapping[str, str], folder: str) -> str:
    """Give the address at which the book will stand, or ''."""
    site = environment.get("BOOK_SITE", "")
    project = Path(folder) / "pyproject.toml"
    if not site and project.is_file():
        told = tomllib.loads(project.read_text()).get("project", {})
        site = told.get("urls", {}).get("Documentation", "")
    return site and site.rstrip("/") + "/"


def describe(doctree: nodes.document) -> str:
    """Take the first sentences of a page, or as much as fits.

    Captions and what Markdown cannot say are left out.
    """
    text = ""
    for paragraph in doctree.findall(nodes.paragraph):
        plain = isinstance(paragraph.parent, nodes.section)
        if plain and not paragraph["classes"]:
            text = f"{text} {words_of(paragraph)}".strip()
        if len(text) >= ENOUGH:
            break
    if len(text) <= MOST:
        return text
    sentences = re.match(rf"(.{{{ENOUGH},{MOST}}}[.?])\s", text)
    return sentences[1] if sentences else cut(text)


def words_of(paragraph: nodes.paragraph) -> str:
    """Read a paragraph in one line; formulas stay as they are written."""
    pieces = paragraph.findall(nodes.Text)
    text = "".join(
        t for t in pieces if not isinstance(t.parent, nodes.raw)
    )
    return " ".join(text.split())


def cut(text: str) -> str:
    """End behind the last whole word that fits."""
    return text[:MOST].rpartition(" ")[0].rstrip(",;:") + " …"


def tag(name: str, text: str) -> str:
    """Write one line of a page's head."""
    kind = "property" if name.startswith("og:") else "name"
    return TAG.format(kind=kind, name=name, text=escape(text))


def picture_of(notebook: dict) -> Image.Image | None:
    """Give the picture of the first live figure, or the first of all."""
    outputs = [
        output
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    live = [o for o in outputs if "live" in about(o)]
    for output in live or outputs:
        content = base64.b64decode(output["data"]["image/png"])
        return Image.open(io.BytesIO(content)).convert("RGB")
    return None


def about(output: dict) -> dict:
    """Read what vitlib says of an output."""
    return output.get("metadata", {}).get("vitlib", {})


def font(size: int) -> ImageFont.FreeTypeFont:
    """Take the letters that matplotlib brings, in pixels."""
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def card(title: str, book: str, picture: Image.Image) -> Image.Image:
    """Draw the preview: the title, the figure, the name of the book."""
    made = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(made)
    width, height = SIZE[0] - 2 * MARGIN, SIZE[1] - 4 * MARGIN
    size = 48
    while pen.textlength(title, font(size)) > width:
        size -= 2
    pen.text((MARGIN, MARGIN), title, INK, font(size))
    scale = min(width / picture.width, height / picture.height)
    sides = round(picture.width * scale), round(picture.height * scale)
    left, top = (SIZE[0] - sides[0]) // 2, MARGIN * 2
    place = left, top + (height - sides[1]) // 2
    made.paste(picture.resize(sides, Image.Resampling.LANCZOS), place)
    pen.text((MARGIN, SIZE[1] - MARGIN), book, GREY, font(24))
    return made


def write_card(app, pagename: str, title: str) -> str:
    """Draw a page's preview into the site; give its place there, or ''.

    A page without a figure takes that of the book's first page.
    """
    for name in (pagename, app.config.root_doc):
        source = Path(app.srcdir, f"{name}.ipynb")
        if source.is_file():
            notebook = json.loads(source.read_text(encoding="utf-8"))
            if picture := picture_of(notebook):
                place = f"_images/preview-{pagename.replace('/', '-')}.png"
                path = Path(app.outdir, place)
                path.parent.mkdir(exist_ok=True)
                made = card(title, app.config.html_title, picture)
                made.quantize(128).save(path, optimize=True)
                return place
    return ""


def add_tags(app, pagename, templatename, context, doctree) -> None:
    """Write into the head what the page is."""
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # else it would stand there twice
    text = describe(doctree) if doctree is not None else ""
    if not text:
        return
    title = unescape(re.sub(r"<[^>]+>", "", context["title"]))
    book = app.config.html_title
    tags = [
        tag("description", text),
        tag("og:type", "article"),
        tag("og:locale", "en"),
        tag("og:site_name", book),
        tag("og:title", title),
        tag("og:description", text),
    ]
    if site := app.config.html_baseurl:
        tags.append(tag("og:url", urljoin(site, f"{pagename}.html")))
        if place := write_card(app, pagename, title):
            tags.append(tag("og:image", urljoin(site, place)))
            tags.append(tag("twitter:card", "summary_large_image"))
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def set_site(app, config) -> None:
    """Tell Sphinx, which gives each page its canonical address."""
    config.html_baseurl = find_site(os.environ, str(app.srcdir))


def write_lists(app, error) -> None:
    """Write the list of pages, and the page for all other addresses."""
    site = app.config.html_baseurl
    if error or not site or app.builder.format != "html":
        return
    addresses = [
        urljoin(site, app.builder.get_target_uri(name))
        for name in sorted(app.env.found_docs)
    ]
    pages = "\n".join(f"<url><loc>{a}</loc></url>" for a in addresses)
    sitemap = SITEMAP.format(pages=pages)
    Path(app.outdir, "sitemap.xml").write_text(sitemap)
    Path(app.outdir, "404.html").write_text(PAGE.format(site=site))


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("config-inited", set_site, priority=900)
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
