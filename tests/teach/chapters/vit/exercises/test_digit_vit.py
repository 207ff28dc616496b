"""check.digit_vit: every way to make it, and models of other sizes."""

import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib import ViT
from vitlib.teach import check

DIGITS = {
    "image_size": 28,
    "patch_size": 7,
    "in_channels": 1,
    "num_classes": 10,
    "embed_dim": 64,
    "depth": 4,
    "num_heads": 4,
}


def made(**settings):
    return lambda: ViT(**DIGITS | settings)


def by_steps():
    model = ViT(**DIGITS | {"num_classes": 3})
    model.head = nn.Linear(64, 10)
    return model


@right(made(), made(image_size=(28, 28), mlp_ratio=4), by_steps)
def test_every_way_to_make_the_digit_vit_is_right(answer):
    result = check.digit_vit(answer)
    is_right(result)
    assert "205,066" in str(result)
    is_right(check.digit_vit(answer()))
    count = sum(p.numel() for p in answer().parameters())
    assert count == 205_066


def without_a_head():
    model = made()()
    del model.head
    return model


def in_inference_mode():
    with torch.inference_mode():
        return made()()


@wrong(
    ("patches_of_4_pixels", made(patch_size=4)),
    ("patches_of_14_pixels", made(patch_size=14)),
    ("three_channels", made(in_channels=3)),
    ("thousand_classes", made(num_classes=1000)),
    ("one_head", made(num_heads=1)),
    ("heads_of_one_number", made(num_heads=64)),
    ("width_of_b", made(embed_dim=768)),
    ("depth_of_b", made(depth=12)),
    ("depth_of_b", made(depth=12)()),
    ("other_sizes", made(depth=3, num_heads=2)),
    ("other_sizes", made(mlp_ratio=2.0)),
    ("other_names", made(global_pool="avg")),
    ("other_names", in_inference_mode),
    ("stops", made(num_heads=12)),
    ("stops", without_a_head),
    ("no_vit", lambda: nn.Linear(2, 3)),
    ("no_module", lambda: 205_066),
)
def test_wrong_sizes_are_named(mistake, answer):
    is_named(mistake, check.digit_vit(answer))


def test_all_sizes_that_differ_are_counted():
    said = str(check.digit_vit(made(depth=3, num_heads=2)))
    assert "3 blocks in place of 4, 2 heads in place" in said
    said = str(check.digit_vit(made(global_pool="avg")))
    assert 'do not fit: Missing key(s) in state_dict: "fc_norm.w' in said
