"""Check your `prepend_cls(tokens, cls_token)`."""

import torch
from torch import Tensor

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import sequences_of
from vitlib.tokens import prepend_cls

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


def cases() -> list[Case]:
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


def in_place_of_a_patch(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Lose the first patch."""
    return prepend_cls(tokens[:, 1:], cls_token)


def all_zeros(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Forget the one that was given, and make one."""
    return prepend_cls(tokens, torch.zeros_like(cls_token))


def all_ones(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Forget the one that was given, and make one."""
    return prepend_cls(tokens, torch.ones_like(cls_token))


def mean_in_front(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Compute a summary, where one is to be learned."""
    return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


def first_patch_in_front(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Take the first patch for the class token."""
    return torch.cat([tokens[:, :1], tokens], dim=1)


def first_image_only(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Give it to the first image, zeros to the others."""
    front = torch.zeros_like(tokens[:, :1])
    front[:1] = cls_token
    return torch.cat([front, tokens], dim=1)


def shared_among_images(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Divide it among the images."""
    return prepend_cls(tokens, cls_token / len(tokens))


def one_for_every_token(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Put one in front of every token."""
    fronts = cls_token.expand(tokens.shape)
    return torch.stack([fronts, tokens], dim=2).flatten(1, 2)


def joined_along_batch(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Make it one more image."""
    image = cls_token.expand(1, *tokens.shape[1:])
    return torch.cat([image, tokens], dim=0)


def joined_along_width(tokens: Tensor, cls_token: Tensor) -> Tensor:
    """Put it beside every token."""
    return torch.cat([cls_token.expand(tokens.shape), tokens], dim=2)


PIECE = Piece(
    module=__name__,
    number=1,
    reference=prepend_cls,
    cases=cases,
    axes="sequences, class token and tokens, width",
    draw=tables,
    next="In chapter 7 the head reads this first token, and nothing else: "
    "what the model knows of a picture has to arrive there.",
    mistakes=(
        Mistake(
            "at_the_end",
            at_the_end,
            "The right tokens, and the class token stands at the end. "
            "{seen} Everybody who reads it, from the head to published "
            "weights, looks at place 0. In which order do you join the "
            "two?",
        ),
        Mistake(
            "added_to_every_token",
            lambda tokens, cls_token: tokens + cls_token,
            "The class token is added to every token: your shape is still "
            "{shape}. It is a token of its own, one more in each "
            "sequence: {right}. What joins two tensors along an axis?",
        ),
        Mistake(
            "in_place_of_a_patch",
            in_place_of_a_patch,
            "The class token stands in front, but the first patch is "
            "gone: your shape is {shape}, wanted is {right}. It is put "
            "before the tokens, not in the place of one."
            " Which patch does your slice leave out?",
        ),
        Mistake(
            "all_zeros",
            all_zeros,
            "A token stands in front, and it is all zeros: at {where} "
            "yours has {yours}, the class token that was given has "
            "{wanted}. Where does your code make one of its own?",
        ),
        Mistake(
            "all_ones",
            all_ones,
            "A token stands in front, and it is all ones: the class token "
            "that was given has {wanted}. Where does your code make one "
            "of its own?",
        ),
        Mistake(
            "mean_in_front",
            mean_in_front,
            "In front of your tokens stands their mean, {yours}. The "
            "class token is not computed from the tokens: it is given, "
            "the same for every image, and begins with {wanted}."
            " Which of your arguments is not used?",
        ),
        Mistake(
            "first_patch_in_front",
            first_patch_in_front,
            "In front stands the first patch a second time, {yours}. The "
            "class token is no patch: it is given, and begins with "
            "{wanted}. Which of your two arguments do you not use?",
        ),
        Mistake(
            "first_image_only",
            first_image_only,
            "Right for the first image of the batch. The others have "
            "zeros in front: at {where} yours has {yours}, wanted is "
            "{wanted}. Every sequence gets the same class token."
            " How often is the class token needed?",
        ),
        Mistake(
            "shared_among_images",
            shared_among_images,
            "The class token is shared out: in a batch of {b} yours "
            "begins with {yours}, the given one with {wanted}. Every "
            "image gets all of it; in its gradient the images are summed "
            "without your help."
            " What does each of them get?",
        ),
        Mistake(
            "one_for_every_token",
            one_for_every_token,
            "There are as many class tokens as patches: your shape is "
            "{shape}, wanted is {right}. One is enough for a sequence. "
            "Which of its three axes has to grow, and to what?",
        ),
        Mistake(
            "joined_along_batch",
            joined_along_batch,
            "The class token became one more image: your shape is "
            "{shape}, wanted is {right}. Along which axis do the tokens "
            "of a sequence follow one another?",
        ),
        Mistake(
            "joined_along_width",
            joined_along_width,
            "Every token has become wider: your shape is {shape}, wanted "
            "is {right}. Along which axis do the tokens of a sequence "
            "follow one another?",
        ),
    ),
)
