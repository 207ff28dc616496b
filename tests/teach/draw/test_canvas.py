"""The canvas: what is drawn arrives on the page as it was drawn."""

import base64
import io
import re
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
import torch
from drawn import the_cat
from matplotlib.colors import to_hex
from numpy.testing import assert_array_equal
from PIL import Image

from vitlib.teach.draw import canvas as kit
from vitlib.teach.draw.palette import (
    FIXED,
    GREY,
    LIGHT,
    QUERY,
    RAMPS,
)

XLINK = re.compile(r"<image [^>]*base64,([^\"]+)[^>]*/>", re.DOTALL)


def lines():
    """A figure with a line and a title, 400 x 200 pixels."""
    figure = kit.canvas(400, 200)
    with kit.style():
        axes = figure.add_axes((0.1, 0.2, 0.8, 0.6))
        axes.plot([0, 1], [0, 1 / 3], color=QUERY)
        axes.set_title("a line")
        axes.set_xlabel("steps", family="monospace", color=GREY)
    return figure


def of_picture(pixels, width, **look):
    """A figure that is all one picture, `width` pixels wide."""
    figure = kit.canvas(width, width * len(pixels) / len(pixels[0]))
    with kit.style():
        axes = kit.bare(figure.add_axes((0, 0, 1, 1)))
        axes.imshow(pixels, **look)
    return figure


@cache
def shown():
    return kit.bundle(lines(), "A line.")


def image_in(svg):
    """Give the one image of the SVG, and its element."""
    (found,) = XLINK.finditer(svg)
    return Image.open(io.BytesIO(base64.b64decode(found[1]))), found[0]


def test_a_canvas_has_the_size_in_pixels_of_the_page():
    data, about = shown()
    assert about["image/png"]["width"] == 400
    assert about["image/png"]["height"] == 200
    png = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert png.size == (600, 300)  # sharp on a screen of fine pixels
    assert 'viewBox="0 0 400 200"' in about["vitlib"]["svg"]
    assert not re.search(r'<svg[^>]* width="', about["vitlib"]["svg"])


def test_words_are_the_plain_text_and_the_alternative():
    data, about = shown()
    assert data["text/plain"] == about["image/png"]["alt"] == "A line."


def test_what_show_shows_is_the_bundle(monkeypatch):
    caught = []
    monkeypatch.setattr(
        kit, "display", lambda *a, **k: caught.append((a, k))
    )
    kit.show(lines(), "A line.")
    (((data,), settings),) = caught
    assert data == shown()[0]
    assert settings == {"metadata": shown()[1], "raw": True}


def test_the_same_figure_gives_the_same_bytes():
    assert kit.bundle(lines(), "A line.") == shown()
    assert "Date" not in shown()[1]["vitlib"]["svg"]


def test_colours_of_the_palette_follow_the_page():
    svg = shown()[1]["vitlib"]["svg"]
    for name in ("query", "ink", "grey"):
        assert f"var(--vit-{name}, {LIGHT[name]})" in svg
    left = re.sub(r"var\(--vit-[\w-]+, #\w+\)", "", svg)
    assert not set(re.findall(r"#[0-9a-f]{6}", left)) & set(LIGHT.values())


def test_letters_stay_letters_in_the_pages_own_type():
    svg = shown()[1]["vitlib"]["svg"]
    assert re.search(
        r"<text [^>]*var\(--vit-sans, [^>]*>a line</text>", svg
    )
    assert re.search(
        r"<text [^>]*var\(--vit-mono, [^>]*>steps</text>", svg
    )


def test_the_svg_is_one_element_and_short():
    svg = shown()[1]["vitlib"]["svg"]
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    for gone in ("<metadata", "<style", "<!--", "\n\n", 'pt"'):
        assert gone not in svg
    (path,) = re.findall(
        r'<path d="([^"]*)"[^>]*vit-query', svg, re.DOTALL
    )
    numbers = re.findall(r"\.(\d+)", path)
    assert numbers
    assert max(map(len, numbers)) <= 2


def test_a_shortened_path_is_the_path_within_half_a_hundredth():
    path = ' d="M 12.34567 -0.98765\nL 100 7.125 z"'
    assert kit._shorter(re.match(r".*", path, re.DOTALL)) == (
        ' d="M 12.35 -0.99 L 100 7.12 z"'
    )


def test_a_photograph_becomes_webp_and_is_smooth():
    pixels = kit.as_picture(the_cat())
    _, about = kit.bundle(of_picture(pixels, 150), "")
    picture, element = image_in(about["vitlib"]["svg"])
    assert picture.format == "WEBP"
    assert "image/webp" in element
    assert "pixelated" not in element
    far = np.abs(np.asarray(picture.convert("RGB"), float) - pixels)
    assert far.mean() < 8
    assert len(about["vitlib"]["svg"]) < 25_000


