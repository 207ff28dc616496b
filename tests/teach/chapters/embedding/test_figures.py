"""Chapter 3 draws filters, what they answer, and how far tokens are."""

from functools import cache

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
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional as F

from vitlib import patchify
from vitlib.teach import digit_reader
from vitlib.teach.chapters.embedding import figures
from vitlib.teach.chapters.embedding.filter_explorer import FilterExplorer
from vitlib.teach.draw.palette import KEY, ON_PICTURE, QUERY

P = 16
NAMES = ["bright?", "warm?", "top?", "left?", "middle?", "stripes?"]
SHOWN = [74, 76, 195]


@cache
def filters():
    """(6, 768): the questions of the chapter."""
    side = torch.linspace(-1, 1, P)
    y, x = torch.meshgrid(side, side, indexing="ij")
    disc = (x**2 + y**2 < 0.5).float()
    grey = torch.ones(3)
    shapes = [
        torch.ones(P, P, 1) * grey,
        torch.ones(P, P, 1) * torch.tensor([1.0, 0, -1]),
        -y.sign()[..., None] * grey,
        -x.sign()[..., None] * grey,
        (disc - disc.mean())[..., None] * grey,
        (2 * torch.pi * x).sin()[..., None] * grey,
    ]
    return F.normalize(torch.stack([s.flatten() for s in shapes]), dim=1)


@cache
def patches():
    return patchify(2 * the_cat() - 1, P)[0]


def dots():
    """(196, 6), as numpy multiplies."""
    return patches().numpy() @ filters().numpy().T


def of_filter(index, shape=(P, P, 3)):
    """Grey is zero, and the strongest number is black or white."""
    numbers = filters()[index].numpy().reshape(shape)
    return np.round(255 * (0.5 + numbers / 2 / np.abs(numbers).max()))


@cache
def answers():
    return draw(figures.answers, patches(), filters(), NAMES, SHOWN)


@cache
def filters_and_maps():
    tokens = (patches() @ filters().T)[None]
    maps = figures.filters_and_maps
    return draw(maps, filters(), tokens, (14, 14), NAMES)


@cache
def distances():
    rest = patches() - patches().mean(dim=0)
    tokens = {  # the first keeps all distances, the second halves them
        768: rest,
        192: rest[:, ::4].contiguous(),
    }
    return draw(figures.distances, patches(), tokens)


@cache
def flattened():
    return draw(figures.flattened, filters(), NAMES, P)


@cache
def explorer():
    return still(FilterExplorer(patch=9, filter=31))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (answers, filters_and_maps, distances, flattened, explorer)
    context = {"distances": ["19,110"], "explorer": ["8"]}


def cells(axes):
    """Give the images in rows, from the upper left, with their edges."""
    places = {}
    for number, image in enumerate(axes.images):
        left, right, bottom, top = image.get_extent()
        places[top, left] = (pixels(axes, number), right, bottom, number)
    return places


def test_a_cell_is_the_dot_product_of_its_patch_and_its_filter():
    (axes,) = answers().panels
    limit = np.abs(dots()[SHOWN]).max()
    table = [
        (top, left, number)
        for (top, left), (array, *_, number) in cells(axes).items()
        if array.shape == (1, 1)
    ]
    assert len(table) == 18
    tops = sorted({top for top, _, _ in table})
    lefts = sorted({left for _, left, _ in table})
    for top, left, number in table:
        row, col = tops.index(top), lefts.index(left)
        wanted = dots()[SHOWN[row], col]
        assert_allclose(pixels(axes, number), [[wanted]], atol=1e-4)
        assert scale(axes, number)[0] == "signed"
        assert_allclose(scale(axes, number)[1:], (-limit, limit), 1e-5)
        (text,) = texts_inside(axes, number)
        assert float(text.get_text()) == round(float(wanted), 1)
        strong = abs(wanted) > 0.62 * limit
        assert is_colour(text, ON_PICTURE) == strong


def texts_inside(axes, number):
    left, right, bottom, top = axes.images[number].get_extent()
    return [
        text
        for text in axes.texts
        if left < text.get_position()[0] < right
        and top < text.get_position()[1] < bottom
    ]


def test_filters_stand_over_their_columns_and_patches_before_their_rows():
    (axes,) = answers().panels
    pictures = {
        place: array
        for place, (array, *_) in cells(axes).items()
        if array.shape == (P, P, 3)
    }
    top = min(top for top, _ in pictures)
    above = sorted(place for place in pictures if place[0] == top)
    for index, place in enumerate(above):
        assert_allclose(pictures[place], of_filter(index), atol=1)
        name = answers().text(NAMES[index])
        assert abs(name.get_position()[0] - place[1]) < 40
    rows = sorted(place for place in pictures if place[0] != top)
    for patch, place in zip(SHOWN, rows, strict=True):
        wanted = 127.5 * (1 + patches()[patch].numpy().reshape(P, P, 3))
        assert_allclose(pictures[place], wanted, atol=0.6)
        name = answers().text(f"patch {patch}")
        assert place[0] < name.get_position()[1] < place[0] + 78


