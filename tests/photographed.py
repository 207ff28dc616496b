"""Digits as people photograph them, drawn by our own code.

    file = photographed(image, "ruled paper", generator)

takes a digit (1, 28, 28) and gives the bytes of a picture file. DIGITS are
kinds in which there is one digit, OTHERS what is no single digit. All
numbers are shares of the picture's side or of the paper's brightness, and
`generator` (numpy) decides all that is left to chance. ASIDE are kinds
that nothing was ever tuned on.
"""

import io
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDES = (300, 400)  # pixels: height and width of a picture
TURN = 0x0112  # EXIF's note of how the camera was held


def drawn(image, generator, side=(0.4, 0.7), where=None, worn=0):
    """Put a digit somewhere on a picture: (h, w), 1 where there is ink.

    Of a `worn` one so many pixels are gone on each side of a stroke.
    """
    height, width = SIDES
    size = int(generator.uniform(*side) * height)
    ink = Image.fromarray((np.array(image[0]) * 255).astype(np.uint8))
    ink = ink.resize((size, size), Image.Resampling.BICUBIC)
    ink = ink.filter(ImageFilter.GaussianBlur(size / 90))
    for _ in range(worn):
        ink = ink.filter(ImageFilter.MinFilter(3))
    sharp = np.clip((np.array(ink) / 255 - 0.5) * 6 + 0.5, 0, 1)
    whole = np.zeros(SIDES)
    free = height - size, width - size
    top, left = (int(generator.uniform(0.1, 0.9) * room) for room in free)
    if where is not None:
        left = int(where * width)
    whole[top : top + size, left : left + size] = sharp
    return whole


def places():
    """Row and column of each pixel, from -1 to 1."""
    height, width = SIDES
    return np.meshgrid(
        np.linspace(-1, 1, height),
        np.linspace(-1, 1, width),
        indexing="ij",
    )


def half_plane(generator, soft, reach=0.4):
    """1 on one side of a line through the picture, 0 on the other."""
    rows, cols = places()
    angle = generator.uniform(0, 2 * np.pi)
    away = np.cos(angle) * cols + np.sin(angle) * rows
    away = away - generator.uniform(-reach, reach)
    return 1 / (1 + np.exp(-away / soft))


def lines(generator, squared=False, slope=0.05):
    """Printed lines, (h, w) from 0 to 1: rules, or squares."""
    height, width = SIDES
    step = generator.uniform(18, 45)
    thick = generator.uniform(1, 2.2)
    tilt = generator.uniform(-slope, slope)
    start = generator.uniform(0, step)
    y, x = np.mgrid[:height, :width]
    found = np.zeros(SIDES)
    for along, across in ((x, y), (-y, x))[: 2 if squared else 1]:
        place = (across + tilt * along + start) % step
        near = np.minimum(place, step - place)
        found = np.maximum(found, np.clip(thick / 2 + 0.5 - near, 0, 1))
    return found


def noisy(light, generator, noise=0.012):
    """Give brightness (h, w) or (h, w, 3) as a picture, with noise."""
    light = light + generator.normal(0, noise, light.shape)
    return Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8))


def inked(ink, generator, paper=None, strength=None):
    """Put ink on paper: its brightness (h, w)."""
    paper = generator.uniform(0.78, 0.97) if paper is None else paper
    strength = strength or generator.uniform(0.65, 0.9)
    return paper * (1 - strength * ink)


def saved(picture, kind="png", **settings):
    """Give the bytes of its file."""
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


# --- One digit


def clean(image, generator):
    return saved(
        noisy(inked(drawn(image, generator), generator), generator)
    )


def white_on_black(image, generator):
    ink = drawn(image, generator)
    return saved(noisy(0.08 + 0.8 * ink, generator))


def faint(image, generator):
    strength = generator.uniform(0.14, 0.22)
    light = inked(drawn(image, generator), generator, strength=strength)
    return saved(noisy(light, generator, 0.008))


