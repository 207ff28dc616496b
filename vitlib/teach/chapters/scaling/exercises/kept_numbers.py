"""Check your `kept_numbers(tokens, width, depth, every)`."""

from collections.abc import Callable

from torch import Tensor

from vitlib.teach.checking.number import NumberFrom, numeral
from vitlib.teach.checking.piece import Case, Mistake

BLOCK = 16  # times tokens times width: what a block keeps of a picture


def kept_numbers(tokens: int, width: int, depth: int, every: int) -> int:
    """Say how many numbers are held at once, at most."""
    pieces = depth // every
    return tokens * width * (pieces + BLOCK * every - 1)


class KeptPiece(NumberFrom):
    """The answer counts numbers."""

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell both counts in units of a block's input."""
        return {**case.tells, "seen": seen(case, found, wanted)}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Say both, and what is held when."""
        return (
            f"{seen(case, yours, right)} Follow the backward pass: the "
            "inputs of all pieces lie there, and of one piece everything. "
            "What of that is there twice?"
        )


def seen(case: Case, yours: Tensor, right: Tensor) -> str:
    """Say what was given and what is wanted, in inputs."""
    n, d = case.inputs["tokens"], case.inputs["width"]
    mine, good = (numeral(x.item() / (n * d)) for x in (yours, right))
    return (
        f"For {case.words} yours is {mine} times tokens times width, "
        f"wanted is {good} times."
    )


def cases() -> list[Case]:
    """Ask for short pieces, for long ones, and for one of all."""
    asked = [(197, 192, 12, 1), (197, 192, 12, 3), (50, 64, 10, 5)]
    asked += [(17, 64, 4, 4), (197, 1024, 24, 4)]
    return [
        Case(
            f"{depth} blocks in pieces of {every}",
            {
                "tokens": tokens,
                "width": width,
                "depth": depth,
                "every": every,
            },
            tells={"pieces": depth // every, "every": every},
        )
        for tokens, width, depth, every in asked
    ]


def times(count: Callable[[int, int], float]) -> Callable:
    """Give an answer of so many inputs."""

    def wrong(tokens: int, width: int, depth: int, every: int) -> float:
        return tokens * width * count(depth, every)

    return wrong


PIECE = KeptPiece(
    module=__name__,
    number=2,
    reference=kept_numbers,
    cases=cases,
    differentiable=False,
    shown="With short pieces, long ones and one of all your count is "
    "right.",
    next="A piece of one block is best here: a block holds sixteen times "
    "its input, so that longer pieces cost more than they save, until a "
    "model is very deep.",
    mistakes=(
        Mistake(
            "input_counted_twice",
            times(lambda depth, every: depth // every + 16 * every),
            "Nearly. {seen} The piece that is worked on has its input "
            "among what its first block keeps. Where have you counted it "
            "already?",
        ),
        Mistake(
            "inputs_alone",
            times(lambda depth, every: depth // every),
            "These are the inputs of the pieces, which are kept from the "
            "forward pass. {seen} What does the backward pass need of a "
            "piece before it can begin with it?",
        ),
        Mistake(
            "one_piece_alone",
            times(lambda depth, every: 16 * every),
            "That is one piece with all its blocks. {seen} From what are "
            "the other pieces to be computed again?",
        ),
        Mistake(
            "nothing_saved",
            times(lambda depth, every: 16 * depth),
            "That is what is kept without checkpoints. {seen} Of how many "
            "blocks at once is everything needed?",
        ),
        Mistake(
            "every_input",
            times(lambda depth, every: depth + 16 * every - 1),
            "You keep the input of each block. {seen} A checkpoint stands "
            "in front of a piece only: how many pieces are there?",
        ),
        Mistake(
            "one_block_of_the_piece",
            times(lambda depth, every: depth // every + 15),
            "You hold one block at a time. {seen} A piece is computed "
            "again from its input to its end before the backward pass "
            "turns round: how many blocks is that?",
        ),
        Mistake(
            "all_pieces_whole",
            times(lambda depth, every: depth // every * (16 * every + 1)),
            "You hold all pieces whole, and their inputs too: more than "
            "without checkpoints. {seen} How many pieces are worked on at "
            "a time?",
        ),
    ),
)
