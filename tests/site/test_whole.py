"""Where a reader is told that the whole book is to be had as one PDF."""

import re
import shlex

import one_file
import pytest
import yaml
from built_site import ROOT, html
from extensions import extension

SITE = "https://someone.example/book/"
PAGE = "book/take_away"
HEADING = "The whole book as one PDF"


@pytest.fixture(params=[SITE, ""], ids=["known", "unknown"])
def small_site(request, build, monkeypatch):
    """Build the page where the address is known, and where it is not."""
    monkeypatch.setenv("BOOK_SITE", request.param)
    pages = {"index": "take_away"}
    return build("whole", pages) / "index.html", bool(request.param)


def told(page):
    """Give the section's text, and where its links lead."""
    text = page.read_text(encoding="utf-8")
    section = text.split(f"<h2>{HEADING}", 1)[1].split("</section>", 1)[0]
    links = re.findall(r'<a [^>]*href="([^"]+)"', section)
    words = re.sub(r"<[^>]+>", "", section)
    return words, [link for link in links if link[0] != "#"]


def test_a_link_leads_to_it_where_the_address_of_the_site_is_known(
    small_site,
):
    page, known = small_site
    words, links = told(page)
    address = f"{SITE}{one_file.FILE.name}"
    assert links == ([address] if known else [])
    assert ("make pdf" in words) != known
    assert one_file.FILE.name in words


def test_the_built_page_says_where_it_is():
    words, _ = told(html(PAGE))
    assert one_file.FILE.name in words
    assert "<!--" not in words


def test_the_page_the_command_and_the_makefile_name_one_file():
    file = one_file.FILE.relative_to(ROOT)
    assert str(file) in extension("whole").place("")
    assert f"\nPDF = {file}\n" in (ROOT / "Makefile").read_text()


def test_what_is_published_has_the_file_at_the_address_of_the_link():
    """It is printed and put there before the site is packed."""
    path = ROOT / ".github" / "workflows" / "pages.yml"
    job = yaml.safe_load(path.read_text())["jobs"]["build"]
    steps = [step.get("run") or step["uses"] for step in job["steps"]]
    (packed,) = (n for n, s in enumerate(steps) if "pages-artifact" in s)
    site = job["steps"][packed]["with"]["path"]
    assert ROOT / site == one_file.SITE
    file = str(one_file.FILE.relative_to(ROOT))
    copied = [shlex.split(step) for step in steps[:packed]].index(
        ["cp", file, f"{site}/"]
    )
    assert "make pdf" in steps[:copied]
    assert "BOOK_SITE" in job["env"]