def soft_shadow(image, generator):
    light = inked(drawn(image, generator), generator)
    shade = 1 - generator.uniform(0.2, 0.45) * half_plane(generator, 0.5)
    return saved(noisy(light * shade, generator))


def strong_shadow(image, generator):
    light = inked(drawn(image, generator), generator)
    soft = generator.uniform(0.01, 0.06)
    shade = 1 - generator.uniform(0.5, 0.75) * half_plane(generator, soft)
    return saved(noisy(light * shade, generator))


def pencil(image, generator):
    grain = generator.uniform(0.5, 1, SIDES)
    ink = drawn(image, generator) * grain
    return saved(noisy(inked(ink, generator, strength=0.5), generator))


def one_bit(image, generator):
    ink = drawn(image, generator)
    return saved(Image.fromarray(ink < 0.5))


def ruled(image, generator, shade=1.0, **kind):
    strength = generator.uniform(0.15, 0.45)
    page = 1 - strength * lines(generator, **kind)
    ink = drawn(image, generator)
    return saved(noisy(inked(ink, generator) * page * shade, generator))


def shadow_on_ruled(image, generator):
    soft = generator.uniform(0.01, 0.06)
    shade = 1 - generator.uniform(0.4, 0.7) * half_plane(generator, soft)
    return ruled(image, generator, shade)


def table_edge(image, generator):
    """The paper ends, and a table of wood is seen beyond it."""
    light = inked(drawn(image, generator, (0.4, 0.55), 0.35), generator)
    y, x = np.mgrid[: SIDES[0], : SIDES[1]]
    tilt = generator.uniform(-0.12, 0.12)
    beyond = x + tilt * y < generator.uniform(0.06, 0.2) * SIDES[1]
    if generator.random() < 0.5:
        edge = generator.uniform(0.02, 0.1) * SIDES[0]
        beyond |= y - tilt * x < edge
    waves = np.sin((x + 9 * np.sin(y / 60)) / generator.uniform(2, 5))
    wood = generator.uniform(0.25, 0.5) * (1 + 0.15 * waves)
    return saved(noisy(np.where(beyond, wood, light), generator))


def turned(image, generator):
    """As a camera that was held upright or upside down stores it."""
    note = int(generator.choice([3, 6, 8]))
    degrees = {3: 180, 6: 90, 8: 270}[note]  # against the clock
    light = inked(drawn(image, generator), generator)
    stored = noisy(light, generator).rotate(degrees, expand=True)
    exif = Image.Exif()
    exif[TURN] = note
    return saved(stored, "jpeg", quality=90, exif=exif)


def speck(image, generator):
    ink = drawn(image, generator)
    top, left = (int(generator.uniform(0.05, 0.9) * s) for s in SIDES)
    ink[top : top + 2, left : left + 3] = 1
    return saved(noisy(inked(ink, generator), generator))


def transparent(image, generator):
    ink = drawn(image, generator)
    sheet = np.zeros((*SIDES, 4), np.uint8)
    sheet[..., 3] = ink * 255
    return saved(Image.fromarray(sheet))


def sixteen_bits(image, generator):
    light = inked(drawn(image, generator), generator)
    return saved(Image.fromarray((light * 65535).astype(np.uint16)))


DIGITS = {
    "clean": clean,
    "white on black": white_on_black,
    "faint": faint,
    "soft shadow": soft_shadow,
    "pencil": pencil,
    "one bit": one_bit,
    "strong shadow": strong_shadow,
    "ruled paper": ruled,
    "shadow on ruled paper": shadow_on_ruled,
    "table edge": table_edge,
    "turned by the camera": turned,
    "a speck": speck,
    "transparent": transparent,
    "sixteen bits": sixteen_bits,
}


# --- No single digit


def blank(image, generator):
    """Paper alone: plain, ruled, in shadow, or with a table's edge."""
    nothing = np.zeros_like(image)
    kinds = clean, ruled, strong_shadow, table_edge, shadow_on_ruled
    return kinds[generator.integers(len(kinds))](nothing, generator)


