"""Chapter 3: one linear layer for all patches, also as a convolution."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vitlib import PatchEmbedding, patchify

# image_size, patch_size, in_channels, embed_dim: never 3 * p * p = d.
SHAPES = pytest.mark.parametrize(
    ("size", "side", "channels", "width"),
    [
        ((8, 12), 4, 3, 40),
        ((6, 2), 2, 1, 7),
        ((5, 5), 5, 5, 64),
        ((9, 3), 1, 10, 3),
        ((14, 28), 14, 2, 16),
    ],
)


def make(size=(8, 12), side=4, channels=3, width=40):
    layer = PatchEmbedding(size, side, channels, width)
    torch.nn.init.normal_(layer.proj.bias)
    return layer


def test_defaults_are_those_of_vit_b16():
    tokens = PatchEmbedding()(torch.randn(1, 3, 224, 224))
    assert tokens.shape == (1, 196, 768)


@SHAPES
def test_convolution_equals_linear_layer_on_patches(
    size, side, channels, width
):
    """E21: the order inside a patch must be the one of the weights."""
    layer = make(size, side, channels, width).double()
    images = torch.randn(2, channels, *size, dtype=torch.float64)
    linear = layer.as_linear()
    assert (linear.in_features, linear.out_features) == (
        channels * side**2,
        width,
    )
    tokens = linear(patchify(images, side))
    torch.testing.assert_close(layer(images), tokens, rtol=0, atol=1e-12)


def test_flattened_filters_do_not_fit_the_patches():
    """E21: the article takes one order for the other."""
    layer = make()
    patches = patchify(torch.randn(2, 3, 8, 12), 4)
    right = layer.as_linear()(patches)
    wrong = F.linear(
        patches, layer.proj.weight.flatten(1), layer.proj.bias
    )
    assert (wrong - right).norm() > 0.5 * right.norm()


@SHAPES
def test_tokens_equal_unfolded_patches_times_filters(
    size, side, channels, width
):
    layer = make(size, side, channels, width)
    images = torch.randn(2, channels, *size)
    unfolded = F.unfold(images, side, stride=side).transpose(1, 2)
    filters = layer.proj.weight.flatten(1)
    expected = unfolded @ filters.T + layer.proj.bias
    torch.testing.assert_close(layer(images), expected)


@SHAPES
def test_each_token_sees_its_own_patch_only(size, side, channels, width):
    layer = make(size, side, channels, width)
    cols = size[1] // side
    for number in range(layer.num_patches):
        images = torch.zeros(1, channels, *size)
        top, left = number // cols * side, number % cols * side
        images[..., top : top + side, left : left + side] = 1.0
        changed = layer(images) != layer(torch.zeros_like(images))
        expected = torch.arange(layer.num_patches) == number
        assert torch.equal(changed.any(dim=2)[0], expected)


def test_nan_comes_out_in_its_own_token():
    images = torch.zeros(2, 3, 8, 12)
    images[1, 2, 7, 11] = torch.nan
    broken = make()(images).isnan().all(dim=2)
    assert broken.tolist() == [[False] * 6, [False] * 5 + [True]]


@SHAPES
def test_tokens_start_about_as_large_as_the_pixels(
    size, side, channels, width
):
    """E10: LeCun's variance keeps the scale, whatever a patch holds."""
    layer = PatchEmbedding(size, side, channels, 20_000)
    fan_in = channels * side**2
    weight = layer.proj.weight.detach()
    assert weight.std() == pytest.approx(fan_in**-0.5, rel=0.02)
    assert weight.mean().abs() < 0.02 * fan_in**-0.5
    assert not layer.proj.bias.any()
    tokens = layer(torch.ones(1, channels, *size))
    assert tokens.detach().std() == pytest.approx(1, rel=0.05)


def test_grid_and_sizes_can_be_read():
    layer = make((8, 12))
    assert layer.grid == (2, 3)
    assert layer.num_patches == 6
    assert layer.image_size == (8, 12)
    assert make(8).image_size == make([8, 8]).image_size == (8, 8)


def test_linear_layer_is_a_copy_that_can_learn():
    layer = make()
    linear = layer.as_linear()
    before = layer.proj.weight.clone()
    with torch.no_grad():
        linear.weight.zero_()
    assert torch.equal(layer.proj.weight, before)
    assert linear.weight.requires_grad
    assert linear.bias.requires_grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_linear_layer_has_the_dtype_of_the_convolution(dtype):
    assert make().to(dtype).as_linear().weight.dtype == dtype


def test_linear_layer_stays_on_the_device_of_the_convolution():
    assert make().to("meta").as_linear().weight.is_meta


def test_forward_leaves_its_input_alone():
    images = torch.randn(2, 3, 8, 12)
    before = images.clone()
    make()(images).add_(1)
    assert torch.equal(images, before)


