"""The figures that are alive: each chapter's, found by its name.

    from vitlib.teach.live import PatchExplorer

A live figure is three files in the room of its chapter, named alike:
patch_explorer.py holds the class PatchExplorer, and with it lie
patch_explorer.js, which draws it, and patch_explorer.css.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from vitlib.teach import chapters

if TYPE_CHECKING:
    from vitlib.teach.alive.figure import LiveFigure

MODULES = {
    path.stem.title().replace("_", ""): (
        f"{chapters.__name__}.{chapter.name}.{path.stem}"
    )
    for chapter in chapters.CHAPTERS
    for path in sorted(chapter.room.glob("*.js"))
}
__all__ = list(MODULES)


def __getattr__(name: str) -> "type[LiveFigure]":
    if name not in MODULES:
        known = ", ".join(MODULES)
        raise AttributeError(f"no figure is {name!r}; there are {known}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