def two_digits(image, generator):
    """Two side by side; `image` holds both, (2, 28, 28)."""
    size = generator.uniform(0.3, 0.42)
    gap = generator.uniform(0, 0.1)
    state = generator.bit_generator.state
    first = drawn(image[:1], generator, (size, size), 0.1)
    generator.bit_generator.state = state  # the second at the same height
    second = drawn(image[1:], generator, (size, size), 0.1 + size + gap)
    ink = np.maximum(first, second)
    return saved(noisy(inked(ink, generator), generator))


def scribble(image, generator):
    """Lines back and forth, over and over."""
    picture = Image.new("L", SIDES[::-1], 0)
    draw = ImageDraw.Draw(picture)
    count = generator.integers(12, 30)
    middle = generator.uniform(0.4, 0.6, 2) * SIDES[::-1]
    points = middle + generator.uniform(-100, 100, (count, 2))
    draw.line(
        [tuple(p) for p in points], 255, int(generator.integers(4, 9))
    )
    ink = np.array(picture) / 255
    return saved(noisy(inked(ink, generator), generator))


def letter(image, generator):
    """Letters that no digit looks like, of straight strokes."""
    strokes = {
        "X": [[(0, 0), (1, 1)], [(0, 1), (1, 0)]],
        "M": [[(0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)]],
        "W": [[(0, 0), (0.25, 1), (0.5, 0.4), (0.75, 1), (1, 0)]],
        "K": [[(0, 0), (0, 1)], [(0.8, 0), (0, 0.5), (0.8, 1)]],
        "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
        "E": [
            [(0.8, 0), (0, 0), (0, 1), (0.8, 1)],
            [(0, 0.5), (0.6, 0.5)],
        ],
    }
    name = generator.choice(sorted(strokes))
    size = generator.uniform(100, 170)
    corner = generator.uniform(40, 100, 2)
    picture = Image.new("L", SIDES[::-1], 0)
    draw = ImageDraw.Draw(picture)
    for stroke in strokes[name]:
        points = [
            np.array(p) * size + corner + generator.normal(0, 4, 2)
            for p in stroke
        ]
        draw.line([tuple(p) for p in points], 255, 12, joint="curve")
    ink = np.array(picture) / 255
    return saved(noisy(inked(ink, generator), generator))


def part_of_a_photo(image, generator):
    """A part of the cat, each time another."""
    from vitlib.teach import cat

    picture = cat()
    side = int(generator.uniform(120, 300))
    left, top = (
        int(generator.uniform(0, 1) * (length - side))
        for length in picture.size
    )
    part = picture.crop((left, top, left + side, top + side))
    return saved(part, "jpeg", quality=90)


OTHERS = {
    "blank": blank,
    "two digits": two_digits,
    "scribble": scribble,
    "a photo of the cat": part_of_a_photo,
    "a letter": letter,
}


# --- Put aside until the end


def squared_paper(image, generator):
    return ruled(image, generator, squared=True)


def coloured_paper(image, generator):
    """Coloured paper and ink, darker towards the corners."""
    ink = drawn(image, generator)[..., None]
    paper = generator.uniform(0.55, 0.95, 3)
    pen = generator.uniform(0.05, 0.4, 3) * paper
    rows, cols = places()
    shade = 1 - generator.uniform(0.3, 0.5) * (rows**2 + cols**2) / 2
    light = (paper * (1 - ink) + pen * ink) * shade[..., None]
    return saved(noisy(light, generator))


def low_light(image, generator):
    """Dark, with much noise that its JPEG has smeared."""
    light = 0.3 * inked(drawn(image, generator), generator)
    picture = noisy(light, generator, 0.035)
    return saved(picture, "jpeg", quality=30)


