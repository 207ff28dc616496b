"""Check your `prepend_registers(tokens, registers)`."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def registers_behind(tokens: Tensor, registers: Tensor) -> Tensor:
    """(b, 1 + n, d), (1, r, d) -> (b, 1 + r + n, d)."""
    several = registers.expand(len(tokens), -1, -1)
    return torch.cat([tokens[:, :1], several, tokens[:, 1:]], dim=1)


def cases() -> list[Case]:
    """Draw tokens, and registers for them."""
    draw, found = Draw(44), []
    for batch, n, r, d in [(2, 4, 3, 5), (1, 2, 4, 3), (3, 6, 1, 4)]:
        words = (
            f"{count_of(batch, 'sequence')} of a class token and "
            f"{n} patches, with {count_of(r, 'register')}"
        )
        inputs = {
            "tokens": draw.normal(batch, 1 + n, d),
            "registers": draw.normal(1, r, d),
        }
        found.append(Case(words, inputs, tells={"r": r, "n": n}))
    return found


def joined(parts: Callable[[Tensor, Tensor], list[Tensor]]) -> Callable:
    """Give a function that joins these parts along the sequence."""

    def wrong(tokens: Tensor, registers: Tensor) -> Tensor:
        several = registers.expand(len(tokens), -1, -1)
        return torch.cat(parts(tokens, several), dim=1)

    return wrong


PIECE = Piece(
    module=__name__,
    number=4,
    reference=registers_behind,
    cases=cases,
    axes="sequences, class token, registers and patches, width",
    draw=tables,
    next="Nobody reads the registers in the end. They give the model a "
    "place to put what it needs on the way, so that it does not put it "
    "into patches of plain background.",
    mistakes=(
        Mistake(
            "before_the_class_token",
            joined(lambda t, r: [r, t]),
            "All tokens are there, and the registers stand in front of "
            "the class token: at {where} yours has {yours}, wanted is "
            "{wanted}. The head reads place 0. Who has to stand there?",
        ),
        Mistake(
            "at_the_end",
            joined(lambda t, r: [t, r]),
            "All tokens are there, and the registers stand at the end: at "
            "{where} yours has {yours}, wanted is {wanted}. They come "
            "between the class token and the patches."
            " Where does the sequence have to be parted?",
        ),
        Mistake(
            "in_reverse_order",
            joined(lambda t, r: [t[:, :1], r.flip(1), t[:, 1:]]),
            "All are in their places, and the registers stand in reverse "
            "order: at {where} yours has {yours}, wanted is {wanted}. "
            "What turns them round?",
        ),
        Mistake(
            "class_token_at_the_end",
            joined(lambda t, r: [t[:, 1:], r, t[:, :1]]),
            "All tokens are there, and the class token stands last: at "
            "{where} yours has {yours}, wanted is {wanted}. The head "
            "reads place 0. Who has to stand there?",
        ),
        Mistake(
            "first_patch_lost",
            joined(lambda t, r: [t[:, :1], r, t[:, 2:]]),
            "The first patch is lost: your shape is {shape}, wanted is "
            "{right}. With which number do the patches begin?",
        ),
        Mistake(
            "in_place_of_the_class_token",
            joined(lambda t, r: [r, t[:, 1:]]),
            "The registers have taken the place of the class token: your "
            "shape is {shape}, wanted is {right}. They come behind it."
            " Which slice still has the class token?",
        ),
        Mistake(
            "class_token_twice",
            joined(lambda t, r: [t[:, :1], r, t]),
            "The class token stands there twice, in front of the "
            "registers and behind them: your shape is {shape}, wanted is "
            "{right}. Where do the patches begin?",
        ),
        Mistake(
            "in_place_of_patches",
            joined(lambda t, r: [t[:, :1], r, t[:, 1 + r.shape[1] :]]),
            "The registers have taken the places of patches: your shape "
            "is {shape}, wanted is {right}. No token is lost, the "
            "sequence grows."
            " Where does your last slice begin?",
        ),
        Mistake(
            "patches_lost",
            joined(lambda t, r: [t[:, :1], r]),
            "The patches are gone: your shape is {shape}, wanted is "
            "{right}."
            " Where does your last slice begin?",
        ),
        Mistake(
            "all_zeros",
            joined(lambda t, r: [t[:, :1], 0 * r, t[:, 1:]]),
            "The places are right, and there are zeros in them: at "
            "{where} yours has {yours}, wanted is {wanted}. The registers "
            "are given. Where does your code make some of its own?",
        ),
        Mistake(
            "one_register",
            joined(lambda t, r: [t[:, :1], r[:, :1], t[:, 1:]]),
            "One register stands there where {r} were given: your shape "
            "is {shape}, wanted is {right}."
            " How many are there?",
        ),
    ),
)
