"""check.outgrown_weights: right numbers, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong

from vitlib import MultiHeadAttention
from vitlib.teach import check


def first_side(tables=12):
    layer = MultiHeadAttention(768, 12)
    learned = sum(part.numel() for part in layer.parameters())
    side = 16
    while tables * (1 + (side // 16) ** 2) ** 2 <= learned:
        side += 16
    return side


def first_count():
    """Count the tokens whose tables hold more than the layer."""
    tokens = 1
    while 12 * tokens * tokens <= 4 * 768 * (768 + 1):
        tokens += 1
    return tokens


@right(first_side(), 22 * 16, torch.tensor([352]), (352,))
def test_a_right_side_is_right_however_it_is_written(answer):
    is_right(check.outgrown_weights(answer))


@wrong(
    ("one_patch_too_many", 368),
    ("tokens_times_patch", 444 * 16),
    ("tables_not_squared", 16 * first_count() ** 2),
    ("unknown", 416),
    ("one_patch_too_few", 336),
    ("no_whole_patches", 337),
    ("one_table", first_side(tables=1)),
    ("patches_a_side", 22),
    ("tokens_where_they_cross", 444),
    ("tokens", 485),
    ("patches", 484),
    ("next_to_it", 353),
    ("unknown", 224),
    ("not_finite", math.nan),
    ("no_numbers", (352, 352)),
    ("no_numbers", torch.zeros(2)),
)
def test_a_wrong_side_is_named(mistake, answer):
    is_named(mistake, check.outgrown_weights(answer))


def test_the_numbers_that_the_hints_name():
    count = sum(p.numel() for p in MultiHeadAttention().parameters())
    assert count == 2_362_368
    assert 12 * 197**2 == 465_708
    assert 12 * (1 + 21**2) ** 2 == 2_344_368 < count
    assert 12 * 443**2 < count < 12 * 444**2
    assert 12 * (1 + 22**2) ** 2 == 2_822_700
    assert 336 < 16 * ((count / 12) ** 0.5 - 1) ** 0.5 < 337


def test_what_the_tables_of_a_wrong_side_hold_is_told():
    said = str(check.outgrown_weights(224))
    assert "197 tokens, and 12 tables of them hold 465,708" in said
    said = str(check.outgrown_weights(416))
    assert f"hold {12 * (26**2 + 1) ** 2:,} numbers" in said
    assert "a smaller side" in said
    assert "no multiple of 16" in str(check.outgrown_weights(340))
