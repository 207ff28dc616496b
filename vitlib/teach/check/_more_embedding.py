"""Chapter 3's other exercises whose answer is a number."""

from torch.nn import functional as F

from vitlib.embedding import PatchEmbedding
from vitlib.patches import patchify
from vitlib.teach.check._number import NumberPiece, Slip
from vitlib.teach.data import cat, resize_and_crop, to_tensor


def huge() -> tuple[int, int, int]:
    """Measure the patch embedding of ViT-H/14."""
    embed = PatchEmbedding(224, 14, embed_dim=1280)
    learned = sum(part.numel() for part in embed.parameters())
    return embed.num_patches, embed.proj.out_channels, learned


SIZES = NumberPiece(
    name="embedding_sizes",
    chapter=3,
    compute=huge,
    axes=("tokens", "width", "numbers to learn"),
    next="The picture decides how many tokens there are, the patch how "
    "many weights a filter has, and you how many filters. Three numbers "
    "that have nothing to do with each other.",
    mistakes=(
        Slip(
            (1, 256, 1280),
            "{yours} is the shape of the tokens of one image, and right. "
            "Asked for are (tokens, width, numbers to learn).",
        ),
        Slip(
            (None, 14 * 14 * 3, None),
            "588 numbers has a patch. How many a token has is not "
            "decided by the patch: it is the number of filters.",
        ),
        Slip(
            (14 * 14, None, None),
            "196 is the number of tokens for patches of 16. These are "
            "patches of 14.",
        ),
        Slip(
            (257, None, None),
            "257 are the tokens with a class token. That one comes in the "
            "next chapter; here there is a token for each patch.",
        ),
        Slip(
            (None, None, 14 * 14 * 3 * 1280),
            "752,640 weights are right. What does a linear layer learn "
            "besides its weights?",
        ),
        Slip(
            (None, None, (14 * 14 * 3 + 1) * 1280 * 256),
            "Yours has a layer of its own for each place. How many layers "
            "do the patches share?",
        ),
        Slip(
            (None, None, 14 * 14 * 3 * 1280 * 256),
            "Yours counts the weights once for each place. How many "
            "layers do the patches share?",
        ),
        Slip(
            (None, None, (14 * 14 + 1) * 1280),
            "252,160 would be right for grey pictures. How many numbers "
            "has a pixel?",
        ),
        Slip(
            (None, None, 14 * 14 * 3 * 1280 + 588),
            "The weights are right. But a bias belongs to a filter, and "
            "not to a number of the patch. How many filters are there?",
        ),
        Slip(
            (None, None, 16 * 16 * 3 * 1280 + 1280),
            "984,320 would be right for patches of 16. The 14 in the name "
            "of the model is the side of its patches.",
        ),
    ),
)


def loudest() -> int:
    """Ask every patch of the cat for her pupil."""
    images = to_tensor(resize_and_crop(cat(), 224)) * 2 - 1
    patches = patchify(images, 16)[0]
    pupil = F.normalize(patches[74] - patches[74].mean(), dim=0)
    return int((patches @ pupil).topk(2).indices[1])


LOUDEST = NumberPiece(
    name="loudest_patch",
    chapter=3,
    compute=loudest,
    next="It lies at the rim of her other eye, and the next in the row, "
    "94, in the same eye. The margin is small, though: one filter is a "
    "weak witness, which is why there are hundreds.",
    mistakes=(
        Slip(74, "74 is the pupil itself. Which comes after it?"),
        Slip(
            162,
            "162 is a dark patch, and your filter, which has kept its "
            "mean, asks for darkness first of all. What is to be "
            "subtracted?",
        ),
        Slip(
            60,
            "60 is nearest in angle to a pupil that has kept its mean: it "
            "is dark as well. What is to be subtracted?",
        ),
        Slip(94, "94 lies in her other eye too, and one there is louder."),
        Slip(76, "76 gives the quietest answer. Which is the loudest?"),
        Slip(
            195,
            "195 is a bright piece of background. Your pixels go from 0 "
            "to 1, and your filter has kept its mean.",
        ),
    ),
)
