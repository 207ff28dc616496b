"""The classroom: pictures, figures, questions and checks for the book."""

from vitlib.teach import _extra  # noqa: F401  (has its say first)
from vitlib.teach.alive.watch import watch
from vitlib.teach.asking.questions import quiz
from vitlib.teach.data.augment import distort
from vitlib.teach.data.digits import digits
from vitlib.teach.data.own_digit import (
    digit_from_picture,
    digit_from_text,
)
from vitlib.teach.data.pictures import (
    cat,
    open_photo,
    resize_and_crop,
    to_tensor,
)
from vitlib.teach.data.reader import digit_reader
from vitlib.teach.data.results import results, show_results
from vitlib.teach.draw.source import show_source

__all__ = [
    "cat",
    "digit_from_picture",
    "digit_from_text",
    "digit_reader",
    "digits",
    "distort",
    "open_photo",
    "quiz",
    "resize_and_crop",
    "results",
    "show_results",
    "show_source",
    "to_tensor",
    "watch",
]
