"""Where a training run gets its batches: tensors, or a loader."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vitlib._checkpoint import checksum
from vitlib._checks import check_float, check_rank, sizes_of
from vitlib._randomness import randomness_from

Loader = DataLoader[Any]
WHOLE = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
Pair = tuple[Tensor, Tensor]  # images, and a label for each


class Batches:
    """Images and labels in memory, cut into batches."""

    def __init__(
        self, images: Tensor, labels: Tensor, batch_size: int
    ) -> None:
        self.images, self.labels = images, labels
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def first(self) -> Pair:
        """Give one image to try the model, and all labels."""
        return self.images[:1], self.labels

    def in_order(self) -> Iterator[Pair]:
        """Give all batches as the images lie."""
        return self.picked(torch.arange(len(self.images)))

    def by_chance(self, generator: torch.Generator) -> Iterator[Pair]:
        """Give all batches in a new order, each image once."""
        count = len(self.images)
        return self.picked(torch.randperm(count, generator=generator))

    def picked(self, order: Tensor) -> Iterator[Pair]:
        """Give the batches of this order."""
        for picked in order.split(self.batch_size):
            yield self.images[picked], self.labels[picked]

    def about(self) -> dict[str, object]:
        """Tell these images and labels from all others."""
        return {
            "images": checksum(self.images),
            "labels": checksum(self.labels),
        }


class LoadedBatches(Batches):
    """Batches as a DataLoader gives them, of its own size and order.

    What it draws by chance follows the run's generator, unless it has
    one of its own; so do transforms that draw by torch.
    """

    def __init__(self, loader: Loader, kind: str) -> None:
        self.loader, self.kind = loader, kind

    def __len__(self) -> int:
        return len(self.loader)

    def first(self) -> Pair:
        """Give the first batch."""
        return next(self.by_chance(torch.Generator()))

    def in_order(self) -> Iterator[Pair]:
        """Give all batches in the order of the loader."""
        return (self.checked(batch) for batch in self.loader)

    def by_chance(self, generator: torch.Generator) -> Iterator[Pair]:
        """Give all batches once, in the order of the loader."""
        cpu, batches = torch.device("cpu"), None
        for _ in range(len(self)):
            with randomness_from(generator, cpu):
                batches = batches or iter(self.loader)
                batch = next(batches)
            yield self.checked(batch)

    def checked(self, batch: Any) -> Pair:
        """Refuse a batch that is no pair of images and labels."""
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ValueError(
                f"the loader gives a {type(batch).__name__}; each batch "
                "must be a pair: images, labels"
            )
        images, labels = batch
        return labelled(images, labels, kind=self.kind)

    def about(self) -> dict[str, object]:
        """Tell the loader from others by its sizes: it is not read."""
        return {
            "images": len(self.loader.dataset),  # type: ignore[arg-type]
            "labels": self.loader.batch_size,
        }


def batches_of(
    images: Tensor | Loader,
    labels: Tensor | None = None,
    batch_size: int = 250,
    kind: str = "class",
    least: int = 1,
) -> Batches:
    """Take tensors, or a loader in place of both."""
    (batch_size,) = sizes_of(batch_size=batch_size)
    if isinstance(images, Tensor) or labels is not None:
        given = labelled(images, labels, least, kind=kind)  # type: ignore
        return Batches(*given, batch_size)
    sized = hasattr(images, "__iter__") and hasattr(images, "__len__")
    if not isinstance(images, DataLoader) and not sized:
        raise ValueError(
            f"images are a {type(images).__name__}, with no labels; give "
            "two tensors, or a DataLoader that gives pairs of them"
        )
    if not len(images):
        raise ValueError("the loader has no batches: look at its dataset")
    return LoadedBatches(images, kind)


def validation_of(data: Any) -> tuple[Any, ...]:
    """Give what `evaluate` takes: images and labels, or a loader."""
    if isinstance(data, DataLoader):
        return (data,)
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(
            "validation must be a pair, images and labels, or a DataLoader"
        )
    images, labels = data
    return labelled(images, labels, name="validation ")


def labelled(
    images: Tensor,
    labels: Any,
    batch_size: int = 1,
    name: str = "",
    kind: str = "class",
) -> tuple[Tensor, Tensor]:
    """Give images and one label for each: a class number, in int64.

    With the kind "soft" it may be shares of classes, a row each; with
    "any" whatever a loss takes.
    """
    check_rank(f"{name}images", images, "(n, c, h, w)")
    check_float(f"{name}images", images)
    if kind == "any" and isinstance(labels, Tensor) and labels.ndim:
        pass
    elif kind == "soft" and is_soft(labels):
        check_shares(labels)
    else:
        labels = class_numbers(labels, name)
    if len(images) != len(labels):
        raise ValueError(
            f"there are {len(images)} {name}images but {len(labels)} "
            f"{name}labels: give one label for each image"
        )
    if len(images) < batch_size:
        raise ValueError(
            f"there are {len(images)} {name}images, fewer than the "
            f"{batch_size} of a batch: give more images or a smaller "
            "batch_size"
        )
    if not images.isfinite().all():
        raise ValueError(
            f"{name}images hold NaN or infinite numbers: look for a "
            "division by zero where they were prepared"
        )
    return images, labels


def class_numbers(labels: Any, name: str) -> Tensor:
    """Give labels in int64, refused where they are no whole numbers."""
    check_rank(f"{name}labels", labels, "(n)")
    if labels.dtype not in WHOLE:
        raise ValueError(
            f"{name}labels must be whole numbers, but the dtype is "
            f"{labels.dtype}: call .long() on class numbers, .argmax(1) "
            "on one-hot rows"
        )
    return labels.long()


def is_soft(labels: Any) -> bool:
    """Tell if labels are rows of floats."""
    rows = isinstance(labels, Tensor) and labels.ndim == 2
    return rows and labels.is_floating_point()


def check_shares(labels: Tensor) -> None:
    """Refuse soft labels whose rows are no shares of one."""
    sums = labels.sum(dim=1)
    if (labels < 0).any() or ((sums - 1).abs() > 1e-3).any():
        raise ValueError(
            "soft labels are shares of the classes, 0 or more, and a row "
            f"adds up to 1; here the least is {labels.min():.3g}, and "
            f"rows add up to {sums.min():.3g} to {sums.max():.3g}: for "
            "several labels an image give an own loss"
        )
