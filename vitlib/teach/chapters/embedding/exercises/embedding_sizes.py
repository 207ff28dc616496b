"""Check your sizes of the patch embedding of ViT-H/14."""

from vitlib.embedding import PatchEmbedding
from vitlib.teach.checking.number import NumberPiece, Slip


def huge() -> tuple[int, int, int]:
    """Measure the patch embedding of ViT-H/14."""
    embed = PatchEmbedding(224, 14, embed_dim=1280)
    learned = sum(part.numel() for part in embed.parameters())
    return embed.num_patches, embed.proj.out_channels, learned


PIECE = NumberPiece(
    module=__name__,
    number=2,
    compute=huge,
    axes=("tokens", "width", "numbers to learn"),
    asks=(
        "How many patches of 14 stand in a row of 224 pixels, and how "
        "many rows are there?",
        "How many filters has the layer?",
        "How many numbers has a filter, what does it add, and how many "
        "filters are there?",
    ),
    next="The picture decides how many tokens there are, the patch how "
    "many weights a filter has, and you how many filters. Three numbers "
    "that have nothing to do with each other.",
    mistakes=(
        Slip(
            "shape_of_the_tokens",
            (1, 256, 1280),
            "{yours} is the shape of the tokens of one image, and right. "
            "Asked for are (tokens, width, numbers to learn)."
            " Which of them is missing?",
        ),
        Slip(
            "width_of_a_patch",
            (None, 14 * 14 * 3, None),
            "588 numbers has a patch. How many a token has is not "
            "decided by the patch: it is the number of filters."
            " How many are there?",
        ),
        Slip(
            "tokens_of_patches_of_16",
            (14 * 14, None, None),
            "196 is the number of tokens for patches of 16. These are "
            "patches of 14."
            " How many of these are in 224 pixels?",
        ),
        Slip(
            "with_class_token",
            (257, None, None),
            "257 are the tokens with a class token. That one comes in the "
            "next chapter; here there is a token for each patch."
            " How many are these?",
        ),
        Slip(
            "weights_only",
            (None, None, 14 * 14 * 3 * 1280),
            "752,640 weights are right. What does a linear layer learn "
            "besides its weights?",
        ),
        Slip(
            "layer_for_each_place",
            (None, None, (14 * 14 * 3 + 1) * 1280 * 256),
            "Yours has a layer of its own for each place. How many layers "
            "do the patches share?",
        ),
        Slip(
            "weights_for_each_place",
            (None, None, 14 * 14 * 3 * 1280 * 256),
            "Yours counts the weights once for each place. How many "
            "layers do the patches share?",
        ),
        Slip(
            "one_channel",
            (None, None, (14 * 14 + 1) * 1280),
            "252,160 would be right for grey pictures. How many numbers "
            "has a pixel?",
        ),
        Slip(
            "bias_for_each_input",
            (None, None, 14 * 14 * 3 * 1280 + 588),
            "The weights are right. But a bias belongs to a filter, and "
            "not to a number of the patch. How many filters are there?",
        ),
        Slip(
            "weights_of_patches_of_16",
            (None, None, 16 * 16 * 3 * 1280 + 1280),
            "984,320 would be right for patches of 16. The 14 in the name "
            "of the model is the side of its patches."
            " How many numbers has such a patch?",
        ),
    ),
)
