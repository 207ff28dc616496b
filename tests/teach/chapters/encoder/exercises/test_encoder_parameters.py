"""check.encoder_parameters: what a wrong count counts."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib import ViT
from vitlib.teach import check


def counted():
    with torch.device("meta"):
        blocks = ViT.from_name("S/16").blocks
    return sum(p.numel() for p in blocks.parameters())


@right(counted(), float(counted()), torch.tensor(counted()))
def test_the_count_is_that_of_the_model(answer):
    is_right(check.encoder_parameters(answer))


@wrong(
    ("four_times_ti", 4 * 5_338_368),
    ("twice_ti", 2 * 5_338_368),
    ("rest_once", 12 * 12 * 384**2 + 13 * 384),
    ("unknown", 12 * (12 * 384**2 + 12 * 384)),
    ("one_block", 1_774_464),
    ("matrices_only", 21_233_664),
    ("no_norms", 21_275_136),
    ("no_biases", 21_252_096),
    ("one_norm", 21_284_352),
    ("with_last_norm", 21_294_336),
    ("attention_only", 7_096_320),
    ("mlp_only", 14_178_816),
    ("whole_vit", 22_050_664),
    ("width_of_ti", 5_338_368),
    ("width_of_b", 85_054_464),
    ("unknown", 12),
)
def test_a_wrong_count_is_named(mistake, answer):
    is_named(mistake, check.encoder_parameters(answer))


def test_the_count_that_was_given_is_said():
    said = str(check.encoder_parameters(1_774_464))
    assert "1,774,464 are in one block" in said
    said = str(check.encoder_parameters(12 * (12 * 384**2 + 12 * 384)))
    assert "1,774,080 in each of twelve blocks" in said
    assert "and 12 times 384 are left for biases and norms" in said
    said = str(check.encoder_parameters(12 * (10 * 384**2 + 13 * 384)))
    assert "Four of these squares are in the attention" in said
