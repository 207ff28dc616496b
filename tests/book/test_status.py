"""The page that says how fast the book is, and how it is measured."""

import json
import sys
from pathlib import Path

import pytest
from extensions import extension
from measured import measured
from status import ROOT, is_its_own

page = extension("status")
RUN = {"seconds": 12.4, "megabytes": 400}
SLOW = {"seconds": 61.0, "megabytes": 1001}


def filled(text, monkeypatch, data):
    """What Sphinx would read."""
    monkeypatch.setattr(page, "stored", lambda: data)
    source = [text]
    page.fill(None, "book/status", source)
    return source[0]


def notebooks(**runs):
    return {"notebooks": {"notebooks": runs}}


def test_what_is_over_its_budget_is_said_to_be(monkeypatch):
    data = notebooks(index=RUN, solutions=SLOW)
    text = filled("<!-- status: overview -->", monkeypatch, data)
    slowest = "| the slowest notebook, [solutions](solutions.ipynb) |"
    assert f"{slowest} 60 s | **over:** 61 s |" in text
    assert "| 1,000 MB | **over:** 1,001 MB |" in text
    data = notebooks(index=RUN)
    assert "over" not in filled(
        "<!-- status: overview -->", monkeypatch, data
    )


def test_all_notebooks_are_added_up_only_where_all_were_run(monkeypatch):
    names = [path.stem for path in page.BOOK.glob("*.ipynb")]
    mark, line = "<!-- status: overview -->", "| all notebooks"
    some = notebooks(**dict.fromkeys(names[1:], RUN))
    every = notebooks(**dict.fromkeys(names, RUN))
    for data, wanted in ((some, page.UNKNOWN), (every, "min |")):
        rows = filled(mark, monkeypatch, data).splitlines()
        (found,) = [row for row in rows if row.startswith(line)]
        assert wanted in found.split("5.0 min |")[1]


def test_nothing_measured_is_no_number(monkeypatch):
    marks = "\n".join(f"<!-- status: {name} -->" for name in page.TABLES)
    text = filled(marks, monkeypatch, {})
    assert text.count(page.UNKNOWN) >= 9 + 4
    mark = "<!-- status: parts -->"
    assert filled(mark, monkeypatch, {}).count(page.UNKNOWN) == 4
    assert "<!--" not in text


@pytest.mark.parametrize(
    ("write", "number", "said"),
    [
        (page.seconds, 0.0151, "15.1 ms"),
        (page.seconds, 12.4, "12 s"),
        (page.seconds, 150, "2.5 min"),
        (page.megabytes, 2_340_000, "2.34 MB"),
        (page.megabytes, 26_400_000, "26 MB"),
    ],
)
def test_numbers_are_written_as_one_says_them(write, number, said):
    assert write(number) == said


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in page.BOOK.glob("*.ipynb"))
)
def test_every_notebook_has_a_row(monkeypatch, name):
    mark = "<!-- status: notebooks -->"
    text = filled(mark, monkeypatch, notebooks(**{name: RUN}))
    link = f"[{name}]({name}.ipynb)"
    assert f"| {link} | 12 s | 400 MB | 1,600 MB |" in text
    rows = text.splitlines()[2:]
    assert len(rows) == len([*page.BOOK.glob("*.ipynb")])


def test_what_is_stored_fills_the_page():
    source = [(page.BOOK / "status.md").read_text()]
    page.fill(None, "book/status", source)
    assert "<!--" not in source[0]
    stored = json.loads(page.STORE.read_text())
    assert page.seconds(stored["sizes"]["import_seconds"]) in source[0]


def test_the_page_asks_for_tables_that_there_are():
    text = (page.BOOK / "status.md").read_text()
    assert set(page.MARK.findall(text)) == set(page.TABLES)


def test_other_pages_are_left_alone(monkeypatch):
    source = ["<!-- status: overview -->"]
    page.fill(None, "book/index", source)
    assert source == ["<!-- status: overview -->"]


def test_what_is_stored_names_no_folder_of_the_machine():
    text = page.STORE.read_text()
    assert str(ROOT) not in text
    assert "/" not in "".join(json.loads(text)["sizes"]["notebooks"])


def test_memory_of_the_largest_process_is_seen_and_its_end():
    """Asked by a small process: a new one begins as large as its parent.

    200 million bytes are filled by a process of the process.
    """
    code = "print(len(b'1' * 200_000_000))"
    command = [sys.executable, "-c", code]
    inner = f"import subprocess; subprocess.run({command!r})"
    asking = (
        "import sys\n"
        f"sys.path.append({str(ROOT / 'scripts')!r})\n"
        "from measured import measured\n"
        f"taken = measured([sys.executable, '-c', {inner!r}])\n"
        "print(taken.code, taken.text.strip(), taken.megabytes)\n"
    )
    told = measured([sys.executable, "-c", asking]).text.split()
    assert told[:2] == ["0", "200000000"]
    assert 200 < float(told[2]) < 250
    assert (
        measured([sys.executable, "-c", "raise SystemExit(3)"]).code == 3
    )


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("book/index.html", True),
        ("_images/cat.png", True),
        ("_static/live/digit_pad.js", True),
        ("_static/page.js", False),
        ("_static/figures.css", False),
    ],
)
def test_files_of_a_page_are_told_from_what_all_share(path, own):
    assert is_its_own(Path(path)) is own
