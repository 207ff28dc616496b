"""Every exercise checks itself, and its solution is known to be right."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import solutions

from vitlib.teach.checking import library

ROOT = Path(__file__).resolve().parents[2]
CHECKED = {piece.chapter.page for piece in library.pieces().values()}
PATHS = [p for p in solutions.chapters() if p.stem in CHECKED]
EXERCISES = [(p, e) for p in PATHS for e in solutions.exercises(p)]
BLANK = re.compile(re.escape(re.escape("...")))
ASKS = re.compile(r"^check\.(\w+)\(.*\)$", re.DOTALL | re.MULTILINE)
each_chapter = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
each = pytest.mark.parametrize(
    ("path", "exercise"),
    EXERCISES,
    ids=[f"{path.stem}-{e.number}" for path, e in EXERCISES],
)


def asked(code):
    """Name the checker that the last statement calls."""
    found = ASKS.findall(code)
    return found[-1] if found else None


def fits(stub, solution):
    """Say whether the solution is the stub with its blanks filled."""
    pattern = BLANK.sub(lambda _: ".+?", re.escape(stub))
    return re.fullmatch(pattern, solution, re.DOTALL) is not None


def formatted(code):
    ruff = [sys.executable, "-m", "ruff", "format", "--quiet", "-"]
    done = subprocess.run(
        ruff, input=code, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.removesuffix("\n")


def test_a_solution_differs_from_its_stub_in_the_blanks_only():
    stub = "def f(x):\n    y = ...\n    ...\n    return y\n\n\ncheck.f(f)"
    right = stub.replace("...", "x + 1", 1).replace("...", "y -= 1\n    y")
    assert fits(stub, right)
    assert not fits(stub, right.replace("return y", "return x"))
    assert not fits(stub, right.replace("f(x)", "f(x, z)"))


@each_chapter
def test_a_chapter_has_at_least_three_exercises_in_order(path):
    numbers = [e.number for e in solutions.exercises(path)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 3


@each_chapter
def test_no_question_of_a_chapter_is_without_a_check(path):
    cells = nbformat.read(path, as_version=4).cells
    asks = [c for c in cells if solutions.QUESTION.match(c.source)]
    assert len(asks) == len(solutions.exercises(path))


@each
def test_stub_and_solution_differ_in_the_blanks_only(path, exercise):
    assert "..." in exercise.stub.source
    assert fits(exercise.stub.source, exercise.solution)


@each
def test_an_unsolved_exercise_says_so_in_one_line(path, exercise):
    (output,) = exercise.stub.outputs
    text = output["data"]["text/plain"]
    assert "not written yet" in text
    assert "\n" not in text


@each
def test_an_exercise_ends_with_a_check_of_its_own(path, exercise):
    assert asked(exercise.stub.source) in library.pieces()


@each
def test_a_solution_is_formatted(path, exercise):
    assert formatted(exercise.solution) == exercise.solution


def test_every_checker_has_its_exercise():
    used = [asked(exercise.stub.source) for _, exercise in EXERCISES]
    assert used == list(library.pieces())  # in the order of the exercises


def test_the_solutions_are_those_of_the_chapters():
    cells = nbformat.read(solutions.SOLUTIONS, as_version=4).cells
    wanted = solutions.gather().cells
    assert [c.source for c in cells] == [c.source for c in wanted]


def test_every_solution_is_right():
    cells = nbformat.read(solutions.SOLUTIONS, as_version=4).cells
    ran = [c for c in cells if c.cell_type == "code"][1:]
    assert len(ran) == len(EXERCISES)
    for cell in ran:
        said = cell.outputs[-1]["data"]["text/plain"]
        assert said.startswith("Right."), cell.source
