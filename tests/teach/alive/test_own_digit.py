"""A photo of a digit on the pad is read as Python reads it."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from live_page import SLOW_PHOTO, give_to_python, page_of, settle, state
from photographed import DIGITS, photographed, saved
from picture_files import FILES, cut
from PIL import Image

from vitlib.teach import digit_from_picture, digit_reader, digits
from vitlib.teach.alive import bring
from vitlib.teach.data.own_digit import known_digits, seen_softly
from vitlib.teach.live import DigitPad

READ = """async (coded) => {
  const bytes = vitlib.vit.fromBase64(coded);
  try {
    const photo = await vitlib.photo.openPhoto(new File([bytes], "own"));
    return [...vitlib.own_digit.digitOf(photo)];
  } catch ({ message }) {
    return message;
  }
}"""
DROP = """([coded, deed, where]) => {
  const files = new DataTransfer();
  files.items.add(new File([vitlib.vit.fromBase64(coded)], "own.png"));
  const given = { bubbles: true, cancelable: true };
  const event = deed === "drop"
    ? new DragEvent("drop", { ...given, dataTransfer: files })
    : new ClipboardEvent("paste", { ...given, clipboardData: files });
  document.querySelector(where).dispatchEvent(event);
}"""
LIKENESS = """async (images) => {
  const { knownDigits, likeness } = vitlib.likeness;
  const known = await knownDigits();
  return images.map((image) => likeness(image, known));
}"""
KINDS = (
    "clean",
    "white on black",
    "shadow on ruled paper",
    "table edge",
    "turned by the camera",
    "transparent",
)


def taken(kind, at=0, seed=5):
    images, labels = digits("validation")
    some = images[at : at + 1 + (kind == "two digits"), 0]
    generator = np.random.default_rng(seed)
    return photographed(some, kind, generator), int(labels[at])


def beside_a_table(seed):
    """Blank paper, and a table beyond it."""
    blank, generator = np.zeros((1, 28, 28)), np.random.default_rng(seed)
    return photographed(blank, "table edge", generator)


def sliver():
    """Blank paper on a dark table, and a sliver of another beside it."""
    light = np.full((192, 256), 0.3)
    light[8:-8, 60:-8] = light[60:130, 25:30] = 0.9
    return saved(Image.fromarray((light * 255).astype(np.uint8)))


def coded(content):
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def page():
    return page_of(DigitPad())


@pytest.fixture
def tab(page, open_figure):
    return open_figure(page)


@pytest.fixture
def said(tab):
    return tab.locator(".vit-pad-controls [role=status]")


def test_the_page_finds_the_digit_that_python_finds(tab):
    reader = digit_reader()
    assert set(DIGITS) >= set(KINDS)
    for kind in KINDS:
        content, _ = taken(kind, at=3)
        found = torch.tensor(tab.evaluate(READ, coded(content)))
        wanted = digit_from_picture(io.BytesIO(content))
        off = (found - wanted.flatten()).abs().mean()
        assert off < 0.01, kind
        answers = [
            reader(one.reshape(1, 1, 28, 28)).argmax().item()
            for one in (found, wanted)
        ]
        assert answers[0] == answers[1], kind


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("blank", "no ink"),
        ("two digits", "2 signs"),
        ("scribble", "a scribble or a letter"),
    ],
)
def test_what_is_no_single_digit_is_refused_as_in_python(kind, words, tab):
    content, _ = taken(kind, seed=6)
    assert words in tab.evaluate(READ, coded(content))
    with pytest.raises(ValueError, match=words):
        digit_from_picture(io.BytesIO(content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (beside_a_table(15), "no pen on paper"),
        (beside_a_table(4), "no ink"),
        (sliver(), "no ink"),
    ],
    ids=["grain beside the paper", "grain at the edge", "a sliver"],
)
def test_a_table_beside_blank_paper_is_no_digit(content, words, tab):
    assert words in tab.evaluate(READ, coded(content))
    with pytest.raises(ValueError, match=words):
        digit_from_picture(io.BytesIO(content))


@pytest.mark.parametrize("deed", ["drop", "paste", "choose"])
def test_a_photo_is_read_however_it_is_brought(deed, tab, said):
    content, label = taken("ruled paper", at=2)
    if deed == "choose":
        tab.locator("input[type=file]").set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": content}
        )
    else:
        tab.evaluate(DROP, [coded(content), deed, ".vit-pad"])
    said.filter(has_text="digit of your photo").wait_for()
    assert state(tab)["answer"] == str(label)
    tab.get_by_role("button", name="clear").click()
    settle(tab)
    assert not said.is_visible()


@pytest.mark.parametrize("seed", [0, 9])
def test_a_letter_is_like_no_digit_as_in_python(seed, tab, said):
    before = state(tab)["answer"]
    content, _ = taken("a letter", seed=seed)
    with pytest.raises(ValueError, match="like no digit") as refused:
        digit_from_picture(io.BytesIO(content))
    tab.evaluate(DROP, [coded(content), "drop", ".vit-pad"])
    said.filter(has_text="like no digit").wait_for()
    words = said.inner_text()
    assert "of 8,000" in words
    found, wanted = (
        float(re.search(r"likeness of ([.\d]+)", text)[1])
        for text in (words, str(refused.value))
    )
    assert found == pytest.approx(wanted, abs=0.02)
    assert state(tab)["answer"] == before


def test_the_pad_says_what_the_first_photo_loads(tab):
    size = sum(map(len, bring.as_scripts("known_digits").values()))
    assert size == pytest.approx(0.5e6, rel=0.1)
    words = tab.locator(".vit-pad-controls").inner_text()
    assert "the first loads half a megabyte" in words


def test_the_page_finds_as_much_likeness_as_python(tab):
    images = digits("validation")[0][:20]
    wanted = (seen_softly(images) @ known_digits().T).amax(dim=1)
    found = tab.evaluate(LIKENESS, images.flatten(1).tolist())
    assert np.abs(np.array(found) - wanted.numpy()).max() < 0.005


def test_a_photo_without_a_digit_leaves_the_drawing(tab, said):
    before = state(tab)["answer"]
    content, _ = taken("two digits")
    tab.evaluate(DROP, [coded(content), "drop", ".vit-pad"])
    said.filter(has_text="2 signs").wait_for()
    assert state(tab)["answer"] == before
    broken = cut(FILES["a JPEG"]())
    tab.evaluate(DROP, [coded(broken), "drop", ".vit-pad"])
    said.filter(has_text="a JPEG, but it is cut off").wait_for()
    assert state(tab)["answer"] == before


def test_who_draws_meanwhile_keeps_the_drawing(tab, said):
    tab.evaluate(SLOW_PHOTO)
    content, _ = taken("clean", at=2)
    tab.evaluate(DROP, [coded(content), "drop", ".vit-pad"])
    tab.wait_for_function("Boolean(window.goOn)")
    tab.locator(".vit-sample").nth(7).click()
    tab.evaluate("async () => { goOn(); await null; }")
    assert state(tab)["answer"] == "7"
    assert not said.is_visible()


def test_a_digit_that_is_found_too_late_is_let_go(tab, said):
    content, _ = taken("clean", at=2)
    text = tab.evaluate(
        """async (coded) => {
          const { drawing } = vitlib.drawing;
          const bytes = vitlib.vit.fromBase64(coded);
          const found = drawing.open(new File([bytes], "own.png"));
          drawing.sample(7);
          await found;
          return drawing.text;
        }""",
        coded(content),
    )
    assert text == "s7"
    assert state(tab)["answer"] == "7"
    assert not said.is_visible()


def test_python_has_the_digit_of_the_photo(tab, said):
    give_to_python(tab)
    content, _ = taken("clean", at=2)
    tab.evaluate(DROP, [coded(content), "drop", ".vit-pad"])
    tab.wait_for_function("python.sent.length")
    assert tab.evaluate("python.sent") == [{"bring": "known_digits"}]
    (part,) = bring.parts("known_digits")
    tab.evaluate(
        "(text) => python.tell({ bring: 'known_digits', index: 0, count: 1"
        " }, [new DataView(vitlib.vit.fromBase64(text).buffer)])",
        bring.coded(part),
    )
    said.filter(has_text="digit of your photo").wait_for()
    settle(tab)
    pixels = tab.evaluate(
        "[...new Uint8Array(python.get('pixels').buffer)]"
    )
    wanted = digit_from_picture(io.BytesIO(content)).flatten() * 255
    assert np.abs(np.array(pixels) - wanted.numpy()).mean() < 2.5
