"""Your own pictures: one function opens whatever people have."""

import io
import os
from typing import IO

try:
    from PIL import Image, ImageChops, ImageCms, ImageOps
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "vitlib.photos needs Pillow, unlike vitlib itself: "
        'pip install "vitlib[photos]", or in a clone '
        'pip install ".[photos]"'
    ) from error

Source = str | os.PathLike[str] | IO[bytes] | Image.Image
SRGB = ImageCms.createProfile("sRGB")
USUAL = 0.45455  # the gamma that a PNG notes for sRGB
EXACT = ImageCms.Flags.NOOPTIMIZE  # without, grey is off by 9 levels
KINDS = {  # how a file of each kind begins, from which byte on
    "a JPEG": (0, b"\xff\xd8\xff"),
    "a PNG": (0, b"\x89PNG"),
    "a GIF": (0, b"GIF8"),
    "a WebP": (8, b"WEBP"),
    "a TIFF": (0, b"II*\0"),
    "an AVIF": (4, b"ftypavif"),
    "a HEIC, as iPhones take photos: export it as JPEG": (4, b"ftyphei"),
    "a PDF: save the page as PNG": (0, b"%PDF"),
    "no kind of picture known here": (0, b""),
}


def open_photo(source: Source) -> Image.Image:
    """Open a picture as one means it: upright, on white, in RGB.

    A path, an open binary file or a PIL image -> a PIL image, 8 bits a
    channel, in the colours of sRGB. It is turned as the camera noted
    (EXIF), what is transparent lies on white, and palettes, grey, 16
    bits, CMYK, colour profiles and a PNG's gamma are converted; primary
    colours noted without a profile are not. Of many pages or frames it
    is the first. What is no picture, cut off, or of a kind that Pillow
    cannot read is a ValueError.

    >>> open_photo(Image.new("LA", (2, 1), (0, 0))).getpixel((0, 0))
    (255, 255, 255)
    """
    if isinstance(source, Image.Image):
        try:
            return plain(source)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"the image is broken: {error}") from error
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return decoded(file.read(), os.path.basename(source))
    content = source.read() if hasattr(source, "read") else source
    if not isinstance(content, bytes):
        raise ValueError(
            f"a picture cannot be opened from a {type(content).__name__}: "
            "give a path, a file opened with 'rb', or an image of Pillow"
        )
    return decoded(content, str(getattr(source, "name", "the file")))


def decoded(content: bytes, name: str) -> Image.Image:
    """Decode the first picture of a file, or say what is wrong."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return plain(image)
    except Exception as error:  # each decoder has kinds of its own
        known = [
            f"it begins like {kind}"
            for kind, (at, mark) in KINDS.items()
            if content.startswith(mark, at)
        ]
        reason = known[0] if content else "nothing is in it"
        raise ValueError(
            f"{name}, {len(content)} bytes, is no picture that can be "
            f"read to its end: {reason}. If it opens elsewhere, save it "
            "as JPEG or PNG; if not, it is cut off or damaged"
        ) from error


def plain(image: Image.Image) -> Image.Image:
    """Give what is decoded upright, opaque and in RGB, nothing else."""
    image.load()
    about = image.info
    colours, cover = parted(eight_bits(turned(image)))
    colours = in_srgb(colours, about.get("icc_profile"))
    if not {"icc_profile", "srgb"} & about.keys():
        colours = brightened(colours, about.get("gamma", USUAL))
    if cover is not None:
        paper = Image.new("RGB", colours.size, "white")
        colours = Image.composite(colours, paper, cover)
    bare = Image.merge("RGB", colours.split())
    bare.info = {}
    return bare


def turned(image: Image.Image) -> Image.Image:
    """Turn it as the camera noted, WebP left out, as browsers do."""
    try:
        webp = image.format == "WEBP"
        return image if webp else ImageOps.exif_transpose(image)
    except Exception:  # a broken note may be anything
        return image


def eight_bits(image: Image.Image) -> Image.Image:
    """Keep the upper 8 bits of 16, as browsers do; floats end at 1."""
    if not image.mode.startswith(("I", "F")):
        return image
    floats = image.mode == "F"
    numbers = (image if floats else image.convert("I")).convert("F")
    scale, half = (255, 0.5) if floats else (1 / 256, 0.0)
    grey = numbers.point(lambda v: v * scale + half).convert("L")
    clear = image.info.get("transparency")
    if clear is None:
        return grey
    above = numbers.point(lambda v: v * 1.0 - clear).convert("L")
    below = numbers.point(lambda v: v * -1.0 + clear).convert("L")
    cover = ImageChops.lighter(above, below).point([0] + [255] * 255)
    return Image.merge("LA", (grey, cover))


def parted(
    image: Image.Image,
) -> tuple[Image.Image, Image.Image | None]:
    """Part the colours from what they cover, 0 for clear; None for all."""
    clear = "transparency" in image.info
    if image.mode == "La" or (clear and image.mode == "L"):
        image = image.convert("LA")
    elif clear or image.mode in ("P", "PA", "RGBa"):
        image = image.convert("RGBA")
    if image.mode not in ("LA", "RGBA"):
        return image, None
    *colours, cover = image.split()
    return Image.merge(image.mode[:-1], colours), cover


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert colours by their profile; a broken one is none."""
    try:
        found = ImageCms.getOpenProfile(io.BytesIO(profile or b""))
        if found.profile.xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        flags = ImageCms.Flags.NONE if image.mode == "RGB" else EXACT
        change = ImageCms.buildTransform(
            found, SRGB, image.mode, "RGB", flags=flags
        )
        converted = Image.new("RGB", image.size)
        change.apply(image, converted)
        return converted
    except ImageCms.PyCMSError:
        return image.convert("RGB")


def brightened(image: Image.Image, gamma: float) -> Image.Image:
    """Follow a PNG's note of its gamma, as browsers do."""
    if abs(gamma - USUAL) < 0.005 or not 0.01 < gamma < 100:
        return image
    light = [(level / 255) ** (1 / gamma) for level in range(256)]
    curve = [
        12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055
        for x in light
    ]
    return image.point([round(255 * y) for y in curve] * 3)
