"""Chapter 4: prepend_cls and add_positions."""

import torch
from torch import Tensor

from vitlib import tokens as ours
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._picture import tables
from vitlib.teach.check._piece import Case, Mistake, Piece
from vitlib.teach.check._words import sequences_of

SIZES = [(2, 3, 5), (1, 4, 6), (3, 1, 2), (4, 6, 8)]  # b, n, d


def sequences() -> list[tuple[Draw, Tensor, str]]:
    """Draw batches of tokens, and words for them."""
    draw, found = Draw(4), []
    sizes = SIZES + [
        (draw.size(2, 4), draw.size(2, 7), draw.size(2, 9))
        for _ in range(2)
    ]
    for batch, count, width in sizes:
        words = sequences_of(batch, count, width)
        found.append((draw, draw.normal(batch, count, width), words))
    turned = draw.normal(2, 6, 5).transpose(1, 2)
    words = "tokens that do not lie in memory in the order of their axes"
    return [*found, (draw, turned, words)]


def cls_cases() -> list[Case]:
    """Draw a class token for each batch of tokens."""
    return [
        Case(
            words,
            {
                "tokens": tokens,
                "cls_token": draw.normal(1, 1, tokens.shape[2]),
            },
            tells={"n": tokens.shape[1], "b": len(tokens)},
        )
        for draw, tokens, words in sequences()
    ]


