"""The still figures of the chapters, and the one that all of them show.

    from vitlib.teach.figures import overview
    from vitlib.teach.figures import patches as figures

A chapter's figures are figures.py in its room.
"""

from importlib import import_module
from types import ModuleType

from vitlib.teach.chapters import BY_NAME
from vitlib.teach.draw.overview import overview

__all__ = ["overview"]


def __getattr__(name: str) -> ModuleType:
    if name not in BY_NAME:
        raise AttributeError(f"there is no chapter {name!r} with figures")
    return import_module(f"vitlib.teach.chapters.{name}.figures")


def __dir__() -> list[str]:
    return [*__all__, *BY_NAME]
