"""Pictures as people have them are opened as they mean them."""

import io
import struct

import icc
import numpy as np
import picture_files
import pytest
from PIL import Image

from vitlib.photos import open_photo

WIDTH, HEIGHT = picture_files.SIZE


@pytest.fixture(scope="module")
def colours():
    return np.array(picture_files.small_cat()).astype(float)


def opened(content):
    photo = open_photo(io.BytesIO(content))
    assert photo.mode == "RGB"
    assert photo.info == {}
    return np.array(photo).astype(float)


def off(content, wanted):
    """By how many grey levels it differs at most."""
    if wanted.ndim == 2:
        wanted = wanted[..., None]
    return np.abs(opened(content) - wanted).max()


TURNS = {  # EXIF's note: how the stored rows and columns are to be shown
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("note", TURNS)
def test_a_photo_stands_as_the_camera_was_held(note, colours):
    content = picture_files.turned(note, "png")
    assert off(content, TURNS[note](colours)) == 0


def test_the_note_of_a_webp_is_left_aside_as_in_browsers(colours):
    content = picture_files.FILES["a turned WebP"]()
    assert off(content, colours) == 0


def test_a_broken_note_of_the_camera_is_left_aside(colours):
    content = picture_files.saved(
        picture_files.small_cat(), "png", exif=b"Exif\0\0nonsense"
    )
    assert off(content, colours) == 0


def laid_on_white(colours, cover):
    share = np.asarray(cover)[..., None] / 255
    return colours * share + 255 * (1 - share)


def test_what_is_transparent_lies_on_white(colours):
    wanted = laid_on_white(colours, picture_files.cover())
    for name in ("transparency", "transparent WebP"):
        assert off(picture_files.FILES[name](), wanted) <= 1


def test_transparent_grey_lies_on_white():
    grey = np.array(picture_files.small_cat().convert("L"), float)
    wanted = laid_on_white(grey[..., None], picture_files.cover())
    assert off(picture_files.FILES["transparent grey"](), wanted) <= 1


def test_a_logo_in_black_on_nothing_is_black_on_white():
    logo = Image.new("LA", (4, 4))
    logo.putpixel((1, 2), (0, 255))
    shown = np.array(open_photo(logo))
    assert (shown[2, 1] == 0).all()
    assert (shown == 255).sum() == 45


def test_the_clear_colour_of_a_palette_is_white(colours):
    few = picture_files.small_cat().quantize(64)
    places = np.array(few)
    wanted = np.array(few.getpalette()).reshape(-1, 3)[places]
    assert off(picture_files.palette(), wanted) == 0
    wanted[places == 3] = 255
    for kind in ("png", "gif"):
        content = picture_files.palette(kind, transparency=3)
        assert off(content, wanted) == 0


@pytest.mark.parametrize("level", [90, 300])
def test_a_clear_grey_is_white_in_8_and_16_bits(level):
    grey = np.array([[0, level, level + 1], [level - 1, 65535, 7]])
    if level < 256:
        grey = grey.astype(np.uint8)
    wanted = grey / (1 if level < 256 else 257)
    wanted[0, 1] = 255
    picture = Image.fromarray(
        grey.astype(grey.dtype if level < 256 else np.uint16)
    )
    content = picture_files.saved(picture, "png", transparency=level)
    assert off(content, wanted) <= 1


def test_sixteen_bits_are_not_cut_off_at_255():
    deep = picture_files.deep()
    wanted = deep / 257
    for kind in ("png", "tiff"):
        content = picture_files.saved(Image.fromarray(deep), kind)
        assert off(content, wanted) <= 1
    large = Image.fromarray(deep.astype(">u2"))
    assert (
        np.abs(np.array(open_photo(large)) - wanted[..., None]).max() <= 1
    )
    floats = Image.fromarray((deep / 65535).astype(np.float32))
    content = picture_files.saved(floats, "tiff")
    assert off(content, wanted) <= 1


def test_sixteen_bits_of_colour_are_read(colours):
    content = picture_files.FILES["16 bits of colour"]()
    assert off(content, colours) <= 1


def test_inks_of_a_press_become_light(colours):
    """Cyan, magenta and yellow take red, green and blue; black all."""
    inks = picture_files.small_cat().convert("CMYK")
    inks.putpixel((3, 2), (255, 51, 0, 102))
    content = picture_files.saved(inks, "tiff")
    c, m, y, k = np.array(inks).transpose(2, 0, 1) / 255
    wanted = np.dstack([(1 - ink) * (1 - k) * 255 for ink in (c, m, y)])
    assert off(content, wanted) <= 1


def srgb_of(colours, primaries, gamma):
    """As the profile says it: to light, through XYZ, to sRGB's curve."""
    srgb = [(0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971)]
    srgb += [(0.1431, 0.0606, 0.7141)]
    light = (colours / 255) ** gamma @ np.array(primaries)
    light = np.clip(light @ np.linalg.inv(srgb), 0, 1)
    curved = 1.055 * light ** (1 / 2.4) - 0.055
    return 255 * np.where(light < 0.0031308, 12.92 * light, curved)


def test_the_colours_of_a_profile_become_those_of_srgb(colours):
    for gamma in (1.8, 2.2):
        content = picture_files.in_mode(
            "RGB", icc_profile=icc.of_rgb(gamma=gamma)
        )
        wanted = srgb_of(colours, icc.P3, gamma)
        assert np.abs(wanted - colours).max() > 15
        found = np.abs(opened(content) - wanted)
        assert found.max() <= 2
        assert found.mean() < 0.5


def test_a_profile_of_grey_is_minded():
    grey = np.array(picture_files.small_cat().convert("L"), float)
    content = picture_files.in_mode("L", icc_profile=icc.of_grey(1.0))
    light = grey / 255
    curved = 1.055 * light ** (1 / 2.4) - 0.055
    wanted = 255 * np.where(light < 0.0031308, 12.92 * light, curved)
    assert off(content, wanted) <= 1


@pytest.mark.parametrize(
    "profile", [b"nonsense", icc.of_rgb()[:90], icc.of_grey(1.0)]
)
def test_a_profile_that_does_not_fit_is_none(profile, colours):
    content = picture_files.in_mode("RGB", icc_profile=profile)
    assert off(content, colours) == 0


@pytest.mark.parametrize("kind", ["tiff", "png", "webp", "gif"])
def test_of_many_pages_the_first_is_taken(kind, colours):
    settings = {"lossless": True} if kind == "webp" else {}
    found = opened(picture_files.frames(kind, **settings))
    assert np.abs(found - colours).mean() < (8 if kind == "gif" else 0.1)


def test_paths_files_and_images_are_opened_alike(tmp_path, colours):
    content = picture_files.turned(6, "png")
    path = tmp_path / "own.png"
    path.write_bytes(content)
    wanted = TURNS[6](colours)
    for source in (path, str(path), io.BytesIO(content), Image.open(path)):
        assert np.array_equal(np.array(open_photo(source)), wanted)
    with path.open("rb") as file:
        assert np.array_equal(np.array(open_photo(file)), wanted)


def test_what_was_opened_is_not_turned_again(colours):
    image = Image.open(io.BytesIO(picture_files.turned(6, "png")))
    again = open_photo(open_photo(image))
    assert np.array_equal(np.array(again), TURNS[6](colours))
    assert image.getexif()[picture_files.TURN] == 6  # as it was given
    plain = picture_files.small_cat()
    open_photo(plain).putpixel((0, 0), (1, 2, 3))
    assert plain.getpixel((0, 0)) != (1, 2, 3)


@pytest.mark.parametrize("kind", picture_files.FORMATS)
def test_a_file_that_is_cut_off_is_refused(kind, refuses):
    content = picture_files.cut(picture_files.in_mode("RGB", kind))
    name = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF"}
    refuses(
        lambda: opened(content),
        f"{len(content)} bytes",
        "cut off",
        name.get(kind, ""),
    )


def test_an_image_that_is_cut_off_is_refused(refuses):
    content = picture_files.cut(picture_files.in_mode("RGB", "jpeg"))
    image = Image.open(io.BytesIO(content))
    refuses(lambda: open_photo(image), "broken", "truncated")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes, nothing is in it"),
        (b"hello there", "11 bytes, no kind of picture known here"),
        (b"%PDF-1.7 and so on", "a PDF, save the page as PNG"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC, export it as JPEG"),
        (b"\x89PNG\r\n\x1a\n", "a PNG, cut off or damaged"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(
    content, words, refuses, tmp_path
):
    path = tmp_path / "mine.jpg"
    path.write_bytes(content)
    refuses(lambda: open_photo(path), "mine.jpg", *words.split(", "))


def test_a_header_that_lies_is_refused(refuses):
    """A PNG of 60,000 by 60,000 pixels, in 70 bytes."""
    content = bytearray(picture_files.in_mode("RGB"))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    refuses(lambda: opened(bytes(content)), "a PNG")


def test_what_cannot_be_read_is_refused(refuses):
    refuses(lambda: open_photo(5), "int", "path")
    refuses(lambda: open_photo(io.StringIO("text")), "str", "'rb'")
    with pytest.raises(FileNotFoundError):
        open_photo("nowhere.png")
