"""Gather the exercises: their solutions, and the list of them all.

In a chapter an exercise is three cells: the question, `**1. Title.** ...`;
a code cell tagged `exercise` with blanks, `...`, whose last line checks
the answer; and a folded solution, the same cell with the blanks filled
and what there is to learn from it. solutions.ipynb is written from these
by scripts/notebooks.py, so that each solution stands in one place and
runs in another; and so is the list at the end of progress.ipynb.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

BOOK = Path(__file__).resolve().parents[1] / "book"
SOLUTIONS = BOOK / "solutions.ipynb"
PROGRESS = BOOK / "progress.ipynb"
CHECKED = re.compile(r"^check\.(\w+)\(", re.MULTILINE)
QUESTION = re.compile(r"\*\*(?P<number>\d+)\. (?P<title>[^*]+?)\.?\*\*")
FOLD = re.compile(
    r"<details>\s*<summary>Solution</summary>\s*"
    r"```python\n(?P<code>.*?)\n```\s*(?P<lesson>.*?)\s*</details>",
    re.DOTALL,
)
TITLE = """\
# Every solution here has passed its check

These are the solutions of the exercises, chapter by chapter, as they \
stand folded under each exercise. Each runs by itself: the message below \
a cell is what its check said. There are other right answers, and the \
checks take them too. Try first: an answer that you have read is soon \
forgotten, and a mistake that you have understood is not."""


@dataclass(frozen=True)
class Exercise:
    """A question, its cell with blanks, and its solution."""

    number: int
    title: str
    stub: NotebookNode
    solution: str
    lesson: str


def chapters() -> list[Path]:
    """Give the chapters' notebooks, in order."""
    return sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))


def exercises(path: Path) -> list[Exercise]:
    """Read the exercises of a chapter; complain of half an exercise."""
    cells = nbformat.read(path, as_version=4).cells
    found = []
    for at, cell in enumerate(cells):
        if "exercise" not in cell.metadata.get("tags", []):
            continue
        question = QUESTION.match(cells[at - 1].source)
        fold = FOLD.search(cells[at + 1].source)
        if not question or not fold:
            raise ValueError(
                f"{path.name}, {cell.id}: an exercise needs a numbered "
                "question before its cell and a folded solution after it"
            )
        found.append(
            Exercise(
                int(question["number"]),
                question["title"],
                cell,
                fold["code"],
                fold["lesson"],
            )
        )
    return found


def gather() -> NotebookNode:
    """Make the notebook of all solutions, not run yet."""
    cells = [new_markdown_cell(TITLE)]
    for path in chapters():
        first, install, *_ = nbformat.read(path, as_version=4).cells
        if len(cells) == 1:
            cells.append(install)
        found = exercises(path)
        if not found:
            continue
        heading = first.source.splitlines()[0].removeprefix("# ")
        number = int(path.name[:2])
        link = f"[Chapter {number}]({path.name}#exercises)"
        above = f"## {number}. {heading}\n\n{link}"
        for one in found:
            title = f"### {one.number}. {one.title}"
            cells.append(new_markdown_cell(f"{above}\n\n{title}".strip()))
            cells.append(new_code_cell(one.solution))
            if one.lesson:
                cells.append(new_markdown_cell(one.lesson))
            above = ""
    return new_notebook(cells=cells)


def write() -> None:
    """Write solutions.ipynb, ready to be run."""
    nbformat.write(gather(), SOLUTIONS)


def listed(path: Path) -> list[str]:
    """Name the exercises of a chapter, a line each, with their checkers.

    A chapter without checks has questions and solutions all the same.
    """
    lines = []
    for cell in nbformat.read(path, as_version=4).cells:
        if question := QUESTION.match(cell.source):
            lines.append(f"{question['number']}. {question['title']}")
        if "exercise" in cell.metadata.get("tags", []):
            *_, name = CHECKED.findall(cell.source)
            lines[-1] += f" (`check.{name}`)"
    return lines


def overview() -> str:
    """List all exercises under links to their chapters."""
    parts = []
    for path in chapters():
        first, *_ = nbformat.read(path, as_version=4).cells
        title = first.source.splitlines()[0].removeprefix("# ")
        number = int(path.name[:2])
        link = f"**[Chapter {number}: {title}]({path.name}#exercises)**"
        parts.append(f"{link}\n\n" + "\n".join(listed(path)))
    return "\n\n".join(parts)


def list_all() -> None:
    """Write the list at the end of progress.ipynb."""
    notebook = nbformat.read(PROGRESS, as_version=4)
    notebook.cells[-1].source = overview()
    nbformat.write(notebook, PROGRESS)
