"""The drawing pad in Python: what is drawn, as a tensor and in words."""

import numpy as np
import pytest
import torch
from live_page import give_to_python, pixels, settle

from vitlib.inside import attention_maps
from vitlib.teach import digit_reader
from vitlib.teach.alive.bundle import samples
from vitlib.teach.draw.palette import RAMPS
from vitlib.teach.live import DigitPad

PRESSED = (".vit-sample >> nth=3", "Enter", "image.shape[-1]", 28)


def test_the_picture_of_the_pad_names_what_the_model_reads():
    pad = DigitPad()
    best = digit_reader()(pad.image).argmax().item()
    assert best == 5
    assert f"that of {best}." in pad.still()[1]


def test_the_drawing_is_a_tensor_in_python():
    pad = DigitPad()
    assert pad.image.shape == (1, 1, 28, 28)
    pad.pixels = bytes([0, 255, 51] + [0] * 781)
    assert pad.image[0, 0, 0, :3].tolist() == pytest.approx([0, 1, 0.2])
    image = torch.linspace(0, 1, 784).reshape(1, 1, 28, 28)
    pad.image = image
    torch.testing.assert_close(pad.image, image, atol=0.5 / 255, rtol=0)


def test_a_drawing_that_cannot_be_shown_is_refused(refuses):
    pad = DigitPad()

    def show(image):
        pad.image = image

    refuses(lambda: show(torch.zeros(28, 28)), (28, 28), (1, 1, 28, 28))
    refuses(lambda: show(torch.full((1, 1, 28, 28), 255.0)), 255, 1)
    refuses(lambda: show(torch.full((1, 1, 28, 28), torch.nan)), "nan")


def test_bytes_that_the_browser_sends_arrive():
    pad = DigitPad()
    pad.set_state({"pixels": memoryview(bytes([255] * 784))})
    assert pad.image.min() == 1


def test_the_class_token_looks_where_it_looks_in_python(open_figure):
    pad = DigitPad()
    maps = attention_maps(digit_reader(), pad.image)
    shares = maps[:, 0, :, 0, 1:].mean(dim=1)
    tab = open_figure(pad)
    looks = tab.locator(".vit-looks canvas")
    assert looks.count() == len(shares)
    ramp = [int(colour[1:3], 16) for colour in RAMPS["weight"]]
    reds = np.interp(shares / shares.max(), [0, 0.5, 1], ramp)
    for layer, red in enumerate(reds):
        shown = pixels(tab, f".vit-looks canvas >> nth={layer}")
        assert np.abs(shown[..., 0].flatten() - red).max() <= 1


def test_undo_takes_the_last_stroke_back(open_figure):
    tab = open_figure(DigitPad())
    left = tab.evaluate(
        """() => {
          const { drawing } = vitlib.drawing;
          drawing.setStrokes([[3, 3, 9, 9], [12, 4, 12, 20]]);
          drawing.undo();
          return drawing.strokes;
        }"""
    )
    (stroke,) = left
    assert stroke == pytest.approx([3, 3, 9, 9], abs=0.06)


def test_between_two_digits_the_page_is_not_sure(open_figure):
    three, eight = samples()[3], samples()[8]
    for share in torch.linspace(0, 1, 201):
        image = torch.lerp(three, eight, share)[None]
        shares = digit_reader()(image)[0].softmax(dim=0)
        if 0.45 < shares.max() < 0.55:
            break
    first, second = shares.topk(2).indices.tolist()
    pad = DigitPad()
    pad.image = image
    said = open_figure(pad).locator(".vit-verdict").inner_text()
    assert said == f"Not sure: {first} or {second}?"


def test_a_pad_that_is_gone_hears_of_no_drawing(open_figure):
    tab = open_figure(DigitPad())
    settle(tab)
    size = "vitlib.drawing.drawing.listeners.size"
    of_the_page = tab.evaluate(size)
    give_to_python(tab)
    assert tab.evaluate(size) == 2 * of_the_page
    assert tab.evaluate(f"end(), {size}") == of_the_page
