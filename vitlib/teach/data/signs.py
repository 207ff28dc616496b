"""The one sign on a paper, told from all that is not one."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray as Array

from vitlib.teach.data.ink import ink_on, largest, noise_of, taken

TAKEN = (0.4, 0.25, 0.15, 0.08)  # of the light, by dark or faint ink
CUT = 0.35  # of the sign's darkness: what is lighter is its edge
SMALLEST = 20  # pixels of 256: a sign that is smaller is dirt
MARGIN = 4  # pixels of 256: what is so near to the edge touches it
SPECK = 0.04  # of the sign's ink: less is dirt
OTHER = 0.2  # of the sign's ink: as much is another sign
PALE = 0.45  # of the sign's darkness: less is a shadow of it
BROKEN = 0.05  # of the sign's size: parts so near belong together
ABOVE = 0.3  # and so near, if one stands above the other
WIDEST = 2.0  # times its height: 1.6 has one of a thousand digits
ACROSS, DOWN, BOTH = 2.4, 3.1, 4.8  # strokes that a line through it meets
THINNEST = 0.08  # of its size: the digits' own strokes are 0.1 to 0.15
LEAST = 12  # pixels
BUSY = 0.25  # of what is around a sign: as much is dark beside no digit
NEAR = range(4, 14, 2)  # pixels of 256 from a sign: paper is there
FINE = 7  # pixels of 256: the width of a stroke
EVEN = 0.8  # of the sign's darkness, which half of a stroke has at least


@dataclass
class Part:
    """Ink in one piece: its pixels, its box, and how dark it is."""

    rows: Array
    cols: Array
    level: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right, both ends outside."""
        return (
            int(self.rows.min()),
            int(self.cols.min()),
            int(self.rows.max()) + 1,
            int(self.cols.max()) + 1,
        )

    @property
    def size(self) -> int:
        """The longer side of its box."""
        top, left, bottom, right = self.box
        return max(bottom - top, right - left)

    def __len__(self) -> int:
        return len(self.rows)

    def with_(self, other: "Part") -> "Part":
        """The two as one."""
        rows = np.concatenate([self.rows, other.rows])
        cols = np.concatenate([self.cols, other.cols])
        return Part(rows, cols, max(self.level, other.level))


def labels_of(mask: Array) -> Array:
    """Number what hangs together, also by corners: (h, w), 0 for none."""
    labels = np.zeros(mask.shape, dtype=int)
    roots = [0]

    def root(label: int) -> int:
        while roots[label] != label:
            label = roots[label]
        return label

    above = []
    for row, marks in enumerate(mask):
        turns = np.diff(np.pad(marks.astype(int), 1)).nonzero()[0]
        runs = []
        for start, end in turns.reshape(-1, 2).tolist():
            touched = {
                root(label)
                for first, last, label in above
                if first <= end and start <= last
            }
            label = min(touched, default=len(roots))
            if label == len(roots):
                roots.append(label)
            for one in touched:
                roots[one] = label
            labels[row, start:end] = label
            runs.append((start, end, label))
        above = runs
    return np.array([root(label) for label in range(len(roots))])[labels]


def parts_of(ink: Array, least: float) -> list[Part]:
    """All ink in its pieces, the most ink first; none at the edge."""
    labels = labels_of(ink > least)
    order = np.argsort(labels, axis=None, kind="stable")
    counts = np.bincount(labels.ravel())
    ends = counts.cumsum()
    parts = []
    for label in counts.nonzero()[0]:
        pixels = order[ends[label] - counts[label] : ends[label]]
        if label == 0 or len(pixels) < LEAST:
            continue
        rows, cols = np.unravel_index(pixels, ink.shape)
        level = float(np.percentile(ink[rows, cols], 90))
        parts.append(Part(rows, cols, level))
    parts = [p for p in parts if not is_print(p, *ink.shape)]
    return sorted(parts, key=lambda p: -len(p) * p.level)


def is_print(part: Part, height: int, width: int) -> bool:
    """Tell what is no handwriting: it touches the edge, or is a rule."""
    top, left, bottom, right = part.box
    if min(top, left, height - bottom, width - right) <= MARGIN:
        return True
    high, wide = bottom - top, right - left
    return wide > 0.6 * width and high < 0.15 * wide


def gaps(one: Part, other: Part) -> tuple[int, int]:
    """Rows and columns between two boxes; below 0 where they overlap."""
    a, b = one.box, other.box
    rows = max(a[0], b[0]) - min(a[2], b[2])
    cols = max(a[1], b[1]) - min(a[3], b[3])
    return rows, cols


def belongs(part: Part, sign: Part) -> bool:
    """Tell if a part is a broken piece of a sign, or a stroke above it."""
    rows, cols = gaps(part, sign)
    if max(rows, cols) <= BROKEN * sign.size:
        return True
    wide = np.ptp(part.cols) + 1
    return rows <= ABOVE * sign.size and -cols > 0.5 * wide


def joined(parts: list[Part]) -> tuple[Part, list[Part]]:
    """The largest part with all that belongs to it, and what is left."""
    sign, *rest = parts
    rest = [
        p
        for p in rest
        if len(p) > SPECK * len(sign) and p.level > PALE * sign.level
    ]
    while near := [p for p in rest if belongs(p, sign)]:
        for part in near:
            sign = sign.with_(part)
        rest = [p for p in rest if not any(p is n for n in near)]
    return sign, rest


