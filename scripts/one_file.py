"""Print the built book into one PDF.

    python scripts/one_file.py

Chromium, which the tests drive too, makes it out of one document, in which
all pages of the book stand in their order: so the outline, the links, the
numbers of the pages and the order for a screen reader are its own work. It
prints twice: where a chapter begins is known when all is set.
"""

import re
from html import unescape
from pathlib import Path

import yaml
from headless import chromium
from machine import NO_BROWSER, has_browser, stop
from pypdfium2 import PdfDocument

import vitlib

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
FILE = ROOT / "_build" / "vit-piece-by-piece.pdf"
CALL = "(given) => {{ {script} return {function}(given); }}"
ABOUT = f"The book, and its package vitlib {vitlib.__version__}"


def listed() -> list[dict]:
    """Read the book's pages in their order, each with part and title."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [{"file": toc["root"], "part": ""}]
    for part in toc["parts"]:
        for number, chapter in enumerate(part["chapters"]):
            caption = "" if number else part["caption"]
            pages.append({**chapter, "part": caption})
    for page in pages:
        page["name"] = Path(page["file"]).name
        path = SITE / f"{page['file']}.html"
        page["html"] = path.read_text(encoding="utf-8")
        page.setdefault("title", heading(page["html"]))
    return pages


def heading(html: str) -> str:
    """Find what a page calls itself."""
    text = html.split("<article", 1)[1]
    found = re.search(r"<h1>(.*?)<a class", text, re.DOTALL)[1]
    return unescape(re.sub(r"<[^>]+>", "", found))


def call(tab, function: str, given):
    """Call a function of one_file.js in the tab."""
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    script = script.replace("export ", "")
    return tab.evaluate(
        CALL.format(script=script, function=function), given
    )


def print_once(tab) -> bytes:
    """Print what the tab shows."""
    return tab.pdf(
        format="A4",
        prefer_css_page_size=True,
        print_background=True,
        outline=True,
        tagged=True,  # or there would be no outline
    )


def first_pages(pdf: bytes) -> list[int]:
    """Give the page on which each bookmark of the first level begins."""
    with PdfDocument(pdf) as sheets:
        return [
            mark.get_dest().get_index() + 1
            for mark in sheets.get_toc()
            if mark.level == 0
        ]


def print_book(browser, pages: list[dict]) -> bytes:
    """Put the pages into one document, and print that.

    The first page lends its head. Its scripts stay asleep.
    """
    tab = browser.new_page(java_script_enabled=False)
    tab.set_default_timeout(0)
    tab.goto((SITE / f"{pages[0]['file']}.html").as_uri())
    title = heading(pages[0]["html"])
    given = {"title": title, "about": ABOUT, "pages": pages}
    if dangling := call(tab, "oneFile", given):
        raise ValueError(f"links lead nowhere: {', '.join(dangling)}")
    _, *numbers = first_pages(print_once(tab))  # the contents' own first
    call(tab, "number", numbers)
    pdf = print_once(tab)
    tab.close()
    return pdf


def main() -> None:
    """Write the PDF, or say what is missing."""
    if not has_browser():
        stop(NO_BROWSER)
    with chromium() as browser:
        FILE.write_bytes(print_book(browser, listed()))


if __name__ == "__main__":
    main()
