"""The built site, driven in a real browser: what a reader will meet."""

import functools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from built_site import (
    MADE,
    NOTEBOOKS,
    PAGES,
    ROOT,
    SITE,
    html,
    of_page,
    watch,
)
from docutils import nodes
from extensions import extension
from looking import COLUMNS

LARGEST_PAGE = 1_500_000

every_page = of_page(PAGES + MADE)
every_notebook = of_page(NOTEBOOKS)


# --- what stands in the files


class Parsed(HTMLParser):
    """Everything of a page that points somewhere or can be pointed at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids, self.links, self.loads, self.images = [], [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a" and "name" in attrs:
            self.ids.append(attrs["name"])
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        elif tag == "link" and attrs.get("rel") != "canonical":
            self.loads += [attrs["href"]] if "href" in attrs else []
        elif tag in ("script", "img", "iframe") and attrs.get("src"):
            self.loads.append(attrs["src"])
        if tag == "img":
            self.images.append(attrs)


@functools.cache
def parsed(path: Path) -> Parsed:
    return Parsed(path)


def all_html() -> list[Path]:
    pages = SITE.rglob("*.html")
    return sorted(path for path in pages if "_static" not in path.parts)


def broken(path: Path, address: str) -> bool:
    """Say whether a local address leads nowhere."""
    address, anchor = urldefrag(address)
    target = path
    if address:
        target = path.parent / unquote(urlsplit(address).path)
    if not target.is_file():
        return True
    if not anchor or target.suffix != ".html":
        return False
    return unquote(anchor) not in parsed(target.resolve()).ids


def is_local(address: str) -> bool:
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


@every_page
def test_the_page_is_built(page):
    assert html(page).is_file()


def test_no_link_within_the_book_is_broken():
    bad = [
        f"{path.relative_to(SITE)}: {address}"
        for path in all_html()
        for address in parsed(path).links + parsed(path).loads
        if is_local(address) and broken(path, address)
    ]
    assert bad == []


def test_nothing_is_loaded_from_outside():
    outside = [
        f"{path.relative_to(SITE)}: {address}"
        for path in all_html()
        for address in parsed(path).loads
        if not is_local(address) and not address.startswith("data:")
    ]
    assert outside == []


def test_a_style_sheet_asks_nobody_outside():
    asking = [
        path.name
        for path in SITE.rglob("*.css")
        if re.search(
            r"(@import|url\()[\s\"']*(https?:)?//", path.read_text()
        )
    ]
    assert asking == []


@every_page
def test_every_id_is_there_once(page):
    counts = Counter(parsed(html(page)).ids)
    assert [name for name, count in counts.items() if count > 1] == []


@every_page
def test_a_page_is_small_without_theme_and_mathjax(page):
    path = html(page)
    own = {
        (path.parent / image["src"]).resolve()
        for image in parsed(path).images
        if is_local(image["src"])
    }
    size = sum(file.stat().st_size for file in {path, *own})
    assert size < LARGEST_PAGE


@every_notebook
def test_every_figure_that_has_an_svg_is_shown_as_svg(page):
    notebook = json.loads((ROOT / f"{page}.ipynb").read_text())
    figures = sum(
        "svg" in output.get("metadata", {}).get("vitlib", {})
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
    )
    shown = re.findall(
        'class="vit-figure( vit-scroll)?"', html(page).read_text()
    )
    assert len(shown) == figures


def test_nothing_of_thebe_is_left():
    assert not [p for p in all_html() if "thebe" in p.read_text().lower()]


# --- what a browser makes of them


@every_page
def test_the_page_opens_from_disk_without_a_complaint(page, look):
    assert look(page)["complaints"] == []


def test_pages_open_from_a_server_without_a_complaint(browser, server):
    tab = browser.new_page()
    complaints = watch(tab, server)
    for page in ("book/index", "book/05_attention", "book/api"):
        tab.goto(f"{server}/{page}.html", wait_until="networkidle")
    tab.close()
    assert complaints == []


def test_the_front_door_leads_to_the_index(browser):
    tab = browser.new_page()
    tab.goto((SITE / "index.html").as_uri())
    tab.wait_for_url("**/book/index.html")
    tab.close()


def test_the_search_finds_a_word_without_a_server(browser):
    tab = browser.new_page()
    complaints = watch(tab, "file://")
    tab.goto(html("search").as_uri() + "?q=softmax")
    found = tab.locator("#search-results a", has_text="Every token asks")
    found.first.wait_for()
    tab.close()
    assert complaints == []


@every_page
def test_every_picture_says_what_is_to_be_seen(page, look):
    assert look(page)["nameless"] == []


@every_page
def test_all_mathematics_is_typeset(page, look):
    maths = look(page)["maths"]
    assert maths["drawn"] == maths["written"]
    assert maths["wrong"] == 0


@every_page
def test_a_line_of_75_columns_fits_at_1280_pixels(page, look):
    assert look(page)["long code"] == []
    assert look(page)["long output"] == []


def test_a_cell_has_room_for_75_columns_and_no_more_than_needed(browser):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(html("book/index").as_uri())
    widths = tab.evaluate(
        """() => {
          const pre = document.querySelector(".cell_input pre");
          const ruler = document.createElement("span");
          ruler.textContent = "x".repeat(100);
          pre.append(ruler);
          const look = getComputedStyle(pre);
          return [
            ruler.getBoundingClientRect().width / 100,
            pre.clientWidth - parseFloat(look.paddingLeft)
              - parseFloat(look.paddingRight),
          ];
        }"""
    )
    tab.close()
    letter, room = widths
    assert COLUMNS * letter <= room <= (COLUMNS + 15) * letter


on_phones = pytest.mark.parametrize("width", [400, 320])


@every_page
@on_phones
def test_nothing_scrolls_sideways_on_a_phone(page, width, look):
    assert look(page)[f"sideways, {width}"] == []


@every_page
@pytest.mark.parametrize("width", [1280, 400, 320])
def test_no_figure_hides_what_it_is_about(page, width, look):
    found = look(page)[f"pieces, {width}"]
    assert [f"{name}: {f}" for name, _, all_ in found for f in all_] == []
    assert all(pieces > 0 for _, pieces, _ in found)
    if width == 1280:
        assert [name for name, pieces, _ in found if pieces > 1] == []


@every_page
def test_no_word_is_smaller_than_11_pixels_on_a_phone(page, look):
    assert look(page)["small, 320"] == []


@every_page
def test_what_is_pressed_is_24_pixels_wide_and_high(page, look):
    assert look(page)["targets, 320"] == []


def told_where(page: str) -> int:
    """Count the page's overviews that mark a place."""
    path = ROOT / f"{page}.ipynb"
    if not path.exists():
        return 0
    cells = json.loads(path.read_text())["cells"]
    code = [c["source"] for c in cells if c["cell_type"] == "code"]
    return sum("".join(lines).count('overview("') for lines in code)


