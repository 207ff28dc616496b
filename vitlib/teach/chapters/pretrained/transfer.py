"""Digits to clothes, as experiments/digits_to_clothes.py measured."""

from dataclasses import dataclass

from vitlib.teach.data import experiments

WAYS = {  # how the stored table calls them, and the book
    "whole": "digit reader, all of it learns on",
    "scratch": "the same model from nothing",
    "frozen": "digit reader, frozen, a new head",
    "untrained": "random body, frozen, a new head",
}


@dataclass(frozen=True)
class Curve:
    """Right answers of all seeds, as shares, by number of pictures."""

    way: str
    shares: dict[int, tuple[float, ...]]
    rates: dict[int, float]  # the learning rates that were chosen

    def mean(self, images: int) -> float:
        """The mean over the seeds."""
        found = self.shares[images]
        return sum(found) / len(found)


def curves() -> list[Curve]:
    """Read the stage "curve" of the stored table, a curve for each way."""
    shares: dict[str, dict[int, list[float]]] = {}
    rates: dict[str, dict[int, float]] = {}
    for line in experiments.table("digits_to_clothes"):
        if line["stage"] == "curve":
            way, images = line["way"], int(line["images"])
            found = shares.setdefault(way, {}).setdefault(images, [])
            found.append(float(line["accuracy"]))
            rate = float(line["learning_rate"])
            rates.setdefault(way, {})[images] = rate
    return [
        Curve(
            way,
            {n: tuple(shares[way][n]) for n in sorted(shares[way])},
            rates[way],
        )
        for way in WAYS
    ]
