"""A chapter's main line reads in half an hour; what is folded is extra."""

import json
import re
from pathlib import Path

import pytest
from extensions import extension

from vitlib.teach.chapters import CHAPTERS

BOOK = Path(__file__).resolve().parents[2] / "book"
NUMBERED = [chapter.page for chapter in CHAPTERS if chapter.number]
EVERY = [path.stem for path in sorted(BOOK.glob("*.ipynb"))]
LONGEST = 30  # minutes
SLOWEST = 60  # seconds
minutes = extension("minutes")


def cells(name):
    return json.loads((BOOK / f"{name}.ipynb").read_text())["cells"]


def text(source):
    return {"cell_type": "markdown", "metadata": {}, "source": [source]}


def code(source, *tags, shown=""):
    outputs = [{"data": {"text/markdown": shown}}] if shown else []
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": [source],
        "outputs": outputs,
    }


LISTING = "```python\n" + "x = 1\n" * 20 + "```"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([text("word " * 220)], 1),
        ([text("word " * 221)], 2),
        ([code("x = 1\n\n" * 20)], 1),
        ([text(LISTING)], 1),
        ([text("word " * 110), code("x = 1\n" * 10)], 1),
        ([code("f()", "remove-input", shown=LISTING)], 1),
        ([code("x = 1\n" * 400, "hide-input")], 0),
        ([text("<details>\n" + "word " * 400 + "\n</details>")], 0),
        ([text("<details>"), code("x = 1\n" * 99), text("</details>")], 0),
        ([text(f"[word]({'a' * 99}) <b>word</b> " * 110)], 1),
    ],
)
def test_words_and_lines_are_counted(given, wanted):
    assert minutes.to_read(given) == wanted


@pytest.mark.parametrize("name", NUMBERED)
def test_a_chapter_reads_in_half_an_hour(name):
    assert 5 < minutes.to_read(cells(name)) <= LONGEST


def test_it_is_known_how_long_each_chapter_runs():
    seconds = json.loads(minutes.SECONDS.read_text())
    assert sorted(seconds) == sorted(NUMBERED)
    assert max(seconds.values()) <= SLOWEST


@pytest.mark.parametrize("name", EVERY)
def test_a_fold_ends_before_the_next_heading(name):
    depth = 0
    for cell in cells(name):
        if cell["cell_type"] != "markdown":
            continue
        source = minutes.CODE.sub("", "".join(cell["source"]))
        for mark in re.findall(r"<details|</details>|^#+ ", source, re.M):
            if mark.startswith("<"):
                depth += -1 if mark.startswith("</") else 1
            assert depth in ((0, 1) if mark.startswith("<") else (0,))
    assert depth == 0


@pytest.mark.parametrize("name", EVERY)
def test_what_is_deeper_says_what_it_answers(name):
    for cell in cells(name):
        source = "".join(cell["source"])
        if 'class="vit-deeper"' in source:
            (words,) = re.findall(r"<summary>(.*?)</summary>", source)
            assert words.endswith("?")
