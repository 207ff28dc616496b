"""What a screenshot shows: its pixels, and how far they stand out.

    before = shot(tab, box)
    ...
    changed(before, shot(tab, box))  # how many pixels are plainly others

A box is {x, y, width, height}, in pixels of the window.
"""

import io

import numpy as np
from PIL import Image

PLAIN = 3  # WCAG's least contrast of what is no text


def around(box, margin=0):
    """Give a box with more room, cut at the window's left and top."""
    x, y = (max(0, box[side] - margin) for side in "xy")
    return {
        "x": x,
        "y": y,
        "width": box["x"] + box["width"] + margin - x,
        "height": box["y"] + box["height"] + margin - y,
    }


def colours(tab, box=None):
    """Take what is seen, in a box or the window, (height, width, 3)."""
    png = tab.screenshot(clip=box, animations="allow")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def shot(tab, box=None):
    """Take what is seen, (height, width) luminances."""
    return luminance(colours(tab, box))


def luminance(colours):
    """(..., 3) of 0 to 255 -> (...) luminances, as WCAG has them."""
    parts = np.asarray(colours) / 255
    linear = np.where(
        parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """Give the contrast of luminances with others, as WCAG has it."""
    dark, light = np.minimum(one, other), np.maximum(one, other)
    return (light + 0.05) / (dark + 0.05)


def changed(before, after):
    """Count the pixels that stand out from what they were."""
    return int((contrast(before, after) >= PLAIN).sum())


def rim(shown, width):
    """Blacken all but the outermost pixels: what is inside may change."""
    kept = shown.copy()
    kept[width:-width, width:-width] = 0
    return kept
