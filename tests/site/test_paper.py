"""Each page of the book on paper, printed by who reads in the dark."""

import re

import pytest
from built_site import PAGES, figures_of
from extensions import extension
from on_paper import printed

PRINTED = "book/02_patches"
some_pages = pytest.mark.parametrize(
    "page",
    [
        page
        if page == PRINTED
        else pytest.param(page, marks=pytest.mark.long)
        for page in PAGES
    ],
)

QUIZ = (
    '<h2>Ask<a class="headerlink" href="#ask">#</a></h2>'
    "<ol><li>Why?<details><summary>The answers</summary><ul><li>So."
    "</li></ul></details></li></ol>"
)
SOLVED = (
    '<section class="x" id="here"><p><strong>2. And back.</strong> Do.</p>'
    '<div class="cell"></div><details>\n'
    "<summary>Solution</summary>x = 1</details></section>"
)
LISTING = (
    '<div class="highlight-python"><div class="highlight"><pre>{}</pre>'
)


@pytest.fixture(scope="module")
def paper(browser):
    opened = {}

    def look(page):
        if page not in opened:
            opened[page] = printed(browser, page)
        return opened[page]

    yield look
    for sheets, _ in opened.values():
        sheets.close()


def for_paper(text):
    return extension("paper").for_paper(text)


# --- what a page has for paper alone


def test_the_answers_stand_at_the_end_in_the_order_of_the_questions():
    other = QUIZ.replace("So.", "Else.").replace("Ask", "Once more")
    end = for_paper(QUIZ + QUIZ[QUIZ.index("<ol>") :] + other)
    end = end.split('<div class="vit-paper">')[1]
    words = re.sub(r"<[^>]+>", " ", end).split()
    told = "The answers Ask So. So. Once more Else."
    assert words == told.split()


def test_a_page_with_one_quiz_does_not_name_it_again():
    assert "<h3>" not in for_paper(QUIZ)
    assert for_paper("<p>No quiz</p>") == "<p>No quiz</p>"


def test_a_checked_solution_is_told_where_it_stands():
    page = for_paper(SOLVED.replace("cell", "cell tag_exercise"))
    assert 'href="solutions.html#here"' in page
    assert '<details class="vit-solution">\n<summary>' in page
    assert page.count("x = 1") == 1


def test_another_solution_stands_at_the_end():
    page, end = for_paper(SOLVED).split("<h2>The solutions</h2>")
    assert "The solution stands at the end." in page
    assert end.split() == [
        "<h3>2.",
        "And",
        "back</h3>x",
        "=",
        "1",
        "</div>",
    ]


@pytest.mark.parametrize(("lines", "long"), [(40, False), (41, True)])
def test_a_page_may_end_within_a_long_listing_alone(lines, long):
    page = for_paper(LISTING.format("x\n" * lines))
    assert ("vit-long" in page) is long


# --- each page, printed


@some_pages
def test_no_text_stands_outside_of_the_margins(page, paper):
    sheets, seen = paper(page)
    assert sheets.outside() == []
    assert seen["cut"] == []
    assert seen["wide formulas"] == []


@some_pages
def test_paper_is_white_for_who_reads_in_the_dark(page, paper):
    sheets, seen = paper(page)
    assert seen["theme"] == "dark"
    corner, light = sheets.paper()
    assert set(corner) == {255}
    assert light > 0.6


@some_pages
def test_a_picture_stands_for_each_live_figure(page, paper):
    _, seen = paper(page)
    assert seen["stills"] == len(figures_of(page))
    assert seen["alive"] == []


@some_pages
def test_paper_has_nothing_to_press(page, paper):
    assert paper(page)[1]["controls"] == []


@some_pages
def test_what_is_folded_is_open_on_paper_but_no_solution(page, paper):
    _, seen = paper(page)
    assert seen["folded"] == []
    assert seen["solutions"] == []


@some_pages
def test_no_figure_is_broken_and_no_heading_stands_alone(page, paper):
    sheets, seen = paper(page)
    assert seen["broken"] == []
    assert sheets.lonely() == []


@some_pages
def test_the_sheets_are_numbered_and_none_is_blank(page, paper):
    sheets, _ = paper(page)
    assert sheets.blank() == []
    for index in range(len(sheets)):
        last = sheets.words(index, top=60).split()[-1]
        assert last == str(index + 1)
