"""Check from which side on the tables outgrow the weights."""

from vitlib.teach.checking.number import NumberPiece, Slip, numeral


def outgrown() -> int:
    """Find the first side whose tables hold more than the layer."""
    side = 16
    while 12 * (1 + (side // 16) ** 2) ** 2 <= 4 * 768**2 + 4 * 768:
        side += 16
    return side


def tables_of(side: float) -> str:
    """Say what the tables of a picture with this side hold."""
    patches = side / 16
    if patches != int(patches) or side <= 0:
        return (
            f"{numeral(side)} is no multiple of 16, and the side is made "
            "of whole patches. How many tokens are needed, and what is "
            "the next square number of patches that gives them?"
        )
    tokens = int(patches) ** 2 + 1
    held = 12 * tokens**2
    seen = (
        f"A side of {numeral(side)} makes {tokens:,} tokens, and 12 "
        f"tables of them hold {held:,} numbers. The layer has 2,362,368 "
        "to learn."
    )
    if held <= 2_362_368:
        return f"{seen} Do the tables hold more?"
    return f"{seen} Does a smaller side do it, too?"


PIECE = NumberPiece(
    module=__name__,
    number=4,
    compute=outgrown,
    follows=tables_of,
    next="485 tokens, and 12 tables of 485 by 485: 2,822,700 numbers. At "
    "224 pixels they were 465,708. With the side of the picture the "
    "weights do not grow at all, the tables with its fourth power.",
    mistakes=(
        Slip(
            "one_patch_too_few",
            336,
            "Nearly: 336 pixels are 21 by 21 patches and 442 tokens, and "
            "12 tables of them hold 2,344,368 numbers. The layer has "
            "2,362,368."
            " What is the next side of whole patches?",
        ),
        Slip(
            "one_patch_too_many",
            368,
            "Nearly: the tables of 368 pixels hold more than the layer, "
            "3,370,800 numbers. Is it the smallest such side?",
        ),
        Slip(
            "tokens_times_patch",
            444 * 16,
            "7,104 is 444 tokens times 16 pixels. The tokens do not stand "
            "in one row: how many are in a row of the grid?",
        ),
        Slip(
            "tables_not_squared",
            16 * 444**2,
            "Too many squares: 444 is the number of tokens already."
            " How many patches stand in a row, so that there are so many "
            "tokens?",
        ),
        Slip(
            "no_whole_patches",
            337,
            "337 is where the curves cross. But a side is made of whole "
            "patches."
            " What is the next multiple of 16?",
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
