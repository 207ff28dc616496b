"""Check your `add_positions(tokens, pos_embed)`."""

import torch
from torch import Tensor

from vitlib.teach.chapters.tokens.exercises.prepend_cls import sequences
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.tokens import add_positions


def cases() -> list[Case]:
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


def joined_along_width(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Put them beside the tokens."""
    return torch.cat([tokens, pos_embed.expand_as(tokens)], dim=2)


def joined_along_sequence(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Make them tokens of their own."""
    return torch.cat([tokens, pos_embed.expand_as(tokens)], dim=1)


def class_token_without_position(
    tokens: Tensor, pos_embed: Tensor
) -> Tensor:
    """Leave the first token as it is."""
    rest = tokens[:, 1:] + pos_embed[:, 1:]
    return torch.cat([tokens[:, :1], rest], dim=1)


def late_after_class_token(tokens: Tensor, pos_embed: Tensor) -> Tensor:
    """Give the first position to the first patch."""
    rest = tokens[:, 1:] + pos_embed[:, :-1]
    return torch.cat([tokens[:, :1], rest], dim=1)


PIECE = Piece(
    module=__name__,
    number=2,
    reference=add_positions,
    cases=cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="Now a token knows where it stands. Without this the attention "
    "of chapter 5 could not tell a picture from its shuffled patches.",
    mistakes=(
        Mistake(
            "joined_along_width",
            joined_along_width,
            "The positions stand beside the tokens, which have become "
            "twice as wide: your shape is {shape}, wanted is {right}. In "
            "a ViT the two are mixed into the same {d} numbers. By which "
            "operation?",
        ),
        Mistake(
            "joined_along_sequence",
            joined_along_sequence,
            "The positions became tokens of their own: your shape is "
            "{shape}, wanted is {right}. They are mixed into the tokens "
            "that are there. By which operation?",
        ),
        Mistake(
            "multiplied",
            lambda tokens, pos_embed: tokens * pos_embed,
            "Your tokens are multiplied by their positions: at {where} "
            "yours has {yours}, wanted is {wanted}. A position near zero "
            "would wipe out what the patch shows."
            " Which operation leaves a token as it is where the position "
            "is 0?",
        ),
        Mistake(
            "class_token_without_position",
            class_token_without_position,
            "Right for every token but the first, which has no position: "
            "at {where} yours has {yours}, wanted is {wanted}. The class "
            "token has a place of its own to learn, number 0."
            " Where does your slice begin?",
        ),
        Mistake(
            "late_after_class_token",
            late_after_class_token,
            "Off by one after the class token: the first patch got the "
            "position that belongs to the class token, and each patch "
            "that of its neighbour. {seen} Where do your two slices "
            "begin?",
        ),
        Mistake(
            "position_of_the_one_before",
            lambda tokens, pos_embed: tokens + pos_embed.roll(1, dims=1),
            "Every token got the position of the one before it. {seen} "
            "Which number has the first place?",
        ),
        Mistake(
            "position_of_the_one_after",
            lambda tokens, pos_embed: tokens + pos_embed.roll(-1, dims=1),
            "Every token got the position of the one after it. {seen} "
            "Which number has the first place?",
        ),
        Mistake(
            "one_position_for_all",
            lambda tokens, pos_embed: tokens + pos_embed[:, :1],
            "All tokens got the same position, the first: right at place "
            "0 only. {seen} Which axis of `pos_embed` numbers the places?",
        ),
        Mistake(
            "one_number_for_each_position",
            lambda tokens, pos_embed: tokens + pos_embed.mean(2, True),
            "To all {d} numbers of a token the same number is added. "
            "{seen} A position is a vector, as wide as a token."
            " Which axis of `pos_embed` was lost?",
        ),
        Mistake(
            "tokens_times_root_of_width",
            lambda tokens, pos_embed: (
                tokens * tokens.shape[2] ** 0.5 + pos_embed
            ),
            "Your tokens are multiplied by the root of the width before "
            "the sum, as in the Transformer of 2017: at {where} yours has "
            "{yours}, wanted is {wanted}. A ViT leaves them as they are."
            " Where does the root come in?",
        ),
        Mistake(
            "subtracted",
            lambda tokens, pos_embed: tokens - pos_embed,
            "The positions are taken away where they should be added: at "
            "{where} yours has {yours}, wanted is {wanted}."
            " Which sign stands between the two?",
        ),
        Mistake(
            "positions_only",
            lambda tokens, pos_embed: pos_embed.expand_as(tokens),
            "These are the positions, and nothing of what the patches "
            "show: at {where} yours has {yours}, wanted is {wanted}. Both "
            "are needed. By which operation do they meet?",
        ),
        Mistake(
            "added_twice",
            lambda tokens, pos_embed: tokens + 2 * pos_embed,
            "The positions are added twice: at {where} yours has {yours}, "
            "wanted is {wanted}. Where is the other time?",
        ),
        Mistake(
            "mean_of_both",
            lambda tokens, pos_embed: (tokens + pos_embed) / 2,
            "You take the mean of token and position: at {where} yours "
            "has {yours}, wanted is {wanted}. A ViT takes the sum, and "
            "learns how large a position is."
            " Where does the half come in?",
        ),
        Mistake(
            "in_reverse_order",
            lambda tokens, pos_embed: tokens + pos_embed.flip(1),
            "The positions are given out from the last to the first: at "
            "{where} yours has {yours}, wanted is {wanted}."
            " What turns them round?",
        ),
        Mistake(
            "numbers_of_places",
            lambda tokens, pos_embed: (
                tokens
                + torch.arange(tokens.shape[1], dtype=tokens.dtype)[
                    :, None
                ]
            ),
            "You add the number of its place to each token: at {where} "
            "yours has {yours}, wanted is {wanted}. A learned vector for "
            "each place is given to you. Where is it?",
        ),
        Mistake(
            "class_token_lost",
            lambda tokens, pos_embed: tokens[:, 1:] + pos_embed[:, 1:],
            "The class token is gone: your shape is {shape}, wanted is "
            "{right}. It has a position as well."
            " Where does your slice begin?",
        ),
        Mistake(
            "no_positions",
            lambda tokens, pos_embed: tokens,
            "Your tokens come back as they went in: at {where} they have "
            "{yours}, wanted is {wanted}. What is done with `pos_embed`?",
        ),
    ),
)
