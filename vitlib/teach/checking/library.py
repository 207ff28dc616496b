"""Where the pieces are: every exercise is a file, found by its name."""

from functools import cache
from importlib import import_module

from vitlib.teach import chapters
from vitlib.teach.checking.number import NumberPiece
from vitlib.teach.checking.piece import Piece

AnyPiece = Piece | NumberPiece


@cache
def modules() -> dict[str, str]:
    """Give each exercise's module by its name, chapter by chapter."""
    found = {}
    for chapter in chapters.CHAPTERS:
        room = f"{chapters.__name__}.{chapter.name}"
        for path in sorted(chapter.room.glob("exercises/[!_]*.py")):
            found[path.stem] = f"{room}.exercises.{path.stem}"
    return found


def names() -> list[str]:
    """List the names of all exercises."""
    return list(modules())


def piece(name: str) -> AnyPiece:
    """Give the piece of this name; only its own file is read."""
    if name not in modules():
        known = ", ".join(names())
        raise AttributeError(f"no exercise is {name!r}; there are {known}")
    return import_module(modules()[name]).PIECE


@cache
def pieces() -> dict[str, AnyPiece]:
    """Give all pieces by their names, in the order of the book."""
    found = sorted(
        map(piece, names()), key=lambda p: (p.chapter.number, p.number)
    )
    return {one.name: one for one in found}
