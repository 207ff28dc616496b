"""Chapter 2: the order of the patches, and that no pixel is lost."""

import numpy as np
import pytest
import torch
from torch import nn

from vitlib import patchify, unpatchify


def random_sizes(count):
    """Batch, channels, rows, columns and side, drawn once for all."""
    random = np.random.default_rng(2)
    low, high = (1, 1, 1, 1, 1), (4, 6, 5, 6, 6)
    draws = random.integers(low, high, size=(count, 5)).tolist()
    return [*draws, [1, 1, 1, 1, 1], [1, 5, 1, 7, 3], [0, 3, 2, 3, 4]]


SIZES = pytest.mark.parametrize(
    ("batch", "channels", "rows", "cols", "side"), random_sizes(20)
)


@SIZES
def test_numbers_stand_where_the_docstring_says(
    batch, channels, rows, cols, side
):
    images = torch.randn(batch, channels, rows * side, cols * side)
    patches = patchify(images, side)
    assert patches.shape == (batch, rows * cols, side * side * channels)
    for c in range(channels):
        for h in range(rows * side):
            for w in range(cols * side):
                patch = (h // side) * cols + w // side
                place = ((h % side) * side + w % side) * channels + c
                assert torch.equal(
                    patches[:, patch, place], images[:, c, h, w]
                )


@SIZES
def test_patchify_is_torchs_unfold_with_the_channels_last(
    batch, channels, rows, cols, side
):
    batch = max(batch, 1)  # torch's unfold takes no empty batch
    images = torch.randn(batch, channels, rows * side, cols * side)
    unfolded = nn.Unfold(side, stride=side)(images)
    unfolded = unfolded.view(batch, channels, side * side, rows * cols)
    expected = unfolded.permute(0, 3, 2, 1).flatten(2)
    assert torch.equal(patchify(images, side), expected)


@SIZES
def test_unpatchify_undoes_patchify(batch, channels, rows, cols, side):
    size = (rows * side, cols * side)
    images = torch.randn(batch, channels, *size)
    patches = patchify(images, side)
    assert torch.equal(unpatchify(patches, side, size), images)


@SIZES
def test_patchify_undoes_unpatchify(batch, channels, rows, cols, side):
    patches = torch.randn(batch, rows * cols, side * side * channels)
    images = unpatchify(patches, side, (rows * side, cols * side))
    assert torch.equal(patchify(images, side), patches)


def test_patches_go_left_to_right_and_then_down():
    rows = torch.arange(6).view(2, 3).repeat_interleave(4, 0)
    picture = rows.repeat_interleave(4, 1)[None, None]
    assert patchify(picture, 4)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_first_numbers_are_the_colours_of_one_pixel():
    picture = torch.arange(3 * 4 * 4).view(1, 3, 4, 4)
    assert patchify(picture, 2)[0, 0, :3].tolist() == [0, 16, 32]
    assert patchify(picture, 2)[0, 0, 3:6].tolist() == [1, 17, 33]


def test_224_pixels_in_squares_of_16_are_196_patches():
    # 16 is the side of a patch, not the number of patches.
    assert patchify(torch.zeros(1, 3, 224, 224), 16).shape == (1, 196, 768)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.uint8,
        torch.int64,
        torch.bool,
        torch.float16,
        torch.bfloat16,
        torch.float64,
    ],
)
def test_every_dtype_comes_back_as_it_was(dtype):
    images = torch.randint(0, 256, (2, 3, 6, 9)).to(dtype)
    patches = patchify(images, 3)
    assert patches.dtype == dtype
    assert torch.equal(unpatchify(patches, 3, (6, 9)), images)


def test_image_size_may_be_one_side():
    images = torch.randn(2, 3, 6, 6)
    assert torch.equal(unpatchify(patchify(images, 3), 3, 6), images)


def test_patchify_leaves_its_input_alone():
    images = torch.randn(2, 3, 6, 9)
    before = images.clone()
    patchify(images, 3).add_(1)
    assert torch.equal(images, before)


def test_memory_layout_does_not_matter():
    images = torch.randn(2, 3, 6, 9)
    strange = images.to(memory_format=torch.channels_last)
    assert torch.equal(patchify(strange, 3), patchify(images, 3))
    flipped = images.flip(3)[..., ::3]
    assert torch.equal(patchify(flipped, 3), patchify(flipped.clone(), 3))


def test_gradients_pass_through_both():
    images = torch.randn(2, 3, 6, 9, requires_grad=True)
    weights = torch.randn(2, 3, 6, 9)
    (unpatchify(patchify(images, 3), 3, (6, 9)) * weights).sum().backward()
    assert torch.equal(images.grad, weights)


def test_nan_stays_where_it_was():
    images = torch.zeros(1, 1, 4, 6)
    images[0, 0, 3, 5] = torch.nan
    broken = patchify(images, 2).isnan().any(dim=-1)
    assert broken.tolist() == [[False] * 5 + [True]]


