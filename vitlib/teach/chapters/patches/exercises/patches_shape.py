"""Check your shape of the satellite picture's patches."""

import torch

from vitlib.patches import patchify
from vitlib.teach.checking.number import NumberPiece, Slip

PIECE = NumberPiece(
    module=__name__,
    number=1,
    compute=lambda: patchify(torch.zeros(1, 10, 120, 160), 20).shape,
    axes=("images", "patches", "numbers of a patch"),
    asks=(
        "How many images are there?",
        "120 rows of pixels make how many rows of patches, 160 columns "
        "how many columns, and how many patches is that?",
        "How many pixels has a patch, and how many numbers has a pixel?",
    ),
    next="A layer that reads these words must have 4,000 inputs. How many "
    "words there are, it need not know.",
    mistakes=(
        Slip(
            "pixels_of_a_patch",
            (None, None, 20 * 20),
            "400 counts the pixels of a patch. How many numbers has one "
            "pixel of this picture?",
        ),
        Slip(
            "three_channels",
            (None, None, 20 * 20 * 3),
            "1,200 would be right for red, green and blue. This satellite "
            "sees more than three colours."
            " How many are they?",
        ),
        Slip(
            "pixels_for_patches",
            (None, 20, None),
            "20 is the side of a patch in pixels. How many of them stand "
            "side by side in 160 columns, and how many below each other?",
        ),
        Slip(
            "rows_plus_columns",
            (None, 6 + 8, None),
            "14 is 6 rows and 8 columns, added. How many patches has a "
            "grid of them?",
        ),
        Slip(
            "channels_as_images",
            (10, None, None),
            "The 10 in front stands for ten images. There is one, and its "
            "channels belong to the patches."
            " How many images are cut?",
        ),
    ),
)
