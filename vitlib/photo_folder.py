"""A folder of photos, one sub-folder a class, as a data set of torch."""

import os
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from vitlib._checks import is_number
from vitlib._settings import seed_of
from vitlib.photos import open_photo

SYSTEM = {"desktop.ini", "thumbs.db", "__macosx"}  # nobody's photos

PARTS = {"train", "val", "valid", "validation", "test"}  # no classes


@dataclass(frozen=True)
class Looked:
    """What `PhotoFolder.look` found in one file; they count from 1."""

    photo: int
    photos: int
    path: Path
    problem: str | None  # why it cannot be read


class PhotoFolder(Dataset[tuple[Any, int]]):
    """Photos in one sub-folder a class, opened when they are asked for.

    `folder[i]` is a photo, as `open_photo` opens it and `transform` makes
    it, and the number of its class. `classes` are the names of the
    sub-folders in their order, `paths` and `labels` the files and their
    class numbers; photos in folders within count to the class. Hidden
    files are left out. So are classes without a file: `empty` names them.
    Of a folder that is parted, as into train and val, give one part.
    What cannot be read is only found when it is opened, or by `look`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.transform = Path(folder), transform
        self.unreadable: dict[Path, str] = {}
        found = {
            inner.name: files_in(inner)
            for inner in sorted(self.folder.iterdir())
            if inner.is_dir() and not is_hidden(inner)
        }
        if len(found) > 1 and {name.lower() for name in found} <= PARTS:
            raise ValueError(
                f"{folder} is parted into {', '.join(found)}; each part "
                f"is a folder of its own: {self.folder / min(found)}"
            )
        self.empty = [name for name, files in found.items() if not files]
        self.classes = [name for name, files in found.items() if files]
        if not self.classes:
            raise ValueError(
                f"{folder} has {len(found)} sub-folders and no file in "
                "them: put the photos of each class into one with its name"
            )
        self.paths: list[Path] = []
        self.labels: list[int] = []
        for label, name in enumerate(self.classes):
            self.paths += found[name]
            self.labels += [label] * len(found[name])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        photo = open_photo(self.paths[index])
        if self.transform is not None:
            photo = self.transform(photo)
        return photo, self.labels[index]

    @property
    def counts(self) -> dict[str, int]:
        """How many photos each class has."""
        return {
            name: self.labels.count(label)
            for label, name in enumerate(self.classes)
        }

    def look(self) -> Iterator[Looked]:
        """Open each file once: `for looked in folder.look()`.

        Those that cannot be read are taken out of the folder in the end,
        also of one that comes too early; `unreadable` tells why.
        """
        problems: dict[Path, str] = {}
        try:
            for number, path in enumerate(self.paths, start=1):
                try:
                    open_photo(path)
                except (ValueError, OSError) as error:
                    problems[path] = str(error)
                problem = problems.get(path)
                yield Looked(number, len(self.paths), path, problem)
        finally:
            self.unreadable |= problems
            everyone = enumerate(self.paths)
            self.keep([i for i, p in everyone if p not in problems])

    def keep(self, places: list[int]) -> None:
        """Leave the photos at these places, in their order."""
        self.paths = [self.paths[i] for i in places]
        self.labels = [self.labels[i] for i in places]

    def split(
        self, share: float, seed: int = 0
    ) -> tuple["PhotoFolder", "PhotoFolder"]:
        """Part it into two: the second gets this share of each class.

        Which photos, `seed` decides, the same on every machine. A class
        of two photos or more has one in both at least. Both have all
        classes, and a `transform` that can be set for each.
        """
        parts = copy(self), copy(self)
        places = parted(self.labels, share, seed)
        for part, some in zip(parts, places, strict=True):
            part.unreadable = {}
            part.keep(some)
        return parts


def parted(
    labels: list[int], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Part the places of labels as `PhotoFolder.split` does."""
    if not is_number(share) or not 0 < share < 1:
        raise ValueError(
            f"share is {share!r}; it must be a number between 0 and 1"
        )
    generator = torch.Generator().manual_seed(seed_of(seed))
    first, second = [], []
    places: dict[int, list[int]] = {label: [] for label in sorted(labels)}
    for place, label in enumerate(labels):
        places[label].append(place)
    for own in places.values():
        order = torch.randperm(len(own), generator=generator).tolist()
        count = round(share * len(own))
        if len(own) > 1:
            count = min(max(count, 1), len(own) - 1)
        second += sorted(own[i] for i in order[:count])
        first += sorted(own[i] for i in order[count:])
    return first, second


def files_in(folder: Path) -> list[Path]:
    """All files of a folder and of those within it, none hidden."""
    found = []
    for path in sorted(folder.iterdir()):
        if is_hidden(path):
            continue
        found += files_in(path) if path.is_dir() else [path]
    return found


def is_hidden(path: Path) -> bool:
    """Tell what an operating system has left there."""
    return path.name.startswith(".") or path.name.lower() in SYSTEM
