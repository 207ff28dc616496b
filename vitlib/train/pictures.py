"""Labelled pictures: a folder of photos, or the arrays of an .npz."""

import hashlib
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vitlib.photo_folder import Looked, PhotoFolder, parted

NAMES = (  # how arrays of pictures and their labels are called
    ("images", "labels"),
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
)
SHOWN = 5  # names that a message lists


class Pictures(Protocol):
    """What a folder of photos and an .npz have alike."""

    classes: list[str]
    labels: list[int]
    empty: list[str]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, int]: ...

    def keep(self, places: list[int]) -> None:
        """Leave the pictures at these places, in their order."""

    def split(self, share: float, seed: int = 0) -> tuple[Any, Any]:
        """Part them into two: the second gets this share of a class."""


class Arrays:
    """Pictures and labels of an .npz, with all that `PhotoFolder` has.

    `arrays[i]` is a picture, (c, h, w), and its class number. The file has
    `images`, (n, h, w), (n, h, w, c) or (n, c, h, w), bytes or floats from
    0 to 1, and `labels`, (n); names of `classes` if it likes. A number
    below the largest that no picture has is an empty class.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with np.load(path, allow_pickle=False) as arrays:
            pair = [p for p in NAMES if set(p) <= set(arrays.files)]
            if not pair:
                raise ValueError(
                    f"{path} holds {', '.join(arrays.files) or 'nothing'}"
                    "; it must have two arrays, images and labels"
                )
            images, labels = (arrays[name] for name in pair[0])
            names = arrays.get("classes")
        self.images = channels_first(images, path)
        self.labels = class_numbers(labels, len(images), path)
        count = max(self.labels) + 1
        self.classes = (
            [str(i) for i in range(count)]
            if names is None
            else [str(name) for name in names]
        )
        if len(self.classes) < count:
            raise ValueError(
                f"{path} has labels up to {count - 1}, but "
                f"{len(self.classes)} names of classes: give one for each"
            )
        drop_empty(self)

    empty: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], self.labels[index]

    def keep(self, places: list[int]) -> None:
        """Leave the pictures at these places, in their order."""
        self.images = self.images[places]
        self.labels = [self.labels[i] for i in places]

    def split(self, share: float, seed: int = 0) -> tuple[Any, Any]:
        """Part them into two, as `PhotoFolder.split` does."""
        parts = copy(self), copy(self)
        places = parted(self.labels, share, seed)
        for part, some in zip(parts, places, strict=True):
            part.keep(some)
        return parts


def channels_first(images: Any, path: str | Path) -> Tensor:
    """Give pictures as (n, c, h, w), whichever way they lie."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] in (1, 3):
        images = np.moveaxis(images, -1, 1)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"the images of {path} have the shape {images.shape}; it must "
            "be (n, h, w), (n, h, w, c) or (n, c, h, w) with 1 or 3 "
            "channels"
        )
    if images.dtype != np.uint8:
        images = images.astype("float32")
    return torch.from_numpy(np.ascontiguousarray(images))


def class_numbers(labels: Any, count: int, path: str | Path) -> list[int]:
    """Give labels as plain numbers, one for each picture."""
    labels = labels.reshape(-1)
    if len(labels) != count or not len(labels):
        raise ValueError(
            f"{path} has {count} images and {len(labels)} labels: give "
            "one label for each image, and one image at least"
        )
    if labels.dtype.kind not in "iub" or labels.min() < 0:
        raise ValueError(
            f"the labels of {path} are of {labels.dtype}, from "
            f"{labels.min()}; they must be whole numbers from 0 upwards"
        )
    return [int(label) for label in labels]


def drop_empty(pictures: Any) -> None:
    """Number the classes that have a picture anew; `empty` has others."""
    found = set(pictures.labels)
    used = sorted(found)
    left = [n for i, n in enumerate(pictures.classes) if i not in found]
    pictures.empty = [*getattr(pictures, "empty", []), *left]
    pictures.classes = [pictures.classes[i] for i in used]
    number = {old: new for new, old in enumerate(used)}
    pictures.labels = [number[label] for label in pictures.labels]


