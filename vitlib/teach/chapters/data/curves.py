"""Accuracy against data, as the scripts in experiments/ measured it."""

from dataclasses import dataclass

from vitlib._checks import check_choice
from vitlib.teach.data import experiments

TABLES = ("few_to_many", "relation")


@dataclass(frozen=True)
class Band:
    """What all seeds of one setting reached, as shares from 0 to 1.

    `strength` is that of the distortion, 0 without; `place` is where the
    things of a picture lie, "aligned" to the patches or "anywhere".
    """

    model: str
    images: int
    strength: float
    steps: int
    learning_rate: float
    accuracies: tuple[float, ...]
    place: str = ""

    @property
    def low(self) -> float:
        """The worst seed."""
        return min(self.accuracies)

    @property
    def high(self) -> float:
        """The best seed."""
        return max(self.accuracies)

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return sum(self.accuracies) / len(self.accuracies)


def bands(table: str, stage: str = "curve") -> list[Band]:
    """Read a table, "few_to_many" or "relation", and gather the seeds.

    The stages are "search", in which a learning rate was chosen, "curve",
    "scrambled" for digits in disorder, and "longer" for a run that took
    more steps. In order of the images.
    """
    check_choice("table", table, TABLES)
    found: dict[tuple, list[float]] = {}
    lines = experiments.table(table)
    check_choice("stage", stage, sorted({line["stage"] for line in lines}))
    for line in lines:
        if line["stage"] == stage:
            key = (
                line["model"],
                int(line["images"]),
                float(line.get("strength", 0)),
                int(line["steps"]),
                float(line["learning_rate"]),
                line.get("place", ""),
            )
            found.setdefault(key, []).append(float(line["accuracy"]))
    made = [
        Band(*key, tuple(values), place)
        for (*key, place), values in found.items()
    ]
    return sorted(made, key=lambda band: band.images)


def band(all_bands: list[Band], **wanted) -> Band:
    """Pick the one band that has these values, say `model="ViT"`."""
    picked = [
        one
        for one in all_bands
        if all(getattr(one, k) == value for k, value in wanted.items())
    ]
    if len(picked) != 1:
        raise ValueError(
            f"{len(picked)} bands have {wanted}; say more, or other values"
        )
    return picked[0]
