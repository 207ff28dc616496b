"""Check your `add_positions(tokens, pos_embed)`."""

import torch
from torch import Tensor

from vitlib import tokens as ours
from vitlib.teach.chapters.tokens.exercises.prepend_cls import sequences
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece


def position_cases() -> list[Case]:
    """Draw positions for each batch of tokens."""
    return [
        Case(
            words,
            {
                "tokens": tokens,
                "pos_embed": draw.normal(1, *tokens.shape[1:]),
            },
            tells={"d": tokens.shape[2]},
        )
        for draw, tokens, words in sequences()
    ]


def beside_each(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Join along the width."""
    return torch.cat([tokens, pos_embed.expand_as(tokens)], dim=2)


def behind_all(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Join along the sequence."""
    return torch.cat([tokens, pos_embed.expand_as(tokens)], dim=1)


def not_the_class_token(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Leave the first token as it is."""
    rest = tokens[:, 1:] + pos_embed[:, 1:]
    return torch.cat([tokens[:, :1], rest], dim=1)


def off_by_one(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Leave the first as it is, and give the second the first place."""
    rest = tokens[:, 1:] + pos_embed[:, :-1]
    return torch.cat([tokens[:, :1], rest], dim=1)


def rolled(by: int):
    """Give add_positions with the places shifted."""

    def wrong(tokens: Tensor, pos_embed: Tensor) -> Tensor:
        return tokens + pos_embed.roll(by, dims=1)

    return wrong


def without_first(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Lose the class token."""
    return tokens[:, 1:] + pos_embed[:, 1:]


PIECE = Piece(
    module=__name__,
    number=3,
    reference=ours.add_positions,
    cases=position_cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="Now a token knows where it stands. Without this the attention "
    "of chapter 5 could not tell a picture from its shuffled patches.",
    mistakes=(
        Mistake(
            "beside_each",
            beside_each,
            "The positions stand beside the tokens, which have become "
            "twice as wide: your shape is {shape}, wanted is {right}. In "
            "a ViT the two are mixed into the same {d} numbers. By which "
            "operation?",
        ),
        Mistake(
            "behind_all",
            behind_all,
            "The positions became tokens of their own: your shape is "
            "{shape}, wanted is {right}. They are mixed into the tokens "
            "that are there. By which operation?",
        ),
        Mistake(
            "mistake_2",
            lambda tokens, pos_embed: tokens * pos_embed,
            "Your tokens are multiplied by their positions: at {where} "
            "yours has {yours}, wanted is {wanted}. A position near zero "
            "would wipe out what the patch shows.",
        ),
        Mistake(
            "not_the_class_token",
            not_the_class_token,
            "Right for every token but the first, which has no position: "
            "at {where} yours has {yours}, wanted is {wanted}. The class "
            "token has a place of its own to learn, number 0.",
        ),
        Mistake(
            "off_by_one",
            off_by_one,
            "Off by one after the class token: the first patch got the "
            "position that belongs to the class token, and each patch "
            "that of its neighbour. At {where} yours has {yours}, wanted "
            "is {wanted}. Where do your two slices begin?",
        ),
        Mistake(
            "rolled_1",
            rolled(1),
            "Every token got the position of the one before it. At "
            "{where} yours has {yours}, wanted is {wanted}. Which number "
            "has the first place?",
        ),
        Mistake(
            "mistake_6",
            rolled(-1),
            "Every token got the position of the one after it. At "
            "{where} yours has {yours}, wanted is {wanted}. Which number "
            "has the first place?",
        ),
        Mistake(
            "mistake_7",
            lambda tokens, pos_embed: tokens + pos_embed[:, :1],
            "All tokens got the same position, the first: right at place "
            "0 only. At {where} yours has {yours}, wanted is {wanted}. "
            "Which axis of `pos_embed` numbers the places?",
        ),
        Mistake(
            "mistake_8",
            lambda tokens, pos_embed: tokens + pos_embed.mean(2, True),
            "To all {d} numbers of a token the same number is added. At "
            "{where} yours has {yours}, wanted is {wanted}. A position is "
            "a vector, as wide as a token.",
        ),
        Mistake(
            "mistake_9",
            lambda tokens, pos_embed: (
                tokens * tokens.shape[2] ** 0.5 + pos_embed
            ),
            "Your tokens are multiplied by the root of the width before "
            "the sum, as in the Transformer of 2017: at {where} yours has "
            "{yours}, wanted is {wanted}. A ViT leaves them as they are.",
        ),
        Mistake(
            "mistake_10",
            lambda tokens, pos_embed: tokens - pos_embed,
            "The positions are taken away where they should be added: at "
            "{where} yours has {yours}, wanted is {wanted}.",
        ),
        Mistake(
            "without_first",
            without_first,
            "The class token is gone: your shape is {shape}, wanted is "
            "{right}. It has a position as well.",
        ),
        Mistake(
            "mistake_12",
            lambda tokens, pos_embed: tokens,
            "Your tokens come back as they went in: at {where} they have "
            "{yours}, wanted is {wanted}. What is done with `pos_embed`?",
        ),
    ),
)
