"""Chapter 2 draws the cat, its crop, its patches in two orders."""

from functools import cache

import numpy as np
import pytest
from drawn import (
    EveryFigure,
    draw,
    has_edge,
    illegible,
    is_colour,
    pixels,
    still,
    the_cat,
)
from numpy.testing import assert_allclose, assert_array_equal

from vitlib.teach import cat
from vitlib.teach.chapters.patches import figures
from vitlib.teach.chapters.patches.patch_explorer import PatchExplorer
from vitlib.teach.draw.palette import CLS, INK, KEY, QUERY


@cache
def crop_or_squash():
    return draw(figures.crop_or_squash, cat())


@cache
def reading_orders():
    return draw(figures.reading_orders, the_cat(), 16)


@cache
def explorer():
    return still(PatchExplorer(the_cat(), patch_size=16, patch=75))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (crop_or_squash, reading_orders, explorer)
    context = {
        "crop_or_squash": ["1.50"],  # 451 / 300, as a test below says
        "explorer": ["14"],
    }


def the_cat_in_bytes():
    return (255 * the_cat()[0]).round().permute(1, 2, 0).numpy()


def test_the_photo_its_crop_and_the_squashed_photo_stand_in_a_row():
    photo, crop, squashed = map(pixels, crop_or_squash().panels)
    assert_array_equal(photo, cat())
    assert_array_equal(crop, the_cat_in_bytes())
    assert_array_equal(squashed, cat().resize((224, 224)))
    sizes = [axes.get_xlabel() for axes in crop_or_squash().panels]
    assert sizes == ["451 x 300", "224 x 224", "224 x 224"]
    assert "factor of 1.50" in crop_or_squash().words


def test_the_frame_in_the_photo_holds_what_the_crop_shows():
    photo, crop, _ = crop_or_squash().panels
    (frame,) = photo.patches
    assert has_edge(frame, CLS)
    left, top = frame.get_xy()
    right, bottom = left + frame.get_width(), top + frame.get_height()
    assert (right - left, top) == (300, 0)
    assert 298 <= bottom <= 300
    assert abs((left + right) / 2 - (451 - 1) / 2) <= 1
    inside = cat().crop((round(left), 0, round(right), 300))
    small = np.asarray(inside.resize((224, 224)), dtype=float)
    assert np.abs(small - pixels(crop)).mean() < 8
    assert np.abs(small[:, ::-1] - pixels(crop)).mean() > 20


def test_the_right_order_gives_the_cat_and_the_wrong_one_three_bands():
    right, wrong = reading_orders().panels
    whole = the_cat_in_bytes()
    assert_array_equal(pixels(right), whole)
    mixed = np.empty_like(whole)
    for top, left in np.ndindex(14, 14):
        place = np.s_[16 * top : 16 * top + 16, 16 * left : 16 * left + 16]
        channel_by_channel = whole[place].transpose(2, 0, 1)
        mixed[place] = channel_by_channel.reshape(16, 16, 3)
    assert_array_equal(pixels(wrong), mixed)
    assert is_colour(wrong._left_title, KEY)
    assert is_colour(right._left_title, INK)
    places = np.arange(768).reshape(16, 16, 3)
    same = (places.transpose(2, 0, 1).ravel() == places.ravel()).sum()
    said = f"Of the numbers of a patch only {same} stand in the same place"
    assert said in reading_orders().words


def test_the_explorer_shows_the_picture_cut_into_its_patches():
    picture, table, large = explorer().panels
    whole = the_cat_in_bytes()
    for row, col in np.ndindex(14, 14):
        top, left = 18 * row, 18 * col
        square = pixels(picture)[top : top + 16, left : left + 16]
        patch = whole[16 * row : 16 * row + 16, 16 * col : 16 * col + 16]
        assert_array_equal(square[..., :3], patch)
        pixels_in_a_row = patch.reshape(256, 3)
        assert_array_equal(pixels(table)[14 * row + col], pixels_in_a_row)
    assert_array_equal(pixels(large), whole[80:96, 80:96])  # 75 = 5, 5


def test_the_explorer_outlines_its_patch_in_picture_and_table():
    picture, table, large = explorer().panels
    (frame,) = picture.patches
    assert has_edge(frame, QUERY)
    assert frame.get_bbox().extents.tolist() == [89.5, 89.5, 105.5, 105.5]
    (band,) = table.child_axes
    assert_array_equal(pixels(band)[0], pixels(table)[75])
    low, high = band.get_position().y0, band.get_position().y1
    assert_allclose((low + high) / 2, height_in(table, 1 - 75.5 / 196))
    assert large.get_title(loc="left") == "patch 75"
    name = "patches[0, 75] (768)\nrow 5, column 5"
    assert large.get_xlabel() == name
    assert picture.get_xlabel() == "images (1, 3, 224, 224)"
    assert table.get_xlabel() == "patches (1, 196, 768)"


def height_in(axes, share):
    box = axes.get_position()
    return box.y0 + share * box.height


@pytest.mark.parametrize("size", [4, 14, 32, 112])
def test_the_explorer_is_legible_with_patches_of_every_size(size):
    last = (224 // size) ** 2 - 1
    figure = still(PatchExplorer(the_cat(), patch_size=size, patch=last))
    assert illegible(figure) == []
