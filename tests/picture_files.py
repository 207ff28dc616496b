"""Picture files of every kind that people have, made of the book's cat.

`FILES[name]()` gives the bytes. `cut(content)` leaves three quarters.
"""

import io
import struct
import zlib
from functools import partial

import icc
import numpy as np
from PIL import Image, features

from vitlib.teach import cat

SIZE = (301, 200)
TURN = 0x0112  # EXIF's note of how the camera was held
LINEAR = struct.pack(">I", 100_000)
AVIF = ("avif",) if features.check("avif") else ()  # Pillow from 11.3
FORMATS = ("jpeg", "png", "gif", "webp", *AVIF, "bmp", "tiff")


def small_cat():
    return cat().resize(SIZE, Image.Resampling.BICUBIC)


def saved(picture, kind, **settings):
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


def cut(content):
    return content[: len(content) * 3 // 4]


def cover():
    """How much of each pixel is covered: all numbers from 0 to 255."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return ((7 * x + 3 * y) % 256).astype(np.uint8)


def clear(mode="RGBA"):
    picture = small_cat()
    picture.putalpha(Image.fromarray(cover()))
    return picture.convert(mode)


def in_mode(mode, kind="png", **settings):
    return saved(small_cat().convert(mode), kind, **settings)


def palette(kind="png", **settings):
    return saved(small_cat().quantize(64), kind, **settings)


def turned(note, kind="jpeg", **settings):
    exif = Image.Exif()
    exif[TURN] = note
    return saved(small_cat(), kind, exif=exif, **settings)


def deep():
    """Grey in 16 bits, and not only multiples of 257."""
    grey = np.array(small_cat().convert("L")).astype(np.uint16)
    return grey * 257 - np.arange(SIZE[0], dtype=np.uint16)


def deep_png(numbers, kind):
    """Write what Pillow does not: colours, or clear grey, in 16 bits."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        head = struct.pack(">I", len(content))
        return head + name + content + struct.pack(">I", check)

    height, width = numbers.shape[:2]
    rows = (b"\0" + row.astype(">u2").tobytes() for row in numbers)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def deep_colours():
    colours = np.array(small_cat()).astype(np.uint16)
    return deep_png(colours * 257 - 99 * (colours > 5), 2)


def deep_and_clear():
    return deep_png(np.dstack([deep(), cover().astype(int) * 257]), 4)


def with_chunks(content, **chunks):
    """Put further notes behind the head of a PNG."""
    notes = b""
    for name, numbers in chunks.items():
        note = name.encode() + struct.pack(f">{len(numbers)}I", *numbers)
        size, check = len(note) - 4, zlib.crc32(note)
        notes += struct.pack(">I", size) + note + struct.pack(">I", check)
    return content[:33] + notes + content[33:]


def with_gamma(gamma, mode="RGB", **settings):
    return with_chunks(in_mode(mode, **settings), gAMA=(gamma,))


def frames(kind, **settings):
    """The cat, then the cat upside down."""
    picture = small_cat()
    later = picture.rotate(180)
    if kind == "gif":
        picture, later = picture.quantize(64), later.quantize(64)
    more = {"save_all": True, "append_images": [later]}
    return saved(picture, kind, **more, **settings)


FILES = {  # those that browsers open as well
    "a JPEG": partial(in_mode, "RGB", "jpeg", quality=75),
    "a progressive JPEG": partial(
        in_mode, "RGB", "jpeg", progressive=True
    ),
    "a grey JPEG": partial(in_mode, "L", "jpeg", quality=90),
    "a CMYK JPEG": partial(in_mode, "CMYK", "jpeg", quality=90),
    "a CMYK JPEG with a profile": lambda: in_mode(
        "CMYK", "jpeg", quality=90, icc_profile=icc.of_cmyk()
    ),
    "a phone's JPEG, turned": partial(turned, 6),
    "a mirrored JPEG": partial(turned, 5),
    "a turned PNG": partial(turned, 8, "png"),
    "a turned WebP": partial(turned, 6, "webp", lossless=True),
    "a PNG": partial(in_mode, "RGB"),
    "a grey PNG": partial(in_mode, "L"),
    "one bit": partial(in_mode, "1"),
    "transparency": lambda: saved(clear(), "png"),
    "transparent grey": lambda: saved(clear("LA"), "png"),
    "transparent WebP": lambda: saved(clear(), "webp", lossless=True),
    "transparency with a profile": lambda: saved(
        clear(), "png", icc_profile=icc.of_rgb()
    ),
    "a clear colour": partial(in_mode, "L", transparency=90),
    "a palette": palette,
    "a palette with a clear colour": partial(palette, transparency=3),
    "a GIF with a clear colour": partial(palette, "gif", transparency=3),
    "16 bits of grey": lambda: saved(Image.fromarray(deep()), "png"),
    "16 bits, one of them clear": lambda: saved(
        Image.fromarray(deep()), "png", transparency=int(deep()[9, 9])
    ),
    "16 bits of colour": deep_colours,
    "16 bits of clear grey": deep_and_clear,
    "an iPhone's colours": lambda: in_mode(
        "RGB", "jpeg", quality=92, icc_profile=icc.of_rgb()
    ),
    "a PNG with a profile": lambda: in_mode(
        "RGB", icc_profile=icc.of_rgb(gamma=1.8)
    ),
    "grey with a profile": lambda: in_mode(
        "L", "jpeg", quality=92, icc_profile=icc.of_grey(1.0)
    ),
    "a broken profile": lambda: in_mode(
        "RGB", "jpeg", quality=92, icc_profile=icc.of_rgb()[:90]
    ),
    "a PNG with a gamma of 1": partial(with_gamma, 100_000),
    "a grey PNG with an old Mac's gamma": partial(with_gamma, 55_556, "L"),
    "a PNG with the usual gamma": partial(with_gamma, 45_455),
    "a gamma beside a profile": lambda: with_gamma(
        100_000, icc_profile=icc.of_rgb()
    ),
    "a moving GIF": partial(frames, "gif"),
    "a moving PNG": partial(frames, "png"),
    "a moving WebP": partial(frames, "webp", lossless=True),
    "a BMP": partial(in_mode, "RGB", "bmp"),
    **{
        f"an {kind.upper()}": partial(in_mode, "RGB", kind, quality=80)
        for kind in AVIF
    },
}
