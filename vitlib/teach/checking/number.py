"""Exercises whose answer is a number, or several: a count, a shape.

A slip is a wrong number that one comes to by a mistake, and the hint says
by which. Of other wrong numbers it is said that they are, and where.

    Slip("no_class_token", 196, "196 are the patches. Who else ...?")
    Slip("...", (None, 196, None), "...")  whatever stands beside it
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from vitlib.teach.checking import done
from vitlib.teach.checking.answer import (
    Caught,
    Finding,
    Runner,
    Unwritten,
    undisturbed,
)
from vitlib.teach.checking.compare import kind_of
from vitlib.teach.checking.piece import Case, Piece
from vitlib.teach.checking.result import Result

Number = float | tuple[float, ...]
ARRAYS = Tensor | np.ndarray | np.generic


@dataclass(frozen=True)
class Slip:
    """A wrong answer, its name, and what to say to who gave it.

    None stands for any number. The hint may use {yours}.
    """

    name: str
    answer: float | tuple[float | None, ...]
    hint: str


@dataclass(frozen=True, repr=False)
class NumberPiece:
    """A question to be answered by a number, or by one for each axis.

    Call it with the answer. `module` and `number` are as in `Piece`.
    `compute` knows the answer; `axes` names its numbers where there are
    several; `close` is the relative error that is allowed. `next` says
    what to learn from the answer. `follows` says of any other number
    what would follow from it, and asks the question that leads on: that
    a number is too large is no help where nothing was counted. `asks`
    is a question for each of several numbers.
    """

    module: str
    number: int
    compute: Callable[[], Number]
    mistakes: tuple[Slip, ...]
    next: str
    axes: tuple[str, ...] = ()
    close: float = 1e-9
    follows: Callable[[float], str] | None = None
    asks: tuple[str, ...] = ()

    name, chapter = Piece.name, Piece.chapter
    __repr__ = Piece.__repr__

    @property
    def reference(self) -> Number:
        """The right answer."""
        found = self.compute()
        return tuple(found) if self.axes else found

    def with_mistake(self, slip: Slip) -> Number:
        """Give an answer that makes this mistake, and no other."""
        if not self.axes:
            return slip.answer
        pairs = zip(slip.answer, self.reference, strict=True)
        return tuple(b if a is None else a for a, b in pairs)

    def __call__(self, answer: object) -> Result:
        """Say whether it is right, or what is not."""
        try:
            with undisturbed():
                numbers = Runner(answer).run(numbers_in, answer, self.axes)
                wrong = self.found(numbers)
        except Unwritten:
            return Result(
                "unwritten",
                f"The answer to `{self.name}` is not written yet. Put it "
                "in the place of the `...` and run the cell again.",
            )
        except Finding as finding:
            wrong = finding
        except Caught:
            wrong = Finding(
                "What I was given cannot be read as numbers.", "no_numbers"
            )
        if wrong is not None:
            name = wrong.mistake or "unknown"
            return Result("wrong", wrong.message, mistake=name)
        done.note(self.name)
        return Result("right", f"Right.\n\n{self.next}")

    def found(self, yours: list[float]) -> Finding | None:
        """Say what is wrong; nothing if the numbers are right."""
        right = list(self.reference) if self.axes else [self.reference]
        if self.agree(yours, right):
            return None
        for slip in self.mistakes:
            made = slip.answer if self.axes else [slip.answer]
            if self.agree(yours, made):
                hint = slip.hint.format(yours=said(yours, self.axes))
                return Finding(hint, slip.name)
        if self.axes:
            return self.about_several(yours, right)
        if self.follows is not None and math.isfinite(yours[0]):
            beside = abs(yours[0] - right[0]) == 1
            name = "next_to_it" if beside else "unknown"
            return Finding(self.follows(yours[0]), name)
        return about_one(*yours, *right)

    def agree(
        self, yours: Sequence[float], wanted: Sequence[float | None]
    ) -> bool:
        """Tell if the numbers are these; None agrees with any."""
        return len(yours) == len(wanted) and all(
            b is None or math.isclose(a, b, rel_tol=self.close)
            for a, b in zip(yours, wanted, strict=True)
        )

    def about_several(
        self, yours: list[float], right: list[float]
    ) -> Finding:
        """Say which of the numbers are not right."""
        axes, mine = f"({', '.join(self.axes)})", said(yours, self.axes)
        if len(yours) != len(right):
            return Finding(
                f"Yours is {mine}. Wanted is one number for each of "
                f"these: {axes}.",
                "other_count",
            )
        if sorted(yours) == sorted(right):
            return Finding(
                f"The right numbers, and not in their places: {mine}. The "
                f"order is {axes}.",
                "out_of_place",
            )
        off = [
            place
            for place, pair in enumerate(zip(yours, right, strict=True))
            if not self.agree(*([number] for number in pair))
        ]
        wrong = [f"{numeral(yours[i])} for {self.axes[i]}" for i in off]
        ask = "From what is this number made?"
        if self.asks:
            ask = " ".join(dict.fromkeys(self.asks[i] for i in off))
        if len(wrong) == len(right):
            return Finding(
                f"None of your numbers is right yet: {mine}. They stand "
                f"for {axes}. {ask}",
                "unknown",
            )
        return Finding(
            f"Not yet right: {', and '.join(wrong)}. The rest is. {ask}",
            "unknown",
        )


class NumberFrom(Piece):
    """A function that gives one number, of Python or in a tensor."""

    def read(self, output: object, case: Case) -> Tensor:
        """Take the number."""
        if output is None or output is ...:
            raise Unwritten
        number = number_in(output)
        if number is None:
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is one "
                "number.",
                "no_number",
            )
        return torch.tensor(number, dtype=torch.float64)


def about_one(yours: float, right: float) -> Finding:
    """Say how a number is wrong, and not what is right."""
    if math.isnan(yours):
        return Finding(
            "Yours is nan, no number at all. What was divided by what?",
            "not_finite",
        )
    if abs(yours - right) == 1:
        return Finding(
            f"{numeral(yours)} is next to it. What is counted once too "
            "often, or left out?",
            "next_to_it",
        )
    return Finding(
        f"{numeral(yours)} is not it. Work it out for a case so small "
        "that you can count, and compare step by step.",
        "unknown",
    )


def numbers_in(answer: object, axes: Sequence[str]) -> list[float]:
    """Take the number out of an answer, or several."""
    if answer is None or answer is ...:
        raise Unwritten
    parts = list(answer) if isinstance(answer, tuple | list) else [answer]
    if any(part is ... for part in parts):
        raise Unwritten
    if len(parts) == 1 and isinstance(parts[0], ARRAYS):
        parts = parts[0].tolist() if parts[0].ndim == 1 else parts
    numbers = [number_in(part) for part in parts]
    if None in numbers or (not axes and len(numbers) != 1):
        wanted = f"({', '.join(axes)})" if axes else "one number"
        raise Finding(
            f"I was given {given(answer)}. Wanted is {wanted}.",
            "no_numbers",
        )
    return numbers


def number_in(part: object) -> float | None:
    """Give it as a number of Python; nothing if it is none."""
    if isinstance(part, ARRAYS) and math.prod(part.shape) == 1:
        try:
            part = part.item()
        except (RuntimeError, ValueError):  # a tensor without numbers
            return None
    if isinstance(part, bool) or not isinstance(part, Real):
        return None
    try:
        return float(part)
    except OverflowError:
        return None


def given(answer: object) -> str:
    """Name what is no number."""
    if isinstance(answer, ARRAYS):
        return f"a tensor of the shape {tuple(answer.shape)}"
    return kind_of(answer)


def said(yours: Sequence[float], axes: Sequence[str]) -> str:
    """Write the numbers as the answer had them."""
    comma = "" if axes else ","
    numbers = ", ".join(numeral(number, comma) for number in yours)
    return f"({numbers})" if axes else numbers


def numeral(number: float, comma: str = ",") -> str:
    """Write a number, a whole one without a point.

    >>> numeral(150528.0), numeral(0.123456789)
    ('150,528', '0.123457')
    """
    whole = math.isfinite(number) and abs(number) < 1e15
    if whole and number == int(number):
        return f"{int(number):{comma}}"
    return f"{number:g}"
