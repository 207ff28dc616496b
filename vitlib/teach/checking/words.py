"""How numbers and shapes are said in a message."""

from collections.abc import Iterable

from torch import Tensor

COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven"]
COUNTS += ["eight", "nine", "ten"]


def shape_of(tensor: Tensor) -> str:
    """Say the shape as Python writes a tuple.

    >>> import torch
    >>> shape_of(torch.zeros(2, 3))
    '(2, 3)'
    """
    return str(tuple(tensor.shape))


def dtype_of(tensor: Tensor) -> str:
    """Say the dtype without the name of the library."""
    return str(tensor.dtype).removeprefix("torch.")


def other_counts(
    names: Iterable[str], yours: Iterable[int], right: Iterable[int]
) -> str:
    """Name the counts that are others than they should be.

    >>> other_counts(["layers", "heads"], [4, 1200], [4, 3])
    '1,200 heads in place of 3'
    """
    return ", ".join(
        f"{int(mine):,} {name} in place of {int(wanted):,}"
        for name, mine, wanted in zip(names, yours, right, strict=True)
        if mine != wanted
    )


def numbers(values: Iterable[float], places: int = 2) -> str:
    """Write numbers with so many places; a rounded zero has no sign.

    >>> numbers([0.2149, -0.001, 3])
    '0.21, 0.00, 3.00'
    """
    rounded = (round(float(value), places) + 0.0 for value in values)
    return ", ".join(f"{value:.{places}f}" for value in rounded)


def pair(
    yours: Iterable[float], wanted: Iterable[float]
) -> tuple[str, str]:
    """Write two rows of numbers with places enough to tell them apart."""
    yours, wanted = list(yours), list(wanted)
    for places in (2, 3, 4, 6, 9):
        both = numbers(yours, places), numbers(wanted, places)
        if both[0] != both[1]:
            break
    return both


def count_of(number: int, thing: str) -> str:
    """Say how many there are.

    >>> count_of(1, "image"), count_of(3, "image"), count_of(12, "image")
    ('one image', 'three images', '12 images')
    >>> count_of(2, "process")
    'two processes'
    """
    said = COUNTS[number] if number < len(COUNTS) else f"{number:,}"
    several = "es" if thing.endswith("s") else "s"
    return f"{said} {thing}{'' if number == 1 else several}"


def sequences_of(batch: int, count: int, width: int) -> str:
    """Say what a batch of tokens is.

    >>> sequences_of(2, 1, 6)
    'two sequences of one token, 6 numbers each'
    """
    return (
        f"{count_of(batch, 'sequence')} of {count_of(count, 'token')}, "
        f"{width} numbers each"
    )


def listed(names: Iterable[str]) -> str:
    """Join names in code type.

    >>> listed(["q", "k", "v"])
    '`q`, `k` and `v`'
    """
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last
