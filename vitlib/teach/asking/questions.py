"""Questions at the end of a chapter, each wrong answer explained.

    from vitlib.teach import quiz

    quiz("patches")

The questions of a page lie in the room of its chapter, in quiz.toml. Of
the choices of a question exactly one says `right = true`; each has a
`because`, and in `see` the heading of the section that shows it: on the
page itself, or "attention#Heading" in another chapter. What stands
between backticks is code.
"""

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitlib._checks import check_choice
from vitlib.teach.chapters import BY_NAME, CHAPTERS

if TYPE_CHECKING:
    from vitlib.teach.asking.quiz import Quiz

QUIZZES = {
    chapter.name: chapter.room / "quiz.toml"
    for chapter in CHAPTERS
    if (chapter.room / "quiz.toml").is_file()
}


def anchor_of(heading: str) -> str:
    """Give the id of a section of the built page.

    >>> anchor_of("196 patches, one layer")
    'patches-one-layer'
    """
    name = re.sub(r"[^a-z0-9]+", "-", heading.lower())
    return re.sub(r"^[-0-9]+|-+$", "", name)


@dataclass(frozen=True)
class Choice:
    """An answer to choose, and what is said when it is chosen.

    `see` names the chapter in which the section of that `heading`
    stands, or is empty for the page of the quiz itself.
    """

    text: str
    because: str
    see: str
    heading: str
    right: bool = False

    @property
    def page(self) -> str:
        """The other chapter's page, "05_attention", if it is another."""
        return BY_NAME[self.see].page if self.see else ""

    @property
    def anchor(self) -> str:
        """The id that the built page gives to the section."""
        return anchor_of(self.heading)

    @property
    def chapter(self) -> str:
        """Name the other chapter, "chapter 5", where there is one."""
        return str(BY_NAME[self.see]) if self.see else ""


@dataclass(frozen=True)
class Question:
    """A question and its choices, in the order in which they are shown."""

    text: str
    choices: tuple[Choice, ...]

    def as_dict(self) -> dict:
        """Give what the figure in the browser needs, ready for JSON."""
        choices = [
            {
                "text": c.text,
                "because": c.because,
                "page": c.page,
                "heading": c.heading,
                "right": c.right,
                "anchor": c.anchor,
                "chapter": c.chapter,
            }
            for c in self.choices
        ]
        return {"text": self.text, "choices": choices}


def questions(name: str) -> tuple[Question, ...]:
    """Read the questions of a page, say "patches"."""
    check_choice("name", name, QUIZZES)
    text = QUIZZES[name].read_text(encoding="utf-8")
    return tuple(
        Question(
            _line(question["text"]),
            tuple(_choice(**choice) for choice in question["choices"]),
        )
        for question in tomllib.loads(text)["questions"]
    )


def quiz(name: str, number: int | None = None) -> "Quiz":
    """Show the questions of a page, or the one of this number (from 1)."""
    # Only who asks needs the widgets; who reads the questions does not.
    from vitlib.teach.asking.quiz import Quiz

    found = questions(name)
    if number is None:
        return Quiz(found)
    if not 1 <= number <= len(found):
        raise ValueError(
            f"number is {number}; the quiz {name!r} has the questions 1 "
            f"to {len(found)}"
        )
    return Quiz(found[number - 1 : number])


def _choice(
    text: str, because: str, see: str, right: bool = False
) -> Choice:
    chapter, _, heading = see.rpartition("#")
    text, because, heading = map(_line, (text, because, heading))
    return Choice(text, because, chapter, heading, right)


def _line(text: str) -> str:
    """Join what the file breaks into lines."""
    return " ".join(text.split("\n"))
