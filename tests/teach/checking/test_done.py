"""What is done is remembered, and shown."""

import json

import pytest

from vitlib import patchify
from vitlib.teach import check
from vitlib.teach.checking import done, library


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A person's notebook, with a home of its own."""
    monkeypatch.setattr(done, "is_watched", lambda: True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(done, "_here", set())
    return tmp_path / "vitlib" / "exercises.json"


def state(name):
    lines = str(check.progress()).splitlines()
    (line,) = [line for line in lines if line.endswith(f" {name}")]
    return line.split()[2]


def test_what_is_right_is_remembered(home):
    assert "0 of" in str(check.progress())
    check.patchify(patchify)
    check.mlp(lambda *_: None)
    assert json.loads(home.read_text()) == ["patchify"]
    assert state("patchify") == "done"
    assert state("mlp") == "open"
    assert "1 of" in str(check.progress())
    done._here.clear()
    assert state("patchify") == "done"


def test_what_was_right_in_an_earlier_session_stays(home):
    home.parent.mkdir()
    home.write_text('["mlp"]')
    check.patchify(patchify)
    assert json.loads(home.read_text()) == ["mlp", "patchify"]
    done._here.clear()
    assert state("patchify") == state("mlp") == "done"


def test_it_can_be_forgotten(home):
    check.patchify(patchify)
    check.forget()
    assert state("patchify") == "open"
    assert json.loads(home.read_text()) == []


@pytest.mark.parametrize(
    "content", ["", "{", "3", '{"a": 1}', "[1, null]"]
)
def test_a_damaged_file_is_no_hindrance(home, content):
    home.parent.mkdir()
    home.write_text(content)
    assert state("patchify") == "open"
    assert check.patchify(patchify)
    assert state("patchify") == "done"
    assert json.loads(home.read_text()) == ["patchify"]


def test_where_nothing_can_be_written_the_session_remembers(
    home, monkeypatch
):
    home.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(home.parent.parent / "file"))
    assert check.patchify(patchify)
    assert state("patchify") == "done"


def test_a_user_without_a_home_is_no_hindrance(home, monkeypatch):
    def homeless(cls):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(done.Path, "home", classmethod(homeless))
    assert check.patchify(patchify)
    assert state("patchify") == "done"


def test_tests_and_builds_leave_no_file(home, monkeypatch):
    monkeypatch.setattr(done, "is_watched", lambda: False)
    assert check.patchify(patchify)
    assert state("patchify") == "done"
    assert not home.exists()


def test_the_table_names_every_piece_and_its_chapter(home):
    check.patchify(patchify)
    page = check.progress()._repr_html_()
    for name, piece in library.pieces().items():
        assert f"<code>{name}</code>" in page
        assert f">{piece.chapter}</a>" in page
    assert page.count("done</span>") == 1
    own = [p for p in library.pieces().values() if p.chapter.number == 2]
    assert f">1 of {len(own)}</td>" in page
    chapters = {piece.chapter for piece in library.pieces().values()}
    assert page.count("<tr>") == len(chapters)
    assert page.count(">0 of ") == len(chapters) - 1
    data, about = check.progress()._repr_mimebundle_()
    assert data == {
        "text/html": page,
        "text/plain": str(check.progress()),
    }
    assert about == {"vitlib": {}}
