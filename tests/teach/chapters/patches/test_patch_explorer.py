"""The patch explorer: what it shows are vitlib's numbers."""

import io
import re

import numpy as np
import pytest
import torch
from live_page import (
    PHONE,
    SLOW_PHOTO,
    give_to_python,
    page_of,
    pixels,
    settle,
)
from PIL import Image

from vitlib import patchify
from vitlib.teach import cat, resize_and_crop, to_tensor
from vitlib.teach.live import PatchExplorer

PRESSED = ("[type=range]", "Home", "patch_size", 4)
GIVEN = {"images": torch.full((1, 3, 32, 48), 0.5)}

SIZES = (4, 7, 8, 14, 16, 28, 32, 56, 112, 224)
PICTURE, SEQUENCE, LARGE = (
    f".vit-panel-view[aria-label='{label}']"
    for label in ("Patch", "Row of the sequence", "Pixel of the patch")
)


@pytest.fixture(scope="module")
def images():
    return to_tensor(resize_and_crop(cat(), 224))


@pytest.fixture
def explorer(images):
    return PatchExplorer(images, patch_size=16, patch=75)


@pytest.fixture(scope="module")
def page(images):
    return page_of(PatchExplorer(images, patch_size=16, patch=75))


@pytest.fixture
def tab(page, open_figure):
    return open_figure(page)


def names(tab):
    return tab.locator("code.vit-panel-name").all_inner_texts()


def facts(tab):
    shown = tab.locator(".vit-cut-facts b").all_inner_texts()
    return [int(number.replace(",", "")) for number in shown]


def numbers(tab):
    text = tab.locator(".vit-cut-values").inner_text()
    return [float(n) for n in re.findall(r"\d\.\d+", text)]


def colours(tab, panel):
    """What a panel's canvas shows, (rows, cols, 3) numbers."""
    return pixels(tab, f"{panel} > canvas")[..., :3]