@every_page
@on_phones
def test_you_are_here_is_in_view(page, width, look):
    assert look(page)[f"here, {width}"] == [True] * told_where(page)


def test_most_chapters_say_where_you_are():
    chapters = [page for page in NOTEBOOKS if page[5].isdigit()]
    assert sum(told_where(page) > 0 for page in chapters) >= 6


@every_page
@on_phones
def test_a_formula_fits_and_can_be_read(page, width, look):
    found = look(page)[f"shrunk, {width}"]
    assert [formula for formula in found if formula[1] < 0.75] == []


@every_page
@on_phones
def test_only_wide_tables_scroll_and_they_show_it(page, width, look):
    for table in look(page)[f"tables, {width}"]:
        if table["scrolls"]:
            assert table["columns"] > 2, table["words"]
            assert table["shows"], table["words"]


@every_page
def test_no_formula_and_no_still_figure_stops_the_tab_key(page, look):
    assert look(page)["stops"] == []


@every_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, theme, look):
    assert look(page)[f"pale, {theme}"] == []


@every_notebook
def test_figures_follow_the_page_into_the_dark(page, look):
    day, night = look(page)["ink, light"], look(page)["ink, dark"]
    assert "no text" not in day
    assert not set(day) & set(night)


# --- buttons, which depend on where the repository is


def test_no_line_begins_with_the_comma_behind_a_formula():
    formulas = [nodes.math(text=text) for text in ("d", "4d", "n")]
    texts = [nodes.Text(text) for text in ("Of ", ", ", "), and ", " too")]
    line = nodes.paragraph()
    for text, formula in zip(texts, formulas, strict=False):
        line += [text, formula]
    line += texts[-1]
    extension("prose").keep_together(None, line)
    assert line.astext() == "Of d, 4d), and n too"
    kept = [
        n
        for n in line
        if "vit-together"
        in getattr(n, "attributes", {}).get("classes", [])
    ]
    assert [node.astext() for node in kept] == ["d,", "4d),"]


