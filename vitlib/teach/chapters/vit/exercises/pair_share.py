"""Check your `pair_share(image_size)` of ViT-B/16."""

from collections.abc import Callable

from torch import Tensor

from vitlib.teach.chapters.vit import sizes
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


def shared(change: Callable[[dict[str, float], int], float]):
    """Give an answer made of the counts in another way."""

    def wrong(image_size: int) -> float:
        return change(counts(image_size), image_size)

    return wrong


def tokens_of(image_size: int) -> int:
    """Count the tokens."""
    return 1 + (image_size // 16) ** 2


def without_class_token(image_size: int) -> float:
    """Count the patches only."""
    n, d = tokens_of(image_size) - 1, 768
    pairs = 12 * 2 * n * n * d
    rest = 12 * n * 12 * d * d + n * d * d + d * 1000
    return pairs / (pairs + rest)


def blocks_only(image_size: int) -> float:
    """Leave the embedding and the head out."""
    n, d = tokens_of(image_size), 768
    pairs = 2 * n * n * d
    return pairs / (pairs + n * 12 * d * d)


class SharePiece(NumberFrom):
    """The answer gives a share."""

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Say the share as per cent."""
        said = f"{numbers([yours * 100], 1)} %"
        if not 0 <= yours <= 1:
            return f"Yours is {yours:g}. A share lies between 0 and 1."
        size = "large" if yours > right else "small"
        return (
            f"For {case.words} yours is {said}, too {size}. Write "
            "down for one block what a token is multiplied with, and what "
            "a pair of tokens needs. Then the two ends of the model."
        )


PIECE = SharePiece(
    module=__name__,
    number=2,
    reference=pair_share,
    cases=lambda: [
        Case(f"{size} pixels", {"image_size": size})
        for size in (224, 384, 1024)
    ],
    differentiable=False,
    shown="For three sizes your share is that of "
    "`vitlib.teach.chapters.vit.sizes.multiply_adds`.",
    next="4 % at 224 pixels, 47 % at 1,024: the pairs grow with the "
    "fourth power of the image's side, all else with its square.",
    mistakes=(
        Mistake(
            "mistake_0",
            shared(lambda both, size: both["pairs"] / both["rest"]),
            "This is the ratio of the pairs to all the rest, not their "
            "share of the whole.",
        ),
        Mistake(
            "mistake_1",
            lambda image_size: 100 * pair_share(image_size),
            "Right, in per cent. A share is a number from 0 to 1.",
        ),
        Mistake(
            "without_class_token",
            without_class_token,
            "You have counted the patches. One more token takes part in "
            "every block.",
        ),
        Mistake(
            "mistake_3",
            shared(
                lambda both, size: (
                    both["pairs"] / (2 * both["rest"] + both["pairs"])
                )
            ),
            "Half of the pairs' work is missing. Queries meet keys, and "
            "what comes then?",
        ),
        Mistake(
            "mistake_4",
            shared(
                lambda both, size: (
                    both["pairs"] / (12 * both["rest"] + both["pairs"])
                )
            ),
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
            "mistake_6",
            shared(
                lambda both, size: (
                    both["pairs"] / (both["pairs"] + both["rest"] / 12)
                )
            ),
            "Twelve times too many pairs: the twelve heads share the "
            "width, and all of them together multiply as often as one "
            "head of 768.",
        ),
        Mistake(
            "mistake_7",
            shared(
                lambda both, size: (
                    2 * both["pairs"] / (2 * both["pairs"] + both["rest"])
                )
            ),
            "Twice too many pairs, or half of the rest. A multiplication "
            "with its addition counts as one, in both.",
        ),
    ),
)