def pictures_in(path: str | Path) -> Pictures:
    """Open a folder of photos or an .npz, whichever this is."""
    path = Path(path)
    if path.is_dir():
        return PhotoFolder(path)
    if path.is_file() and path.suffix == ".npz":
        return Arrays(path)
    missing = "is neither" if path.exists() else "does not exist; give"
    raise ValueError(
        f"{path} {missing} a folder, with one sub-folder of photos a "
        f"class, {'nor' if path.exists() else 'or'} an .npz with images "
        "and labels"
    )


Watch = Callable[[Iterator[Looked], int], Iterator[Looked]]


def find_broken(pictures: Pictures, watch: Watch) -> list[str]:
    """Open every photo once; say in a line each which cannot be read."""
    if not isinstance(pictures, PhotoFolder):
        return []
    looks = watch(copy(pictures).look(), len(pictures))
    return [
        f"{looked.path.relative_to(pictures.folder)}: {looked.problem}"
        for looked in looks
        if looked.problem
    ]


def leave_out(pictures: Pictures, broken: list[str], skip: bool) -> None:
    """Take broken photos out if asked to, or refuse them by name."""
    if not broken:
        return
    if not skip or not isinstance(pictures, PhotoFolder):
        raise ValueError(
            f"{len(broken)} of {len(pictures)} photos cannot be read: "
            f"{shortened(broken, '; ')}. Mend or remove them, or leave "
            "them out by --skip-broken"
        )
    names = {line.split(": ")[0] for line in broken}
    folder = pictures.folder
    pictures.keep(
        [
            place
            for place, path in enumerate(pictures.paths)
            if str(path.relative_to(folder)) not in names
        ]
    )
    drop_empty(pictures)


def check_classes(pictures: Pictures, skip_empty: bool) -> None:
    """Refuse what cannot be learned: no pictures, or a single class."""
    if pictures.empty and not skip_empty:
        raise ValueError(
            f"{len(pictures.empty)} of "
            f"{len(pictures.empty) + len(pictures.classes)} classes have "
            f"no picture: {shortened(pictures.empty)}. Give them some, or "
            "leave the classes out by --skip-empty"
        )
    if len(pictures.classes) < 2:
        raise ValueError(
            f"there is one class, {pictures.classes[0]}, with "
            f"{len(pictures)} pictures: there is nothing to tell apart; "
            "give another class"
            if pictures.classes
            else "there is no picture that can be read"
        )


def check_same_classes(first: Pictures, second: Pictures) -> None:
    """Refuse pictures to be asked about whose classes were not learned."""
    if first.classes == second.classes:
        return
    unknown = [n for n in second.classes if n not in first.classes]
    if unknown:
        raise ValueError(
            f"{len(unknown)} classes of the validation are not among the "
            f"{len(first.classes)} of the training: {shortened(unknown)}"
        )
    number = [first.classes.index(name) for name in second.classes]
    second.labels = [number[label] for label in second.labels]
    second.classes = list(first.classes)


def shortened(names: list[str], between: str = ", ") -> str:
    """List some names, and count the others."""
    more = len(names) - SHOWN
    rest = f"{between}and {more} more" if more > 0 else ""
    return between.join(names[:SHOWN]) + rest


def fingerprint_of(pictures: Pictures) -> str:
    """Tell these pictures from others: by names, or by all numbers."""
    found = hashlib.sha256(repr(pictures.labels).encode())
    if isinstance(pictures, PhotoFolder):
        for path in pictures.paths:
            name = path.relative_to(pictures.folder).as_posix()
            found.update(name.encode() + b"\n")
    elif isinstance(pictures, Arrays):
        found.update(pictures.images.numpy().tobytes())
    return found.hexdigest()[:16]
