"""A picture file is the same to the page and to Python."""

import base64
import io

import numpy as np
import picture_files
import pytest
from picture_files import FILES

from vitlib.photos import open_photo
from vitlib.teach import resize_and_crop
from vitlib.teach.alive import bundle

SIDE = 96
PAGE = (
    "<!doctype html><html lang=en><title>photo</title><script>{}</script>"
)
READ = """async ([coded, side]) => {
  const bytes = vitlib.vit.fromBase64(coded);
  const { openPhoto, resized, middleOf } = vitlib.photo;
  let photo;
  try {
    photo = await openPhoto(new File([bytes], "own"));
  } catch ({ message }) {
    return message;
  }
  const size = [photo.height, photo.width];
  const all = resized(photo, size, [0, 0, ...size]);
  return [all, middleOf(photo, side)].map((data) => {
    let text = "";
    for (const byte of data) text += String.fromCharCode(byte);
    return btoa(text);
  });
}"""


@pytest.fixture
def read(open_figure):
    """Give what a page makes of a file: all of it, and its middle."""
    names = [*bundle.needs("vit"), *bundle.needs("photo")]
    scripts = map(bundle.script, dict.fromkeys(names))
    tab = open_figure(PAGE.format("\n".join(scripts)))

    def go(content):
        coded = base64.b64encode(content).decode()
        found = tab.evaluate(READ, [coded, SIDE])
        if isinstance(found, str):
            return found
        parts = (
            np.frombuffer(base64.b64decode(p), np.uint8) for p in found
        )
        return [part.astype(int) for part in parts]

    return go


def off(shown, wanted):
    wanted = np.array(wanted).astype(int)
    assert shown.size == wanted.size
    return np.abs(shown - wanted.ravel()).max()


@pytest.mark.parametrize("name", FILES)
def test_page_and_python_open_a_file_alike_to_a_grey_level(name, read):
    content = FILES[name]()
    whole, middle = read(content)
    assert off(whole, open_photo(io.BytesIO(content))) <= 1
    assert off(middle, resize_and_crop(io.BytesIO(content), SIDE)) <= 1


@pytest.mark.parametrize(
    "size",
    [
        (40, 31),
        (97, 96),
        pytest.param((1500, 1100), marks=pytest.mark.long),
    ],
)
def test_smaller_and_larger_pictures_become_what_pillow_makes(size, read):
    numbers = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3))
    picture = picture_files.Image.fromarray(numbers.astype(np.uint8))
    _, middle = read(picture_files.saved(picture, "png"))
    assert off(middle, resize_and_crop(picture, SIDE)) <= 1


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "avif"])
def test_a_file_that_is_cut_off_is_refused_as_in_python(kind, read):
    content = picture_files.cut(picture_files.in_mode("RGB", kind))
    name = {"jpeg": "JPEG", "webp": "WebP"}.get(kind, kind.upper())
    said = read(content)
    assert f"{name}, but it is cut off or damaged" in said
    with pytest.raises(ValueError, match=f"{name}.*cut off or damaged"):
        open_photo(io.BytesIO(content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello there", "finds no picture"),
        (b"", "finds no picture"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"%PDF-1.7 and so on", "a PDF"),
        (picture_files.in_mode("RGB", "tiff"), "a TIFF"),
    ],
)
def test_what_a_browser_cannot_read_is_refused_by_name(
    content, words, read
):
    assert words in read(content)
