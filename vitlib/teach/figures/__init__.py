"""The book's figures: one module a chapter, one call a figure."""

from vitlib.teach.figures._overview import overview

__all__ = ["overview"]
