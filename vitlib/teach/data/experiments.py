"""What the scripts in experiments/ have measured and stored."""

import csv
import json

from vitlib.teach.data.checked import FOLDER


def stored(name: str) -> dict:
    """Read what an experiment of this repository has written."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def table(name: str) -> list[dict[str, str]]:
    """Read the rows that an experiment of this repository has written."""
    path = FOLDER / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def provenance(name: str) -> None:
    """Print how the stored numbers came to be."""
    record = stored(name)
    seeds = record.get("seeds") or [r["seed"] for r in record["runs"]]
    threads = {1: "one thread", 2: "two threads"}[record["threads"]]
    print(f"made by: {record['command']}")
    print(f"with:    torch {record['torch']}, {threads}, ", end="")
    print("seeds" if len(seeds) > 1 else "seed", end=" ")
    print(", ".join(map(str, seeds)))