def check(tab, images, p, patch, y, x):
    """All that the figure says about one pixel is what vitlib says."""
    patches = patchify(images, p)
    _, n, size = patches.shape
    start = (y * p + x) * 3
    row, col = divmod(patch, 224 // p)
    assert names(tab) == [
        "images (1, 3, 224, 224)",
        f"patches (1, {n}, {size})",
        f"patches[0, {patch}] ({size})",
        f"images[0, :, {row * p + y}, {col * p + x}]",
        f"patches[0, {patch}, {start}:{start + 3}]",
    ]
    wanted = patches[0, patch, start : start + 3]
    assert numbers(tab) == pytest.approx(wanted.tolist(), abs=6e-4)
    assert facts(tab) == [n, size, n * size, n * n]


def point(tab, panel, x, y):
    """Move the mouse to a place of a panel, in shares of its sides."""
    box = tab.locator(panel).bounding_box()
    left, top = box["x"] + x * box["width"], box["y"] + y * box["height"]
    tab.mouse.move(left, top)


# --- in Python


def test_the_picture_comes_back_as_it_was(explorer, images):
    assert torch.equal(explorer.images, images)
    assert torch.equal(explorer.patches, patchify(images, 16))


def test_another_picture_can_be_set(explorer, images):
    wide = images[:, :, :96, :160]
    explorer.images = wide
    assert torch.equal(explorer.images, wide)
    assert explorer.patches.shape == (1, 60, 768)
    assert explorer.patch == 0


def test_what_the_browser_sends_is_taken_as_a_whole(explorer):
    own = torch.arange(8 * 12 * 3, dtype=torch.uint8)
    explorer.set_state(
        {
            "patch": 5,
            "patch_size": 4,
            "image_size": [8, 12],
            "pixels": memoryview(own.numpy().tobytes()),
        }
    )
    picture = own.reshape(8, 12, 3).permute(2, 0, 1)[None] / 255
    assert torch.equal(explorer.images, picture)
    assert explorer.patch == 5


@pytest.mark.parametrize(
    ("bad", "parts"),
    [
        (torch.zeros(1, 1, 32, 32), ["(1, 1, 32, 32)", "(1, 3, h, w)"]),
        (torch.zeros(3, 32, 32), ["(3, 32, 32)"]),
        (torch.full((1, 3, 32, 32), 255.0), ["255"]),
        (torch.full((1, 3, 32, 32), torch.nan), ["nan"]),
        (torch.zeros(1, 3, 32, 480), ["480", "448"]),
        (torch.zeros(1, 3, 30, 32), ["30 x 32", "16 x 16"]),
    ],
)
def test_a_picture_that_cannot_be_shown_is_refused(bad, parts, refuses):
    refuses(lambda: PatchExplorer(bad), *parts)


def test_a_setting_that_does_not_fit_changes_nothing(explorer, refuses):
    refuses(lambda: setattr(explorer, "patch_size", 15), "15 x 15")
    refuses(lambda: setattr(explorer, "patch_size", 2), "2", "4")
    refuses(lambda: setattr(explorer, "patch", 196), "196", "195")
    odd = torch.zeros(1, 3, 30, 30)
    refuses(lambda: setattr(explorer, "images", odd), "30 x 30")
    assert (explorer.patch_size, explorer.patch) == (16, 75)
    assert explorer.image_size == (224, 224)


def test_the_still_picture_says_what_is_to_be_seen(explorer):
    _, alt = explorer.still()
    for part in ("14 rows of 14", "196 rows", "Patch 75", "row 5"):
        assert part in alt


# --- in the browser


def test_the_first_frame_is_there_before_anything_is_touched(tab, images):
    assert tab.locator("[data-figure=patch_explorer][data-ready]").count()
    check(tab, images, 16, 75, 8, 8)
    assert not tab.locator("canvas:not([aria-label])").count()
    assert "Move over" in tab.locator(".vit-hint").first.inner_text()


def test_every_size_that_fits_is_counted_as_vitlib_counts(tab, images):
    slider = tab.locator("input[type=range]")
    assert slider.get_attribute("max") == str(len(SIZES) - 1)
    for place, size in enumerate(SIZES):
        slider.fill(str(place))
        y = x = 88  # the pixel of the picture stays chosen
        patch = (y // size) * (224 // size) + x // size
        check(tab, images, size, patch, y % size, x % size)
        said = slider.get_attribute("aria-valuetext")
        assert said == f"{size} × {size} pixels"


def test_a_wide_picture_has_sizes_that_cut_both_its_sides(open_figure):
    tab = open_figure(PatchExplorer(**GIVEN, patch_size=8))
    slider = tab.locator("input[type=range]")
    slider.fill("9")  # the last there is: 32 would not do for 48
    assert slider.get_attribute("aria-valuetext") == "16 × 16 pixels"
    assert facts(tab)[0] == 6


def test_a_patch_and_its_row_are_drawn_in_their_colours(tab, images):
    tab.locator("input[type=range]").fill(str(SIZES.index(28)))
    patches = (patchify(images, 28)[0] * 255).round().byte().numpy()
    patch = 3 * 8 + 3
    wanted = patches[patch].reshape(28, 28, 3)
    assert np.array_equal(colours(tab, LARGE), wanted)
    shown = colours(tab, SEQUENCE)
    rows, cols = (np.arange(480) + 0.5) / 480 * [[64], [784]]
    lines = patches.reshape(64, 784, 3)
    wanted = lines[rows.astype(int)][:, cols.astype(int)]
    assert np.array_equal(shown, wanted)
    wanted = lines[patch, cols.astype(int)][None]
    assert np.array_equal(colours(tab, ".vit-cut-row"), wanted)


def test_the_mouse_finds_a_pixel_in_the_picture(tab, images):
    point(tab, PICTURE, (37 + 0.5) / 224, (201 + 0.5) / 224)
    check(tab, images, 16, 12 * 14 + 2, 9, 5)


def test_the_mouse_finds_a_row_and_a_pixel_in_the_sequence(tab, images):
    box = tab.locator(SEQUENCE).bounding_box()
    left, top = round(box["x"]) + 101, round(box["y"]) + 57
    tab.mouse.move(left, top)
    patch = int((top - box["y"]) / box["height"] * 196)
    pixel = int((left - box["x"]) / box["width"] * 256)
    check(tab, images, 16, patch, *divmod(pixel, 16))


def test_the_mouse_finds_a_pixel_in_the_patch(tab, images):
    point(tab, LARGE, 2.5 / 16, 15.5 / 16)
    check(tab, images, 16, 75, 15, 2)


def test_a_click_holds_the_patch_until_the_next(tab, images):
    point(tab, PICTURE, 0.01, 0.01)
    tab.mouse.down()
    tab.mouse.up()
    point(tab, SEQUENCE, 0.5, 0.5)
    assert names(tab)[2] == "patches[0, 0] (768)"
    point(tab, LARGE, 2.5 / 16, 15.5 / 16)
    check(tab, images, 16, 0, 15, 2)
    point(tab, PICTURE, 0.01, 0.01)
    tab.mouse.down()
    tab.mouse.up()
    point(tab, PICTURE, 0.99, 0.01)
    assert names(tab)[2] == "patches[0, 13] (768)"


def test_a_neighbour_in_the_sequence_can_be_clicked(tab, images):
    tab.locator(".vit-cut-frame", has_text="69").click()
    check(tab, images, 16, 69, 8, 8)
    assert tab.locator(".vit-cut-frame-now").inner_text() == "69"


def test_keys_walk_through_all_three(tab, images):
    tab.locator(PICTURE).focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowLeft")
    check(tab, images, 16, 75 + 14 - 1, 8, 8)
    tab.keyboard.press("End")
    check(tab, images, 16, 97, 8, 8)
    tab.keyboard.press("ArrowRight")  # the edge of the picture
    check(tab, images, 16, 97, 8, 8)
    tab.locator(SEQUENCE).focus()
    tab.keyboard.press("ArrowRight")  # but not of the sequence
    check(tab, images, 16, 98, 8, 8)
    said = tab.locator(SEQUENCE).get_attribute("aria-valuetext")
    assert said == "patch 98: row 7, column 0"
    tab.locator(LARGE).focus()
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Home")
    check(tab, images, 16, 98, 7, 0)
    tab.locator("input[type=range]").focus()
    tab.keyboard.press("ArrowLeft")
    check(tab, images, 14, 8 * 16, 7, 0)


def test_a_pixel_is_said_to_whoever_does_not_see_it(tab, images):
    tab.locator(PICTURE).focus()
    tab.keyboard.press("ArrowRight")
    red, green, blue = images[0, :, 88, 104]
    tab.locator(
        "output.vit-spoken",
        has_text="196 patches of 16 × 16 pixels, 768 numbers each. "
        "Patch 76: row 5, column 6. Its pixel at row 88, column 104 of "
        f"the picture: red {red:.3f}, green {green:.3f}, blue {blue:.3f}.",
    ).wait_for(state="attached")


def test_a_name_lights_its_tensor(tab):
    lit = tab.locator(".vit-panel-lit .vit-panel-view")
    wanted = [PICTURE, SEQUENCE, LARGE, PICTURE, SEQUENCE]
    for name, panel in zip(
        tab.locator("code.vit-panel-name").all(), wanted, strict=True
    ):
        assert not lit.count()
        name.hover()
        assert lit.get_attribute("aria-label") in panel
        tab.mouse.move(0, 0)
        name.focus()
        assert lit.get_attribute("aria-label") in panel
        name.blur()


def test_python_and_the_figure_share_their_state(tab, images):
    give_to_python(tab)
    tab.evaluate("python.set('patch', 20)")
    tab.wait_for_function(
        "document.querySelector('.vit-cut-frame-now').innerText === '20'"
    )
    tab.evaluate("python.set('patch_size', 56)")
    tab.wait_for_function(
        "document.querySelector('.vit-cut-facts b').innerText === '16'"
    )
    tab.locator(PICTURE).focus()
    tab.keyboard.press("Home")
    assert tab.evaluate("[python.get('patch'), python.saved.length]") == [
        12,
        1,
    ]
    assert tab.evaluate("python.listeners()") == 4
    assert tab.evaluate("end(), python.listeners()") == 0


def test_half_of_a_message_from_python_is_waited_out(tab, images):
    give_to_python(tab)
    before = names(tab)
    tab.evaluate(
        "async () => { python.set('image_size', [32, 48]); await "
        "new Promise(requestAnimationFrame); }"
    )
    assert names(tab) == before
    tab.evaluate(
        "python.set('pixels', new DataView(new ArrayBuffer(4608)))"
    )
    tab.wait_for_function(
        "document.querySelector('code').innerText.includes('32, 48')"
    )
    assert facts(tab) == [6, 768, 4608, 36]
    tab.evaluate(
        "async () => { python.set('image_size', [20, 20]); "
        "python.set('pixels', new DataView(new ArrayBuffer(1200)));"
        "await new Promise(requestAnimationFrame); }"
    )
    assert facts(tab) == [6, 768, 4608, 36]
    tab.evaluate("python.set('patch_size', 4)")
    tab.wait_for_function(
        "document.querySelector('.vit-cut-facts b').innerText === '25'"
    )


def photo(image, kind="png"):
    file = io.BytesIO()
    image.save(file, kind)
    return {
        "name": f"own.{kind}",
        "mimeType": f"image/{kind}",
        "buffer": file.getvalue(),
    }


def opened(tab, file):
    tab.locator("input[type=file]").set_input_files(file)
    said = tab.locator("[role=status]")
    said.filter(has_text=re.compile(r"\w")).wait_for()
    return said.inner_text()


def test_a_photo_of_ones_own_is_cut_into_patches(tab, images):
    own = Image.fromarray(
        np.random.default_rng(0).integers(
            0, 256, (224, 300, 3), dtype=np.uint8
        )
    )
    assert "does not leave this page" in opened(tab, photo(own))
    middle = to_tensor(own)[:, :, :, 38:262]
    check(tab, middle, 16, 0, 8, 8)
    tab.get_by_role("button", name="back to the first").click()
    check(tab, images, 16, 75, 8, 8)


def test_grey_and_transparent_photos_are_photos(tab):
    for mode, colour, wanted in [
        ("L", 51, [0.2, 0.2, 0.2]),
        ("RGBA", (255, 0, 0, 0), [1, 1, 1]),
        ("P", 0, [0, 0, 0]),
    ]:
        own = Image.new(mode, (20, 500), colour)
        tab.locator("input[type=file]").set_input_files(photo(own))
        wanted = ", ".join(f"{v:.3f}" for v in wanted)
        tab.locator(".vit-cut-values", has_text=f"[{wanted}]").wait_for()


def test_a_file_that_is_no_picture_gets_a_calm_answer(tab, images):
    text = {"name": "a.png", "mimeType": "image/png", "buffer": b"hello"}
    assert "finds no picture" in opened(tab, text)
    check(tab, images, 16, 75, 8, 8)


def test_of_two_photos_the_one_chosen_last_stays(tab):
    """The first is a large one: it is opened when the second is there."""
    tab.evaluate(SLOW_PHOTO)
    chosen = tab.locator("input[type=file]")
    chosen.set_input_files(photo(Image.new("L", (300, 300), 51)))
    opened(tab, photo(Image.new("L", (300, 300), 204)))
    tab.evaluate("async () => { goOn(); await null; }")
    settle(tab)
    assert numbers(tab) == [0.8, 0.8, 0.8]


def test_a_photo_still_being_opened_is_let_go_by_the_way_back(tab, images):
    opened(tab, photo(Image.new("L", (300, 300), 51)))
    tab.evaluate(SLOW_PHOTO)
    chosen = tab.locator("input[type=file]")
    chosen.set_input_files(photo(Image.new("L", (300, 300), 204)))
    tab.get_by_role("button", name="back to the first").click()
    tab.evaluate("async () => { goOn(); await null; }")
    settle(tab)
    check(tab, images, 16, 75, 8, 8)
    assert tab.locator("[role=status]").inner_text() == ""


def test_a_dropped_file_that_is_too_large_gets_one_too(tab, images):
    tab.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(41e6)], "large.png"));
          document.querySelector("[data-figure]").dispatchEvent(
            new DragEvent("drop", { dataTransfer: files, bubbles: true }));
        }"""
    )
    tab.locator("[role=status]", has_text="larger than 40 MB").wait_for()
    check(tab, images, 16, 75, 8, 8)


def test_a_finger_on_a_phone_finds_a_patch(page, open_figure):
    tab = open_figure(page, **PHONE)
    box = tab.locator(PICTURE).bounding_box()
    x, y = (
        box[k] + box[side] / 2
        for k, side in (("x", "width"), ("y", "height"))
    )
    tab.touchscreen.tap(x + 1, y + 1)
    assert names(tab)[2].startswith(f"patches[0, {7 * 14 + 7}]")
    width = tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 400


def test_it_follows_the_page_into_the_dark(explorer, open_figure):
    inks = [
        open_figure(explorer, theme=theme).evaluate(
            "getComputedStyle(document.querySelector("
            "'.vit-cut-facts b')).color"
        )
        for theme in ("light", "dark")
    ]
    assert inks == ["rgb(31, 35, 40)", "rgb(225, 229, 234)"]
