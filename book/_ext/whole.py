"""Say on a page where the whole book is to be had as one PDF.

`make pdf` prints it from the built pages. The workflow that publishes the
site puts it there: where the site's address is known (see sharing.py), a
link leads to it; elsewhere words say how it is made. The page marks the
place.
"""

from urllib.parse import urljoin

NAME = "vit-piece-by-piece.pdf"
MARK = "<!-- the whole book -->"
THERE = "It lies beside these pages: [{name}]({address})."
MAKE = "In a copy of the repository `make pdf` prints it: `_build/{name}`."


def place(site: str) -> str:
    """Say in a sentence where it is; `site` is an address, or ''."""
    if site:
        return THERE.format(name=NAME, address=urljoin(site, NAME))
    return MAKE.format(name=NAME)


def say_where(app, docname: str, source: list[str]) -> None:
    """Write it where the page wants it."""
    source[0] = source[0].replace(MARK, place(app.config.html_baseurl))


def setup(app) -> dict:
    """Connect to Sphinx; sharing.py finds the site's address."""
    app.setup_extension("sharing")
    app.connect("source-read", say_where)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
