"""The picture of the whole model shows a real pass, stage by stage."""

import ast
import re
from functools import cache

import numpy as np
import pytest
import torch
from drawn import (
    beside,
    cramped,
    draw,
    illegible,
    is_colour,
    pixels,
    scale,
    the_cat,
)
from matplotlib.patches import FancyBboxPatch, PathPatch, StepPatch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from vitlib import ViT
from vitlib.inside import residual_stream
from vitlib.teach.draw.narrow import panels
from vitlib.teach.draw.overview import overview
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    POSITION,
    STREAM,
    WEIGHT,
)

STAGES = ["image", "patches", "embedding", "tokens", "encoder", "head"]
SHOWN = [0, 1, 75, 76, 77, 195]


@cache
def whole():
    return draw(overview)


@cache
def marked(stage):
    return draw(overview, stage)


@cache
def model():
    """ViT-Ti/16 as it starts, but for a head that is not zero."""
    torch.manual_seed(0)
    model = ViT.from_name("Ti/16").eval()
    nn.init.normal_(model.head.weight, std=0.1)
    return model


def images(axes, shape):
    """Give the images of this shape as (left, top, array, number)."""
    found = []
    for number, image in enumerate(axes.images):
        left, _, _, top = image.get_extent()
        if pixels(axes, number).shape == shape:
            found.append((left, top, pixels(axes, number), number))
    return sorted(found, key=lambda item: item[:2])


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_every_text_can_be_read(stage):
    shown = whole() if stage is None else marked(stage)
    assert illegible(shown) == []
    assert beside(shown) == []
    assert cramped(shown) == []


def test_the_shapes_are_those_of_a_real_pass():
    with torch.no_grad():
        image = 2 * the_cat() - 1
        shapes = [
            tuple(image.shape),
            (1, 196, 16 * 16 * 3),
            tuple(model().patch_embed(image).shape),
            tuple(residual_stream(model(), image)[0].shape),
            tuple(model().forward_features(image).shape),
            tuple(model()(image).shape),
        ]
    (axes,) = whole().panels
    drawn = sorted(
        (text.get_position()[0], text.get_text())
        for text in axes.texts
        if text.get_text().startswith("(")
    )
    assert [ast.literal_eval(text) for _, text in drawn] == shapes
    said = re.findall(r"\(1[^)]*\)", whole().words)
    assert [ast.literal_eval(text) for text in said] == shapes


def test_stages_stand_in_running_order_with_their_tensors_below():
    (axes,) = whole().panels
    rows = {}
    for text in axes.texts:
        x, y = text.get_position()
        rows.setdefault(y, []).append((x, text.get_text()))
    by_height = [
        [name for _, name in sorted(row)]
        for _, row in sorted(rows.items())
        if len(row) == 6
    ]
    tensors = ["images", "patches", "tokens", "tokens", "tokens", "scores"]
    assert by_height[0] == STAGES
    assert by_height[1] == tensors


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_a_phone_shows_each_arrow_whole_and_behind_a_picture(stage):
    shown = whole() if stage is None else marked(stage)
    (axes,) = shown.panels
    starts = [part.left for part in panels(axes.figure, shown.cuts)]
    pictures = [image.get_extent()[:2] for image in axes.images[:2]]
    arrows = [
        tuple(line.get_xdata())
        for line in axes.lines
        if len(line.get_xdata()) == 2 and np.ptp(line.get_xdata()) == 13
    ]
    assert len(arrows) == len(pictures) == 2
    for (_, end), (tail, tip) in zip(pictures, arrows, strict=True):
        assert end < tail < tip
        assert not any(end < start <= tip for start in starts)


def test_the_cat_and_its_patches_in_reading_order():
    (axes,) = whole().panels
    ((*_, picture, _),) = images(axes, (224, 224, 3))
    assert_array_equal(
        picture, (255 * the_cat()[0]).round().permute(1, 2, 0)
    )
    side = 14 * 12 + 13 * 3
    ((*_, sheet, _),) = images(axes, (side, side, 4))
    small = (255 * the_cat(168)[0]).round().permute(1, 2, 0).numpy()
    for row, col in np.ndindex(14, 14):
        square = sheet[15 * row :, 15 * col :][:12, :12, :3]
        wanted = small[12 * row :, 12 * col :][:12, :12]
        assert_array_equal(square, wanted)


