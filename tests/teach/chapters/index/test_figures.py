"""The first page draws all of the model on a digit."""

from functools import cache

import numpy as np
import torch
from drawn import (
    EveryFigure,
    bars,
    has_edge,
    pixels,
    scale,
    still,
)
from numpy.testing import assert_allclose

from vitlib import add_positions, prepend_cls, record_attention
from vitlib.teach import digit_reader
from vitlib.teach.chapters import index
from vitlib.teach.chapters.index.digit_pad import DigitPad
from vitlib.teach.draw.palette import CLS


@cache
def pad():
    return still(DigitPad())


class TestEveryFigure(EveryFigure):
    module = index
    drawn = (pad,)


def parts():
    """Give the drawing, 16 patches, 17 tokens, 4 maps, and the bars."""
    drawing, *rest, answer = pad().panels
    return drawing, rest[:16], rest[16:33], rest[33:], answer


def test_the_patches_are_the_drawing_in_pieces():
    drawing, patches, *_ = parts()
    paper = 1 - DigitPad().image[0, 0].numpy()
    assert_allclose(pixels(drawing), paper)
    places = [axes.get_position() for axes in patches]
    for axes, box in zip(patches, places, strict=True):
        col = sorted({round(b.x0, 6) for b in places}).index(
            round(box.x0, 6)
        )
        row = sorted({-round(b.y0, 6) for b in places}).index(
            -round(box.y0, 6)
        )
        square = paper[7 * row : 7 * row + 7, 7 * col : 7 * col + 7]
        assert_allclose(pixels(axes), square)


@torch.no_grad()
def test_a_strip_is_the_beginning_of_its_token_and_the_first_is_golden():
    _, _, tokens, *_ = parts()
    model = digit_reader()
    wanted = prepend_cls(
        model.patch_embed(DigitPad().image), model.cls_token
    )
    wanted = add_positions(wanted, model.pos_embed)[0, :, :16]
    assert len(tokens) == 17
    heights = [axes.get_position().y0 for axes in tokens]
    assert heights == sorted(heights, reverse=True)
    for number, axes in enumerate(tokens):
        assert_allclose(pixels(axes), wanted[number][None], atol=1e-6)
        golden = any(has_edge(patch, CLS) for patch in axes.patches)
        assert golden == (number == 0)
        name, low, high = scale(axes)
        assert (name, low) == ("signed", -high)
        shape = axes.get_xlabel()  # stands below all of them
        assert shape == ("(17, 64)" if axes is tokens[-1] else "")


@torch.no_grad()
def test_a_map_is_the_mean_of_a_blocks_heads():
    *_, maps, _ = parts()
    model = digit_reader()
    with record_attention(model) as tables:
        model(DigitPad().image)
    assert len(maps) == len(tables) == 4
    for axes, heads in zip(maps, tables, strict=True):
        looks = sum(heads[0, head, 0, 1:] for head in range(4)) / 4
        shown = pixels(axes)
        for row, col in np.ndindex(4, 4):
            wanted = looks[4 * row + col]
            assert_allclose(shown[row, col], wanted, atol=1e-6)
    assert len({scale(axes) for axes in maps}) == 1


@torch.no_grad()
def test_the_bars_are_the_probabilities_of_ten_classes():
    *_, answer = parts()
    shares = digit_reader()(DigitPad().image)[0].softmax(dim=0)
    assert_allclose([width for *_, width, _ in bars(answer)], shares, 1e-5)
    low, high = answer.get_ylim()
    assert low > high  # 0 on top
    longest = int(np.argmax([width for *_, width, _ in bars(answer)]))
    assert f"longest bar is that of {longest}." in pad().words
