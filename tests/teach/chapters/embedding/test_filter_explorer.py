"""The filter explorer: patch, filter and sum are the digit reader's."""

import numpy as np
import pytest
import torch
from live_page import PHONE, page_of, pixels
from traitlets import TraitError

from vitlib import patchify
from vitlib.teach import digit_reader, digits
from vitlib.teach.alive.bundle import samples
from vitlib.teach.live import FilterExplorer

PRESSED = ("[aria-label=Filter]", "ArrowLeft", "filter", 30)

PATCH, FILTER, TOKENS, INK, PRODUCTS = (
    f".vit-panel-view[aria-label='{label}']"
    for label in (
        "Patch",
        "Filter",
        "Number of the tokens",
        "Place in the patch",
        "Place among the products",
    )
)
WEIGHTS = ".vit-panel-view[aria-label='Place in the filter']"
SIGNED = [[33, 102, 172], [146, 197, 222], [255, 255, 255]]
SIGNED += [[244, 165, 130], [178, 24, 43]]


@pytest.fixture(scope="module")
def page():
    return page_of(FilterExplorer(patch=9, filter=31))


@pytest.fixture
def tab(page, open_figure):
    return open_figure(page)


@pytest.fixture(scope="module")
def layer():
    return digit_reader().patch_embed.as_linear().requires_grad_(False)


def written(value, digits=2):
    """A number as the figure writes it, up to the last digit's chance."""
    return pytest.approx(float(value), abs=0.6 * 10**-digits)


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def check(tab, layer, image, patch, filter):
    """All that the figure says about a sum is what vitlib computes."""
    x = patchify(image, 7)[0, patch]
    products = x * layer.weight[filter]
    answer = layer(x)[filter]
    shown = tab.locator(".vit-sum-up b").all_inner_texts()
    total, bias, token = map(number, shown)
    assert total == written(products.sum())
    assert bias == written(layer.bias[filter])
    assert token == written(answer)
    names = tab.locator("code.vit-panel-name").all_inner_texts()
    assert set(names) == {
        "patches (1, 16, 49)",
        f"patches[0, {patch}]",
        f"filters[{filter}]",
        "(49)",
        f"= tokens[0, {patch}, {filter}]",
        "filters (64, 49)",
        "tokens (1, 16, 64)",
    }


def colours(tab, panel):
    """What a panel's canvas shows, (rows, cols, 4) numbers."""
    return pixels(tab, f"{panel} > canvas")


def signed(numbers, top):
    """Numbers as colours from blue over white to red, (..., 3)."""
    places = numbers.numpy() / float(top)
    stops = np.linspace(-1, 1, len(SIGNED))
    channels = zip(*SIGNED, strict=True)
    mixed = [np.interp(places, stops, channel) for channel in channels]
    return np.stack(mixed, axis=-1)


def press(tab, panel, x, y):
    """Click at a place of a panel, in shares of its sides."""
    box = tab.locator(panel).bounding_box()
    tab.mouse.click(
        box["x"] + x * box["width"], box["y"] + y * box["height"]
    )


# --- in Python


def test_the_tokens_are_those_of_the_digit_reader():
    explorer = FilterExplorer()
    images, _ = digits("validation")
    explorer.image = images[3:4]
    with torch.no_grad():
        wanted = digit_reader().patch_embed(images[3:4])
    assert torch.equal(explorer.tokens, wanted)


@pytest.mark.parametrize(
    "setting", [{"patch": 16}, {"patch": -1}, {"filter": 64}]
)
def test_a_patch_or_filter_that_is_not_there_is_refused(setting):
    with pytest.raises(TraitError, match=str(*setting.values())):
        FilterExplorer(**setting)


def test_the_still_picture_says_what_is_to_be_seen(layer):
    explorer = FilterExplorer(patch=6, filter=25)
    _, alt = explorer.still()
    answer = layer(patchify(explorer.image, 7))[0, 6, 25]
    for part in ("number 6", "filter 25", f"add up to {answer:.1f}"):
        assert part in alt


# --- in the browser


def test_the_first_frame_is_a_sum_before_anything_is_touched(tab, layer):
    assert tab.locator("[data-figure=filter_explorer][data-ready]").count()
    check(tab, layer, samples()[5][None], 9, 31)
    assert "Choose a patch" in tab.locator(".vit-hint").first.inner_text()


def test_patch_filter_and_products_are_drawn_in_their_colours(tab, layer):
    x = patchify(samples()[5][None], 7)[0, 9]
    w = layer.weight[31]
    top = w.abs().max()
    shown = colours(tab, INK)[..., 3].flatten()
    assert np.allclose(shown, 255 * x, atol=1)
    for panel, numbers in ((WEIGHTS, w), (PRODUCTS, x * w)):
        shown = colours(tab, panel)[..., :3].reshape(49, 3)
        assert np.allclose(shown, signed(numbers, top), atol=1)


def test_all_filters_and_all_tokens_are_drawn_in_their_colours(tab, layer):
    tokens = layer(patchify(samples()[5][None], 7))[0]
    shown = colours(tab, TOKENS)[..., :3]
    assert np.allclose(shown, signed(tokens, tokens.abs().max()), atol=1)
    shown = colours(tab, FILTER)
    assert shown.shape == (63, 63, 4)
    assert not shown[7::8].any()  # clear lines
    assert not shown[:, 7::8].any()
    wanted = signed(layer.weight, layer.weight.abs().max())
    for index in (0, 7, 8, 31, 63):
        row, col = divmod(index, 8)
        one = shown[8 * row : 8 * row + 7, 8 * col : 8 * col + 7, :3]
        assert np.allclose(one.reshape(49, 3), wanted[index], atol=1)


