"""check.encoder_input: the slips one makes, and the shape itself."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


@right((5, 61, 64), [5, 61, 64], torch.zeros(5, 61, 64).shape)
def test_the_shape_is_right_in_every_form(answer):
    is_right(check.encoder_input(answer))


@wrong(
    ("unknown", (5, 17, 64)),
    ("no_class_token", (5, 60, 64)),
    ("one_token_too_many", (5, 62, 64)),
    ("patches_joined_along_sequence", (5, 120, 64)),
    ("joined_along_sequence", (5, 122, 64)),
    ("class_tokens_in_one_sequence", (5, 65, 64)),
    ("tokens_of_224_pixels", (5, 197, 64)),
    ("joined_along_width", (5, 61, 128)),
    ("width_of_a_patch", (5, 61, 768)),
    ("one_image", (1, 61, 64)),
    ("out_of_place", (5, 64, 61)),
    ("other_count", (61, 64)),
)
def test_a_wrong_shape_is_named(mistake, answer):
    is_named(mistake, check.encoder_input(answer))


def test_the_numbers_are_shown_with_what_they_stand_for():
    said = str(check.encoder_input((5, 64, 61)))
    assert "(5, 64, 61). The order is (images, tokens, width)" in said
