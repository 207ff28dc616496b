"""How good a model is, class by class, as numbers and as a table."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def summary_of(
    classes: Sequence[str], counts: Tensor | None
) -> dict[str, Any]:
    """Give accuracies from (num_classes, 2): rightly named, and all.

    A class that was not asked about has no accuracy, and without counts
    nothing has.
    """
    if counts is None:
        return {"accuracy": None, "classes": {}}
    each = {
        name: {
            "right": int(right),
            "pictures": int(pictures),
            "accuracy": right / pictures if pictures else None,
        }
        for name, (right, pictures) in zip(
            classes, counts.tolist(), strict=True
        )
    }
    right, pictures = counts.sum(dim=0).tolist()
    return {
        "accuracy": right / pictures if pictures else None,
        "right": int(right),
        "pictures": int(pictures),
        "classes": each,
    }


def table_of(summary: dict[str, Any]) -> str:
    """Write a line for each class, and one for all."""
    if not summary["classes"]:
        return "no picture was kept for validation: no accuracy is known"
    rows = [*summary["classes"].items(), ("all", summary)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(line_of(name, row, width) for name, row in rows)


def line_of(name: str, row: dict[str, Any], width: int) -> str:
    """Write the accuracy of one class."""
    share = row["accuracy"]
    said = "      -" if share is None else f"{100 * share:5.1f} %"
    return f"{name:{width}}  {said}  {row['right']} of {row['pictures']}"
