"""The chapters: the one place that knows number, name and title of each.

The name is the link between a chapter's parts: book/05_attention.ipynb,
vitlib/attention.py, and the room vitlib/teach/chapters/attention, which
holds its figures, its live figure, its exercises and its quiz. The pages
without a number have rooms too.
"""

from dataclasses import dataclass
from pathlib import Path

ROOMS = Path(__file__).parent


@dataclass(frozen=True)
class Chapter:
    """A page of the book that has a room here; `number` may be None."""

    number: int | None
    name: str
    title: str  # in the table of contents

    @property
    def page(self) -> str:
        """The file of the page, without its ending: "05_attention"."""
        return (
            f"{self.number:02d}_{self.name}" if self.number else self.name
        )

    @property
    def room(self) -> Path:
        """The folder of its figures, exercises and quiz."""
        return ROOMS / self.name

    def __str__(self) -> str:
        return f"chapter {self.number}" if self.number else self.title


CHAPTERS = (
    Chapter(None, "index", "Vision Transformers, piece by piece"),
    Chapter(1, "introduction", "Introduction"),
    Chapter(2, "patches", "Patches"),
    Chapter(3, "embedding", "Embedding"),
    Chapter(4, "tokens", "Tokens"),
    Chapter(5, "attention", "Attention"),
    Chapter(6, "encoder", "Encoder"),
    Chapter(7, "vit", "The whole model"),
    Chapter(8, "training", "Training"),
    Chapter(9, "data", "Data"),
    Chapter(10, "inside", "Inside"),
    Chapter(11, "pretrained", "Pretrained"),
    Chapter(12, "scaling", "Scaling"),
    Chapter(13, "state_of_the_art", "The state of the art"),
    Chapter(None, "clinic", "The bug clinic"),
)
BY_NAME = {chapter.name: chapter for chapter in CHAPTERS}


def chapter_of(module: str) -> Chapter:
    """Name the chapter in whose room a module lives.

    >>> chapter_of("vitlib.teach.chapters.attention.figures").number
    5
    """
    inside = module.removeprefix(f"{__name__}.")
    return BY_NAME[inside.split(".")[0]]
