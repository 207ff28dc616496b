"""Check your `google_qkv(query, key, value)`, which gives one matrix."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def google_qkv(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Three times (d, heads, k) -> (3 * heads * k, d)."""
    parts = [
        rearrange(kernel, "d heads k -> (heads k) d")
        for kernel in (query, key, value)
    ]
    return torch.cat(parts)


def cases() -> list[Case]:
    """Draw kernels of several heads, of one, and of narrow ones."""
    draw, found = Draw(111), []
    for width, heads, k in [(6, 3, 2), (8, 2, 4), (5, 1, 5), (4, 4, 1)]:
        kernels = {
            name: draw.normal(width, heads, k)
            for name in ("query", "key", "value")
        }
        words = (
            f"kernels of {count_of(heads, 'head')}, {k} wide, for tokens "
            f"of {width} numbers"
        )
        tells = {"rows": 3 * heads * k, "d": width}
        found.append(Case(words, kernels, tells=tells))
    return found


def laid(pattern: str, order: str = "qkv") -> Callable:
    """Give an answer that lays each kernel out by another pattern."""

    def wrong(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        given = {"q": query, "k": key, "v": value}
        return torch.cat([rearrange(given[x], pattern) for x in order])

    return wrong


def only_reshaped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Reshape to the right shape, without moving a number."""
    d = len(query)
    return torch.cat([x.reshape(-1, d) for x in (query, key, value)])


def head_by_head(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Put query, key and value of each head beside each other."""
    three = torch.stack([query, key, value])
    return rearrange(three, "three d heads k -> (heads three k) d")


def row_by_row(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Take a row of each in turn."""
    three = torch.stack([query, key, value])
    return rearrange(three, "three d heads k -> (heads k three) d")


def on_its_side(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Flatten the heads and leave the inputs in front."""
    return torch.cat([x.flatten(1) for x in (query, key, value)], dim=1)


RIGHT_ORDER = "d heads k -> (heads k) d"

PIECE = Piece(
    module=__name__,
    number=1,
    reference=google_qkv,
    cases=cases,
    axes="rows of queries, keys and values, width",
    differentiable=False,
    shown="Four sets of kernels become the matrices that ours become.",
    next="`load` does this with each kernel of such a file, and the "
    "same with the biases, (heads, k) to one row. The kernel of `out` "
    "has its heads in front: (heads, k, d).",
    mistakes=(
        Mistake(
            "on_its_side",
            on_its_side,
            "Your matrix has the inputs in front, {shape}: it is the "
            "right one on its side. A linear layer of torch holds a row "
            "for each output, {right}. What turns it?",
        ),
        Mistake(
            "only_reshaped",
            only_reshaped,
            "The shape is right, and no number has moved: a reshape reads "
            "the kernel as it lies in memory, inputs first. {seen} Which "
            "axis has to go to the end before anything is flattened?",
        ),
        Mistake(
            "heads_interleaved",
            laid("d heads k -> (k heads) d"),
            "The rows are right and in another order: yours take a row of "
            "each head in turn. {seen} vitlib wants all rows of head 0, "
            "then all of head 1. Which of the two letters moves faster?",
        ),
        Mistake(
            "head_by_head",
            head_by_head,
            "Each head has its query, key and value beside each other. "
            "{seen} `qkv` has all queries first, of all heads, then all "
            "keys, then all values. Which axis comes first in yours?",
        ),
        Mistake(
            "row_by_row",
            row_by_row,
            "Yours takes a row of the query, one of the key, one of the "
            "value, and so on. {seen} `qkv` has all queries first. Did "
            "you stack where you should join?",
        ),
        Mistake(
            "queries_and_keys_swapped",
            laid(RIGHT_ORDER, "kqv"),
            "Each part is right; keys come before queries. {seen} No "
            "shape tells them apart. In which order does `qkv` hold the "
            "three?",
        ),
        Mistake(
            "values_first",
            laid(RIGHT_ORDER, "vqk"),
            "Each part is right; the values come first. {seen} In which "
            "order does `qkv` hold the three?",
        ),
        Mistake(
            "in_reverse_order",
            laid(RIGHT_ORDER, "vkq"),
            "Each part is right; they stand in reverse order. {seen} In "
            "which order does `qkv` hold the three?",
        ),
        Mistake(
            "three_times_the_query",
            laid(RIGHT_ORDER, "qqq"),
            "All three parts are the query's. {seen} Which of your names "
            "is used three times?",
        ),
    ),
)
