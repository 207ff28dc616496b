"""The built site, served, and each page looked at once.

Tests of one page run in one process, so that they share what `look` has
seen.
"""

import functools
import shutil

import pytest
from built_site import ROOT, SITE, html, serve, watch
from live_page import Tabs, arrive
from looking import look_at


@pytest.fixture(scope="session", autouse=True)
def _site():
    """Fail, and say how to go on, where the site has not been built."""
    if not (SITE / "book" / "index.html").is_file():
        pytest.fail("no _build/html: run `make book`", pytrace=False)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a few pages alone, with one of the book's extensions."""
    from sphinx.application import Sphinx

    def go(extension, pages, **settings):
        monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
        source, out = tmp_path / "source", tmp_path / "out"
        source.mkdir()
        for name, page in pages.items():
            (path,) = (ROOT / "book").glob(f"{page}.*")
            shutil.copy(path, source / f"{name}{path.suffix}")
        settings |= {
            "extensions": ["myst_nb", extension],
            "nb_execution_mode": "off",
            "suppress_warnings": ["myst", "toc"],
        }
        Sphinx(
            source,
            None,
            out,
            tmp_path / "trees",
            "html",
            confoverrides=settings,
            status=None,
            warning=None,
        ).build()
        return out

    return go


@pytest.fixture(scope="session")
def server():
    with serve(SITE) as address:
        yield address


@pytest.fixture(scope="session")
def look(browser):
    """Open a page from disk, once, and report what is to be seen."""

    @functools.cache
    def visit(page):
        return look_at(browser, page)

    return visit


@pytest.fixture(scope="session")
def both_ways(browser, server):
    """Tabs for pages from disk and for pages from the server."""
    homes = {"file": "file://", "http": server}
    return {
        way: Tabs(browser, functools.partial(watch, home=home))
        for way, home in homes.items()
    }


@pytest.fixture
def visit(both_ways, server):
    """Open a page, "file" or "http", in a tab that knows nothing."""

    def go(page, way="file", **settings):
        tab = both_ways[way].take(**settings)
        address = f"{server}/{page}.html"
        tab.goto(address if way == "http" else html(page).as_uri())
        arrive(tab)
        return tab

    yield go
    complaints = [c for t in both_ways.values() for c in t.give_back()]
    assert complaints == []
