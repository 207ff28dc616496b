"""Chapter 7, more exercises: a ViT for digits, and the price of pairs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vitlib.teach import sizes
from vitlib.teach.check._answer import Finding, Runner
from vitlib.teach.check._changes import as_module
from vitlib.teach.check._number import NumberFrom
from vitlib.teach.check._piece import Case, Mistake, Piece
from vitlib.teach.check._result import Result
from vitlib.teach.check._words import numbers, other_counts
from vitlib.teach.reader import SETTINGS, digit_reader
from vitlib.vit import ViT

# A ViT for digits


def digit_vit() -> ViT:
    """Make a ViT of the digit reader's sizes."""
    return ViT(**SETTINGS)


def sized(**settings: object) -> Callable[[], ViT]:
    """Give an answer in which some settings are others."""

    def wrong() -> ViT:
        return ViT(**SETTINGS | settings)

    return wrong


FACTS: dict[str, Callable[[ViT], float]] = {
    "pixels along the side of a picture": lambda vit: (
        vit.patch_embed.image_size[0]
    ),
    "pixels along the side of a patch": lambda vit: (
        vit.patch_embed.proj.stride[0]
    ),
    "tokens, with the class token": lambda vit: (
        1 + vit.patch_embed.num_patches
    ),
    "channels": lambda vit: vit.patch_embed.proj.in_channels,
    "classes": lambda vit: vit.head.out_features,
    "numbers a token": lambda vit: vit.head.in_features,
    "blocks": lambda vit: len(vit.blocks),
    "heads": lambda vit: vit.blocks[0].attn.num_heads,
    "parameters": lambda vit: sum(p.numel() for p in vit.parameters()),
}


@dataclass(frozen=True)
class SizesPiece(Piece):
    """The answer makes a model, of which the sizes are looked at."""

    def check(self, answer: object) -> Result:
        """Take the model itself, too."""
        made = isinstance(answer, ViT)
        return super().check((lambda: answer) if made else answer)

    def read(self, output: object, case: Case) -> Tensor:
        """Give the facts about the model in a row."""
        model = as_module(output)
        if not isinstance(model, ViT):
            raise Finding(
                f"Your function makes a module of the class "
                f"`{type(model).__name__}`. Wanted is a `ViT` of vitlib; "
                "your own comes in exercise 3."
            )
        facts = [float(count(model)) for count in FACTS.values()]
        return torch.tensor(facts, dtype=torch.float64)

    def describe(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[object],
        index: int,
    ) -> str:
        """Say which of the sizes are others."""
        if not isinstance(found[index], Tensor):
            return super().describe(runner, cases, wanted, found, index)
        wrong = other_counts(
            FACTS, found[index].int(), wanted[index].int()
        )
        return f"Your model has {wrong}."

    def examine_more(self, runner: Runner, case: Case) -> None:
        """The trained weights fit into it."""
        model = runner.run(runner.answer)
        try:
            model.load_state_dict(digit_reader().state_dict())
        except RuntimeError as error:
            first = str(error).split("\n")[1].strip()
            raise Finding(
                "The sizes are right, but the weights of the digit reader "
                f"do not fit: {first}"
            ) from None


DIGIT_VIT = SizesPiece(
    name="digit_vit",
    chapter=7,
    reference=digit_vit,
    cases=lambda: [Case("your model", {})],
    differentiable=False,
    shown="205,066 parameters, and the weights of the book's digit reader "
    "fit into them.",
    next="By the formula they are 3,200 in the patch embedding, 1,152 in "
    "class token and positions, 199,936 in four blocks, 128 in the norm "
    "and 650 in the head. Chapter 8 trains such a model in a minute.",
    mistakes=(
        Mistake(
            sized(patch_size=4),
            "A patch of 4 pixels gives 7 by 7 of them, and with the class "
            "token 50 tokens. Wanted are 17. How many patches is that, "
            "and how many in a row?",
        ),
        Mistake(
            sized(patch_size=14),
            "A patch of 14 pixels gives 2 by 2 of them. Wanted are 16 and "
            "the class token.",
        ),
        Mistake(
            sized(in_channels=3),
            "All right but the channels: yours wants red, green and blue, "
            "and a digit is grey. That makes 6,272 parameters too many.",
        ),
        Mistake(
            sized(num_classes=1000),
            "All right but the classes: yours has 1,000, and there are "
            "ten digits.",
        ),
        Mistake(
            sized(num_heads=1),
            "All right but the heads: yours has one of 64 numbers. No "
            "count of parameters shows it.",
        ),
        Mistake(
            sized(num_heads=64),
            "All right but the heads: `num_heads` is how many there are, "
            "not how wide they are. Yours has 64, of one number each.",
        ),
        Mistake(
            sized(embed_dim=768, num_heads=4),
            "Your tokens are as wide as those of ViT-B, 768. Wanted are "
            "64 numbers.",
        ),
        Mistake(
            sized(depth=12),
            "Your model is as deep as ViT-B, 12 blocks. Wanted are 4.",
        ),
    ),
)


# The price of pairs


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


@dataclass(frozen=True)
class SharePiece(NumberFrom):
    """The answer gives a share."""

    def describe(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[object],
        index: int,
    ) -> str:
        """Say the share as per cent."""
        output = found[index]
        if not isinstance(output, Tensor):
            return super().describe(runner, cases, wanted, found, index)
        said = f"{numbers([output * 100], 1)} %"
        if not 0 <= output <= 1:
            return f"Yours is {output:g}. A share lies between 0 and 1."
        size = "large" if output > wanted[index] else "small"
        return (
            f"For {cases[index].words} yours is {said}, too {size}. Write "
            "down for one block what a token is multiplied with, and what "
            "a pair of tokens needs. Then the two ends of the model."
        )


PAIR_SHARE = SharePiece(
    name="pair_share",
    chapter=7,
    reference=pair_share,
    cases=lambda: [
        Case(f"{size} pixels", {"image_size": size})
        for size in (224, 384, 1024)
    ],
    differentiable=False,
    shown="For three sizes your share is that of "
    "`vitlib.teach.sizes.multiply_adds`.",
    next="4 % at 224 pixels, 47 % at 1,024: the pairs grow with the "
    "fourth power of the image's side, all else with its square.",
    mistakes=(
        Mistake(
            shared(lambda both, size: both["pairs"] / both["rest"]),
            "This is the ratio of the pairs to all the rest, not their "
            "share of the whole.",
        ),
        Mistake(
            lambda image_size: 100 * pair_share(image_size),
            "Right, in per cent. A share is a number from 0 to 1.",
        ),
        Mistake(
            without_class_token,
            "You have counted the patches. One more token takes part in "
            "every block.",
        ),
        Mistake(
            shared(
                lambda both, size: (
                    both["pairs"] / (2 * both["rest"] + both["pairs"])
                )
            ),
            "Half of the pairs' work is missing. Queries meet keys, and "
            "what comes then?",
        ),
        Mistake(
            shared(
                lambda both, size: (
                    both["pairs"] / (12 * both["rest"] + both["pairs"])
                )
            ),
            "The pairs of one block, and all the rest of twelve. How "
            "often do the tokens look at each other?",
        ),
        Mistake(
            blocks_only,
            "Right for the blocks. The patch embedding and the head "
            "multiply, too, if little: they are part of the whole.",
        ),
        Mistake(
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
