"""The page of progress lists every exercise, and says where it stands."""

import re
from pathlib import Path

import nbformat

from vitlib.teach import check
from vitlib.teach.checking import library

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
PAGE = BOOK / "progress.ipynb"
TITLE = re.compile(r"\*\*(\d+)\. ([^*]+?)\.?\*\*")
LISTED = re.compile(r"^(\d+)\. (.*?)(?: \(`check\.(\w+)`\))?$", re.M)
CHAPTER = re.compile(r"\*\*\[Chapter (\d+): (.*)\]\((\w+)\.ipynb#exerc")


def read(path):
    return nbformat.read(path, as_version=4).cells


def exercises(path):
    """Number, title and checker of each exercise of a chapter."""
    found = []
    for cell in read(path):
        if title := TITLE.match(cell.source):
            found.append([*title.groups(), ""])
        if "exercise" in cell.metadata.get("tags", []):
            found[-1][2] = re.findall(r"^check\.(\w+)", cell.source, re.M)[
                -1
            ]
    return [tuple(one) for one in found]


def test_all_exercises_are_listed_under_their_chapters():
    *_, listed = read(PAGE)
    parts = re.split(r"\n\n(?=\*\*\[)", listed.source)
    assert len(parts) == len(CHAPTERS)
    for part, path in zip(parts, CHAPTERS, strict=True):
        number, title, page = CHAPTER.match(part).groups()
        assert page == path.stem
        assert int(number) == int(path.stem[:2])
        assert read(path)[0].source.splitlines()[0] == f"# {title}"
        assert LISTED.findall(part) == exercises(path)


def test_every_checker_has_its_exercise_in_its_chapter():
    for path in CHAPTERS:
        number = int(path.stem[:2])
        names = {name for *_, name in exercises(path)} - {""}
        own = {
            n
            for n, p in library.pieces().items()
            if p.chapter.number == number
        }
        assert names == own


def test_a_chapter_of_the_table_leads_to_its_notebook():
    for chapter in {p.chapter for p in library.pieces().values()}:
        sources = [c.source for c in read(BOOK / f"{chapter.page}.ipynb")]
        assert any(text.startswith("## Exercises") for text in sources)


def test_the_page_shows_what_a_fresh_reader_sees():
    (cell,) = (c for c in read(PAGE) if "check.progress()" in c.source)
    (output,) = cell.outputs
    fresh = check.Progress(
        {name: piece.chapter for name, piece in library.pieces().items()},
        frozenset(),
    )
    assert output.data["text/plain"] == str(fresh)
    assert output.data["text/html"] == fresh._repr_html_()
    assert output.metadata == {"vitlib": {}}
