"""Chapter 1 draws what a convolution and what attention take."""

from functools import cache

import numpy as np
import torch
from drawn import (
    EveryFigure,
    bars,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    scale,
    still,
    the_cat,
)
from numpy.testing import assert_array_equal
from torch.nn import functional as F

from vitlib import patchify, unpatchify
from vitlib.teach.chapters.introduction import figures
from vitlib.teach.chapters.introduction.receptive_field import (
    ReceptiveField,
)
from vitlib.teach.draw.palette import CLS, GREY, QUERY, VALUE

SIDE = 7
CHANGES = {
    "convolutions": 0.16,
    "ViT without positions": 2e-7,
    "ViT with positions": 0.02,
}


@cache
def tables():
    """(49, 49) twice: of a convolution, and of attention."""
    torch.manual_seed(0)
    kernel = torch.randn(1, 1, 3, 3)
    ones = torch.eye(SIDE**2).reshape(-1, 1, SIDE, SIDE)
    answers = F.conv2d(ones, kernel, padding=1)
    return answers.reshape(49, 49).T, torch.rand(49, 49).softmax(dim=1)


@cache
def mixing_tables():
    return draw(figures.mixing_tables, *tables())


@cache
def shuffled():
    order = torch.randperm(196, generator=torch.Generator().manual_seed(0))
    return unpatchify(patchify(the_cat(), 16)[:, order], 16, 224)


@cache
def two_readings():
    return draw(figures.two_readings, the_cat(), shuffled(), CHANGES)


@cache
def receptive_field():
    return still(ReceptiveField(the_cat(), place=(100, 60)))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (mixing_tables, two_readings, receptive_field)
    context = {"mixing_tables": ["15"], "receptive_field": ["9"]}


def test_a_table_has_a_row_for_each_output():
    left, right = mixing_tables().panels
    convolution, attention = (table.numpy() for table in tables())
    assert_array_equal(pixels(right), attention)
    shown = pixels(left)
    for out, given in np.ndindex(49, 49):
        apart = np.abs(np.subtract(divmod(out, 7), divmod(given, 7)))
        if apart.max() > 1:
            assert np.isnan(shown[out, given])
        else:
            assert shown[out, given] == convolution[out, given]
    share = np.isfinite(shown).mean()
    assert f"{share:.0%} of the places" in mixing_tables().words
    for axes in (left, right):
        assert axes.get_ylabel() == "output"
        assert axes.get_title(loc="right") == "input"
        (row,) = axes.patches
        assert row.get_bbox().bounds == (-0.5, 23.5, 49, 1)
        (name,) = axes.get_yticklabels()
        assert (name.get_position()[1], name.get_text()) == (24, "24")


def test_the_colours_of_a_table_end_at_its_largest_number():
    left, right = mixing_tables().panels
    convolution, attention = tables()
    largest = convolution.abs().max().item()
    assert scale(left) == ("signed", -largest, largest)
    assert scale(right) == ("weight", 0, attention.max().item())
    assert "49 x 49" in left.get_xlabel()
    assert f"{largest:.2f} red" in left.get_xlabel()
    assert f"{attention.max():.2f} violet" in right.get_xlabel()


def test_the_cat_stands_beside_the_shuffled_cat():
    for axes, images in zip(
        two_readings().panels, (the_cat(), shuffled()), strict=False
    ):
        bytes_ = (images[0] * 255).round().permute(1, 2, 0)
        assert_array_equal(pixels(axes), bytes_)
        assert axes.get_xlabel() == "(1, 3, 224, 224)"


def test_a_bar_is_as_long_as_the_answer_moves():
    right = two_readings().panels[2]
    for (left, low, width, height), name in zip(
        bars(right), CHANGES, strict=True
    ):
        assert left == 0
        assert width == CHANGES[name] / 0.16
        middle = low + height / 2
        (label,) = (t for t in right.texts if t.get_text() == name)
        assert 0 < label.get_position()[1] - middle < 0.5
        said = f"{CHANGES[name]:.2f}"
        (number,) = (t for t in right.texts if t.get_text() == said)
        assert np.isclose(number.get_position()[1], middle)


def test_only_what_does_not_move_is_green():
    right = two_readings().panels[2]
    colours = [GREY, VALUE, GREY]
    for bar, colour in zip(right.patches, colours, strict=True):
        assert is_colour(bar, colour)


def test_a_pixel_is_bright_where_a_way_leads_from_it_to_the_place():
    convolutions, attention = receptive_field().panels
    shown = pixels(convolutions)
    assert_array_equal(shown[..., :3], pixels(two_readings().panels[0]))
    for row, col in np.ndindex(224, 224):
        near = max(abs(row - 100), abs(col - 60)) <= 24  # one a layer
        assert (shown[row, col, 3] == 255) == near
    assert (pixels(attention)[..., 3] == 255).all()


def test_the_window_and_the_patch_that_asks_are_outlined():
    convolutions, attention = receptive_field().panels
    window = convolutions.patches[0]
    assert has_edge(window, CLS)
    assert window.get_bbox().extents.tolist() == [35.5, 75.5, 84.5, 124.5]
    assert line(convolutions) == ([60], [100])
    patch = attention.patches[1]
    assert has_edge(patch, QUERY)
    assert patch.get_bbox().extents.tolist() == [47.5, 95.5, 63.5, 111.5]
    assert convolutions.get_xlabel() == "49 x 49 pixels, 4.8%"
    assert attention.get_xlabel() == "224 x 224 pixels, 100.0%"
