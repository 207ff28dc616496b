"""The one way in which an experiment stores what it has found.

    store("mistakes", seeds=SEEDS, recipe=RECIPE, rows=rows)

writes mistakes.json into the package, with the command, the torch and
the number of threads that made it. What takes hours is kept run by run:

    Table("recipe").add({"change": "none", "seed": 0}, accuracy)

adds a line to recipe.csv, unless that run stands there already. And the
one way in which a seed picks pictures: `some_of`.
"""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

import __main__ as main
from vitlib.teach.data.checked import FOLDER
from vitlib.training import Data


def some_of(
    images_and_labels: Data, count: int, seed: int, after: int = 0
) -> Data:
    """Pick `count` of the pictures to learn from; each seed picks others.

    The first `after` that this seed would pick are left out.
    """
    images, labels = images_and_labels
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    picked = order[after : after + count]
    return images[picked], labels[picked]


def store(name: str, **found: object) -> None:
    """Write NAME.json: what was found, and what made it."""
    record = {
        "command": f"python experiments/{Path(main.__file__).name}",
        "torch": torch.__version__.split("+")[0],
        "threads": torch.get_num_threads(),
        **found,
    }
    text = json.dumps(record, indent=1)
    Path(FOLDER / f"{name}.json").write_text(text + "\n")
    print(text)


class Table:
    """NAME.csv, a line a run: a run that stands there is not run again."""

    def __init__(self, name: str) -> None:
        self.path = Path(FOLDER / f"{name}.csv")

    def rows(self) -> list[dict[str, str]]:
        """Read the lines that are there."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def has(self, run: dict) -> bool:
        """Tell if a line has these settings."""
        wanted = {name: str(value) for name, value in run.items()}
        return any(wanted.items() <= row.items() for row in self.rows())

    def add(self, run: dict, find: Callable[[], dict]) -> None:
        """Add a run and what `find` gives, if it is not there yet."""
        if self.has(run):
            return
        line = run | find()
        line["torch"] = torch.__version__.split("+")[0]
        line["threads"] = torch.get_num_threads()
        self._append(line)
        print(line, flush=True)

    def _append(self, line: Iterable) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, line, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(line)