def test_a_long_code_word_may_break_behind_its_dots():
    line = nodes.paragraph()
    line += nodes.literal(text="vit_b_16.pre-norm 0.5 (a.b)")
    app = SimpleNamespace(builder=SimpleNamespace(format="html"))
    extension("prose").may_break(app, line, "book/index")
    (literal,) = line
    pieces = [n.astext() for n in literal if isinstance(n, nodes.Text)]
    assert pieces == ["vit_", "b_", "16.", "pre-norm 0.5 (a.", "b)"]
    breaks = [n.astext() for n in literal if isinstance(n, nodes.raw)]
    assert breaks == ["<wbr>"] * 4


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/someone/some.book",
        "https://github.com/someone/some.book.git",
        "https://github.com/someone/some.book/",
        "https://name:secret@github.com/someone/some.book.git\n",
        "git@github.com:someone/some.book.git",
        "ssh://git@github.com/someone/some.book.git",
    ],
)
def test_an_address_on_github_is_understood(address):
    url = extension("repository").repository_url(address)
    assert url == "https://github.com/someone/some.book"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/git/book.git",
        "../book",
        "https://git.example.org/someone/book.git",
        "https://github.com.example.org/someone/book",
        "https://github.com/someone",
    ],
)
def test_another_address_gives_no_buttons(address):
    repository = extension("repository")
    assert repository.repository_url(address) is None
    assert repository.button_options(address) == {}


def test_the_environment_goes_before_git(tmp_path):
    find = extension("repository").find_address
    assert find({}, str(tmp_path)) == ""
    known = {"BOOK_REPOSITORY": "https://github.com/someone/book"}
    assert find(known, str(tmp_path)) == known["BOOK_REPOSITORY"]


def test_the_project_names_the_repository_for_package_and_book(tmp_path):
    find = extension("repository").find_address
    project = tmp_path / "pyproject.toml"
    project.write_text("[project.urls]\n")
    assert find({}, str(tmp_path)) == ""
    address = "https://github.com/someone/book"
    project.write_text(f'[project.urls]\nRepository = "{address}"\n')
    assert find({}, str(tmp_path)) == address
    assert find({"BOOK_REPOSITORY": "other"}, str(tmp_path)) == "other"


@pytest.mark.parametrize("known", [True, False])
def test_buttons_are_there_exactly_where_the_address_is_known(
    known, build, monkeypatch
):
    monkeypatch.setenv(
        "BOOK_REPOSITORY",
        "https://github.com/someone/book" if known else "/srv/book.git",
    )
    theme = "sphinx_book_theme"
    out = build("repository", {"index": "index"}, html_theme=theme)
    page = (out / "index.html").read_text()
    for address in (
        "https://mybinder.org/v2/gh/someone/book/main"
        "?urlpath=lab/tree/index.ipynb",
        "https://colab.research.google.com/github/someone/book/blob/main"
        "/index.ipynb",
        '"https://github.com/someone/book"',
    ):
        assert (address in page) is known


@every_notebook
def test_binder_and_colab_open_the_notebook_itself(page):
    for url in parsed(html(page)).links:
        if "mybinder.org" in url or "colab.research" in url:
            assert url.endswith(f"/{page}.ipynb")


# --- terms and minutes, which the pages get when they are built

CHAPTERS = [page for page in NOTEBOOKS if page.split("/")[1][:2].isdigit()]


@of_page(CHAPTERS)
def test_a_term_leads_to_the_glossary_where_it_first_stands(page):
    links = [a for a in parsed(html(page)).links if "#term-" in a]
    assert len(links) == len(set(links)) > 1
    assert all(link.startswith("glossary.html#") for link in links)


@of_page(CHAPTERS)
def test_a_chapter_says_how_long_it_takes(page):
    (said,) = re.findall(
        r'<p class="vit-minutes">(.*?)</p>', html(page).read_text()
    )
    assert re.fullmatch(
        r"\d+ minutes to read, (\d+ )?seconds to run", said
    )


# --- what others have made, and the pages carry


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ("*fontawesome*", "Font Awesome"),
        ("*bootstrap*", "Bootstrap"),
        ("clipboard*", "clipboard.js"),
        ("sphinx-design*", "sphinx-design"),
        ("copybutton*", "sphinx-copybutton"),
        ("togglebutton*", "sphinx-togglebutton"),
        ("tex-svg.js", "MathJax"),
    ],
)
def test_what_the_site_carries_is_named_on_the_page_of_licences(
    files, name
):
    there = [*(SITE / "_static").rglob(files)]
    assert not there or name in html("book/licences").read_text()
