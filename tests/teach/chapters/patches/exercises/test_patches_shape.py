"""check.patches_shape: right shapes, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib import patchify
from vitlib.teach import check


@right(
    (1, 48, 4000),
    [1, (120 // 20) * (160 // 20), 20 * 20 * 10],
    patchify(torch.zeros(1, 10, 120, 160), 20).shape,
)
def test_a_right_shape_is_right_however_it_is_written(answer):
    is_right(check.patches_shape(answer))


@wrong(
    ("unknown", (1, 36, 4000)),
    ("pixels_of_a_patch", (1, 48, 400)),
    ("three_channels", (1, 48, 1200)),
    ("pixels_for_patches", (1, 20, 4000)),
    ("rows_plus_columns", (1, 14, 4000)),
    ("pixels_of_a_patch", (10, 48, 400)),
    ("channels_as_images", (10, 48, 4000)),
    ("out_of_place", (1, 4000, 48)),
    ("other_count", (48, 4000)),
    ("unknown", (1, 50, 4000)),
)
def test_a_wrong_shape_is_named(mistake, answer):
    is_named(mistake, check.patches_shape(answer))


def test_a_wrong_number_gets_the_question_that_makes_it():
    said = str(check.patches_shape((1, 48, 200)))
    assert "200 for numbers of a patch" in said
    assert "how many numbers has a pixel?" in said
    said = str(check.patches_shape((2, 36, 4000)))
    assert "120 rows of pixels make how many rows of patches" in said
