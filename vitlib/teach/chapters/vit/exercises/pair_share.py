"""Check your `pair_share(image_size)` of ViT-B/16."""

from collections.abc import Callable

from torch import Tensor

from vitlib.teach.checking.answer import Finding
from vitlib.teach.checking.number import NumberFrom
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import pair
from vitlib.teach.data import sizes


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

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell both shares as per cent."""
        mine, good = pair([100 * found], [100 * wanted])
        seen = f"For {case.words} yours is {mine} %, wanted is {good} %."
        return {"seen": seen}

    def tell(
        self, case: Case, yours: Tensor, right: Tensor
    ) -> Finding | str:
        """Say the share as per cent."""
        if not 0 <= yours <= 1:
            return Finding(
                f"Yours is {yours:g}. A share lies between 0 and 1.",
                "no_share",
            )
        mine, good = pair([100 * yours], [100 * right])
        about = f"For {case.words} yours is {mine} %, wanted is {good} %."
        if yours in (0, 1):
            return Finding(
                f"{about} What does `//` leave of a share?",
                "whole_number",
            )
        if any(yours == round(right.item(), n) for n in range(1, 7)):
            return Finding(
                f"{about} Yours is rounded. Give all digits; they can be "
                "rounded when they are printed.",
                "rounded",
            )
        weight = (yours / (1 - yours) / (right / (1 - right))).item()
        cause = (
            "Are pairs left out, or is something counted too often beside "
            "them?"
            if weight < 1
            else "Are pairs counted too often, or is something left out "
            "beside them?"
        )
        return (
            f"{about} In your count the pairs weigh {weight:.3g} times "
            "what they should, against all the rest. The pairs take 2 N N "
            "d in each of twelve blocks, the tokens 12 d d each in each "
            f"of them, and then come the two ends. {cause}"
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


def of_parts(
    change: Callable[[int, float, float, float], tuple[float, float]],
) -> Callable:
    """Give an answer whose pairs and rest are made of other parts.

    `change` is given the tokens, the pairs of all blocks, what the tokens
    take in them, and the two ends.
    """

    def wrong(image_size: int) -> float:
        n, d = (image_size // 16) ** 2, 768
        tokens, ends = n + 1, n * d * d + d * 1000
        pairs, alone = 24 * tokens**2 * d, 144 * tokens * d * d
        pairs, rest = change(tokens, pairs, alone, ends)
        return pairs / (pairs + rest)

    return wrong


PIECE = SharePiece(
    module=__name__,
    number=2,
    reference=pair_share,
    cases=cases,
    differentiable=False,
    shown="For three sizes your share is that of "
    "`vitlib.teach.data.sizes.multiply_adds`.",
    next="4 % at 224 pixels, 47 % at 1,024: the pairs grow with the "
    "fourth power of the image's side, all else with its square.",
    mistakes=(
        Mistake(
            "ratio_to_the_rest",
            shared(lambda pairs, rest: pairs / rest),
            "This is the ratio of the pairs to all the rest, not their "
            "share of the whole."
            " What is the whole?",
        ),
        Mistake(
            "in_percent",
            lambda image_size: 100 * pair_share(image_size),
            "Right, in per cent. A share is a number from 0 to 1."
            " By what is it too large?",
        ),
        Mistake(
            "no_class_token",
            no_class_token,
            "You have counted the patches. One more token takes part in "
            "every block."
            " Which one?",
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
            "multiply, too, if little: they are part of the whole."
            " How many multiplications have they?",
        ),
        Mistake(
            "share_of_the_rest",
            shared(lambda pairs, rest: rest / (pairs + rest)),
            "That is the share of all the rest. The pairs have what is "
            "left to 1. Which of your two counts stands above the line?",
        ),
        Mistake(
            "ratio_to_the_tokens",
            lambda image_size: (
                2 * ((image_size // 16) ** 2 + 1) / (12 * 768)
            ),
            "This is the ratio of the pairs to what the tokens take in "
            "the blocks, not their share of the whole. What is the whole "
            "made of?",
        ),
        Mistake(
            "one_block_of_both",
            of_parts(
                lambda n, pairs, alone, ends: (pairs, alone + 12 * ends)
            ),
            "Pairs and tokens of one block, and the ends of the whole "
            "model. How many blocks has it?",
        ),
        Mistake(
            "tokens_of_one_block",
            of_parts(
                lambda n, pairs, alone, ends: (pairs, alone / 12 + ends)
            ),
            "The pairs of twelve blocks, and what the tokens take in one. "
            "In how many blocks does a token meet its weights?",
        ),
        Mistake(
            "weights_of_one_token",
            of_parts(
                lambda n, pairs, alone, ends: (pairs, alone / n + ends)
            ),
            "You count the weights of the blocks once. Each token is "
            "multiplied with all of them: how many tokens are there?",
        ),
        Mistake(
            "pairs_not_squared",
            of_parts(
                lambda n, pairs, alone, ends: (pairs / n, alone + ends)
            ),
            "You count a pair for each token. Each token meets every "
            "token: how many pairs is that?",
        ),
        Mistake(
            "class_token_in_no_pair",
            of_parts(
                lambda n, pairs, alone, ends: (
                    pairs * ((n - 1) / n) ** 2,
                    alone + ends,
                )
            ),
            "Your pairs are those of the patches. The class token asks "
            "and is asked, too."
            " How many pairs are that?",
        ),
        Mistake(
            "class_token_without_weights",
            of_parts(
                lambda n, pairs, alone, ends: (
                    pairs,
                    alone * (n - 1) / n + ends,
                )
            ),
            "Your pairs have the class token, and the tokens that meet "
            "the weights have not. It goes through every layer like a "
            "patch."
            " How many tokens are these?",
        ),
        Mistake(
            "mlp_only",
            of_parts(
                lambda n, pairs, alone, ends: (
                    pairs,
                    alone * 8 / 12 + ends,
                )
            ),
            "Of a token's 12 d d weights you count the 8 of the MLP. "
            "Which layers of the attention does it meet?",
        ),
        Mistake(
            "attention_only",
            of_parts(
                lambda n, pairs, alone, ends: (
                    pairs,
                    alone * 4 / 12 + ends,
                )
            ),
            "Of a token's 12 d d weights you count the 4 of the "
            "attention. What does it meet in the MLP?",
        ),
        Mistake(
            "pairs_for_every_head",
            shared(lambda pairs, rest: pairs / (pairs + rest / 12)),
            "Twelve times too many pairs: the twelve heads share the "
            "width, and all of them together multiply as often as one "
            "head of 768."
            " How wide is one head?",
        ),
        Mistake(
            "pairs_twice",
            shared(lambda pairs, rest: 2 * pairs / (2 * pairs + rest)),
            "Twice too many pairs, or half of the rest. A multiplication "
            "with its addition counts as one, in both."
            " Where does your code count it twice?",
        ),
    ),
)