def test_both_compile_in_one_piece_for_every_size():
    def there_and_back(images):
        size = tuple(images.shape[-2:])
        return unpatchify(patchify(images, 2), 2, size)

    compiled = torch.compile(
        there_and_back, backend="eager", fullgraph=True, dynamic=True
    )
    for size in ((2, 3, 4, 6), (3, 1, 8, 2)):
        images = torch.randn(size)
        assert torch.equal(compiled(images), images)


def test_patchify_can_be_exported_for_every_size():
    class Cut(nn.Module):
        def forward(self, images):
            return patchify(images, 2)

    rows, cols = torch.export.Dim("rows"), torch.export.Dim("cols")
    sizes = {"images": {2: 2 * rows, 3: 2 * cols}}
    example = (torch.randn(2, 3, 6, 8),)
    cut = torch.export.export(
        Cut(), example, dynamic_shapes=sizes
    ).module()
    images = torch.randn(2, 3, 10, 4)
    assert torch.equal(cut(images), patchify(images, 2))


def test_both_work_under_vmap():
    images = torch.randn(5, 2, 3, 4, 6)
    patches = torch.vmap(lambda image: patchify(image, 2))(images)
    assert torch.equal(patches[4], patchify(images[4], 2))


@pytest.mark.parametrize(
    ("shape", "side", "parts"),
    [
        ((1, 3, 239, 239), 16, ("239 x 239", "16 x 16", "15 rows")),
        ((1, 3, 32, 40), 16, ("32 x 40", "0 rows", "8 columns")),
        ((1, 3, 24, 32), 16, ("24 x 32", "8 rows", "0 columns")),
        ((1, 3, 8, 8), 16, ("8 x 8", "16 x 16")),
    ],
)
def test_no_pixel_is_cropped_in_silence(refuses, shape, side, parts):
    """E18: the article's convolution lost the last 15 pixels of 239."""
    images = torch.zeros(shape)
    refuses(lambda: patchify(images, side), *parts, "resize or crop")


@pytest.mark.parametrize(
    "shape", [(3, 4, 4), (4, 4), (4,), (), (1, 1, 3, 4, 4)]
)
def test_patchify_refuses_other_axes(refuses, shape):
    images = torch.zeros(shape)
    refuses(lambda: patchify(images, 2), "(b, c, h, w)", shape, "axis")


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        (None, "NoneType"),
        (np.zeros((1, 3, 4, 4)), "ndarray"),
        ([[[[0.0]]]], "list"),
        (3, "int"),
    ],
)
def test_patchify_refuses_what_is_no_tensor(refuses, images, kind):
    refuses(lambda: patchify(images, 2), kind, "tensor")


@pytest.mark.parametrize("side", [0, -4, 2.0, True, None, "2", (2, 2)])
def test_patch_size_must_be_a_whole_number(refuses, side):
    images, patches = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 12)
    refuses(lambda: patchify(images, side), "patch_size", repr(side))
    refuses(lambda: unpatchify(patches, side, 4), "patch_size", repr(side))


def test_pictures_without_pixels_are_refused(refuses):
    refuses(lambda: patchify(torch.zeros(1, 3, 0, 4), 2), "height", 0)
    refuses(lambda: patchify(torch.zeros(1, 3, 4, 0), 2), "width", 0)


@pytest.mark.parametrize(
    "size", [None, (4,), (), (4, 4, 4), "44", 4.0, torch.tensor([4, 4])]
)
def test_image_size_must_be_a_side_or_a_pair(refuses, size):
    patches = torch.zeros(1, 4, 12)
    refuses(lambda: unpatchify(patches, 2, size), "image_size", "width")


@pytest.mark.parametrize("size", [(4, 4.0), (-4, 4), (4, True), (0, 4)])
def test_sides_of_the_image_must_be_whole_numbers(refuses, size):
    patches = torch.zeros(1, 4, 12)
    refuses(lambda: unpatchify(patches, 2, size), "whole number")


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((1, 5, 12), ("5 patches", "2 x 2 = 4")),
        ((1, 3, 12), ("3 patches", "2 x 2 = 4")),
        ((1, 4, 13), ("13 numbers", "2 x 2 pixels")),
        ((1, 4, 0), ("0 numbers",)),
        ((4, 12), ("(b, n, d)", "(4, 12)")),
    ],
)
def test_unpatchify_refuses_patches_that_do_not_fit(refuses, shape, parts):
    refuses(lambda: unpatchify(torch.zeros(shape), 2, 4), *parts)


def test_unpatchify_refuses_what_is_no_tensor(refuses):
    refuses(lambda: unpatchify(None, 2, 4), "patches", "NoneType")
    refuses(lambda: unpatchify([[[0.0]]], 1, 1), "patches", "list")


def test_unpatchify_refuses_a_size_with_left_over_pixels(refuses):
    patches = torch.zeros(1, 4, 12)
    refuses(lambda: unpatchify(patches, 2, (4, 5)), "4 x 5", "2 x 2")


def test_sizes_may_be_whole_numbers_of_numpy():
    images = torch.rand(2, 3, 8, 12)
    patches = patchify(images, np.int64(4))
    assert torch.equal(patches, patchify(images, 4))
    sides = np.int64(8), np.int32(12)
    assert torch.equal(unpatchify(patches, np.uint8(4), sides), images)
