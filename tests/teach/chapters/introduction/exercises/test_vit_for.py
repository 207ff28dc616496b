"""check.vit_for: right answers of any style, and wrong ones."""

import math

import numpy as np
import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib import ViT
from vitlib.teach import check

SMALL = {"embed_dim": 192, "depth": 2, "num_heads": 3}


def small(height, width, **settings):
    return ViT(image_size=(height, width), **SMALL | settings)


def by_rest(height, width, **settings):
    return small(height + -height % 16, width + -width % 16, **settings)


def by_ceil(height, width):
    rows, cols = (math.ceil(side / 16) for side in (height, width))
    return ViT.from_name(
        "Ti/16", image_size=[16 * rows, 16 * cols], depth=2
    )


def by_loop(height, width):
    while height % 16:
        height += 1
    while width % 16:
        width += 1
    return small(height, width)


def by_numpy(height, width):
    sides = np.ceil(np.array([height, width]) / 16).astype(int) * 16
    return small(*sides)


def by_tensors(height, width):
    sides = torch.tensor([height, width])
    return small(*((sides + 15) // 16 * 16).tolist())


@right(
    by_rest,
    by_ceil,
    by_loop,
    by_numpy,
    by_tensors,
)
def test_every_style_is_right(answer):
    is_right(check.vit_for(answer))


def test_the_cat_becomes_552_tokens():
    wanted = by_rest(300, 451)
    assert wanted.patch_embed.image_size == (304, 464)
    assert wanted.pos_embed.shape[1] == 552


@wrong(
    ("other_sizes", lambda h, w: by_rest(h, w, positions="none")),
    ("stops", lambda h, w: small(h + h % 16, w + w % 16)),
    ("height_and_width_swapped", lambda h, w: by_rest(w, h)),
    ("rounded_down", lambda h, w: small(h - h % 16, w - w % 16)),
    (
        "always_one_patch_more",
        lambda h, w: small(h + 16 - h % 16, w + 16 - w % 16),
    ),
    (
        "square_of_the_longer_side",
        lambda h, w: by_rest(max(h, w), max(h, w)),
    ),
    ("square_of_the_height", lambda h, w: by_rest(h, h)),
    ("always_224_pixels", lambda h, w: ViT(**SMALL)),
    (
        "rounded_to_the_nearest",
        lambda h, w: small(*(round(s / 16) * 16 for s in (h, w))),
    ),
    ("stops", small),
    ("stops", lambda h, w: small(-(-h // 16), -(-w // 16))),
    ("other_sizes", lambda h, w: small(304, 464)),
    ("other_sizes", lambda h, w: by_rest(h, w, depth=3)),
    (
        "other_sizes",
        lambda h, w: small(h + -h % 8, w + -w % 8, patch_size=8),
    ),
    ("no_vit", lambda h, w: (304, 464)),
    ("no_vit", lambda h, w: nn.Linear(2, 3)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.vit_for(answer))


def test_other_sizes_are_told_beside_the_wanted_ones():
    assert (
        "a photo of 288 by 448 pixels. Your model has 304 rows of pixels "
        "in place of 288, 464 columns in place of 448."
    ) in str(check.vit_for(lambda h, w: small(304, 464)))
    deeper = str(check.vit_for(lambda h, w: by_rest(h, w, depth=3)))
    assert "Your model has 3 blocks in place of 2." in deeper


def test_the_photo_that_loses_pixels_is_told():
    said = str(check.vit_for(lambda h, w: small(h - h % 16, w - w % 16)))
    assert "of a photo of 300 by 451 pixels yours cuts off" in said


def test_a_model_of_the_usual_width_is_no_endless_loop():
    def wide(height, width):
        height, width = height + -height % 16, width + -width % 16
        return ViT(image_size=(height, width), depth=2, num_heads=3)

    said = str(check.vit_for(wide))
    assert "768 numbers a token in place of 192" in said