def test_an_enlarged_map_keeps_its_squares_and_each_of_its_colours():
    torch.manual_seed(0)
    numbers = torch.randint(0, 3, (200, 200)).float()
    figure = of_picture(numbers, 800, cmap=kit.WEIGHTS, vmin=0, vmax=2)
    _, about = kit.bundle(figure, "")
    picture, element = image_in(about["vitlib"]["svg"])
    assert picture.format == "WEBP"
    assert "image-rendering" in element
    colours = np.asarray(picture.convert("RGB"))
    wanted = kit.WEIGHTS(numbers.numpy() / 2, bytes=True)[..., :3]
    side = len(colours) // 200
    middles = colours[side // 2 :: side, side // 2 :: side]
    assert_array_equal(middles, wanted)


def test_a_picture_that_lets_through_does_so_in_the_svg_too():
    half = np.zeros((2, 2, 4))
    half[0, 0, 3] = 0.5
    figure = kit.canvas(100, 100)
    figure.add_axes((0, 0, 1, 1)).imshow(half, interpolation="none")
    _, about = kit.bundle(figure, "A grey corner.", whole=True)
    (text,) = re.findall('base64,([^"]+)', about["vitlib"]["svg"])
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    assert image.getchannel("A").getextrema() == (0, 127)


def test_what_an_svg_would_lose_is_refused():
    figure = kit.canvas(100, 100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.ones((2, 2)), alpha=np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match=r"alphas.*\(h, w, 4\)"):
        kit.bundle(figure, "All of it.", whole=True)


def test_a_heavy_picture_is_stored_at_the_pages_pixels():
    torch.manual_seed(0)
    noise = torch.randint(0, 256, (300, 300, 3), dtype=torch.uint8)
    data, _ = kit.bundle(of_picture(noise.numpy(), 300), "")
    png = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert png.size == (300, 300)


def test_a_picture_is_rounded_to_bytes_and_kept_from_0_to_255():
    images = torch.tensor([-0.2, 0.0, 0.5, 1.0, 1.3, 0.2]).reshape(
        1, 3, 1, 2
    )
    wanted = [[[0, 128, 255], [0, 255, 51]]]
    assert_array_equal(kit.as_picture(images), wanted)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("count", [1, 5, 6])
def test_tiles_lie_in_rows_with_clear_gaps(count, channels):
    torch.manual_seed(0)
    shape = (count, 2, 4, channels)
    pictures = torch.randint(1, 256, shape, dtype=torch.uint8).numpy()
    sheet = kit.tiles(pictures, cols=3, gap=2)
    rows = 1 if count < 4 else 2
    assert sheet.shape == (4 * rows - 2, 3 * 6 - 2, 4)
    left = sheet.copy()
    for index, picture in enumerate(pictures):
        top, side = 4 * (index // 3), 6 * (index % 3)
        here = np.s_[top : top + 2, side : side + 4]
        assert_array_equal(sheet[here][..., :channels], picture)
        if channels == 3:
            assert (sheet[here][..., 3] == 255).all()
        left[here] = 0
    assert not left.any()


def test_tiles_of_floats_are_opaque_at_one():
    sheet = kit.tiles(np.full((1, 2, 2, 3), 0.5), cols=1)
    assert_array_equal(sheet[0, 0], [0.5, 0.5, 0.5, 1])


def test_ramps_run_through_the_palettes_stops():
    ramps = {
        "signed": kit.SIGNED,
        "weight": kit.WEIGHTS,
        "position": kit.POSITIONS,
        "others": kit.OTHERS,
    }
    for name, ramp in ramps.items():
        stops = RAMPS[name]
        assert to_hex(ramp(0.0)) == stops[0]
        assert to_hex(ramp(1.0)) == stops[-1]
    middle = np.array(kit.SIGNED(0.5)[:3])
    assert (middle > 0.98).all()  # zero is white
    assert to_hex(kit.WEIGHTS(0.0)) == FIXED["white"]


def test_bare_axes_have_a_title_and_a_shape_and_nothing_else():
    with kit.style():
        axes = kit.canvas().add_axes((0, 0, 1, 1))
        assert kit.bare(axes, "a map", "(4, 4)") is axes
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
    assert not any(s.get_visible() for s in axes.spines.values())
    assert axes.get_title(loc="left") == "a map"
    assert axes.get_xlabel() == "(4, 4)"
    assert axes.xaxis.label.get_family() == ["monospace"]


def test_ink_is_dark_on_white_paper():
    with kit.style():
        axes = kit.canvas().add_axes((0, 0, 1, 1))
        kit.ink(axes, torch.tensor([[0.0, 1.0]]))
    (image,) = axes.images
    paper, stroke = image.cmap(image.norm([0.0, 1.0]))
    assert_array_equal(paper, [1, 1, 1, 1])
    assert_array_equal(stroke, [0, 0, 0, 1])
    assert_array_equal(image.get_array(), [[0, 1]])


def test_the_style_ends_where_the_block_ends():
    before = mpl.rcParams["axes.titlelocation"]
    with kit.style():
        assert mpl.rcParams["axes.titlelocation"] == "left"
        assert mpl.rcParams["font.size"] == 12
    assert mpl.rcParams["axes.titlelocation"] == before
