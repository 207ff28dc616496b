"""Check your `ring_bytes(numbers, processes, size)` of an all-reduce."""

from collections.abc import Callable

from torch import Tensor

from vitlib.teach.checking.answer import Finding
from vitlib.teach.checking.number import NumberFrom, numeral
from vitlib.teach.checking.piece import Case, Mistake


def ring_bytes(numbers: int, processes: int, size: int) -> float:
    """Say how many bytes each process sends."""
    return 2 * (processes - 1) * numbers / processes * size


class BytesPiece(NumberFrom):
    """The answer gives bytes."""

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell both numbers as bytes."""
        return {**case.tells, "seen": seen(case, found, wanted)}

    def tell(
        self, case: Case, yours: Tensor, right: Tensor
    ) -> Finding | str:
        """Say by which factor they differ."""
        times = (yours / right).item() if right else 0.0
        return (
            f"{seen(case, yours, right)} That is {times:.3g} times what "
            "it should be. Draw three processes in a ring, a piece in "
            "each: how many pieces does one of them hand on, until all "
            "have the sum?"
        )


def seen(case: Case, yours: Tensor, right: Tensor) -> str:
    """Say what was given and what is wanted."""
    return (
        f"For {case.words} yours is {numeral(yours.item())} bytes, wanted "
        f"are {numeral(right.item())}."
    )


def cases() -> list[Case]:
    """Ask for rings of one to eight, with 4 bytes a number and with 2."""
    asked = [(120, 2, 4), (120, 3, 4), (840, 8, 2), (120, 1, 4)]
    return [
        Case(
            f"{numbers} numbers of {size} bytes and {processes} in the "
            "ring",
            {"numbers": numbers, "processes": processes, "size": size},
            tells={"processes": processes},
        )
        for numbers, processes, size in asked
    ]


def sends(count: Callable[[int, int], float]) -> Callable:
    """Give an answer that sends so many numbers."""

    def wrong(numbers: int, processes: int, size: int) -> float:
        return count(numbers, processes) * size

    return wrong


PIECE = BytesPiece(
    module=__name__,
    number=4,
    reference=ring_bytes,
    cases=cases,
    differentiable=False,
    shown="For rings of one, two, three and eight your count is right.",
    next="Less than twice the gradients, however many take part: this is "
    "why data parallel goes on to thousands. ViT-B/16 sends 0.35 GB in "
    "float32 with two processes and at most twice that with any number.",
    mistakes=(
        Mistake(
            "to_everyone",
            sends(lambda n, p: (p - 1) * n),
            "You send all numbers to every other process. {seen} In a "
            "ring each speaks to one neighbour, and only of one piece at "
            "a time. How large is a piece?",
        ),
        Mistake(
            "half_of_the_way",
            sends(lambda n, p: (p - 1) * n / p),
            "After so many bytes each process has the sum of one piece. "
            "{seen} What is left to do until all have all sums?",
        ),
        Mistake(
            "own_piece_too",
            sends(lambda n, p: 2 * n),
            "In yours a piece goes all the way round the ring, twice. "
            "{seen} How many steps does it take from the first process to "
            "the last?",
        ),
        Mistake(
            "whole_ring",
            sends(lambda n, p: 2 * (p - 1) * n),
            "That is what all processes send together. {seen} How much of "
            "it is one's?",
        ),
        Mistake(
            "gradients_once",
            sends(lambda n, p: n),
            "You send the gradients once, whoever takes part. {seen} Who "
            "alone has nobody to send to, and what does everybody else "
            "do after the sums are made?",
        ),
        Mistake(
            "numbers_not_bytes",
            lambda numbers, processes, size: (
                2 * (processes - 1) * numbers / processes
            ),
            "Right as a count of numbers. {seen} How many bytes has each?",
        ),
        Mistake(
            "bits",
            sends(lambda n, p: 16 * (p - 1) * n / p),
            "Right, eight times. {seen} Were bits asked for?",
        ),
        Mistake(
            "one_step_too_many",
            sends(lambda n, p: 2 * (p - 1) * n / (p + 1)),
            "Your pieces are too small. {seen} Into how many pieces are "
            "the numbers cut?",
        ),
    ),
)