def test_a_click_chooses_patch_filter_or_both(tab, layer):
    image = samples()[5][None]
    press(tab, PATCH, 2.5 / 4, 1.5 / 4)
    check(tab, layer, image, 6, 31)
    press(tab, FILTER, 1.5 / 8, 3.5 / 8)
    check(tab, layer, image, 6, 25)
    press(tab, TOKENS, 63.5 / 64, 10.5 / 16)
    check(tab, layer, image, 10, 63)


def test_the_mouse_reads_one_product(tab, layer):
    box = tab.locator(WEIGHTS).bounding_box()
    step = box["width"] / 7
    tab.mouse.move(box["x"] + 5.5 * step, box["y"] + 0.5 * step)
    x = patchify(samples()[5][None], 7)[0, 9, 5].item()
    w = layer.weight[31, 5].item()
    wanted = f"at row 0, column 5: {x:.2f} · {w:.3f} = {x * w:.3f}"
    assert tab.locator(".vit-sum-once").inner_text() == wanted


def test_keys_choose_patch_filter_place_and_number(tab, layer):
    image = samples()[5][None]
    tab.locator(PATCH).focus()
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowRight")
    check(tab, layer, image, 6, 31)
    tab.locator(FILTER).focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowDown")
    check(tab, layer, image, 6, 32)
    tab.locator(TOKENS).focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowDown")
    check(tab, layer, image, 7, 31)
    tab.locator(PRODUCTS).focus()
    for key in ("Home", *["ArrowUp"] * 6, "ArrowDown"):
        tab.keyboard.press(key)
    said = tab.locator(PRODUCTS).get_attribute("aria-valuetext")
    assert said.startswith("at row 1, column 0: ")


def test_another_digit_has_other_tokens(tab, layer):
    tab.locator(".vit-sample").nth(3).click()
    press(tab, PATCH, 1.5 / 4, 2.5 / 4)
    check(tab, layer, samples()[3][None], 9, 31)


def test_an_empty_patch_is_answered_by_the_bias(tab, layer):
    tab.get_by_role("button", name="clear the drawing").click()
    tab.locator(".vit-hint", has_text="Nothing is drawn").wait_for()
    check(tab, layer, torch.zeros(1, 1, 28, 28), 9, 31)
    total = tab.locator(".vit-sum-up b").first.inner_text()
    assert total == "0.00"


def test_a_name_lights_its_tensor(tab):
    lit = tab.locator(".vit-panel-lit .vit-panel-view")
    wanted = {
        "patches (": "Patch",
        "patches[": "Place in the patch",
        "filters[": "Place in the filter",
        "filters (": "Filter",
        "tokens (": "Number of the tokens",
        "= tokens[": "Number of the tokens",
    }
    for name in tab.locator("code.vit-panel-name").all():
        text = name.inner_text()
        panel = next((wanted[k] for k in wanted if text.startswith(k)), 0)
        name.focus()
        panel = panel or "Place among the products"
        assert lit.get_attribute("aria-label") == panel
        name.blur()
        assert not lit.count()


def test_a_finger_on_a_phone_chooses(page, layer, open_figure):
    tab = open_figure(page, **PHONE)
    tab.locator(FILTER).scroll_into_view_if_needed()
    box = tab.locator(FILTER).bounding_box()
    side = box["width"] / 8
    tab.touchscreen.tap(box["x"] + 1.5 * side, box["y"] + 3.5 * side)
    check(tab, layer, samples()[5][None], 9, 25)
    width = tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 400


def test_the_sum_is_said_to_whoever_does_not_see_it(tab):
    tab.locator(FILTER).focus()
    tab.keyboard.press("ArrowLeft")
    total, bias, answer = tab.locator(".vit-sum-up b").all_inner_texts()
    tab.locator(
        "output.vit-spoken",
        has_text=f"Patch 9, filter 30: the products sum to {total}, with "
        f"the bias of {bias} {answer}, number 30 of the token.",
    ).wait_for(state="attached")


def test_a_new_token_grows_only_where_motion_is_welcome(tab):
    style = (
        "getComputedStyle(document.querySelector("
        "'.vit-sum-row canvas')).animationName"
    )
    press(tab, PATCH, 2.5 / 4, 1.5 / 4)
    assert tab.evaluate(style) == "none"
    tab.emulate_media(reduced_motion="no-preference")
    assert tab.evaluate(style) == "vit-sum-grow"


def test_patches_are_painted_as_the_drawing_is_day_and_night(open_figure):
    for theme, turned in (("light", 0), ("dark", 1)):
        tab = open_figure(FilterExplorer(), theme=theme)
        inks = tab.locator(".vit-heat-ink").evaluate_all(
            "(all) => all.map((e) => getComputedStyle(e).filter)"
        )
        assert len(inks) >= 3  # samples, the patches, one of them
        assert set(inks) == {f"invert({turned})"}
        grounds = tab.evaluate(
            """[".vit-pad", ".vit-sum-cut"].map((name) =>
              getComputedStyle(document.querySelector(name))
                .backgroundColor)"""
        )
        assert len(set(grounds)) == 1


def test_it_follows_the_page_into_the_dark(open_figure):
    colours = [
        open_figure(FilterExplorer(), theme=theme).evaluate(
            "getComputedStyle(document.querySelector('.vit-head')).color"
        )
        for theme in ("light", "dark")
    ]
    assert len(set(colours)) == 2
