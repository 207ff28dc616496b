"""Where there is ink on a photographed paper, whatever the light."""

import numpy as np
from numpy import ndarray as Array
from PIL import Image

SIDE = 256  # pixels: the longer side, on which all that follows is done
STROKE = 61  # the widest stroke that is ink, and no shadow
LINE = 9  # the widest printed line
DARKEST = 0.25  # of the lightest paper: what is darker is mostly noise
TILT = 36  # how far a line may rise or fall across the picture
REACHES = 0.6  # the share of the way in which a printed line is seen
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def brightness(photo: Image.Image) -> Array:
    """An RGB photo -> (h, w) from 0 to 1, the longer side 256."""
    scale = SIDE / max(photo.size)
    size = [max(1, round(side * scale)) for side in photo.size]
    small = photo.resize(tuple(size), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.float32) @ GREY / 255


def ink_on(light: Array) -> Array:
    """(h, w) -> the share of light that ink takes from paper, 0 to 1.

    Paper is what is left where all that is narrow and dark is filled: it
    follows shadows. Printed lines, which cross the whole picture, are
    taken out.
    """
    light = smooth(light)
    paper = filled(light, STROKE)
    ink = without_lines(taken(light, paper))
    return without_lines(ink.T).T


def taken(light: Array, paper: Array) -> Array:
    """The share of the paper's light that is gone, 0 to 1."""
    least = max(1e-6, DARKEST * np.percentile(light, 99))
    return np.clip((paper - light) / np.maximum(paper, least), 0, 1)


def smooth(picture: Array, reach: int = 1) -> Array:
    """Mean over a square of 2 * reach + 1 pixels."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach + 1, reach)
        sums = np.pad(picture, pad, mode="edge").cumsum(axis, np.float64)
        upper = sums.take(range(2 * reach + 1, sums.shape[axis]), axis)
        lower = sums.take(range(sums.shape[axis] - 2 * reach - 1), axis)
        picture = (upper - lower) / (2 * reach + 1)
    return picture.astype(np.float32)


def largest(picture: Array, size: int, axis: int) -> Array:
    """The largest number in a window of an odd size along one axis."""
    reach, length = size // 2, picture.shape[axis]
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    found = np.pad(picture, pad, constant_values=-np.inf)
    done = 1
    while done < size:  # windows of 1, 2, 4, ... pixels
        step = min(done, size - done)
        count = found.shape[axis] - step
        found = np.maximum(
            found.take(range(count), axis),
            found.take(range(step, step + count), axis),
        )
        done += step
    return found.take(range(length), axis)


def filled(picture: Array, size: int) -> Array:
    """Fill what is dark and narrower than `size`; edges stay in place."""
    for axis in (0, 1):
        picture = largest(picture, size, axis)
    for axis in (0, 1):
        picture = -largest(-picture, size, axis)
    return picture


def noise_of(ink: Array) -> float:
    """How much two neighbours differ where nothing is: half of all do."""
    return float(np.median(np.abs(np.diff(ink, axis=1))))


def without_lines(ink: Array) -> Array:
    """Take out thin lines that run from the left edge to the right."""
    flat = -largest(-ink, LINE, 0)
    thin = ink - largest(flat, LINE, 0)
    marks = thin > max(0.05, 4 * noise_of(ink))
    found = lines_in(marks)
    if not found.any():
        return ink
    printed = float(np.percentile(ink[found], 90))  # a line has soft edges
    kept = ink > 1.2 * printed + 0.1  # darker than print: ink on a line
    bridged = np.minimum(nearest(ink, found), nearest(ink, found, -1))
    return np.where(found & ~kept, np.minimum(ink, bridged), ink)


def lines_in(marks: Array) -> Array:
    """The marks that lie on a line from edge to edge."""
    height, width = marks.shape
    thick = largest(marks.astype(np.float32), 3, 0)
    pad = TILT // 2 + 1
    tall = np.pad(thick, ((pad, pad), (0, 0)))
    along, ends = np.arange(width), max(1, width // 8)
    rows = np.arange(height)[:, None]
    found = np.zeros_like(thick)
    for tilt in range(-TILT, TILT + 1):
        shift = np.round(tilt * (along / max(1, width - 1) - 0.5))
        place = rows + pad + shift.astype(int)
        seen = tall[place, along]
        is_line = seen.mean(1) > REACHES
        is_line &= seen[:, :ends].mean(1) > REACHES
        is_line &= seen[:, -ends:].mean(1) > REACHES
        for row in is_line.nonzero()[0]:
            line = place[row] - pad
            inside = (line >= 0) & (line < height)
            found[line[inside], along[inside]] = 1
    return (largest(found, 5, 0) > 0) & (largest(marks * 1.0, 3, 0) > 0)


def nearest(ink: Array, hidden: Array, step: int = 1) -> Array:
    """The last number above that is not hidden; below, for step -1."""
    found = np.zeros_like(ink)
    last = np.zeros(ink.shape[1], dtype=ink.dtype)
    for row in range(len(ink))[::step]:
        last = np.where(hidden[row], last, ink[row])
        found[row] = last
    return found
