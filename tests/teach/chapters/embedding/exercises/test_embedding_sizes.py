"""check.embedding_sizes: right numbers, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib import PatchEmbedding
from vitlib.teach import check


def measured():
    embed = PatchEmbedding(224, 14, embed_dim=1280)
    _, count, width = embed(torch.zeros(1, 3, 224, 224)).shape
    return count, width, sum(p.numel() for p in embed.parameters())


@right(
    (256, 1280, 753920),
    [(224 // 14) ** 2, 1280, (14 * 14 * 3 + 1) * 1280],
    measured(),
)
def test_right_sizes_are_right_however_they_are_written(answer):
    is_right(check.embedding_sizes(answer))


@wrong(
    ("unknown", (16, 1280, 753920)),
    ("weights_only", (256, 1280, 752640)),
    ("with_class_token", (257, 1280, 753920)),
    ("tokens_of_patches_of_16", (196, 1280, 753920)),
    ("width_of_a_patch", (256, 588, 753920)),
    ("layer_for_each_place", (256, 1280, 753920 * 256)),
    ("weights_for_each_place", (256, 1280, 752640 * 256)),
    ("one_channel", (256, 1280, 252160)),
    ("bias_for_each_input", (256, 1280, 753228)),
    ("weights_of_patches_of_16", (256, 1280, 984320)),
    ("shape_of_the_tokens", (1, 256, 1280)),
    ("out_of_place", (1280, 256, 753920)),
    ("unknown", (256, 1280, 7)),
    ("other_count", (256, 1280)),
)
def test_wrong_sizes_are_named(mistake, answer):
    is_named(mistake, check.embedding_sizes(answer))