def test_a_map_lies_below_its_filter_and_has_its_answers_in_place():
    panels = filters_and_maps().panels
    for index, name in enumerate(NAMES):
        above, below = panels[index], panels[6 + index]
        assert above.get_title(loc="left") == name
        assert_allclose(pixels(above), of_filter(index), atol=1)
        for row, col in np.ndindex(14, 14):
            wanted = dots()[14 * row + col, index]
            assert_allclose(pixels(below)[row, col], wanted, atol=1e-4)
        limit = np.abs(dots()[:, index]).max()
        assert scale(below)[0] == "signed"
        assert_allclose(scale(below)[1:], (-limit, limit), rtol=1e-5)
        assert below.get_xlabel() == f"±{limit:.1f}"


def test_every_pair_of_patches_is_counted_at_its_two_distances():
    given = patches().numpy()
    rest = (patches() - patches().mean(dim=0)).numpy()[:, ::4]
    right, up = [], []
    for one in range(len(given)):
        right += np.linalg.norm(given[one] - given[:one], axis=1).tolist()
        up += np.linalg.norm(rest[one] - rest[:one], axis=1).tolist()
    end = 1.15 * max(right)
    cell = end / 56
    wanted = np.zeros((56, 56))
    for x, y in zip(right, up, strict=True):
        wanted[int(2 * y / cell), int(x / cell)] += 1
    shown = np.expm1(pixels(distances().panels[1]))
    assert shown.sum() == 19_110 == len(right)
    assert np.abs(shown - wanted).sum() < 40  # some lie on an edge
    assert np.abs(shown.T - wanted).sum() > 1_000
    assert "all 19,110 pairs" in distances().words


def test_a_distance_that_is_kept_lies_on_the_diagonal():
    same, _ = distances().panels
    row, col = np.nonzero(pixels(same))
    assert np.abs(row - col).max() <= 1
    assert same.images[0].origin == "lower"
    line = same.lines[0].get_xydata()
    assert_array_equal(line[:, 0], line[:, 1])
    assert same.get_xlabel() == "between patches"
    assert same.get_ylabel() == "between tokens"
    assert "0 % for 768 filters" in distances().words


def test_flattened_filters_are_read_in_the_wrong_order_below():
    panels = flattened().panels
    for index in range(6):
        assert_allclose(pixels(panels[index]), of_filter(index), atol=1)
        planes = of_filter(index).transpose(2, 0, 1).reshape(P, P, 3)
        assert_allclose(pixels(panels[6 + index]), planes, atol=1)
    for index, order in enumerate(["(y x c)"] * 6 + ["(c y x)"] * 6):
        label = panels[index].xaxis.label
        assert label.get_text() == order
        assert is_colour(label, KEY) == (index > 5)
    same = [
        index
        for index in range(6)
        if np.array_equal(pixels(panels[index]), pixels(panels[6 + index]))
    ]
    assert same == [0]
    assert "alike (bright?) stays as it was" in flattened().words


def of_reader():
    """The drawing (28, 28), 64 filters (64, 7, 7), tokens (16, 64)."""
    layer, image = digit_reader().patch_embed, FilterExplorer().image
    with torch.no_grad():
        tokens = layer(image)[0]
        filters_ = layer.proj.weight[:, 0].detach()
    return image[0, 0], filters_, tokens


def test_the_explorer_multiplies_its_patch_by_its_filter():
    _, cut, patch, filter_, products, grid, _ = explorer().panels
    image, filters_, _ = of_reader()
    square = image[14:21, 7:14]  # patch 9 is in row 2, column 1
    assert_array_equal(pixels(patch), square)
    assert_allclose(pixels(filter_), filters_[31], atol=1e-7)
    assert_allclose(pixels(products), square * filters_[31], atol=1e-6)
    assert scale(filter_) == scale(products)
    assert scale(products)[0] == "signed"
    assert patch.get_title(loc="left") == "patch 9"
    assert filter_.get_title(loc="left") == "filter 31"
    (frame,) = (p for p in cut.patches if has_edge(p, QUERY))
    assert frame.get_xy() == (8 * 1 - 0.5, 8 * 2 - 0.5)
    (frame,) = (p for p in grid.patches if has_edge(p, QUERY))
    assert frame.get_xy() == (8 * 7 - 0.5, 8 * 3 - 0.5)  # 31 = 3, 7


def test_the_explorer_shows_all_patches_filters_and_tokens():
    drawn, cut, *_, grid, table = explorer().panels
    image, filters_, tokens = of_reader()
    assert_array_equal(pixels(drawn), image)
    for row, col in np.ndindex(4, 4):
        shown = pixels(cut)[8 * row :, 8 * col :][:7, :7]
        assert_array_equal(shown, image[7 * row :, 7 * col :][:7, :7])
    for row, col in np.ndindex(8, 8):
        shown = pixels(grid)[8 * row :, 8 * col :][:7, :7]
        assert_allclose(shown, filters_[8 * row + col], atol=1e-7)
    assert_allclose(pixels(table), tokens, atol=1e-6)
    (frame,) = (p for p in table.patches if has_edge(p, QUERY))
    assert frame.get_bbox().extents.tolist() == [-0.5, 8.5, 63.5, 9.5]
    assert f"add up to {tokens[9, 31]:.1f}" in explorer().words