def test_memory_layout_does_not_matter():
    layer, images = make(), torch.randn(2, 3, 8, 12)
    strange = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(strange), layer(images))


def test_gradients_are_right():
    layer = make((2, 4), 2, 2, 3).double()
    images = torch.randn(
        2, 2, 2, 4, dtype=torch.float64, requires_grad=True
    )
    assert torch.autograd.gradcheck(layer, images)


def test_an_empty_batch_gives_an_empty_batch():
    assert make()(torch.zeros(0, 3, 8, 12)).shape == (0, 6, 40)


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        ((8, 11), ("8 x 11", "8 x 12")),
        ((12, 8), ("12 x 8", "8 x 12")),
        ((9, 13), ("9 x 13", "8 x 12")),
        ((16, 24), ("16 x 24", "8 x 12")),
    ],
)
def test_other_pictures_are_refused_never_cropped(refuses, size, parts):
    """E18: 239 pixels lost 15, and 256 failed at the positions."""
    images = torch.zeros(1, 3, *size)
    refuses(lambda: make()(images), *parts, "resize", "resize_positions")


def test_patches_must_cover_the_picture(refuses):
    """E18, where the layer is made."""
    refuses(lambda: make(239, 16), "239 x 239", "16 x 16", "15 rows")


@pytest.mark.parametrize("channels", [0, 1, 2, 4])
def test_other_channels_are_refused(refuses, channels):
    images = torch.zeros(1, channels, 8, 12)
    refuses(lambda: make()(images), channels, "in_channels 3")


@pytest.mark.parametrize("shape", [(3, 8, 12), (8, 12), (1, 1, 3, 8, 12)])
def test_other_axes_are_refused(refuses, shape):
    refuses(lambda: make()(torch.zeros(shape)), "(b, c, h, w)", shape)


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64]
)
def test_whole_numbers_are_refused(refuses, dtype):
    images = torch.zeros(1, 3, 8, 12, dtype=dtype)
    refuses(lambda: make()(images), dtype, ".float()", "255")


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        (None, "NoneType"),
        (np.zeros((1, 3, 8, 12), np.float32), "ndarray"),
        ([0.0], "list"),
    ],
)
def test_what_is_no_tensor_is_refused(refuses, images, kind):
    refuses(lambda: make()(images), "images", kind)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "4"])
@pytest.mark.parametrize(
    "name", ["patch_size", "in_channels", "embed_dim"]
)
def test_sizes_must_be_whole_numbers(refuses, name, bad):
    refuses(lambda: PatchEmbedding(**{name: bad}), name, repr(bad))


@pytest.mark.parametrize(
    "size", [0, -8, True, None, 8.0, "88", (8,), (), (8, 8, 8), (8, 0)]
)
def test_image_size_must_be_a_side_or_a_pair(refuses, size):
    refuses(lambda: PatchEmbedding(size, 4), "must be")


class Wrapped(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, images):
        return self.layer(images)


def test_the_convolution_may_be_wrapped(refuses):
    """By LoRA or a quantisation, which show no sizes outside."""
    layer, images = make(), torch.randn(2, 3, 8, 12)
    expected = layer(images)
    layer.proj = Wrapped(layer.proj)
    assert torch.equal(layer(images), expected)
    refuses(lambda: layer(images[:, :2]), "in_channels 3")
    refuses(layer.as_linear, "Wrapped", "nn.Conv2d")


def test_a_convolution_without_a_bias_has_a_linear_layer_without():
    layer, images = make(), torch.randn(2, 3, 8, 12)
    layer.proj = torch.nn.Conv2d(3, 40, 4, stride=4, bias=False)
    linear = layer.as_linear()
    assert linear.bias is None
    tokens = linear(patchify(images, 4))
    torch.testing.assert_close(tokens, layer(images))


def test_sizes_of_other_libraries_become_plain_numbers():
    sizes = (np.int64(8), np.uint16(12))
    layer = make(sizes, np.int32(4), torch.tensor(3), np.array(40))
    numbers = (*layer.grid, *layer.image_size, layer.num_patches)
    numbers += (layer.in_channels, *layer.proj.kernel_size)
    assert [type(number) for number in numbers] == [int] * 8
    assert layer(torch.randn(2, 3, 8, 12)).shape == (2, 6, 40)


@pytest.mark.parametrize(
    "bad", [np.int64(0), np.float64(4), np.True_, torch.tensor(4.0)]
)
def test_what_is_no_whole_number_is_none_in_numpy_either(refuses, bad):
    refuses(lambda: make(side=bad), "patch_size", repr(bad))


def test_a_switch_of_torch_is_no_whole_number(refuses):
    refuses(lambda: make(side=torch.tensor(True)), "patch_size")
    refuses(lambda: make(side=torch.tensor([4, 4])), "patch_size")