def test_a_strip_beside_its_patch_is_the_beginning_of_its_token():
    (axes,) = whole().panels
    with torch.no_grad():
        tokens = model().patch_embed(2 * the_cat() - 1)[0]
    strips = images(axes, (1, 8))
    squares = images(axes, (12, 12, 3))
    beside_strips, in_line = squares[:6], squares[6:]
    small = (255 * the_cat(168)[0]).round().permute(1, 2, 0).numpy()
    for strip, one, two, index in zip(
        strips, beside_strips, in_line, SHOWN, strict=True
    ):
        assert_allclose(strip[2][0], tokens[index, :8], atol=1e-5)
        name, low, high = scale(axes, strip[3])
        assert (name, low) == ("signed", -high)
        row, col = divmod(index, 14)
        wanted = small[12 * row :, 12 * col :][:12, :12]
        assert_array_equal(one[2], wanted)
        assert_array_equal(two[2], wanted)
        assert one[1] == two[1] == strip[1]  # all on one height


def test_the_class_token_is_golden_and_every_token_has_its_tick():
    (axes,) = whole().panels
    ticks = [drawn for drawn in axes.lines if is_colour(drawn, POSITION)]
    assert len(ticks) == len(SHOWN) + 1
    golden = [
        patch
        for patch in axes.patches
        if isinstance(patch, FancyBboxPatch) and is_colour(patch, CLS)
    ]
    heights = {round(p.get_y() + p.get_height() / 2, 6) for p in golden}
    assert len(golden) == 4  # at tokens, in two blocks, at the head
    (first,) = heights
    highest = min(drawn.get_ydata().mean() for drawn in ticks)
    assert first == pytest.approx(highest)
    lines = [drawn for drawn in axes.lines if is_colour(drawn, CLS)]
    assert [d.get_ydata()[0] for d in lines] == pytest.approx([first])


def test_in_a_block_threads_lead_from_every_token_to_every_other():
    (axes,) = whole().panels
    threads = [
        patch
        for patch in axes.patches
        if isinstance(patch, PathPatch)
        and tuple(patch.get_edgecolor()[:3]) == pytest.approx(rgb(WEIGHT))
    ]
    assert len(threads) == 2
    for block in threads:
        ends = block.get_path().vertices.reshape(-1, 4, 2)
        pairs = {(start[1], end[1]) for start, *_, end in ends}
        assert len(pairs) == (len(SHOWN) + 1) ** 2
    lanes = {
        drawn.get_ydata()[0]
        for drawn in axes.lines
        if is_colour(drawn, STREAM)
    }
    assert len(lanes) == len(SHOWN)


def rgb(colour):
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def test_the_bars_of_the_head_are_scores():
    (axes,) = whole().panels
    (bars,) = (p for p in axes.patches if isinstance(p, StepPatch))
    values, _, zero = bars.get_data()
    with torch.no_grad():
        scores = model()(2 * the_cat() - 1)[0, ::40].numpy()
    lengths = np.asarray(values) - zero
    assert_allclose(
        lengths / np.abs(lengths).max(),
        scores / np.abs(scores).max(),
        atol=1e-4,
    )


@pytest.mark.parametrize("stage", STAGES)
def test_where_you_are_is_strong_and_all_else_is_faint(stage):
    (axes,) = marked(stage).panels
    (here,) = (t for t in axes.texts if t.get_text() == "you are here")
    names = {
        text.get_text(): text
        for text in axes.texts
        if text.get_text() in STAGES and text.get_fontsize() == 12.5
    }
    for name, text in names.items():
        assert is_colour(text, INK if name == stage else GREY)
        assert (text.get_weight() == "bold") == (name == stage)
    assert here.get_position()[0] == names[stage].get_position()[0]
    alphas = {image.get_alpha() for image in axes.images}
    alphas |= {patch.get_alpha() for patch in axes.patches}
    drawn = sum(a.get_alpha() == 1 for a in [*axes.images, *axes.lines])
    assert drawn
    assert 0.3 in alphas
    assert marked(stage).words.endswith(f"you are here: the {stage}.")


def test_without_a_mark_everything_is_strong():
    (axes,) = whole().panels
    assert {a.get_alpha() for a in [*axes.images, *axes.lines]} == {1}
    assert "you are here" not in whole().words


def test_a_stage_that_is_not_there_is_refused(refuses):
    refuses(lambda: overview("decoder"), "decoder", "encoder", "head")


def test_drawing_leaves_the_random_numbers_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    overview.__globals__["_trace"].__wrapped__()
    assert torch.equal(torch.rand(3), wanted)
