"""The bibliography and the notation say what the pages do."""

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
LINK = re.compile(r"arxiv\.org/abs/(\d{4}\.\d{5})")
YEAR = re.compile(r"(?<![\d.])(\d{4})\]\(https://arxiv.org/abs/(\d\d)")
MATH = re.compile(r"\$\$?(.+?)\$\$?", re.DOTALL)
WORDS = re.compile(
    r"\\(?:text|mathrm|begin|end|left|right)\{?\w*\}?|\\\w+"
)


def pages():
    """Each page that a reader reads, by its stem, but the bibliography."""
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        shown = (f"{c.source}\n{c.get('outputs', '')}" for c in cells)
        yield path.stem, "\n".join(shown)
    for path in sorted(BOOK.glob("*.md")):
        if path.stem != "bibliography":
            yield path.stem, path.read_text()


def listed():
    text = (BOOK / "references.bib").read_text()
    return re.findall(r"eprint = \{([\d.]+)\}", text)


def linked():
    return {paper for _, text in pages() for paper in LINK.findall(text)}


def other_parts():
    """(letter, chapter's file) of each line of the notation's list."""
    text = (BOOK / "notation.md").read_text()
    part = text.split("## Where a letter has another part")[1]
    for line in part.split("\n## ")[0].splitlines():
        letter = re.match(r"\| \$(\w)\$ \|", line)
        for page in re.findall(r"\((\w+)\.ipynb\)", line):
            yield letter[1], page


def test_every_listed_paper_is_linked_and_every_linked_one_is_listed():
    assert sorted(listed()) == sorted(linked())


def test_a_paper_has_the_year_in_which_arxiv_got_it():
    text = (BOOK / "references.bib").read_text()
    entry = r"year = \{(\d+)\},\n  eprint = \{(\d\d)"
    found = re.findall(entry, text)
    assert len(found) == len(listed())
    for _, page in pages():
        found += re.findall(YEAR, page)
    assert len(found) > 2 * len(listed())
    for year, number in found:
        assert year == f"20{number}"


@pytest.mark.parametrize(("letter", "page"), sorted(set(other_parts())))
def test_a_letter_with_another_part_stands_in_its_chapter(letter, page):
    cells = nbformat.read(BOOK / f"{page}.ipynb", as_version=4).cells
    said = [c.source for c in cells if c.cell_type == "markdown"]
    formulas = MATH.findall("\n".join(said))
    letters = {
        one for formula in formulas for one in WORDS.sub(" ", formula)
    }
    assert letter in letters
