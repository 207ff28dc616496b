"""The classroom: pictures, figures and listings for the chapters."""

from vitlib.teach.data import cat, digits, resize_and_crop, to_tensor
from vitlib.teach.quizzes import quiz
from vitlib.teach.reader import digit_reader
from vitlib.teach.source import show_source

__all__ = [
    "cat",
    "digit_reader",
    "digits",
    "quiz",
    "resize_and_crop",
    "show_source",
    "to_tensor",
]
