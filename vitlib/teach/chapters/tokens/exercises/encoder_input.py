"""Check your shape of what goes into the encoder."""

import torch

from vitlib.embedding import PatchEmbedding
from vitlib.teach.checking.number import NumberPiece, Slip
from vitlib.tokens import add_positions, learned_positions, prepend_cls


def encoder_input() -> tuple[int, ...]:
    """Take images of 160 by 96 through the first three chapters."""
    embed = PatchEmbedding((160, 96), 16, embed_dim=64)
    tokens = embed(torch.zeros(5, 3, 160, 96))
    tokens = prepend_cls(tokens, torch.zeros(1, 1, 64))
    return add_positions(tokens, learned_positions(61, 64)).shape


PIECE = NumberPiece(
    module=__name__,
    number=3,
    compute=encoder_input,
    axes=("images", "tokens", "width"),
    asks=(
        "How many images go in?",
        "160 pixels make how many rows of patches, 96 how many columns, "
        "and who stands in front of them?",
        "How many numbers has a token?",
    ),
    next="This is the shape of everything from here to the head: the "
    "encoder takes (5, 61, 64) and gives (5, 61, 64), block after block.",
    mistakes=(
        Slip(
            "no_class_token",
            (None, 60, None),
            "60 are the patches. Who else stands in the sequence?",
        ),
        Slip(
            "one_token_too_many",
            (None, 62, None),
            "62 is one too many. The class token has a position like all "
            "others, and a position is no token."
            " Who stands in the sequence besides the patches?",
        ),
        Slip(
            "patches_joined_along_sequence",
            (None, 120, None),
            "120 would be patches and positions one behind the other. "
            "Positions are added to the tokens, number by number."
            " How long is a sum of two sequences?",
        ),
        Slip(
            "joined_along_sequence",
            (None, 122, None),
            "122 would be tokens and positions one behind the other. "
            "Positions are added to the tokens, number by number."
            " How long is a sum of two sequences?",
        ),
        Slip(
            "class_tokens_in_one_sequence",
            (None, 60 + 5, None),
            "65 would be one class token for each image, all in one "
            "sequence. Each image has a sequence of its own."
            " How many class tokens are in it?",
        ),
        Slip(
            "tokens_of_224_pixels",
            (None, 197, None),
            "197 are the tokens of 224 by 224 pixels. How many patches "
            "has a picture of 160 by 96?",
        ),
        Slip(
            "joined_along_width",
            (None, None, 128),
            "128 would be content and position side by side. They are "
            "added."
            " How wide is a sum?",
        ),
        Slip(
            "width_of_a_patch",
            (None, None, 16 * 16 * 3),
            "768 numbers has a patch. How many has a token, after the "
            "embedding?",
        ),
        Slip(
            "one_image",
            (1, None, None),
            "The first axis of class token and positions is 1, so that "
            "they serve every image. How many images go in?",
        ),
    ),
)