def stands_out(sign: Part, light: Array) -> bool:
    """Tell if a sign is darker than what is around it, near and far.

    What lies between the strokes of a light sign is not. A shadow may
    cover three quarters of what is far.
    """
    near, far = max(3, sign.size // 8), max(64, 2 * sign.size)
    for around, share in ((near, 50), (far, 75)):
        paper = np.percentile(frame_of(light, sign.box, around), share)
        ink = taken(light, paper)[sign.rows, sign.cols]
        if np.median(ink) < 0.5 * sign.level:
            return False
    return True


def frame_of(light: Array, box: tuple[int, ...], around: int) -> Array:
    """The pixels on a frame so far around a box, within the picture."""
    top, left = (max(0, side - around) for side in box[:2])
    bottom, right = (side + around for side in box[2:])
    part = light[top:bottom, left:right]
    return np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])


def sign_on(light: Array, ink: Array) -> tuple[Part, list[Part]] | None:
    """Find the darkest sign, and what else there is; None for none."""
    least = 6 * noise_of(ink)
    for taken_at_least in TAKEN:
        parts = parts_of(ink, max(taken_at_least, least))
        if not parts:
            continue
        sign, rest = joined(parts)
        if sign.size >= SMALLEST and stands_out(sign, light):
            finer = parts_of(ink, max(CUT * sign.level, least))
            if finer and joined(finer)[0].size >= sign.size:
                return joined(finer)
            return sign, rest
    return None


def one_sign(light: Array) -> Array:
    """Brightness (h, w) -> the ink of the one sign, cut out, 0 to 1.

    Dark on light, or else light on dark. ValueError, with the reason,
    where there is not one sign, or one that no digit is like.
    """
    ink = ink_on(light)
    found = sign_on(light, ink)
    edge = frame_of(light, (0, 0, *light.shape), 0)
    ground = max(np.median(edge), np.median(light))
    if not found and ground < 0.5 * np.percentile(light, 99):
        ink = ink_on(1 - light)
        found = sign_on(1 - light, ink)
    if not found:
        raise ValueError(
            "there is no ink that stands clear of the picture's edge: "
            "leave some paper around the digit, and write it darker"
        )
    check_one(*found)
    check_stroke(ink, found[0])
    return strokes_of(cut_out(ink, found[0]))


def check_one(sign: Part, rest: list[Part]) -> None:
    """Refuse several signs, and one that is too wide."""
    others = [p for p in rest if len(p) > OTHER * len(sign)]
    if others:
        raise ValueError(
            f"there are {1 + len(others)} signs in this picture: cut out "
            "the one that is to be read"
        )
    top, left, bottom, right = sign.box
    if right - left > WIDEST * (bottom - top):
        raise ValueError(
            "what is in this picture is "
            f"{(right - left) / (bottom - top):.1f} times as wide as it "
            f"is high, and no digit more than {WIDEST}: cut out one"
        )


def check_stroke(ink: Array, sign: Part) -> None:
    """Refuse what is no stroke of a pen on paper, as a part of a photo.

    A pen's stroke is about equally dark, and beside it there is paper.
    """
    top, left, bottom, right = sign.box
    around = np.ones(ink.shape, dtype=bool)
    around[max(0, top - 6) : bottom + 6, max(0, left - 6) : right + 6] = 0
    dark = (ink > CUT * sign.level) & around
    busy = float(dark.sum() / max(1, around.sum()))
    beside = [frame_of(ink, sign.box, away) for away in NEAR]
    near = float((np.concatenate(beside) > CUT * sign.level).mean())
    busy = max(busy, near)
    even = float(np.median(ink[sign.rows, sign.cols])) / sign.level
    if width_of(cut_out(ink, sign)) < FINE:
        even = 1.0  # a fine stroke is all edge
    if busy > BUSY or even < EVEN:
        raise ValueError(
            f"this looks like no pen on paper: {busy:.0%} of what is "
            f"around the darkest sign is dark as well, at most {BUSY:.0%} "
            f"may be; half of the sign has {even:.0%} of its darkness or "
            f"less, and {EVEN:.0%} is the least"
        )


def cut_out(ink: Array, sign: Part) -> Array:
    """Give the ink of the sign alone, 1 where it is full."""
    kept = np.zeros_like(ink)
    kept[sign.rows, sign.cols] = ink[sign.rows, sign.cols]
    top, left, bottom, right = sign.box
    kept = kept[top:bottom, left:right] / sign.level
    return np.clip(1.6 * kept - 0.5, 0, 1)


def strokes_of(kept: Array) -> Array:
    """Refuse a scribble, and thicken what a fine pen has drawn."""
    down, across = crossings_of(kept.T), crossings_of(kept)
    if across > ACROSS or down > DOWN or across + down > BOTH:
        raise ValueError(
            "this looks like a scribble or a letter: a line across it "
            f"meets {across:.1f} strokes in the mean, one down "
            f"{down:.1f}; of digits at most {ACROSS} and {DOWN}, and "
            f"{BOTH} together"
        )
    while width_of(kept) < THINNEST * max(kept.shape):
        kept = np.pad(kept, 1)
        kept = largest(largest(kept, 3, 0), 3, 1)
    return kept


def crossings_of(kept: Array) -> float:
    """How many strokes a row meets, in the mean of those that meet any."""
    marks = np.pad(kept > 0.4, ((0, 0), (1, 0))).astype(int)
    starts = (np.diff(marks, axis=1) == 1).sum(axis=1)
    return float(starts.sum() / max(1, (starts > 0).sum()))


def width_of(kept: Array) -> float:
    """How thick the strokes are: twice their area by their outline."""
    sides = np.pad(kept, 1)
    outline = sum(
        float(np.abs(np.diff(sides, axis=axis)).sum()) for axis in (0, 1)
    )
    return 2 * float(kept.sum()) / (0.25 * np.pi * outline)