def at_the_end(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Append it."""
    last = cls_token.expand(len(tokens), -1, -1)
    return torch.cat([tokens, last], dim=1)


def added(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Add it to every token."""
    return tokens + cls_token


def over_the_first(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Lose the first patch."""
    return ours.prepend_cls(tokens[:, 1:], cls_token)


def all_zero(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Forget the one that was given."""
    return ours.prepend_cls(tokens, torch.zeros_like(cls_token))


def all_one(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Forget the one that was given."""
    return ours.prepend_cls(tokens, torch.ones_like(cls_token))


def mean_in_front(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Compute a summary, where one is to be learned."""
    return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


def first_in_front(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Take the first patch for the class token."""
    return torch.cat([tokens[:, :1], tokens], dim=1)


def first_image_only(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Give it to the first image, zeros to the others."""
    front = torch.zeros_like(tokens[:, :1])
    front[:1] = cls_token
    return torch.cat([front, tokens], dim=1)


def shared_out(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Divide it among the images."""
    return ours.prepend_cls(tokens, cls_token / len(tokens))


def for_every_token(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Put one in front of every token."""
    fronts = cls_token.expand(tokens.shape)
    return torch.stack([fronts, tokens], dim=2).flatten(1, 2)


def as_another_image(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Join along the batch."""
    image = cls_token.expand(1, *tokens.shape[1:])
    return torch.cat([image, tokens], dim=0)


def beside(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Join along the width."""
    return torch.cat([cls_token.expand(tokens.shape), tokens], dim=2)


PREPEND_CLS = Piece(
    name="prepend_cls",
    chapter=4,
    reference=ours.prepend_cls,
    cases=cls_cases,
    axes="sequences, class token and tokens, width",
    draw=tables,
    next="In chapter 7 the head reads this first token, and nothing else: "
    "what the model knows of a picture has to arrive there.",
    mistakes=(
        Mistake(
            at_the_end,
            "The right tokens, and the class token stands at the end. At "
            "{where} yours has {yours}, wanted is {wanted}. Everybody who "
            "reads it, from the head to published weights, looks at place "
            "0. In which order do you join the two?",
        ),
        Mistake(
            added,
            "The class token is added to every token: your shape is still "
            "{shape}. It is a token of its own, one more in each "
            "sequence: {right}. What joins two tensors along an axis?",
        ),
        Mistake(
            over_the_first,
            "The class token stands in front, but the first patch is "
            "gone: your shape is {shape}, wanted is {right}. It is put "
            "before the tokens, not in the place of one.",
        ),
        Mistake(
            all_zero,
            "A token stands in front, and it is all zeros: at {where} "
            "yours has {yours}, the class token that was given has "
            "{wanted}. Where does your code make one of its own?",
        ),
        Mistake(
            all_one,
            "A token stands in front, and it is all ones: the class token "
            "that was given has {wanted}. Where does your code make one "
            "of its own?",
        ),
        Mistake(
            mean_in_front,
            "In front of your tokens stands their mean, {yours}. The "
            "class token is not computed from the tokens: it is given, "
            "the same for every image, and begins with {wanted}.",
        ),
        Mistake(
            first_in_front,
            "In front stands the first patch a second time, {yours}. The "
            "class token is no patch: it is given, and begins with "
            "{wanted}. Which of your two arguments do you not use?",
        ),
        Mistake(
            first_image_only,
            "Right for the first image of the batch. The others have "
            "zeros in front: at {where} yours has {yours}, wanted is "
            "{wanted}. Every sequence gets the same class token.",
        ),
        Mistake(
            shared_out,
            "The class token is shared out: in a batch of {b} yours "
            "begins with {yours}, the given one with {wanted}. Every "
            "image gets all of it; in its gradient the images are summed "
            "without your help.",
        ),
        Mistake(
            for_every_token,
            "There are as many class tokens as patches: your shape is "
            "{shape}, wanted is {right}. One is enough for a sequence. "
            "Which of its three axes has to grow, and to what?",
        ),
        Mistake(
            as_another_image,
            "The class token became one more image: your shape is "
            "{shape}, wanted is {right}. Along which axis do the tokens "
            "of a sequence follow one another?",
        ),
        Mistake(
            beside,
            "Every token has become wider: your shape is {shape}, wanted "
            "is {right}. Along which axis do the tokens of a sequence "
            "follow one another?",
        ),
    ),
)


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


ADD_POSITIONS = Piece(
    name="add_positions",
    chapter=4,
    reference=ours.add_positions,
    cases=position_cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="Now a token knows where it stands. Without this the attention "
    "of chapter 5 could not tell a picture from its shuffled patches.",
    mistakes=(
        Mistake(
            beside_each,
            "The positions stand beside the tokens, which have become "
            "twice as wide: your shape is {shape}, wanted is {right}. In "
            "a ViT the two are mixed into the same {d} numbers. By which "
            "operation?",
        ),
        Mistake(
            behind_all,
            "The positions became tokens of their own: your shape is "
            "{shape}, wanted is {right}. They are mixed into the tokens "
            "that are there. By which operation?",
        ),
        Mistake(
            lambda tokens, pos_embed: tokens * pos_embed,
            "Your tokens are multiplied by their positions: at {where} "
            "yours has {yours}, wanted is {wanted}. A position near zero "
            "would wipe out what the patch shows.",
        ),
        Mistake(
            not_the_class_token,
            "Right for every token but the first, which has no position: "
            "at {where} yours has {yours}, wanted is {wanted}. The class "
            "token has a place of its own to learn, number 0.",
        ),
        Mistake(
            off_by_one,
            "Off by one after the class token: the first patch got the "
            "position that belongs to the class token, and each patch "
            "that of its neighbour. At {where} yours has {yours}, wanted "
            "is {wanted}. Where do your two slices begin?",
        ),
        Mistake(
            rolled(1),
            "Every token got the position of the one before it. At "
            "{where} yours has {yours}, wanted is {wanted}. Which number "
            "has the first place?",
        ),
        Mistake(
            rolled(-1),
            "Every token got the position of the one after it. At "
            "{where} yours has {yours}, wanted is {wanted}. Which number "
            "has the first place?",
        ),
        Mistake(
            lambda tokens, pos_embed: tokens + pos_embed[:, :1],
            "All tokens got the same position, the first: right at place "
            "0 only. At {where} yours has {yours}, wanted is {wanted}. "
            "Which axis of `pos_embed` numbers the places?",
        ),
        Mistake(
            lambda tokens, pos_embed: tokens + pos_embed.mean(2, True),
            "To all {d} numbers of a token the same number is added. At "
            "{where} yours has {yours}, wanted is {wanted}. A position is "
            "a vector, as wide as a token.",
        ),
        Mistake(
            lambda tokens, pos_embed: (
                tokens * tokens.shape[2] ** 0.5 + pos_embed
            ),
            "Your tokens are multiplied by the root of the width before "
            "the sum, as in the Transformer of 2017: at {where} yours has "
            "{yours}, wanted is {wanted}. A ViT leaves them as they are.",
        ),
        Mistake(
            lambda tokens, pos_embed: tokens - pos_embed,
            "The positions are taken away where they should be added: at "
            "{where} yours has {yours}, wanted is {wanted}.",
        ),
        Mistake(
            without_first,
            "The class token is gone: your shape is {shape}, wanted is "
            "{right}. It has a position as well.",
        ),
        Mistake(
            lambda tokens, pos_embed: tokens,
            "Your tokens come back as they went in: at {where} they have "
            "{yours}, wanted is {wanted}. What is done with `pos_embed`?",
        ),
    ),
)
