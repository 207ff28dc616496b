"""check.mirror_patches: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange

from vitlib import ViT, patchify, unpatchify
from vitlib.teach import check


def by_flip(images, patch_size):
    cut = "b c h (col x) -> b c h col x"
    strips = rearrange(images, cut, x=patch_size).flip(3)
    return rearrange(strips, "b c h col x -> b c h (col x)")


def by_slices(images, patch_size):
    strips = images.split(patch_size, dim=-1)
    return torch.cat(strips[::-1], dim=-1)


def by_order(images, patch_size):
    """Move the patches of the sequence."""
    height, width = images.shape[2:]
    rows, cols = height // patch_size, width // patch_size
    order = torch.arange(rows * cols).reshape(rows, cols).flip(1)
    moved = patchify(images, patch_size)[:, order.flatten()]
    return unpatchify(moved, patch_size, (height, width))


def by_two_mirrors(images, patch_size):
    """Mirror all, and then each patch back."""
    parts = images.flip(-1).unflatten(-1, (-1, patch_size))
    return parts.flip(-1).flatten(-2)


@right(by_flip, by_slices, by_order, by_two_mirrors)
def test_every_style_is_right(answer):
    is_right(check.mirror_patches(answer))


def test_attention_does_not_notice_this_mirror():
    _ = torch.manual_seed(0)
    settings = {"embed_dim": 24, "depth": 2, "num_heads": 2}
    vit = ViT(image_size=32, patch_size=8, positions="none", **settings)
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before, mirrored, turned = (
            vit.forward_features(one)[:, 0]
            for one in (images, by_flip(images, 8), images.flip(-1))
        )
    assert torch.allclose(before, mirrored, atol=1e-5)
    assert (before - turned).abs().max() > 1e-2


def grid_of(images, p):
    return rearrange(
        images, "b c (row y) (col x) -> b c row y col x", y=p, x=p
    )


def flipped(*axes):
    def answer(images, patch_size):
        grid = grid_of(images, patch_size).flip(axes)
        return rearrange(grid, "b c row y col x -> b c (row y) (col x)")

    return answer


def whole_sequence(images, patch_size):
    moved = patchify(images, patch_size).flip(1)
    return unpatchify(moved, patch_size, images.shape[2:])


def wrong_strips(images, patch_size):
    cut = "b c h (x col) -> b c h x col"
    strips = rearrange(images, cut, x=patch_size).flip(3)
    return rearrange(strips, "b c h x col -> b c h (x col)")


def in_place(images, patch_size):
    images[:] = by_flip(images, patch_size)
    return images


def cut_as_square(images, patch_size):
    strips = rearrange(
        images,
        "b c h (col x) -> b c h col x",
        col=images.shape[2] // patch_size,
    )
    return strips.flip(3).flatten(3)


def as_many_strips_as_rows(images, patch_size):
    strips = [
        images[..., left : left + patch_size]
        for left in range(0, images.shape[2], patch_size)
    ]
    return torch.cat(strips[::-1], dim=-1)


def put_back(images, patch_size, pattern="b c h col x -> b c h (x col)"):
    cut = "b c h (col x) -> b c h col x"
    strips = rearrange(images, cut, x=patch_size).flip(3)
    return rearrange(strips, pattern)


def sieves(images, patch_size):
    cut = "b c h (x col) -> b c h x col"
    strips = rearrange(images, cut, x=patch_size).flip(4)
    return rearrange(strips, "b c h x col -> b c h (x col)")


@wrong(
    ("as_many_columns_as_rows", cut_as_square),
    ("as_wide_as_high", as_many_strips_as_rows),
    ("columns_interleaved", put_back),
    (
        "not_joined",
        lambda x, p: put_back(x, p, "b c h col x -> b c h col x"),
    ),
    ("sieves_turned", sieves),
    ("stops", lambda x, p: by_flip(x, 16)),
    ("other_signs", lambda x, p: by_flip(x, p).abs()),
    ("pixels_mirrored_too", lambda x, p: x.flip(-1)),
    ("pixels_only", flipped(5)),
    ("top_to_bottom", flipped(2)),
    ("whole_sequence_turned", whole_sequence),
    ("nothing_moved", lambda x, p: x),
    ("strips", wrong_strips),
    ("patches_upside_down", flipped(3, 4)),
    ("other_shape", lambda x, p: patchify(x, p).flip(1)),
    ("out_of_place", lambda x, p: x.flip(2)),
    ("out_of_place", lambda x, p: x.flip(1)),
    ("stops", lambda x, p: unpatchify(x, p, 8)),
    ("out_of_place", lambda x, p: by_flip(x, 4)),
    ("other_dtype", lambda x, p: by_flip(x, p).double()),
    ("changes_its_input", in_place),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.mirror_patches(answer))


def test_the_width_of_the_strips_is_told():
    said = str(check.mirror_patches(wrong_strips))
    assert "patches in a row: 3 pixels. A patch is 4 pixels wide" in said


def test_a_picture_shows_the_two_mirrors():
    picture = check.mirror_patches(lambda x, p: x.flip(-1)).picture
    assert "A small painted picture of a house" in picture
    assert "of 192 pixels agree" in picture


def test_a_grid_taken_for_square_is_told_by_its_columns():
    said = str(check.mirror_patches(cut_as_square))
    assert "you cut 2 columns of patches" in said
    assert "and here are 3" in said
