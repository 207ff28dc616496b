"""Questions with choices: every answer says at once why."""

import html
from collections.abc import Sequence
from urllib.parse import quote

from traitlets import Int, List, TraitError, validate

from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.asking.questions import Choice, Question
from vitlib.teach.checking.result import as_html

NOT_YET = -1
QUESTION = "<li><p>{question}</p><ul>{choices}</ul>{answers}</li>"
ANSWERS = (
    "<details><summary>The answers</summary><ul>{answers}</ul></details>"
)
ANSWER = "<li><b>{text}</b> {verdict} {because} {see}</li>"
VERDICTS = {True: "Right.", False: "Not so."}


class Quiz(LiveFigure):
    """Questions to be answered by choosing, as `quiz` shows them.

    `chosen` is what was chosen last for each question, counted from 0,
    and -1 where nothing was. Without a browser's script the questions are
    read as text, the answers folded.
    """

    questions = List().tag(sync=True)
    chosen = List(Int()).tag(sync=True)

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = tuple(questions)
        super().__init__(
            questions=[question.as_dict() for question in questions],
            chosen=[NOT_YET] * len(questions),
        )

    @validate("chosen")
    def _check_chosen(self, proposal: dict) -> list[int]:
        chosen = proposal["value"]
        counts = [len(question.choices) for question in self._questions]
        if len(chosen) != len(counts):
            raise TraitError(
                f"chosen has {len(chosen)} numbers; the quiz has "
                f"{len(counts)} questions"
            )
        for number, (choice, count) in enumerate(
            zip(chosen, counts, strict=True), start=1
        ):
            if not NOT_YET <= choice < count:
                raise TraitError(
                    f"chosen is {choice} for question {number}; its "
                    f"choices are 0 to {count - 1}, and {NOT_YET} for none"
                )
        return chosen

    def pictures(self) -> tuple[dict, dict]:
        """Give the questions as text: no figure could say them better."""
        items = "".join(map(_item, self._questions))
        data = {"text/html": f"<ol>{items}</ol>", "text/plain": str(self)}
        return data, {"vitlib": {}}

    def __str__(self) -> str:
        """Give the questions and their choices as plain text."""
        lines = []
        for number, question in enumerate(self._questions, start=1):
            lines.append(f"{number}. {question.text}")
            lines += [f"   - {choice.text}" for choice in question.choices]
        return "\n".join(lines)


def _item(question: Question) -> str:
    choices = (f"<li>{as_html(c.text)}</li>" for c in question.choices)
    answers = (
        ANSWER.format(
            text=as_html(choice.text),
            verdict=VERDICTS[choice.right],
            because=as_html(choice.because),
            see=_see(choice),
        )
        for choice in question.choices
    )
    return QUESTION.format(
        question=as_html(question.text),
        choices="".join(choices),
        answers=ANSWERS.format(answers="".join(answers)),
    )


def _see(choice: Choice) -> str:
    """Link the section as notebooks do; the built page has its own way."""
    page = f"{choice.page}.ipynb" if choice.page else ""
    anchor = quote(choice.heading.replace(" ", "-"))
    where = f"{choice.chapter}, " if choice.chapter else ""
    heading = html.escape(choice.heading)
    return f'See {where}<a href="{page}#{anchor}">{heading}</a>.'
