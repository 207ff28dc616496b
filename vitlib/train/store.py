"""What a run leaves in its folder, and how another goes on from it."""

import csv
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

ABOUT = "vitlib.train"  # names what is written about a checkpoint
COLUMNS = (
    "step",
    "epoch",
    "loss",
    "learning_rate",
    "gradient_norm",
    "pictures_per_second",
    "accuracy",
)


class Store:
    """The folder of a run.

    last.safetensors is what the run goes on from: weights, what the
    optimizer remembers, the step. best/ has the best weights as `load`
    takes them; log.csv a line for each step that was logged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.last = self.folder / "last.safetensors"
        self.best = self.folder / "best"
        self.log = self.folder / "log.csv"

    def write_last(
        self,
        weights: dict[str, Tensor],
        remembered: dict[str, Tensor],
        about: dict[str, Any],
    ) -> None:
        """Store a checkpoint: the whole file, or the old one stays."""
        part = self.last.with_suffix(".part")
        tensors = {f"model.{k}": v for k, v in weights.items()}
        tensors |= {f"optimizer.{k}": v for k, v in remembered.items()}
        tensors = {k: v.contiguous() for k, v in tensors.items()}
        try:
            save_file(tensors, part, {ABOUT: json.dumps(about)})
            os.replace(part, self.last)
        except (OSError, SafetensorError) as error:
            part.unlink(missing_ok=True)
            raise OSError(
                f"the checkpoint of step {about['step']} could not be "
                f"written to {self.last} ({error}): "
                f"{self.what_is_left()}. Make room, and give the same "
                "command again"
            ) from error

    def what_is_left(self) -> str:
        """Say from which step the same command would go on."""
        about = self.read_about()
        if about is None:
            return "there is none before it"
        return f"that of step {about['step']} is whole"

    def read_about(self) -> dict[str, Any] | None:
        """Read what stands in the checkpoint beside its tensors."""
        if not self.last.exists():
            return None
        try:
            with safe_open(self.last, "pt") as file:
                return json.loads(file.metadata()[ABOUT])
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.last} cannot be read as a checkpoint of this "
                f"program ({error!r}): move it away to start anew, or "
                "give another --out"
            ) from error

    def read_tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Read the weights, and what the optimizer remembers."""
        found: dict[str, dict[str, Tensor]] = {
            "model": {},
            "optimizer": {},
        }
        with safe_open(self.last, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                kind, _, rest = name.partition(".")
                found[kind][rest] = file.get_tensor(name)
        return found["model"], found["optimizer"]

    def begin_log(self, done: int) -> None:
        """Drop lines of steps after the checkpoint: they come again."""
        rows = []
        if self.log.exists():
            with open(self.log, newline="", encoding="utf-8") as file:
                rows = [
                    row
                    for row in csv.DictReader(file)
                    if int(row["step"]) <= done
                ]
        with open(self.log, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def write_log(self, row: dict[str, Any]) -> None:
        """Add a line; what it does not know stays empty."""
        with open(self.log, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)

    def write_json(self, name: str, content: Any) -> None:
        """Write a file of settings or results."""
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (self.folder / name).write_text(text + "\n", encoding="utf-8")


def check_same(
    stored: dict[str, Any], given: dict[str, Any], path: Path
) -> None:
    """Refuse to go on with a run that was given something else."""
    names = sorted(stored.keys() | given.keys())
    other = [
        f"{name} ({stored.get(name)}, not {given.get(name)})"
        for name in names
        if stored.get(name) != given.get(name)
    ]
    if other:
        raise ValueError(
            f"{path} comes from another run: {len(other)} of {len(names)} "
            f"things differ, {', '.join(other)}. To go on with it, give "
            "the same; to start anew, give another --out"
        )


def as_toml(options: dict[str, Any]) -> str:
    """Write plain options as TOML: its strings are JSON's."""
    lines = [
        f"{name} = {json.dumps(value)}"
        for name, value in options.items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"
