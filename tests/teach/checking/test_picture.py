"""The pictures of messages: yours and the expected, square by square."""

from xml.etree import ElementTree

import pytest
import torch

from vitlib import patchify
from vitlib.teach import check
from vitlib.teach.checking.picture import (
    matrices,
    scene,
    sequences,
    signed,
    svg,
)
from vitlib.teach.draw.palette import FIXED, RAMPS

BLUE, RED = RAMPS["signed"][0], RAMPS["signed"][-1]


def parsed(text):
    return ElementTree.fromstring(text)


def squares(root, side):
    """{(left, top): colour} of the squares of a size."""
    return {
        (float(e.get("x")), float(e.get("y"))): e.get("fill")
        for e in root.iter("rect")
        if float(e.get("width")) == side and e.get("fill") != "none"
    }


def names(root):
    """[(left, baseline, text)]"""
    return [
        (float(e.get("x")), float(e.get("y")), e.text)
        for e in root.iter("text")
    ]


def inside(root):
    """Tell if nothing lies beyond the picture's edges."""
    _, _, width, height = map(float, root.get("viewBox").split())
    return all(
        float(e.get("x")) + float(e.get("width")) <= width
        and float(e.get("y")) + float(e.get("height")) <= height
        for e in root.iter("rect")
    )


def hexed(colour):
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in colour)


def test_a_row_of_pictures_shows_each_pixel_in_its_place():
    torch.manual_seed(0)
    yours, wanted = torch.rand(2, 3, 2, 4, 3)
    root = parsed(sequences({"yours": yours, "expected": wanted}, "rows"))
    found = squares(root, 6)
    assert len(found) == yours.numel() // 3 * 2
    row_height = 18 + 2 * 6 + 10
    for row, pictures in enumerate((yours, wanted)):
        for index, picture in enumerate(pictures):
            for y in range(2):
                for x in range(4):
                    left = index * (4 * 6 + 5) + 6 * x
                    top = row * row_height + 18 + 6 * y
                    assert found[left, top] == hexed(picture[y, x])
    assert names(root) == [(0, 12, "yours"), (0, 12 + 40, "expected")]
    assert inside(root)


def test_single_pictures_stand_side_by_side():
    torch.manual_seed(0)
    yours, wanted = torch.rand(2, 1, 3, 3, 3)
    root = parsed(sequences({"yours": yours, "expected": wanted}, "two"))
    (start, one, _), (second, other, _) = names(root)
    assert one == other
    assert second - start > 3 * 6 + 20  # room for a name
    found = squares(root, 6)
    for left, picture in ((start, yours[0]), (second, wanted[0])):
        for y in range(3):
            for x in range(3):
                place = left + 6 * x, 18 + 6 * y
                assert found[place] == hexed(picture[y, x])
    assert inside(root)


def test_what_is_no_colour_is_black_or_held_at_the_end():
    picture = torch.tensor([[[torch.nan, 2.0, -1.0]]])
    root = parsed(sequences({"yours": picture[None]}, "one"))
    assert list(squares(root, 6).values()) == ["#00ff00"]


def test_a_table_is_blue_below_zero_and_red_above():
    table = torch.tensor([[-2.0, 0.0, 1.0], [2.0, torch.nan, -1.0]])
    root = parsed(matrices({"yours": table, "expected": -table}, "two"))
    found = squares(root, 12)
    (start, _, _), (second, _, _) = names(root)
    for left, numbers in ((start, table), (second, -table)):
        shown = [
            [found[left + 1 + 13 * col, 18 + 13 * row] for col in range(3)]
            for row in range(2)
        ]
        flat = [c for line in shown for c in line]
        for colour, value in zip(
            flat, numbers.flatten().tolist(), strict=True
        ):
            if value != value:
                assert colour == FIXED["no-number"]
            elif value == 0:
                assert colour == FIXED["white"]
            elif abs(value) == 2:
                assert colour == (RED if value > 0 else BLUE)
            else:
                assert is_between(colour, RED if value > 0 else BLUE)
    assert inside(root)


def is_between(colour, end):
    """Half way from white, in each of its parts."""
    parts = zip(channels(colour), channels(end), strict=True)
    return all(abs(c - (255 + e) / 2) <= 1 for c, e in parts)


def channels(colour):
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def test_all_tables_of_a_picture_share_one_scale():
    small, large = torch.full((1, 1), 1.0), torch.full((1, 1), 4.0)
    root = parsed(matrices({"yours": small, "expected": large}, "two"))
    one, other = squares(root, 12).values()
    assert other == RED
    assert one != RED


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_nothing_but_zeros_is_white(value):
    assert signed(value, 0.0) == FIXED["white"]


def test_what_a_picture_says_cannot_break_out_of_its_attribute():
    root = parsed(svg([], 10, 10, 'a "quoted" <word> & more'))
    assert root.get("aria-label") == 'a "quoted" <word> & more'
    assert root.get("role") == "img"


def test_the_scene_is_symmetric_in_nothing():
    picture = scene()
    assert picture.shape == (1, 3, 12, 16)
    assert 0 <= picture.min() <= picture.max() <= 1
    for turned in (picture.flip(2), picture.flip(3), picture.flip(2, 3)):
        assert (turned - picture).abs().mean() > 0.05
    for other in (picture.roll(1, dims=1), picture.flip(1)):
        assert (other - picture).abs().mean() > 0.05
    red, green, blue = picture[0]
    assert (blue > red)[0].all()  # the sky
    assert (green > red)[-1].all()  # the meadow
    assert (blue < 0.3)[1:4, 11:14].all()  # the sun


def test_a_wrong_order_of_patches_is_seen_in_the_picture():
    """Columns first: what the reader sees is what was given."""

    def column_by_column(images, patch_size):
        patches = patchify(images, patch_size)
        rows = images.shape[2] // patch_size
        grid = patches.unflatten(1, (rows, -1))
        return grid.transpose(1, 2).flatten(1, 2)

    root = parsed(check.patchify(column_by_column).picture)
    found = squares(root, 6)
    (_, first, yours), (_, second, expected) = names(root)
    assert yours.startswith("yours")
    assert expected.startswith("expected")
    mine = row_of_pictures(found, first + 6)
    right = row_of_pictures(found, second + 6)
    assert sorted(mine) == sorted(right)
    assert mine != right
    assert mine[0] == right[0]
    assert mine[1] != right[1]


def row_of_pictures(found, top):
    """Cut a row of 4 x 4 pictures into its pictures, as colours."""
    here = [p for p in found if top <= p[1] < top + 24]
    pictures = {}
    for x, y in sorted(here):
        pictures.setdefault(int(x // 29), []).append(found[x, y])
    return [tuple(colours) for _, colours in sorted(pictures.items())]
