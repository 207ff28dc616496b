"""The whole book as one PDF: its bookmarks, its links, its looks."""

import re
from contextlib import contextmanager
from html import unescape

import one_file
import pytest
from on_paper import Sheets

SMALL = {"backbone", "licences", "notation"}  # little to print


@contextmanager
def bound(browser, pages):
    """Print these pages into one file."""
    sheets = Sheets(one_file.print_book(browser, pages))
    yield pages, sheets
    sheets.close()


@pytest.fixture(scope="module")
def small_book(browser):
    pages = [p for p in one_file.listed() if p["name"] in SMALL]
    with bound(browser, pages) as book:
        yield book


@pytest.fixture(scope="module")
def whole_book(browser):
    with bound(browser, one_file.listed()) as book:
        yield book


def test_pages_become_one_file_with_their_names_as_bookmarks(small_book):
    pages, sheets = small_book
    first = [title for level, title, *_ in sheets.marks if level == 0]
    assert first == ["Contents", *(page["title"] for page in pages)]
    title = sheets.pdf.get_metadata_value("Title")
    assert title == "One set of letters"


def check_links(pages, sheets):
    """Each leads to a sheet, or out of the book."""
    for index, target in sheets.links:
        assert target is not None, index + 1
        if isinstance(target, int):
            assert 0 <= target < len(sheets)
        else:
            assert target.startswith(("http", "mailto:")), target
    begins = [index for level, _, index, _ in sheets.marks if level == 0]
    inner = [t for index, t in sheets.links if index == begins[0]]
    assert inner == begins[1:]


def test_links_lead_within_the_file_or_out_of_the_book(small_book):
    pages, sheets = small_book
    check_links(pages, sheets)
    begins = {title: index for _, title, index, _ in sheets.marks}
    place = begins["Where a letter has another part"]
    assert (begins["Licences"], begins["The backbone"]) in sheets.links
    assert (begins["Notation"], place) in sheets.links


def test_a_link_that_leads_nowhere_is_told(browser):
    pages = [p for p in one_file.listed() if p["name"] in SMALL]
    for page in pages:
        page["html"] = page["html"].replace(
            'href="backbone.html"', 'href="backbone.html#away"'
        )
    with pytest.raises(ValueError, match=r"nowhere: #backbone--away$"):
        one_file.print_book(browser, pages)


def test_without_a_browser_it_says_which_to_install(monkeypatch, tmp_path):
    for name in ("PATH", "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(
        SystemExit, match="need a browser: install Chromium"
    ):
        one_file.main()


def test_the_contents_tell_the_pages_as_they_are(small_book):
    pages, sheets = small_book
    begins = [index for level, _, index, _ in sheets.marks if level == 0]
    told = sheets.words(begins[0], bottom=70)
    for page, index in zip(pages, begins[1:], strict=True):
        assert re.search(
            rf"{re.escape(page['title'])}\s+{index + 1}\b", told
        )
        foot = sheets.words(index, top=60).split()
        assert foot == [*page["title"].split(), str(index + 1)]


@pytest.mark.long
def test_the_whole_book_has_the_bookmarks_of_its_pages(whole_book):
    pages, sheets = whole_book
    found = [(level, t) for level, t, *_ in sheets.marks if level < 2]
    wanted = [(0, "Contents")]
    for page in pages:
        wanted.append((0, page["title"]))
        body = page["html"].split("<article")[1].split("</article>")[0]
        for inner in re.findall(r"<h2>(.*?)</h2>", body, re.DOTALL):
            inner = re.sub(r'<a class="headerlink".*', "", inner)
            wanted.append((1, re.sub(r"<[^>]+>", "", inner)))
    assert [(n, "".join(t.split())) for n, t in found] == [
        (n, "".join(unescape(t).split())) for n, t in wanted
    ]


@pytest.mark.long
def test_the_whole_book_leads_where_it_says(whole_book):
    check_links(*whole_book)
    assert sum(isinstance(t, int) for _, t in whole_book[1].links) > 900


@pytest.mark.long
def test_the_whole_book_is_good_to_look_at(whole_book):
    _, sheets = whole_book
    assert 300 < len(sheets) < 500
    assert sheets.outside() == []
    assert sheets.lonely() == []
    assert [n for n in sheets.blank() if n > 1] == []  # but the cover
