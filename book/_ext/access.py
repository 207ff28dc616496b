"""Say to whoever hears a page what the theme shows without a word.

The column at the left becomes a place of its own, what opens over the page
gets a name, the button of the theme says which one is on. A table's empty
corner is a cell, for it heads nothing.
"""

import re
from pathlib import Path

from sphinx.errors import ExtensionError

PAGE = '<div id="pst-primary-sidebar"'
THEME = "theme-switch-button pst-js-only"
# What stands in every page of the theme, and what shall stand there.
CHANGES = {
    PAGE: f'{PAGE} role="complementary" aria-label="The book"',
    '<dialog id="pst-search-dialog"': (
        '<dialog id="pst-search-dialog" aria-label="Search"'
    ),
    '<dialog id="pst-primary-sidebar-modal"': (
        '<dialog id="pst-primary-sidebar-modal" aria-label="The book"'
    ),
}
CONTENTS = '<dialog id="pst-secondary-sidebar-modal"'  # of long pages
# A button's name has to hold the words that are seen in it.
SEARCH = re.compile(
    r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'
)
MODE = re.compile(rf'(<button class="[^"]*{THEME}")( aria-label="[^"]*")')
MODE_START = re.compile(rf'(<button class="[^"]*{THEME}"[^>]*>)')
SPOKEN = '<span class="visually-hidden">Color mode: </span>'
CORNER = re.compile(r'<th class="(head[^"]*)">(<p></p>)?</th>')
HEADS = re.compile(r"<thead>.*?</thead>", re.DOTALL)


def once(pattern: re.Pattern, by: str, page: str) -> str:
    """Change what stands in every page of the theme exactly once."""
    page, count = pattern.subn(by, page)
    if count != 1:
        raise ExtensionError(
            f"the theme's pages no longer have {pattern.pattern} once"
        )
    return page


def named(page: str) -> str:
    """Give a page of the theme with names for what it shows."""
    for old, new in CHANGES.items():
        page = once(re.compile(re.escape(old)), new, page)
    page = page.replace(CONTENTS, f'{CONTENTS} aria-label="Contents"')
    page = once(SEARCH, r"\1", page)
    page = once(MODE, r"\1", page)
    return once(MODE_START, rf"\1{SPOKEN}", page)


def without_empty_heads(page: str) -> str:
    """Let what heads nothing be a cell."""

    def emptied(found: re.Match) -> str:
        return CORNER.sub(r'<td class="\1">\2</td>', found[0])

    return HEADS.sub(emptied, page)


def name_all(app, exception) -> None:
    """Do it in every page that was written now."""
    if exception or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if PAGE in page and CHANGES[PAGE] not in page:
            page = without_empty_heads(named(page))
            path.write_text(page, encoding="utf-8")


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("build-finished", name_all, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
