"""Patches in place and mixed: the page says what vitlib computes."""

import re

import numpy as np
import pytest
import torch
from live_page import PHONE, give_to_python, pixels, settle
from traitlets import TraitError

from vitlib import patchify
from vitlib.teach.alive.bundle import samples
from vitlib.teach.chapters.tokens.patch_shuffle import (
    CLOSE,
    MIXED,
    PatchShuffle,
)

PRESSED = ("text=put back", "Enter", "order[:4]", [0, 1, 2, 3])

BARS = """() => [...document.querySelectorAll(".vit-pairs")].map((list) =>
  [0, 1].map((k) => [...list.querySelectorAll("li")].map((row) =>
    Number(row.querySelectorAll(".vit-pair-bar")[k]
      .style.getPropertyValue("--share")))))"""
ORDER = """() => [...document.querySelectorAll(".vit-piece")].map((box) =>
  Number(box.getAttribute("aria-label").match(/patch (\\d+)/)[1]))"""
PLACED = list(range(16))


def said(tab, column):
    return tab.locator(f".vit-shuffle-{column} .vit-hint").inner_text()


def moved(tab, column):
    """Read how far a logit moves."""
    return float(re.search(r"[\d.]+$", said(tab, column))[0])


def swapped(a, b):
    order = list(MIXED)
    order[a], order[b] = order[b], order[a]
    return order


def test_the_first_frame_says_what_vitlib_computes(open_figure):
    figure = PatchShuffle()
    tab = open_figure(figure)
    tab.locator("[data-figure=patch_shuffle][data-ready]").wait_for()
    scores = figure.scores()
    shares = torch.tensor(tab.evaluate(BARS))
    torch.testing.assert_close(
        shares, scores.softmax(dim=2), atol=1e-4, rtol=0
    )
    change = (scores[0, 0] - scores[0, 1]).abs().max().item()
    assert moved(tab, "with") == pytest.approx(change, abs=0.006)
    here, there = scores[0].argmax(dim=1).tolist()
    assert here != there  # what the first frame is to teach
    words = tab.locator(".vit-shuffle-with .vit-verdict").inner_text()
    assert words == f"reads {here}, mixed {there}"


def test_without_positions_no_logit_moves_whatever_the_order(open_figure):
    tab = open_figure(PatchShuffle())
    for digit in range(10):
        tab.locator(".vit-sample").nth(digit).click()
        tab.get_by_role("button", name="Mix the patches").click()
        settle(tab)
        assert sorted(tab.evaluate(ORDER)) == PLACED
        assert said(tab, "without").startswith("no logit moves")
        assert moved(tab, "without") <= CLOSE
        assert moved(tab, "with") > 0.01
        figure = PatchShuffle(order=tab.evaluate(ORDER))
        figure.image = samples()[digit][None]
        torch.testing.assert_close(
            torch.tensor(tab.evaluate(BARS)),
            figure.scores().softmax(dim=2),
            atol=1e-4,
            rtol=0,
        )


def test_mixing_moves_something_even_by_the_rarest_chance(open_figure):
    tab = open_figure(PatchShuffle(order=PLACED))
    tab.evaluate(  # at first each patch is left where it is
        """() => {
          let left = 15;
          Math.random = () => ((left -= 1) >= 0 ? 0.9999 : 0);
        }"""
    )
    tab.get_by_role("button", name="Mix the patches").click()
    settle(tab)
    assert sorted(tab.evaluate(ORDER)) == PLACED
    assert tab.evaluate(ORDER) != PLACED


def test_vitlib_says_so_too():
    torch.manual_seed(0)
    for image in samples():
        figure = PatchShuffle(order=torch.randperm(16).tolist())
        figure.image = image[None]
        with_positions, without = figure.scores()
        assert (without[0] - without[1]).abs().max() <= CLOSE
        assert (with_positions[0] - with_positions[1]).abs().max() > 0.01


def test_of_the_ten_samples_three_are_read_without_positions():
    """As chapter 4 says below the first frame, which is one of them."""
    read = []
    for digit, image in enumerate(samples()):
        figure = PatchShuffle()
        figure.image = image[None]
        answers = figure.scores().argmax(dim=2)
        assert answers[0, 0] == digit
        if answers[1, 0] == digit:
            read.append(digit)
    assert read == [1, 3, 5]


def test_the_mixed_pieces_are_the_patches_in_their_order(open_figure):
    figure = PatchShuffle()
    tab = open_figure(figure)
    settle(tab)
    ink = patchify(figure.mixed, 7)[0].reshape(16, 7, 7)
    for place in range(16):
        shown = pixels(tab, f".vit-piece:nth-child({place + 1}) canvas")
        wanted = 255 * ink[place].numpy()
        assert np.abs(shown[..., 3] - wanted).max() < 1


def test_two_patches_are_exchanged_by_mouse(open_figure):
    tab = open_figure(PatchShuffle())
    pieces = tab.locator(".vit-piece")
    pieces.nth(1).click()
    assert pieces.nth(1).get_attribute("aria-pressed") == "true"
    pieces.nth(9).click()
    settle(tab)
    assert tab.evaluate(ORDER) == swapped(1, 9)
    scores = PatchShuffle(order=swapped(1, 9)).scores()
    change = (scores[0, 0] - scores[0, 1]).abs().max().item()
    assert moved(tab, "with") == pytest.approx(change, abs=0.006)
    assert not tab.locator("[aria-pressed=true]").count()
    pieces.nth(4).click()
    pieces.nth(4).click()  # and not, after all
    pieces.nth(5).click()
    settle(tab)
    assert tab.evaluate(ORDER) == swapped(1, 9)


