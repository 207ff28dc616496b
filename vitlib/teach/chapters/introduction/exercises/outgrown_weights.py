"""Check from which side on the tables outgrow the weights."""

from vitlib.teach.checking.number import NumberPiece, Slip


def outgrown() -> int:
    """Find the first side whose tables hold more than the layer."""
    side = 16
    while 12 * (1 + (side // 16) ** 2) ** 2 <= 4 * 768**2 + 4 * 768:
        side += 16
    return side


PIECE = NumberPiece(
    module=__name__,
    number=4,
    compute=outgrown,
    next="485 tokens, and 12 tables of 485 by 485: 2,822,700 numbers. At "
    "224 pixels they were 465,708. With the side of the picture the "
    "weights do not grow at all, the tables with its fourth power.",
    mistakes=(
        Slip(
            "one_patch_too_few",
            336,
            "Nearly: 336 pixels are 21 by 21 patches and 442 tokens, and "
            "12 tables of them hold 2,344,368 numbers. The layer has "
            "2,362,368.",
        ),
        Slip(
            "no_whole_patches",
            337,
            "337 is where the curves cross. But a side is made of whole "
            "patches.",
        ),
        Slip(
            "one_table",
            640,
            "At 640 pixels a single table holds more than the layer. How "
            "many tables does the layer make?",
        ),
        Slip(
            "patches_a_side",
            22,
            "22 patches a side. How many pixels is that?",
        ),
        Slip(
            "tokens_where_they_cross",
            444,
            "444 is the number of tokens. How many patches a side are "
            "needed for them, and how many pixels?",
        ),
        Slip(
            "tokens",
            485,
            "485 is the number of tokens, and it is the right one. How "
            "many pixels wide is the picture?",
        ),
        Slip(
            "patches",
            484,
            "484 is the number of patches, and it is the right one. How "
            "many pixels wide is the picture?",
        ),
    ),
)
