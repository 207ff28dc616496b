"""A quiz on a page: answered by mouse, keys and finger, and by Python."""

import pytest
from live_page import PHONE, faults, give_to_python

from vitlib.teach import quiz
from vitlib.teach.asking.questions import QUIZZES, questions

PRESSED = ("button >> nth=1", "Enter", "chosen[0]", 1)

WIDE = {"viewport": {"width": 1280, "height": 900}}
CHOOSE_ALL = """() => [...document.querySelectorAll(
  ".vit-quiz-question")].map((question) =>
    [...question.querySelectorAll("li")].map((row) => {
      row.querySelector("button").click();
      return {
        said: row.querySelector(".vit-quiz-why").innerText,
        link: row.querySelector("a").getAttribute("href"),
        kind: row.className,
        open: question.querySelectorAll("p:not([hidden])").length,
      };
    }))"""
# A heading stands far above, as JupyterLab writes it.
HEADING = """(heading) => document.body.insertAdjacentHTML("afterbegin",
  `<h2>${heading}<a href="#x">\u00b6</a></h2>
  <div style="height: 3000px"></div>`)"""


def wrong_and_right(question):
    """Give the places of a wrong choice and of the right one."""
    places = [choice.right for choice in question.choices]
    return places.index(False), places.index(True)


def pressed(tab):
    """What is chosen, a question each, as the page shows it."""
    return tab.evaluate(
        """() => [...document.querySelectorAll(".vit-quiz-question")].map(
          (question) => [...question.querySelectorAll("button")].findIndex(
            (b) => b.getAttribute("aria-pressed") === "true"))"""
    )


def choice(tab, question, number):
    return (
        tab.locator(".vit-quiz-question")
        .nth(question)
        .locator("li")
        .nth(number)
    )


def why(tab):
    return tab.locator(".vit-quiz-why:visible").all_inner_texts()


def test_before_an_answer_nothing_is_given_away(open_figure):
    tab = open_figure(quiz("patches"))
    tab.locator("[data-figure=quiz][data-ready]").wait_for()
    assert pressed(tab) == [-1, -1, -1]
    assert why(tab) == []
    classes = ".vit-quiz-right, .vit-quiz-wrong"
    assert tab.locator(classes).count() == 0


def test_every_choice_of_every_quiz_says_why(open_figure):
    tab = open_figure(*(quiz(name) for name in QUIZZES), **WIDE)
    shown = tab.evaluate(CHOOSE_ALL)
    asked = [question for name in QUIZZES for question in questions(name)]
    assert [len(found) for found in shown] == [
        len(question.choices) for question in asked
    ]
    for question, found in zip(asked, shown, strict=True):
        for answer, row in zip(question.choices, found, strict=True):
            verdict = "Right." if answer.right else "Not so."
            because = answer.because.replace("`", "")
            assert row["said"].startswith(f"{verdict} {because} See ")
            assert row["said"].endswith(f"{answer.heading}.")
            page = f"{answer.page}.html" if answer.page else ""
            assert row["link"] == f"{page}#{answer.anchor}"
            kind = "right" if answer.right else "wrong"
            assert row["kind"] == f"vit-quiz-{kind}"
            assert row["open"] == 1


def test_what_is_said_aloud_is_why_and_of_no_other_choice(open_figure):
    tab = open_figure(quiz("patches"))
    choice(tab, 1, 0).locator("button").click()
    spoken = "document.querySelector('.vit-spoken').textContent"
    tab.wait_for_function(f"() => {spoken}")
    reason = choice(tab, 1, 0).locator(".vit-quiz-why")
    assert tab.evaluate(spoken) == reason.text_content()


def test_a_second_try_keeps_the_mark_of_the_first(open_figure):
    tab = open_figure(quiz("patches"))
    wrong, right = wrong_and_right(questions("patches")[0])
    for number in (wrong, right):
        choice(tab, 0, number).locator("button").click()
    assert pressed(tab) == [right, -1, -1]
    tried = choice(tab, 0, wrong)
    assert tried.get_attribute("class") == "vit-quiz-wrong"
    assert tried.locator(".vit-quiz-mark").inner_text() == "✗"
    assert not tried.locator(".vit-quiz-why").is_visible()


def test_keys_alone_answer_and_reach_the_section(open_figure):
    tab = open_figure(quiz("patches"))
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert pressed(tab) == [-1, -1, -1]  # to walk there is no answer yet
    tab.keyboard.press("Space")
    assert pressed(tab) == [1, -1, -1]
    tab.keyboard.press("Tab")
    answer = questions("patches")[0].choices[1]
    focused = "document.activeElement.getAttribute('href')"
    assert tab.evaluate(focused) == f"#{answer.anchor}"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert pressed(tab) == [2, -1, -1]


def test_who_listens_is_told(open_figure):
    tab = open_figure(quiz("patches"))
    wrong, _ = wrong_and_right(questions("patches")[0])
    choice(tab, 0, wrong).locator("button").click()
    spoken = tab.locator("output.vit-spoken", has_text="Not so.")
    spoken.wait_for(state="attached")
    group = tab.get_by_role("group", name="An image is worth")
    assert group.get_by_role("button", pressed=True).count() == 1


def test_a_finger_answers_on_a_phone(open_figure):
    tab = open_figure(*(quiz(name) for name in QUIZZES), **PHONE)
    buttons = tab.locator(".vit-quiz-choice")
    for at in range(buttons.count()):
        assert buttons.nth(at).bounding_box()["height"] >= 36
    buttons.first.tap()
    assert pressed(tab)[0] == 0
    wide = "document.documentElement.scrollWidth"
    assert tab.evaluate(wide) <= 400


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("settings", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_reader_is_shut_out(theme, settings, open_figure):
    tab = open_figure(quiz("training"), theme=theme, **settings)
    for at, question in enumerate(questions("training")):
        for number in wrong_and_right(question):
            choice(tab, at, number).locator("button").click()
    tab.mouse.move(0, 0)
    assert faults(tab) == []


@pytest.fixture
def notebook(open_figure):
    tab = open_figure(quiz("patches"))
    give_to_python(tab)
    tab.evaluate(HEADING, questions("patches")[0].choices[0].heading)
    return tab


def test_in_a_notebook_python_sees_what_is_chosen(notebook):
    choice(notebook, 1, 2).locator("button").click()
    assert notebook.evaluate("python.saved.at(-1).chosen") == [-1, 2, -1]
    notebook.evaluate("python.set('chosen', [0, -1, 1])")
    assert pressed(notebook) == [0, -1, 1]
    assert len(why(notebook)) == 2


def test_in_a_notebook_the_link_goes_to_the_heading(notebook):
    row = choice(notebook, 0, 0)
    row.locator("button").click()
    link = row.locator("a")
    first = questions("patches")[0].choices[0]
    assert (
        link.get_attribute("href") == f"#{first.heading.replace(' ', '-')}"
    )
    assert notebook.evaluate("scrollY") > 1000
    link.click()
    assert notebook.evaluate("scrollY") < 50
