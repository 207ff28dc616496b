"""Check your `digit_vit()`, which makes a model."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.change import as_module
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.result import Result
from vitlib.teach.checking.words import other_counts
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.vit import ViT


def digit_vit() -> ViT:
    """Make a ViT of the digit reader's sizes."""
    return ViT(**SETTINGS)


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


class SizesPiece(Piece):
    """The answer makes a model, of which the sizes are looked at."""

    def __call__(self, answer: object) -> Result:
        """Take the model itself, too."""
        made = isinstance(answer, ViT)
        return super().__call__((lambda: answer) if made else answer)

    def read(self, output: object, case: Case) -> Tensor:
        """Give the facts about the model in a row."""
        model = as_module(output)
        if not isinstance(model, ViT):
            raise Finding(
                f"Your function makes a module of the class "
                f"`{type(model).__name__}`. Wanted is a `ViT` of vitlib; "
                "your own comes in exercise 3.",
                "no_vit",
            )
        facts = [float(count(model)) for count in FACTS.values()]
        return torch.tensor(facts, dtype=torch.float64)

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell which of the sizes are others."""
        wrong = other_counts(FACTS, found.int(), wanted.int())
        return case.tells | {"seen": f"Your model has {wrong}."}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Say which of the sizes are others."""
        wrong = other_counts(FACTS, yours.int(), right.int())
        return Finding(f"Your model has {wrong}.", "other_sizes")

    def examine_more(self, runner: Runner, case: Case) -> None:
        """The trained weights fit into it."""
        model = runner.run(runner.answer)
        try:
            model.load_state_dict(digit_reader().state_dict())
        except RuntimeError as error:
            *_, first = str(error).split("\n")[:2]
            raise Finding(
                "The sizes are right, but the weights of the digit reader "
                f"do not fit: {first.strip()}",
                "other_names",
            ) from None


def sized(**settings: object) -> Callable[[], ViT]:
    """Give an answer in which some settings are others."""

    def wrong() -> ViT:
        return ViT(**SETTINGS | settings)

    return wrong


PIECE = SizesPiece(
    module=__name__,
    number=1,
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
            "patches_of_4_pixels",
            sized(patch_size=4),
            "A patch of 4 pixels gives 7 by 7 of them, and with the class "
            "token 50 tokens. Wanted are 17. How many patches is that, "
            "and how many in a row?",
        ),
        Mistake(
            "patches_of_14_pixels",
            sized(patch_size=14),
            "A patch of 14 pixels gives 2 by 2 of them. Wanted are 16 and "
            "the class token."
            " How many stand in a row then?",
        ),
        Mistake(
            "three_channels",
            sized(in_channels=3),
            "All right but the channels: yours wants red, green and blue, "
            "and a digit is grey. That makes 6,272 parameters too many."
            " How many numbers has a grey pixel?",
        ),
        Mistake(
            "thousand_classes",
            sized(num_classes=1000),
            "All right but the classes: yours has 1,000, and there are "
            "ten digits."
            " Which argument counts them?",
        ),
        Mistake(
            "one_head",
            sized(num_heads=1),
            "All right but the heads: yours has one of 64 numbers. No "
            "count of parameters shows it."
            " How many are asked for?",
        ),
        Mistake(
            "heads_of_one_number",
            sized(num_heads=64),
            "All right but the heads: `num_heads` is how many there are, "
            "not how wide they are. Yours has 64, of one number each."
            " How many numbers has a head, if there are four?",
        ),
        Mistake(
            "width_of_b",
            sized(embed_dim=768, num_heads=4),
            "Your tokens are as wide as those of ViT-B, 768. Wanted are "
            "64 numbers."
            " Which argument says so?",
        ),
        Mistake(
            "depth_of_b",
            sized(depth=12),
            "Your model is as deep as ViT-B, 12 blocks. Wanted are 4."
            " Which argument says so?",
        ),
    ),
)