def at_an_angle(image, generator):
    """Ruled paper seen from one side: its lines run together."""
    picture = Image.open(io.BytesIO(ruled(image, generator)))
    height, width = SIDES
    near, far = generator.uniform(0.02, 0.16, 2)
    corners = (0, near * height, 0, height * (1 - near / 2))
    corners += (width, height * (1 - far), width, far * height)
    places = Image.Transform.QUAD
    resample = Image.Resampling.BICUBIC
    return saved(
        picture.transform(picture.size, places, corners, resample)
    )


def skipping_pen(image, generator):
    """Drawn with a pen that skips: thin strokes break, or are gone.

    Of some digits nothing is left, so that nobody reads all of them.
    """
    ink = drawn(image, generator, (0.6, 0.8), worn=5)
    return saved(noisy(inked(ink, generator), generator))


def thinned(ink):
    """The middle of each stroke, a pixel wide: (h, w), True for ink.

    Zhang and Suen, A fast parallel algorithm for thinning digital
    patterns (1984): pixels are taken off the outline, in turns from two
    sides, wherever nothing is cut in two.
    """
    before = None
    while before is None or (ink != before).any():
        before = ink
        for turn in (1, -1):
            around = np.pad(ink, 1)[::turn, ::turn]
            height, width = (length - 2 for length in around.shape)
            ring = [
                around[row : row + height, col : col + width]
                for row, col in RING
            ]
            count = sum(part.astype(int) for part in ring)
            starts = sum(
                (~one & other).astype(int)
                for one, other in pairwise(ring + ring[:1])
            )
            up, right, down, left = ring[::2]
            loose = ~(up & right & down) & ~(right & down & left)
            outer = (count >= 2) & (count <= 6) & (starts == 1) & loose
            ink = ink & ~outer[::turn, ::turn]
    return ink


RING = (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0)


def thin_pen(image, generator):
    """Drawn with a fine pen: lines of one or of three pixels."""
    line = thinned(drawn(image, generator, (0.6, 0.8)) > 0.5)
    picture = Image.fromarray((line * 255).astype(np.uint8))
    picture = picture.filter(
        ImageFilter.MaxFilter(int(generator.choice([1, 3])))
    )
    picture = picture.filter(ImageFilter.GaussianBlur(0.5))
    ink = np.clip(np.array(picture) / 255 * 1.4, 0, 1)
    return saved(noisy(inked(ink, generator), generator))


def felt_pen(image, generator):
    """Drawn with a felt pen, wide, in a colour, out of focus."""
    ink = drawn(image, generator, (0.5, 0.8))
    picture = Image.fromarray((ink * 255).astype(np.uint8))
    wide = ImageFilter.MaxFilter(int(generator.choice([7, 11])))
    blur = ImageFilter.GaussianBlur(generator.uniform(1, 4))
    ink = np.array(picture.filter(wide).filter(blur))[..., None] / 255
    pen = generator.uniform(0.05, 0.5, 3)
    light = generator.uniform(0.78, 0.97) * (1 - ink + pen * ink)
    return saved(noisy(light, generator))


def creased_paper(image, generator):
    """On paper that was folded: each field has a light of its own."""
    light = inked(drawn(image, generator), generator)
    for _ in range(3):
        fold = half_plane(generator, 0.004, 0.8)
        edge = np.exp(-(((fold - 0.5) / 0.2) ** 2))
        light = light * (1 - generator.uniform(0.03, 0.12) * fold)
        light = light * (1 - generator.uniform(0.05, 0.25) * edge)
    return saved(noisy(light, generator))


ASIDE = {
    "squared paper": squared_paper,
    "coloured paper": coloured_paper,
    "low light": low_light,
    "at an angle": at_an_angle,
    "a pen that skips": skipping_pen,
    "a thin pen": thin_pen,
    "a felt pen out of focus": felt_pen,
    "creased paper": creased_paper,
}


def photographed(image, kind, generator):
    """Photograph a digit in a way of this name: the bytes of the file."""
    return (DIGITS | OTHERS | ASIDE)[kind](np.asarray(image), generator)
