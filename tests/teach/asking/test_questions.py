"""The quizzes: their form, their links, and every number in them."""

import re
from functools import cache
from math import e, log
from pathlib import Path

import nbformat
import pytest
from traitlets import TraitError

from vitlib.teach import quiz
from vitlib.teach.asking.questions import QUIZZES, questions
from vitlib.teach.asking.quiz import Quiz
from vitlib.teach.chapters import BY_NAME, CHAPTERS
from vitlib.teach.checking.result import as_html

BOOK = Path(__file__).resolve().parents[3] / "book"
PAGES = {name: BY_NAME[name].page for name in QUIZZES}
EVERY = pytest.mark.parametrize("name", QUIZZES)
AGREES = re.compile(
    r"(That|It|They|This) (is|are|do|does|has|have)( so| none)?[,.:]"
)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
COUNTED = 13  # numbers below this are counted by eye, or numbers of pages
COMPUTED = {  # what a quiz says and its page does not
    "introduction": {
        "38,416": 196**2,
        "784": 4 * 196,
        "614,656": (4 * 196) ** 2,
    },
    "state_of_the_art": {
        "30": 2 * 15,  # a model that nobody has
        "15": 30 / 2,
    },
    "clinic": {
        "0.25": 16**-0.5,  # heads of 16
        "0.23": round(e / (e + 9), 2),
        "1.46": round(-log(e / (e + 9)), 2),
        "0.9": round(97.1 - 96.2, 1),
        "125": 8000 / 64,
    },
}


