"""The classroom's arrows point one way; no room knows another."""

import ast
from pathlib import Path

import pytest

TEACH = Path(__file__).resolve().parents[2] / "vitlib" / "teach"
# Each engine may use those before it; the rooms use engines, and the
# tables of contents use all.
ENGINES = ["data", "draw", "alive", "checking", "asking"]
MODULES = sorted(TEACH.rglob("*.py"))
ROOMS = [p.parent for p in sorted(TEACH.glob("chapters/*/__init__.py"))]


def imported(path):
    """Modules of the classroom that a file imports, as their parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node, "module", None)
        if isinstance(node, ast.ImportFrom) and name:
            for alias in node.names:
                parts = f"{name}.{alias.name}".split(".")
                if parts[:2] == ["vitlib", "teach"]:
                    yield parts[2:]


def test_every_folder_is_an_engine_or_the_rooms():
    folders = {path.parent.name for path in TEACH.glob("*/*.py")}
    assert folders == {*ENGINES, "chapters"}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_uses_only_those_before_it(engine):
    allowed = {*ENGINES[: ENGINES.index(engine) + 1], "chapters"}
    for path in (TEACH / engine).rglob("*.py"):
        for parts in imported(path):
            assert parts[0] in allowed, path
            # Of the chapters an engine knows the list, and no room.
            in_a_room = (TEACH / "chapters" / parts[-1]).is_dir()
            assert parts[0] != "chapters" or not in_a_room, path


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_a_room_knows_engines_and_no_other_room(path):
    for file in path.rglob("*.py"):
        for parts in imported(file):
            own = parts[:2] == ["chapters", path.name]
            assert own or parts[0] in ENGINES, file


def test_the_list_of_chapters_needs_nothing():
    assert list(imported(TEACH / "chapters" / "__init__.py")) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_what_is_private_stays_in_its_folder(path):
    here = path.parent.relative_to(TEACH).parts
    for parts in imported(path):
        for at, part in enumerate(parts):
            private = part.startswith("_") and not part.startswith("__")
            assert not private or tuple(parts[:at]) == here, path


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_no_file_is_named_by_history(path):
    history = {"more", "new", "old", "other", "misc", "utils"}
    assert not history & set(path.stem.split("_"))