def test_all_of_it_by_keyboard_alone(open_figure):
    tab = open_figure(PatchShuffle())
    tab.keyboard.press("Tab")  # the pad
    tab.keyboard.press("7")
    for _ in range(2):  # the name of the patches, then the first piece
        tab.keyboard.press("Tab")
    for key in ("Enter", "ArrowRight", "ArrowDown", "Space"):
        tab.keyboard.press(key)
    settle(tab)
    assert tab.evaluate(ORDER) == swapped(0, 5)
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # put back
    settle(tab)
    assert tab.evaluate(ORDER) == PLACED
    assert moved(tab, "with") == moved(tab, "without") == 0
    words = tab.locator(".vit-shuffle-with .vit-verdict").inner_text()
    assert words == "reads 7 in both"
    assert "in their places" in tab.locator(".vit-remark").inner_text()


def test_two_patches_are_exchanged_by_finger_on_a_phone(open_figure):
    tab = open_figure(PatchShuffle(), **PHONE)
    tab.locator(".vit-piece").nth(0).tap()
    tab.locator(".vit-piece").nth(15).tap()
    settle(tab)
    assert tab.evaluate(ORDER) == swapped(0, 15)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_piece_shows_where_it_comes_from(open_figure):
    tab = open_figure(PatchShuffle())
    origin = tab.locator(".vit-origin")
    assert origin.is_hidden()
    tab.locator(".vit-piece").nth(1).hover()  # patch 10: row 2, column 2
    assert origin.evaluate("(e) => [e.style.left, e.style.top]") == [
        "50%",
        "50%",
    ]
    tab.locator(".vit-verdict").first.hover()
    assert origin.is_hidden()


def test_a_tensors_name_lights_the_tensor(open_figure):
    tab = open_figure(PatchShuffle())
    names = tab.locator(".vit-shape")
    assert names.all_inner_texts() == [
        "patches (16, 49)",
        "logits (10)",
        "logits (10)",
    ]
    names.nth(1).focus()
    assert tab.locator(".vit-panel-lit").count() == 1
    assert tab.locator(".vit-shuffle-with .vit-panel-lit").count() == 1
    names.nth(1).blur()
    assert not tab.locator(".vit-panel-lit").count()


def test_empty_paper_is_a_calm_case(open_figure):
    tab = open_figure(PatchShuffle())
    tab.get_by_role("button", name="Clear the drawing").click()
    settle(tab)
    assert "Nothing is drawn" in tab.locator(".vit-remark").inner_text()
    assert moved(tab, "without") <= CLOSE


def test_nothing_flies_where_less_motion_is_asked_for(open_figure):
    tab = open_figure(PatchShuffle())
    mix = tab.get_by_role("button", name="Mix the patches")
    flights = """(mix) => {
      mix.click();
      return document.getAnimations().length;
    }"""
    assert mix.evaluate(flights) == 0
    tab.emulate_media(reduced_motion="no-preference")
    assert mix.evaluate(flights) > 0


def test_the_bars_follow_the_page_into_the_dark(open_figure):
    fill = """getComputedStyle(
      document.querySelector(".vit-pair-bar")).backgroundImage"""
    day, night = (
        open_figure(PatchShuffle(), theme=theme).evaluate(fill)
        for theme in ("light", "dark")
    )
    assert day != night


def test_what_python_sets_moves_the_page_and_back(open_figure):
    tab = open_figure(PatchShuffle())
    give_to_python(tab)
    tab.evaluate("(order) => python.set('order', order)", PLACED)
    settle(tab)
    assert tab.evaluate(ORDER) == PLACED
    tab.locator(".vit-piece").nth(2).click()
    tab.locator(".vit-piece").nth(3).click()
    expected = [0, 1, 3, 2, *PLACED[4:]]
    assert tab.evaluate("python.get('order')") == expected
    tab.locator(".vit-sample").nth(4).click()
    sent = tab.evaluate("[...new Uint8Array(python.get('pixels').buffer)]")
    figure = PatchShuffle(pixels=bytes(sent))
    torch.testing.assert_close(
        figure.image[0], samples()[4], atol=0.002, rtol=0
    )


def test_the_mixed_picture_is_a_tensor_in_python():
    figure = PatchShuffle(order=[1, 0, *range(2, 16)])
    image = figure.image
    expected = image.clone()
    expected[..., :7, :7] = image[..., :7, 7:14]
    expected[..., :7, 7:14] = image[..., :7, :7]
    assert torch.equal(figure.mixed, expected)


@pytest.mark.parametrize("order", [[0, 1, 2], [0] * 16, [*range(1, 17)]])
def test_an_order_that_is_none_is_refused(order):
    figure = PatchShuffle()
    with pytest.raises(TraitError, match="each of 0 to 15 once"):
        figure.order = order
    assert figure.order == MIXED


def test_the_still_picture_tells_the_same():
    alt = PatchShuffle().still()[1]
    assert "Without positions they are equal" in alt
    assert "no score of the ten changes by more than 0.00001" in alt
