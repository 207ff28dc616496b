"""What a page says of itself to searches, to previews and to readers."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
import yaml
from built_site import PAGES, ROOT, html, of_page
from docutils import nodes
from extensions import extension
from PIL import Image

sharing = extension("sharing")
SITE = "https://someone.example/book/"
SIZE = (1200, 630)  # what previews are made for


class Head(HTMLParser):
    """Everything that the head of a page says."""

    def __init__(self, path):
        super().__init__()
        self.meta, self.links, self.title, self.language = {}, {}, "", ""
        self._in_title = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._in_title = tag == "title" and not self.title
        if tag == "html":
            self.language = attrs["lang"]
        elif tag == "meta":
            name = attrs.get("name") or attrs.get("property")
            self.meta.setdefault(name, []).append(attrs.get("content"))
        elif tag == "link":
            self.links.setdefault(attrs["rel"], attrs["href"])

    def handle_data(self, data):
        self.title += data if self._in_title else ""
        self._in_title = False


@of_page(PAGES)
def test_a_page_says_what_it_is_and_in_which_language(page):
    head = Head(html(page))
    (description,) = head.meta["description"]
    assert 60 <= len(description) <= 204
    assert not re.search(r"[<>`]|\s\s|\$\$", description)
    assert head.meta["og:description"] == [description]
    (title,) = head.meta["og:title"]
    assert head.title.startswith(title)
    assert "&" not in title
    assert head.language == "en"


def test_no_two_pages_have_one_title_or_one_description():
    heads = [Head(html(page)) for page in PAGES]
    assert len({head.title for head in heads}) == len(PAGES)
    said = {head.meta["description"][0] for head in heads}
    assert len(said) == len(PAGES)


def test_the_first_page_has_the_name_of_the_book_once():
    name = yaml.safe_load((ROOT / "_config.yml").read_text())["title"]
    assert Head(html("book/index")).title == name


def listed():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    yield contents["root"]
    for part in contents["parts"]:
        yield from (chapter["file"] for chapter in part["chapters"])


def test_each_page_leads_to_the_one_before_and_the_one_after():
    for page, after in pairwise(listed()):
        text = html(page).read_text()
        name = f"{after.rpartition('/')[2]}.html"
        assert Head(html(page)).links["next"] == name
        assert re.search(rf'class="right-next"\s+href="{name}"', text)
        back = f"{page.rpartition('/')[2]}.html"
        text = html(after).read_text()
        assert Head(html(after)).links["prev"] == back
        assert re.search(rf'class="left-prev"\s+href="{back}"', text)


def test_a_description_ends_with_a_sentence_or_a_word():
    page = nodes.document(None, None)
    section = nodes.section()
    page += section
    for text in ("One. " * 10, "A caption", "Two two. " * 30, "x " * 200):
        section += nodes.paragraph(text=text)
    section[1]["classes"].append("vit-caption")
    said = sharing.describe(page)
    assert "caption" not in said
    assert re.fullmatch(r"(One\. ){10}(Two two\. )+Two two\.", said)
    section.children = section.children[3:]
    assert sharing.describe(page).endswith("x …")
    assert len(sharing.describe(page)) <= sharing.MOST + 2


@pytest.mark.parametrize("given", [SITE, SITE.rstrip("/")])
def test_the_address_is_told_by_the_environment_or_the_project(
    given, tmp_path
):
    find = sharing.find_site
    assert find({}, str(tmp_path)) == ""
    assert find({"BOOK_SITE": given}, str(tmp_path)) == SITE
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[project.urls]\nDocumentation = "{given}"\n')
    assert find({}, str(tmp_path)) == SITE
    other = "https://other.example/"
    assert find({"BOOK_SITE": other}, str(tmp_path)) == other


@pytest.fixture(params=[True, False], ids=["known", "unknown"])
def small_site(request, build, monkeypatch):
    """Build two pages where the address is known, and where it is not."""
    monkeypatch.setenv("BOOK_SITE", SITE if request.param else "")
    notebooks = {"other": "progress", "index": "index"}
    out = build("sharing", notebooks, html_title="The book")
    return out, request.param


def test_an_address_a_picture_and_a_list_are_there_where_it_is_known(
    small_site,
):
    out, known = small_site
    for name in ("index", "other"):
        head = Head(out / f"{name}.html")
        address = f"{SITE}{name}.html" if known else None
        assert head.links.get("canonical") == address
        assert head.meta.get("og:url") == ((known and [address]) or None)
        assert ("og:image" in head.meta) == known
        if known:
            place = head.meta["og:image"][0].removeprefix(SITE)
            assert Image.open(out / place).size == SIZE
            assert (out / place).stat().st_size < 150_000
    assert (out / "404.html").exists() == known
    assert (out / "sitemap.xml").exists() == known
    if known:
        assert f'href="{SITE}"' in (out / "404.html").read_text()
        said = (out / "sitemap.xml").read_text()
        pages = re.findall("<loc>(.*)</loc>", said)
        assert pages == [f"{SITE}index.html", f"{SITE}other.html"]
