"""Chapter 11 draws tokens as colours, looks over a photo, a transfer."""

import base64
import csv
import io
from functools import cache
from pathlib import Path

import numpy as np
import torch
from drawn import (
    EveryFigure,
    draw,
    has_edge,
    is_colour,
    pixels,
    scale,
    still,
    the_cat,
)
from made import figure
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from vitlib.teach.chapters.pretrained import figures
from vitlib.teach.chapters.pretrained.transfer import WAYS, curves
from vitlib.teach.data.clothes import NAMES
from vitlib.teach.data.clothes import clothes as load_clothes
from vitlib.teach.data.first_look import arrays, first_look
from vitlib.teach.draw.palette import GREY, KEY, QUERY, WEIGHT

STORED = Path(figures.__file__).parents[2] / "data/files"


@cache
def some_colours():
    """Colours of 2 photos of 8 by 8 patches, behind two blocks."""
    torch.manual_seed(0)
    return {name: torch.rand(2, 64, 3) for name in ("first", "last")}


@cache
def two_photos():
    return torch.cat([the_cat(), the_cat().flip(3)])


@cache
def colours():
    return draw(figures.colours, two_photos(), some_colours())


@cache
def some_maps():
    torch.manual_seed(1)
    names = [*[f"head {i}" for i in range(6)], "rollout"]
    return {name: torch.rand(8, 8) for name in names}


@cache
def looks():
    return draw(figures.looks, the_cat()[0], some_maps())


@cache
def ten_clothes():
    images, labels = load_clothes("validation")
    return images[:10], labels[:10]


@cache
def clothes():
    return draw(figures.clothes, *ten_clothes(), NAMES)


@cache
def transfer():
    return draw(figures.transfer, curves())


@cache
def explorer():
    return still(figure("PhotoExplorer"))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (colours, looks, clothes, transfer, explorer)
    context = {"explorer": ["16", "8"]}


def test_a_row_is_a_photo_and_a_column_a_name():
    panels = colours().panels
    for row, photo in enumerate(two_photos()):
        shown = pixels(panels[3 * row])
        assert_allclose(shown, 255 * photo.permute(1, 2, 0), atol=0.51)
        for column, (name, found) in enumerate(some_colours().items()):
            axes = panels[3 * row + 1 + column]
            sheet = 255 * found[row].reshape(8, 8, 3)
            assert_allclose(pixels(axes), sheet, atol=0.51)
            title = axes.get_title(loc="left")
            assert title == (name if row == 0 else "")


def test_each_map_is_drawn_under_its_name_and_its_own_scale():
    photo, *panels = (axes for axes in looks().panels if axes.axison)
    shown = 255 * the_cat()[0].permute(1, 2, 0)
    assert_allclose(pixels(photo), shown, atol=0.51)
    for axes, (name, weights) in zip(
        panels, some_maps().items(), strict=True
    ):
        assert_array_equal(pixels(axes), weights)
        assert axes.get_title(loc="left") == name
        assert scale(axes) == ("weight", 0, weights.max().item())
        assert axes.get_xlabel() == f"0 to {weights.max():.2f}"


def test_each_piece_of_clothing_stands_under_its_name():
    for axes, image, label in zip(
        clothes().panels, *ten_clothes(), strict=True
    ):
        assert_array_equal(pixels(axes), image[0])
        assert axes.get_title(loc="left") == NAMES[label]


@cache
def wrong_answers():
    """(way, images): wrong of 100, a number for each seed."""
    found = {}
    path = STORED / "digits_to_clothes.csv"
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["stage"] == "curve":
                key = line["way"], int(line["images"])
                wrong = 100 - 100 * float(line["accuracy"])
                found.setdefault(key, []).append(wrong)
    return found


def test_a_curve_goes_through_the_means_of_its_seeds():
    (axes,) = transfer().panels
    looks = {"whole": WEIGHT, "frozen": WEIGHT}
    for way, drawn in zip(WAYS, axes.lines, strict=True):
        sizes, means = drawn.get_data()
        wanted = [np.mean(wrong_answers()[way, n]) for n in sizes]
        assert_allclose(means, wanted)
        (told,) = (curve for curve in curves() if curve.way == way)
        rights = [told.mean(int(n)) for n in sizes]
        assert_allclose(100 * (1 - np.array(rights)), wanted)
        assert drawn.get_label() == WAYS[way]
        assert is_colour(drawn, looks.get(way, GREY))


def test_a_band_goes_from_the_worst_seed_to_the_best():
    (axes,) = transfer().panels
    for way, area in zip(WAYS, axes.collections, strict=True):
        (path,) = area.get_paths()
        for size in (50, 200, 1000, 5000):
            heights = path.vertices[path.vertices[:, 0] == size, 1]
            wrong = wrong_answers()[way, size]
            assert_allclose(
                [heights.min(), heights.max()], [min(wrong), max(wrong)]
            )


def test_every_way_has_three_seeds_at_every_size():
    assert {len(found) for found in wrong_answers().values()} == {3}
    assert len(wrong_answers()) == len(WAYS) * 4


def test_the_more_alike_a_patch_is_the_more_of_it_is_drawn():
    for side, axes in enumerate(explorer().panels):
        shown = pixels(axes)
        file = io.BytesIO(
            base64.b64decode(first_look()["photos"][side]["webp"])
        )
        photo = np.asarray(Image.open(file)) / 255
        assert np.array_equal(shown[..., :3], photo)
        kept = shown[7::14, 7::14, 3].flatten()
        alike = arrays()["alike"][8, side]
        assert (np.diff(kept[alike.argsort()]) >= 0).all()


def test_the_patch_that_asks_and_the_one_it_finds_are_outlined():
    left, right = explorer().panels
    found = (first_look()["patch"], arrays()["alike"][8, 1].argmax())
    for axes, patch, colour in zip(
        (left, right), found, (QUERY, KEY), strict=True
    ):
        (square,) = axes.patches
        row, col = divmod(int(patch), 16)
        assert square.get_xy() == (14 * col - 0.5, 14 * row - 0.5)
        assert has_edge(square, colour)
