"""Chapter 4 draws the class token, and what positions look like."""

import math
import re
from functools import cache

import numpy as np
import pytest
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
from matplotlib.patches import FancyBboxPatch
from numpy.testing import assert_allclose, assert_array_equal

from vitlib import patchify, sincos_positions
from vitlib.teach import digit_reader
from vitlib.teach.chapters.tokens import figures
from vitlib.teach.chapters.tokens.patch_shuffle import PatchShuffle
from vitlib.teach.chapters.tokens.position_explorer import PositionExplorer
from vitlib.teach.draw.palette import CLS, KEY, POSITION

D, GRID = 192, (14, 14)
WIDTHS = [3, 64, 768]
SLOTS = [0, 1, 2, 3, 4, 5, 6, 194, 195]


def wave():
    return sincos_positions(GRID, D)[0, 1:]


@cache
def titles():
    """Eight waves: the length of each, and the way it runs."""
    shown = {}
    for start, name in ((0, "columns"), (D // 2, "rows")):
        for k in (0, 3, 6, 12):
            length = 2 * math.pi * 10000 ** (k / (D // 4))
            shown[start + k] = f"wave of {length:.0f} {name}"
    return shown


@cache
def vectors():
    """Tokens (196, d) that are as alike as the cat's, and positions."""
    patches = patchify(2 * the_cat() - 1, 16)[0]
    torch.manual_seed(2)
    tokens = patches @ torch.randn(768, D) / 50
    directions = torch.randn(196, D)
    return tokens, {
        "no positions": 0 * directions,
        "1 / sqrt(d)": directions / D**0.5,
        "deviation 1": directions,
        "waves": wave(),
    }


@cache
def maps():
    """Four maps that are symmetric in nothing."""
    torch.manual_seed(0)
    names = "old grid", "resized", "computed anew", "stretched in a row"
    sides = 14, 24, 24, 24
    shapes = zip(names, sides, strict=True)
    return {name: 2 * torch.rand(s, s) - 1 for name, s in shapes}


@cache
def sequence():
    return draw(figures.sequence, 2 * the_cat() - 1, 16)


@cache
def waves():
    return draw(figures.waves, wave(), GRID, titles())


@cache
def cosines():
    return draw(figures.cosines, WIDTHS)


@cache
def drowned():
    tokens, positions = vectors()
    images = 2 * the_cat() - 1
    return draw(figures.drowned, images, tokens, positions, GRID, 74)


@cache
def stretched():
    return draw(figures.stretched, maps(), wrong="stretched in a row")


@cache
def shuffle():
    return still(PatchShuffle())


def learned():
    """(4, 4, 64): what the digit reader has learned."""
    return digit_reader().pos_embed[0, 1:].detach().reshape(4, 4, 64)


@cache
def explorer():
    torch.manual_seed(0)
    positions = {
        "waves": wave().reshape(*GRID, D),
        "random numbers": torch.randn(*GRID, D),
        "learned from digits": learned(),
    }
    return still(PositionExplorer(positions))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        sequence,
        waves,
        cosines,
        drowned,
        stretched,
        shuffle,
        explorer,
    )
    context = {
        "cosines": ["0.58", "0.04"],
        "shuffle": ["0.00001"],
        "explorer": ["-0.1", "0.0", "0.1", "0.8"],
    }


def slots(row):
    """Give what stands in a row of the sequence, from the left.

    Each is the picture, or None, and the number below it.
    """
    (axes,) = sequence().panels
    top = 34 + 108 * row
    numbers = sorted(
        (text.get_position()[0], int(text.get_text()))
        for text in axes.texts
        if text.get_text().isdigit()
        and top < text.get_position()[1] < top + 108
    )
    found = []
    for x, number in numbers:
        picture = None
        for index, image in enumerate(axes.images):
            left, right, _, y = image.get_extent()
            if y == top and left < x < right:
                picture = pixels(axes, index)
        found.append((picture, number))
    return found


def test_the_patches_stand_in_a_row_in_their_order():
    whole = (255 * the_cat()[0]).round().permute(1, 2, 0).numpy()
    for row, shift in ((0, 0), (1, 1), (2, 1)):
        shown = slots(row)[shift:]
        assert [number for _, number in shown] == [
            slot + shift for slot in SLOTS
        ]
        for (picture, _), slot in zip(shown, SLOTS, strict=True):
            top, left = (16 * place for place in divmod(slot, 14))
            wanted = whole[top : top + 16, left : left + 16]
            assert_allclose(picture, wanted, atol=1)


def test_the_class_token_is_golden_and_number_0():
    (axes,) = sequence().panels
    golden = [
        patch.get_bbox().bounds
        for patch in axes.patches
        if isinstance(patch, FancyBboxPatch) and is_colour(patch, CLS)
    ]
    assert golden == [(6, 142, 46, 46), (6, 250, 46, 46)]
    assert slots(0)[0][0] is not None
    assert slots(1)[0] == slots(2)[0] == (None, 0)
    shapes = [t for t in sequence().texts if t.startswith("(1,")]
    assert shapes == ["(1, 196, d)", "(1, 197, d)", "(1, 197, d)"]


def test_every_token_of_the_last_row_has_a_tick_and_no_other():
    (axes,) = sequence().panels
    ticks = [drawn for drawn in axes.lines if is_colour(drawn, POSITION)]
    assert len(ticks) == len(slots(2)) == 10
    middles = {tick.get_xdata().mean() for tick in ticks}
    starts = [6, *(62 + 56 * k for k in (0, 1, 2, 3, 4, 5, 6, 8, 9))]
    assert middles == {start + 23 for start in starts}
    assert all(tick.get_ydata()[0] == 301 for tick in ticks)


def test_a_wave_runs_along_what_its_title_says():
    for axes, (index, title) in zip(
        waves().panels, titles().items(), strict=True
    ):
        assert axes.get_title(loc="left") == title
        assert axes.get_xlabel() == f"[:, {index}]"
        assert scale(axes) == ("signed", -1, 1)
        rate = 10000 ** (-(index % (D // 2)) / (D // 4))
        for row, col in np.ndindex(GRID):
            place = col if "columns" in title else row
            wanted = math.sin(place * rate)
            assert_allclose(pixels(axes)[row, col], wanted, atol=1e-5)


def test_cosines_of_long_vectors_gather_at_zero():
    (axes,) = cosines().panels
    for index, width in enumerate(WIDTHS):
        places, heights = map(np.array, line(axes, index))
        assert max(heights) == 1
        density = (1 - places**2) ** ((width - 3) / 2)  # on a sphere
        assert_allclose(heights, density / density.max(), atol=0.1)
        spread = (np.sum(heights * places**2) / np.sum(heights)) ** 0.5
        assert_allclose(spread, width**-0.5, rtol=0.02)
        said = re.search(rf"(\d\.\d+) for {width}\b", cosines().words)
        assert_allclose(float(said[1]), width**-0.5, atol=0.006)
    labels = [text for text in axes.texts if "numbers" in text.get_text()]
    assert [t.get_text() for t in labels] == [
        f"{w} numbers" for w in WIDTHS
    ]
    for index, label in enumerate(labels):
        x, y = label.xy
        places, heights = line(axes, index)
        assert heights[places.index(x)] > y
        assert all(h <= y for h in heights[places.index(x) + 1 :])


def test_a_map_has_the_cosine_of_each_token_with_the_one_that_is_asked():
    tokens, positions = vectors()
    for axes, (name, added) in zip(
        drowned().panels[1:], positions.items(), strict=True
    ):
        total = (tokens + added).double().numpy()
        asked = total[74]
        for row, col in np.ndindex(GRID):
            other = total[14 * row + col]
            lengths = np.linalg.norm(asked) * np.linalg.norm(other)
            wanted = asked @ other / lengths
            assert_allclose(pixels(axes)[row, col], wanted, atol=1e-5)
        assert axes.get_title(loc="left").startswith(name[:4])
        assert scale(axes) == ("signed", -1, 1)


def test_the_asked_patch_is_outlined_at_its_place():
    photo = drowned().panels[0]
    (frame,) = photo.patches
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (
        16 * 4,
        16 * 5,
        16,
        16,
    )
    assert has_edge(frame, CLS)
    assert photo.get_title(loc="left") == "patch 74"
    shown = (255 * the_cat()[0]).round().permute(1, 2, 0)
    assert_allclose(pixels(photo), shown, atol=1)


def test_a_stretched_map_is_drawn_as_it_is_and_the_wrong_one_marked():
    for axes, (name, numbers) in zip(
        stretched().panels, maps().items(), strict=True
    ):
        assert_array_equal(pixels(axes), numbers)
        assert scale(axes) == ("signed", -1, 1)
        assert axes.get_title(loc="left") == name
        rows, cols = numbers.shape
        assert axes.get_xlabel() == f"{rows} x {cols}"
        wrong = is_colour(axes._left_title, KEY)
        assert wrong == (name == "stretched in a row")


def test_the_mixed_digit_has_every_patch_at_its_new_place():
    whole, mixed, _, _ = shuffle().panels
    figure = PatchShuffle()
    ink = figure.image[0, 0].numpy()
    for place, patch in enumerate(figure.order):
        for axes, source in ((whole, place), (mixed, patch)):
            top, left = (8 * at for at in divmod(place, 4))
            row, col = (7 * at for at in divmod(source, 4))
            shown = pixels(axes)[top : top + 7, left : left + 7]
            wanted = 1 - ink[row : row + 7, col : col + 7]
            assert_allclose(shown[..., 0], wanted, atol=1e-6)


def test_both_answers_of_both_models_have_their_bars():
    figure = PatchShuffle()
    reader = digit_reader()
    with torch.no_grad():
        for axes in shuffle().panels[2:]:
            pair = torch.stack([figure.image[0], figure.mixed[0]])
            wanted = reader(pair).softmax(dim=1)
            lengths = [width for _, _, width, _ in bars(axes)]
            assert_allclose(lengths, wanted.flatten(), atol=1e-6)
            lower = [low + h / 2 for _, low, _, h in bars(axes)]
            beside = [c + d for d in (-0.2, 0.2) for c in range(10)]
            assert_allclose(lower, beside, atol=1e-6)
            reader.pos_embed.zero_()
    titles = [axes.get_title(loc="left") for axes in shuffle().panels[2:]]
    assert titles == ["with positions", "without positions"]


def test_a_map_of_positions_has_the_cosine_with_the_outlined_place():
    figure = explorer()
    for axes, (row, col) in zip(
        figure.panels, [(5, 4), (5, 4), (1, 1)], strict=True
    ):
        shown = pixels(axes)
        assert_allclose(shown[row, col], 1, atol=1e-5)
        assert (np.delete(shown, row * len(shown) + col) < 0.999).all()
        (frame,) = axes.patches
        assert frame.get_xy() == (col - 0.5, row - 0.5)
    waves_ = wave().numpy().reshape(14, 14, D)
    asked = waves_[5, 4] / np.linalg.norm(waves_[5, 4])
    lengths = np.linalg.norm(waves_, axis=2)
    assert_allclose(
        pixels(figure.panels[0]), waves_ @ asked / lengths, atol=1e-5
    )
    assert scale(figure.panels[0])[0] == "position"
    assert scale(figure.panels[0])[2] == 1


@pytest.mark.parametrize(
    ("index", "name", "row", "col"),
    [(0, "waves", 5, 4), (2, "learned from digits", 1, 1)],
)
def test_the_words_compare_those_beside_with_all_others(
    index, name, row, col
):
    shown = pixels(explorer().panels[index])
    beside = [shown[row + down, col] for down in (-1, 1)]
    beside += [shown[row, col + right] for right in (-1, 1)]
    others = (shown.sum() - sum(beside) - 1) / (shown.size - 5)
    side = len(shown)
    said = f"{name}, {side} by {side}: {np.mean(beside):.1f} with the "
    said += f"places beside it, {others:.1f} with all others"
    assert said in explorer().words
