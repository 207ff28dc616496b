"""Check after how many layers one corner sees the other."""

from vitlib.teach.checking.number import NumberPiece, Slip, numeral


def reached(layers: float) -> str:
    """Say how far the corner sees after so many layers."""
    if layers != int(layers) or layers < 0:
        return (
            f"{numeral(layers)} is no number of layers. How many steps is "
            "it from the first column to the last, and how many does a "
            "layer take?"
        )
    seen = (
        f"{numeral(layers)} is not it: after so many layers the output in "
        "the upper left corner sees as far as row and column "
        f"{numeral(1 + 2 * layers)}, counted from 1."
    )
    if layers < 150:
        return f"{seen} Which is the last that it has to see?"
    return (
        f"{seen} The picture ends at column 301. Which was the first "
        "layer to see that far?"
    )


PIECE = NumberPiece(
    module=__name__,
    number=1,
    compute=lambda: max(97 - 1, 301 - 1) / 2,
    follows=reached,
    next="An attention layer needs one, whatever the size.",
    mistakes=(
        Slip(
            "windows_of_3_pixels",
            300,
            "300 layers would be needed by windows of 3 x 3, which reach "
            "one pixel further each. How far does a window of 5 x 5 reach "
            "from its middle?",
        ),
        Slip(
            "columns_for_steps",
            151,
            "151 is half of 301 columns, rounded up. How many steps is it "
            "from the first of them to the last?",
        ),
        Slip(
            "four_pixels_a_layer",
            75,
            "75 takes four pixels a layer. A window of 5 x 5 is four "
            "pixels wider than one pixel. On how many sides?",
        ),
        Slip(
            "windows_side_by_side",
            60,
            "60 windows of five pixels, side by side, are as wide as the "
            "picture. But the layers lie one upon the other: by how many "
            "pixels does the next one reach further?",
        ),
        Slip(
            "windows_side_by_side_rounded_up",
            61,
            "61 windows of five pixels, side by side, cover the picture. "
            "But the layers lie one upon the other: by how many pixels "
            "does the next one reach further?",
        ),
        Slip(
            "rows_only",
            48,
            "After 48 layers the corner sees down to the last row. How "
            "far to the right does it see then?",
        ),
        Slip(
            "one_direction_after_the_other",
            198,
            "198 goes down first, 48 layers, and then to the right, 150. "
            "Does a window not grow in both directions at once?",
        ),
        Slip(
            "along_the_diagonal",
            158,
            "158 follows the diagonal, about 315 pixels long. But a "
            "window is a square: how far does its own corner reach?",
        ),
    ),
)
