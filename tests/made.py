"""Every live figure of the book, with something to show."""

import torch

from vitlib.teach import live
from vitlib.teach.chapters.data.curves import bands

NEIGHBOURS = {100: 0.73, 500: 0.85, 2000: 0.9, 8000: 0.94}
GIVEN = {  # what a figure needs that shows something of the reader's own
    "DataExplorer": {
        "bands": bands("few_to_many"),
        "neighbours": NEIGHBOURS,
    },
    "PatchExplorer": {"images": torch.full((1, 3, 32, 48), 0.5)},
    "PositionExplorer": {
        "positions": {"any": torch.eye(16).reshape(4, 4, 16)}
    },
    "ReceptiveField": {"images": torch.full((1, 3, 224, 224), 0.5)},
}


def figure(name: str) -> object:
    """Make the figure of this name."""
    return getattr(live, name)(**GIVEN.get(name, {}))