@cache
def text_of(page):
    """All that a reader of this page may see, in a row."""
    parts = []
    for cell in nbformat.read(BOOK / f"{page}.ipynb", 4).cells:
        parts.append(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts.append(output.get("text", ""))
            parts += [data.get(k, "") for k in ("text/plain", "text/html")]
    return "\n".join(parts)


@cache
def headings(page):
    found = re.findall(r"^##+ (.*)$", text_of(page), re.MULTILINE)
    return [heading.strip() for heading in found]


def choices(name):
    return [c for question in questions(name) for c in question.choices]


def lengths(question):
    """Letters of the right choice; the least and the most of a wrong."""
    right, wrong = [], []
    for choice in question.choices:
        size = len(choice.text.replace("`", ""))
        (right if choice.right else wrong).append(size)
    return right[0], min(wrong), max(wrong)


def plain(number):
    return float(number.replace(",", ""))


def test_every_chapter_has_a_quiz():
    assert set(QUIZZES) >= {c.name for c in CHAPTERS if c.number}


@EVERY
def test_a_chapter_ends_with_its_quiz(name):
    cells = nbformat.read(BOOK / f"{PAGES[name]}.ipynb", 4).cells
    asked = [c.source for c in cells if f'quiz("{name}"' in c.source]
    assert asked
    if name in CHAPTERS:
        (cell,) = (c for c in cells if c.source == asked[0])
        before = cells[cells.index(cell) - 1]
        assert before.source.startswith("## Check yourself")
        assert "<details>" not in before.source


@EVERY
def test_a_quiz_is_short_and_has_one_right_answer_each(name):
    if name in CHAPTERS:
        assert 2 <= len(questions(name)) <= 3
    for question in questions(name):
        assert question.text.endswith("?")
        assert 3 <= len(question.choices) <= 4
        assert sum(choice.right for choice in question.choices) == 1
        texts = [choice.text for choice in question.choices]
        assert len(set(texts)) == len(texts)


def test_the_right_answer_does_not_always_stand_in_one_place():
    places = [
        [choice.right for choice in question.choices].index(True)
        for name in QUIZZES
        for question in questions(name)
    ]
    for place in range(3):
        assert places.count(place) >= len(places) / 5


def test_the_right_answer_is_not_told_by_its_length():
    told = []
    for question in (q for name in QUIZZES for q in questions(name)):
        right, shortest, longest = lengths(question)
        assert right <= 1.4 * longest, question.text
        assert shortest <= 1.4 * right, question.text
        told.append((right > longest) - (right < shortest))
    for rank in (-1, 0, 1):  # whoever chooses by length is mostly wrong
        assert told.count(rank) <= 0.4 * len(told), rank


@EVERY
def test_every_answer_is_explained(name):
    for choice in choices(name):
        assert len(choice.because.split()) >= 6, choice.text
        assert choice.because.endswith("."), choice.because
        assert choice.because.count("`") % 2 == 0
        assert "!" not in choice.text + choice.because


@EVERY
def test_after_not_so_no_answer_is_agreed_with(name):
    for choice in choices(name):
        agreed = AGREES.match(choice.because)
        assert choice.right or not agreed, choice.because


@EVERY
def test_every_answer_leads_to_a_section_that_exists(name):
    for choice in choices(name):
        found = headings(choice.page or PAGES[name])
        assert found.count(choice.heading) == 1, choice.heading


@EVERY
def test_every_number_stands_on_a_page_that_is_linked(name):
    """The pages' numbers are computed, so these are."""
    computed = COMPUTED.get(name, {})
    for number, value in computed.items():
        assert plain(number) == value
    for question in questions(name):
        pages = {c.page for c in question.choices} - {""} | {PAGES[name]}
        known = {
            plain(number)
            for page in pages
            for number in NUMBER.findall(text_of(page).replace("\\", ""))
        } | set(computed.values())
        said = [question.text]
        said += [f"{c.text} {c.because}" for c in question.choices]
        for number in NUMBER.findall(" ".join(said)):
            number = number.rstrip(",")
            if not number.isdigit() or int(number) >= COUNTED:
                assert plain(number) in known, number


@EVERY
def test_the_words_for_readers_without_script_say_it_all(name):
    data, about = quiz(name).pictures()
    html, text = data["text/html"], data["text/plain"]
    assert about == {"vitlib": {}}
    assert html.count("<details>") == len(questions(name))
    for question in questions(name):
        assert question.text in text
    for choice in choices(name):
        assert choice.text in text
        verdict = "Right." if choice.right else "Not so."
        assert f"<b>{as_html(choice.text)}</b> {verdict} " in html
        assert html.count("Right.") == len(questions(name))
    assert html.count("<a href=") == len(choices(name))


def test_code_and_signs_are_written_as_such_in_html():
    data, _ = quiz("training", 3).pictures()
    assert "<code>model.eval()</code>" in data["text/html"]
    assert "`" not in data["text/html"]


def test_a_section_of_another_page_is_linked_by_its_notebook():
    away = [c for c in choices("clinic") if c.page == "05_attention"]
    assert {choice.chapter for choice in away} == {"chapter 5"}
    data, _ = quiz("clinic").pictures()
    assert 'chapter 5, <a href="05_attention.ipynb#' in data["text/html"]


def test_one_question_can_be_asked_alone():
    alone = quiz("patches", 2)
    assert alone.questions == quiz("patches").questions[1:2]
    assert alone.chosen == [-1]


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_question_that_is_not_there_is_refused(number, refuses):
    refuses(lambda: quiz("patches", number), number, 3)


def test_a_quiz_that_is_not_there_is_refused(refuses):
    refuses(lambda: quiz("patch"), "patch", "'patches'")


def test_what_is_chosen_can_be_read_and_set():
    shown = quiz("patches")
    assert shown.chosen == [-1, -1, -1]
    shown.chosen = [2, -1, 0]
    assert shown.state()["chosen"] == [2, -1, 0]


@pytest.mark.parametrize(
    ("chosen", "named"), [([0], "1"), ([0, 3, 0], "3"), ([-2, 0, 0], "-2")]
)
def test_what_cannot_be_chosen_is_refused(chosen, named):
    shown = quiz("patches")
    with pytest.raises(TraitError, match=named):
        shown.chosen = chosen


def test_a_quiz_is_the_same_each_time():
    assert isinstance(quiz("vit"), Quiz)
    one, other = quiz("vit").pictures(), quiz("vit").pictures()
    assert one == other
