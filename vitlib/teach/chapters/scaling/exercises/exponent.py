"""Check your `exponent(sizes, values)`: how steeply values grow."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.number import NumberFrom, numeral
from vitlib.teach.checking.piece import Case, Mistake


def exponent(sizes: Tensor, values: Tensor) -> Tensor:
    """(n,), (n,) -> the slope of the best line through the logarithms."""
    return slope(sizes.log(), values.log())


def slope(x: Tensor, y: Tensor) -> Tensor:
    """Fit a line by least squares; give its slope."""
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x * x).sum()


class SlopePiece(NumberFrom):
    """The answer gives an exponent."""

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell both exponents."""
        return {"seen": seen(case, found, wanted)}

    def examine_dtype(self, runner: Runner, case: Case) -> None:
        """Ask in float64 alone: a plain number has no dtype to keep."""

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Say both, and which exact curve to try."""
        return (
            f"{seen(case, yours, right)} Try 1, 2, 4, 8 with 3, 12, 48, "
            "192: the exponent is 2. What does yours say of them?"
        )


def seen(case: Case, yours: Tensor, right: Tensor) -> str:
    """Say what was given and what is wanted."""
    return (
        f"For {case.words} yours is {numeral(yours.item())}, wanted is "
        f"{numeral(right.item())}."
    )


def cases() -> list[Case]:
    """Draw curves with some noise, of several steepnesses."""
    draw, found = Draw(122), []
    for power, factor, count in [(2, 0.7, 6), (1, 30, 4), (-0.5, 8, 5)]:
        sizes = 40 * 1.7 ** torch.arange(count, dtype=torch.float64)
        noise = (0.2 * draw.normal(count)).exp()
        inputs = {"sizes": sizes, "values": factor * sizes**power * noise}
        words = f"{count} sizes and an exponent of about {power}"
        found.append(Case(words, inputs))
    return found


def fitted(x: Callable, y: Callable) -> Callable:
    """Give an answer that bends its numbers otherwise before the fit."""

    def wrong(sizes: Tensor, values: Tensor) -> Tensor:
        return slope(x(sizes), y(values))

    return wrong


def of_the_ends(sizes: Tensor, values: Tensor) -> Tensor:
    """Compare the largest with the smallest."""
    return (values[-1] / values[0]).log() / (sizes[-1] / sizes[0]).log()


def of_the_last(sizes: Tensor, values: Tensor) -> Tensor:
    """Compare the two largest."""
    return (values[-1] / values[-2]).log() / (sizes[-1] / sizes[-2]).log()


def constant(sizes: Tensor, values: Tensor) -> Tensor:
    """Give the other number of the fit."""
    return values.log().mean() - exponent(sizes, values) * (
        sizes.log().mean()
    )


def through_nothing(sizes: Tensor, values: Tensor) -> Tensor:
    """Fit a line through zero."""
    x, y = sizes.log(), values.log()
    return (x * y).sum() / (x * x).sum()


def plain(numbers: Tensor) -> Tensor:
    """Leave the numbers as they are."""
    return numbers


PIECE = SlopePiece(
    module=__name__,
    number=1,
    reference=exponent,
    cases=cases,
    differentiable=False,
    shown="For three noisy curves your exponent is that of the best line.",
    next="One number for a curve hides where the curve bends: ask for the "
    "exponent of the largest sizes alone before you trust it further out.",
    mistakes=(
        Mistake(
            "no_logarithms",
            fitted(plain, plain),
            "This is the slope of a line through the numbers themselves. "
            "{seen} Of what are equal factors equal steps?",
        ),
        Mistake(
            "sizes_without_logarithm",
            fitted(plain, torch.log),
            "You took the logarithm of the values alone. That asks how "
            "much is added to the logarithm for each token more. {seen} "
            "What has to happen to the sizes?",
        ),
        Mistake(
            "values_without_logarithm",
            fitted(torch.log, plain),
            "You took the logarithm of the sizes alone. {seen} What has "
            "to happen to the values?",
        ),
        Mistake(
            "upside_down",
            lambda sizes, values: slope(values.log(), sizes.log()),
            "Sizes and values have changed places: yours says how sizes "
            "grow with values. {seen} Which of them lies to the right?",
        ),
        Mistake(
            "two_ends",
            of_the_ends,
            "You compare the first with the last, and the others have no "
            "say. {seen} Which line lies nearest to all points?",
        ),
        Mistake(
            "last_two",
            of_the_last,
            "That is the slope between the two largest sizes. {seen} It "
            "is a good question, and not this one: which line lies "
            "nearest to all points?",
        ),
        Mistake(
            "the_constant",
            constant,
            "A line has two numbers, and this is the other one: the value "
            "at the size 1. {seen} In which order does your fit give "
            "them?",
        ),
        Mistake(
            "through_the_origin",
            through_nothing,
            "Your line has to go through zero. {seen} What if the values "
            "are all ten times as large: should the exponent change?",
        ),
        Mistake(
            "other_base_below",
            fitted(torch.log2, torch.log),
            "Two logarithms of different bases. {seen} Does the base "
            "matter if both have the same?",
        ),
    ),
)
