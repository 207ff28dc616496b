"""Check your `pair_share(image_size)` of ViT-B/16."""

from collections.abc import Callable

from torch import Tensor

from vitlib.teach.chapters.vit import sizes
from vitlib.teach.checking.answer import Finding
from vitlib.teach.checking.number import NumberFrom
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import numbers


def counts(image_size: int) -> dict[str, float]:
    """Count the multiply-adds of ViT-B/16, pairs and the rest."""
    parts = sizes.multiply_adds(image_size=image_size)
    pairs = parts["scores"] + parts["mixing"]
    return {"pairs": pairs, "rest": sum(parts.values()) - pairs}


def pair_share(image_size: int) -> float:
    """Say which share of the multiplications the pairs take."""
    both = counts(image_size)
    return both["pairs"] / sum(both.values())


class SharePiece(NumberFrom):
    """The answer gives a share."""

    def tell(
        self, case: Case, yours: Tensor, right: Tensor
    ) -> Finding | str:
        """Say the share as per cent."""
        said = f"{numbers([yours * 100], 1)} %"
        if not 0 <= yours <= 1:
            return Finding(
                f"Yours is {yours:g}. A share lies between 0 and 1.",
                "no_share",
            )
        size = "large" if yours > right else "small"
        return (
            f"For {case.words} yours is {said}, too {size}. Write "
            "down for one block what a token is multiplied with, and what "
            "a pair of tokens needs. Then the two ends of the model."
        )


def cases() -> list[Case]:
    """Ask for a small, a middling and a large picture."""
    return [
        Case(f"{size} pixels", {"image_size": size})
        for size in (224, 384, 1024)
    ]


def shared(change: Callable[[float, float], float]) -> Callable:
    """Give an answer made of the pairs and the rest in another way."""

    def wrong(image_size: int) -> float:
        return change(*counts(image_size).values())

    return wrong


def no_class_token(image_size: int) -> float:
    """Count the patches only."""
    n, d = (image_size // 16) ** 2, 768
    pairs = 12 * 2 * n * n * d
    rest = 12 * n * 12 * d * d + n * d * d + d * 1000
    return pairs / (pairs + rest)


def blocks_only(image_size: int) -> float:
    """Leave the embedding and the head out."""
    n, d = 1 + (image_size // 16) ** 2, 768
    pairs = 2 * n * n * d
    return pairs / (pairs + n * 12 * d * d)


PIECE = SharePiece(
    module=__name__,
    number=2,
    reference=pair_share,
    cases=cases,
    differentiable=False,
    shown="For three sizes your share is that of "
    "`vitlib.teach.chapters.vit.sizes.multiply_adds`.",
    next="4 % at 224 pixels, 47 % at 1,024: the pairs grow with the "
    "fourth power of the image's side, all else with its square.",
    mistakes=(
        Mistake(
            "ratio_to_the_rest",
            shared(lambda pairs, rest: pairs / rest),
            "This is the ratio of the pairs to all the rest, not their "
            "share of the whole.",
        ),
        Mistake(
            "in_percent",
            lambda image_size: 100 * pair_share(image_size),
            "Right, in per cent. A share is a number from 0 to 1.",
        ),
        Mistake(
            "no_class_token",
            no_class_token,
            "You have counted the patches. One more token takes part in "
            "every block.",
        ),
        Mistake(
            "scores_only",
            shared(lambda pairs, rest: pairs / (2 * rest + pairs)),
            "Half of the pairs' work is missing. Queries meet keys, and "
            "what comes then?",
        ),
        Mistake(
            "pairs_of_one_block",
            shared(lambda pairs, rest: pairs / (12 * rest + pairs)),
            "The pairs of one block, and all the rest of twelve. How "
            "often do the tokens look at each other?",
        ),
        Mistake(
            "blocks_only",
            blocks_only,
            "Right for the blocks. The patch embedding and the head "
            "multiply, too, if little: they are part of the whole.",
        ),
        Mistake(
            "pairs_for_every_head",
            shared(lambda pairs, rest: pairs / (pairs + rest / 12)),
            "Twelve times too many pairs: the twelve heads share the "
            "width, and all of them together multiply as often as one "
            "head of 768.",
        ),
        Mistake(
            "pairs_twice",
            shared(lambda pairs, rest: 2 * pairs / (2 * pairs + rest)),
            "Twice too many pairs, or half of the rest. A multiplication "
            "with its addition counts as one, in both.",
        ),
    ),
)
