"""Chapter 11 draws what a pretrained model sees in photos."""

import base64
import io
from functools import cache

import numpy as np
from drawn import EveryFigure, has_edge, pixels, still
from PIL import Image

from vitlib.teach.chapters.pretrained import photo_explorer
from vitlib.teach.chapters.pretrained.photo_explorer import PhotoExplorer
from vitlib.teach.data.first_look import arrays, first_look
from vitlib.teach.draw.palette import KEY, QUERY


@cache
def explorer():
    return still(PhotoExplorer())


class TestEveryFigure(EveryFigure):
    module = photo_explorer
    drawn = (explorer,)
    context = {"explorer": ["16", "16", "8"]}


def test_the_more_alike_a_patch_is_the_more_of_it_is_drawn():
    for side, axes in enumerate(explorer().panels):
        shown = pixels(axes)
        file = io.BytesIO(
            base64.b64decode(first_look()["photos"][side]["jpeg"])
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
