"""Chapter 1's exercises: right answers of any style, and wrong ones."""

import math

import pytest
import torch
from einops import rearrange
from torch import nn

from vitlib import MultiHeadAttention, ViT, patchify, unpatchify
from vitlib.teach import check


def refused(result, words):
    assert not result
    assert result.kind == "wrong"
    assert words in str(result), str(result)


def right(result):
    assert result, str(result)


# corner_to_corner


def reached(rows, cols):
    """Stack layers until one corner reaches the other."""
    layer = nn.Conv2d(1, 1, kernel_size=5, padding=2, bias=False)
    nn.init.ones_(layer.weight)
    seen = torch.zeros(1, 1, rows, cols)
    seen[0, 0, -1, -1] = 1
    depth = 0
    with torch.no_grad():
        while not seen[0, 0, 0, 0]:
            seen = (layer(seen) > 0).float()
            depth += 1
    return depth


@pytest.mark.parametrize(
    "answer", [150, 150.0, torch.tensor(150), math.ceil(300 / 2)]
)
def test_a_right_number_of_layers_is_right(answer):
    right(check.corner_to_corner(answer))


def test_the_number_of_layers_is_what_convolutions_need():
    right(check.corner_to_corner(reached(97, 301)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (300, "reach one pixel further each"),
        (151, "How many steps is it from the first"),
        (149, "149 is next to it"),
        (75, "four pixels wider than one pixel"),
        (301 // 5, "60 windows of five pixels, side by side"),
        (math.ceil(301 / 5), "61 windows of five pixels, side by side"),
        (reached(97, 97), "How far to the right does it see then?"),
        (48 + 150, "Does a window not grow in both directions"),
        (math.ceil(math.hypot(96, 300) / 2), "a window is a square"),
        (1, "Not yet: 1 is too small"),
        (math.inf, "inf is too large"),
        ("150", "the text “150”"),
        (reached, "Wanted is one number"),
        ((97, 301), "a tuple of two things"),
    ],
)
def test_a_wrong_number_of_layers_is_understood(answer, words):
    refused(check.corner_to_corner(answer), words)


# receptive_field, right


def from_above(layers):
    """Ask the output what it sees, layer by layer down to the pixels."""
    side = 1
    for kernel, step in reversed(layers):
        side = (side - 1) * step + kernel
    return side


def by_products(layers):
    kernels = [kernel for kernel, _ in layers]
    steps = torch.tensor([1, *[step for _, step in layers]])
    apart = steps.cumprod(dim=0)
    return 1 + sum(
        (k - 1) * d for k, d in zip(kernels, apart, strict=False)
    )


def by_recursion(layers):
    if not layers:
        return 1
    (kernel, step), *rest = layers
    return (by_recursion(rest) - 1) * step + kernel


def by_sets(layers):
    seen = {0}
    for kernel, step in layers[::-1]:
        seen = {i * step + k for i in seen for k in range(kernel)}
    return len(range(min(seen), max(seen) + 1))


@pytest.mark.parametrize(
    "answer", [from_above, by_products, by_recursion, by_sets]
)
def test_every_style_of_receptive_field_is_right(answer):
    right(check.receptive_field(answer))


def test_a_window_is_where_the_gradient_is_not_zero():
    layers = [(7, 2), (3, 3), (5, 1)]
    stack = nn.Sequential(
        *[nn.Conv1d(1, 1, k, stride=s, bias=False) for k, s in layers]
    ).double()
    for layer in stack:
        nn.init.ones_(layer.weight)
    pixels = torch.zeros(1, 1, 99, dtype=torch.float64)
    pixels.requires_grad_()
    stack(pixels)[0, 0, 3].backward()
    assert (pixels.grad != 0).sum() == from_above(layers) == 35


# receptive_field, wrong


def stack(rule, side=1, distance=1):
    """Go through the layers and change side and distance by a rule."""

    def answer(layers):
        now = side, distance
        for kernel, step in layers:
            now = rule(*now, kernel, step)
        return now[0]

    return answer


def no_return(layers):
    side = 1
    for kernel, _ in layers:
        side += kernel - 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (stack(lambda a, d, k, s: (a + k - 1, d)), "as every step is 1"),
        (
            stack(lambda a, d, k, s: (a + (k - 1) * d * s, d * s)),
            "Are its own inputs apart already?",
        ),
        (
            stack(lambda a, d, k, s: (a + (k - 1) * s, d)),
            "counts with its own step",
        ),
        (
            stack(lambda a, d, k, s: (a + (k - 1) * d, s)),
            "Right after one step",
        ),
        (
            stack(lambda a, d, k, s: (a + (k - 1) * d, d + s)),
            "It adds the steps",
        ),
        (
            stack(lambda a, d, k, s: (a + k * d, d * s)),
            "yours gives 4, wanted is 3",
        ),
        (
            stack(lambda a, d, k, s: (a + (k - 1) * d, d * s), side=0),
            "How wide is the window before the first layer?",
        ),
        (
            stack(lambda a, d, k, s: (a + k // 2 * d, d * s)),
            "A window has two",
        ),
        (
            stack(lambda a, d, k, s: ((a - 1) * s + k, d)),
            "Which of them lies on the pixels?",
        ),
        (lambda layers: from_above(layers) ** 2, "yours gives 9: that"),
        (
            lambda layers: math.prod(s for _, s in layers),
            "the distance of two neighbours",
        ),
        (lambda layers: 7, "one layer of 3 x 3. Yours gives 7"),
        (lambda layers: layers[0][0], "I asked about four layers"),
        (lambda layers: str(from_above(layers)), "the text “3”"),
        (lambda layers: (from_above(layers), 1), "a tuple of two things"),
        (lambda layers: math.nan, "Yours gives nan"),
        (lambda layers: layers.kernel, "Your code stopped"),
        (no_return, "Is there a `return`?"),
        (from_above([(3, 1)]), "Give me the function itself"),
    ],
)
def test_a_wrong_receptive_field_is_understood(answer, words):
    refused(check.receptive_field(answer), words)


# mirror_patches, right


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


@pytest.mark.parametrize(
    "answer", [by_flip, by_slices, by_order, by_two_mirrors]
)
def test_every_style_of_mirror_is_right(answer):
    right(check.mirror_patches(answer))


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


# mirror_patches, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, p: x.flip(-1), "A mirror, and a whole one"),
        (flipped(5), "Wanted is the other way round"),
        (flipped(2), "mirrored from top to bottom"),
        (whole_sequence, "The whole sequence is turned round"),
        (lambda x, p: x, "Each patch is where it was"),
        (
            wrong_strips,
            "there are patches in a row: 3 pixels. A patch is 4",
        ),
        (flipped(3, 4), "each stands on its head"),
        (lambda x, p: patchify(x, p).flip(1), "has the shape (2, 6, 48)"),
        (lambda x, p: x.flip(2), "I asked about images of the shape"),
        (lambda x, p: x.flip(1), "I asked about images of the shape"),
        (lambda x, p: unpatchify(x, p, 8), "Your code stopped"),
        (lambda x, p: by_flip(x, 4), "Right for images of the shape (2, "),
        (lambda x, p: by_flip(x, p).double(), "answers in float64"),
        (in_place, "changed its input"),
    ],
)
def test_a_wrong_mirror_is_understood(answer, words):
    refused(check.mirror_patches(answer), words)


def test_a_picture_shows_the_two_mirrors():
    picture = check.mirror_patches(lambda x, p: x.flip(-1)).picture
    assert "A small painted picture of a house" in picture
    assert "of 192 pixels agree" in picture


# outgrown_weights


def first_side(heads=12, extra=1, biases=True):
    layer = MultiHeadAttention(768, 12)
    learned = sum(
        p.numel() for p in layer.parameters() if biases or p.ndim > 1
    )
    side = 16
    while heads * (extra + (side // 16) ** 2) ** 2 <= learned:
        side += 16
    return side


@pytest.mark.parametrize(
    "answer", [first_side(), 22 * 16, torch.tensor([352]), (352,)]
)
def test_the_side_of_the_tables_is_right(answer):
    right(check.outgrown_weights(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (336, "12 tables of them hold 2,344,368 numbers"),
        (337, "a side is made of whole patches"),
        (first_side(heads=1), "How many tables does the layer make?"),
        (22, "22 patches a side"),
        (444, "444 is the number of tokens. How many patches"),
        (485, "485 is the number of tokens, and it is the right one"),
        (484, "484 is the number of patches, and it is the right one"),
        (353, "353 is next to it"),
        (224, "Not yet: 224 is too small"),
        (math.nan, "nan, no number at all"),
        ((352, 352), "a tuple of two things"),
        (torch.zeros(2), "a tensor of the shape (2,)"),
    ],
)
def test_a_wrong_side_of_the_tables_is_understood(answer, words):
    refused(check.outgrown_weights(answer), words)


def test_the_numbers_that_the_hints_name():
    count = sum(p.numel() for p in MultiHeadAttention().parameters())
    assert count == 2_362_368
    assert 12 * 197**2 == 465_708
    assert 12 * (1 + 21**2) ** 2 == 2_344_368 < count
    assert 12 * 443**2 < count < 12 * 444**2
    assert 12 * (1 + 22**2) ** 2 == 2_822_700
    assert 336 < 16 * ((count / 12) ** 0.5 - 1) ** 0.5 < 337


# vit_for, right

SMALL = {"embed_dim": 192, "depth": 2, "num_heads": 3}


def small(height, width, **settings):
    return ViT(image_size=(height, width), **SMALL | settings)


def by_rest(height, width):
    return small(height + -height % 16, width + -width % 16)


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


@pytest.mark.parametrize("answer", [by_rest, by_ceil, by_loop])
def test_every_style_of_a_vit_for_a_photo_is_right(answer):
    right(check.vit_for(answer))


def test_the_cat_becomes_552_tokens():
    wanted = by_rest(300, 451)
    assert wanted.patch_embed.image_size == (304, 464)
    assert wanted.pos_embed.shape[1] == 552


# vit_for, wrong


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h, w: by_rest(w, h), "the height comes first"),
        (
            lambda h, w: small(h - h % 16, w - w % 16),
            "of a photo of 300 by 451 pixels yours cuts off",
        ),
        (
            lambda h, w: small(h + 16 - h % 16, w + 16 - w % 16),
            "one patch more, all of padding",
        ),
        (lambda h, w: by_rest(max(h, w), max(h, w)), "to a square"),
        (lambda h, w: by_rest(h, h), "a square with the photo's height"),
        (lambda h, w: ViT(**SMALL), "224 by 224 pixels, whatever"),
        (
            lambda h, w: small(*(round(s / 16) * 16 for s in (h, w))),
            "of a photo of 300 by 451 pixels it would lose pixels",
        ),
        (small, "Your code stopped"),
        (
            lambda h, w: small(-(-h // 16), -(-w // 16)),
            "Your code stopped",
        ),
        (
            lambda h, w: small(304, 464),
            "a photo of 288 by 448 pixels. Your model has 304 rows of "
            "pixels in place of 288, 464 columns in place of 448.",
        ),
        (
            lambda h, w: small(h + -h % 16, w + -w % 16, depth=3),
            "Your model has 3 blocks in place of 2.",
        ),
        (
            lambda h, w: small(h + -h % 8, w + -w % 8, patch_size=8),
            "8 pixels along the side of a patch in place of 16",
        ),
        (lambda h, w: (304, 464), "a tuple of two things. Wanted is a"),
        (lambda h, w: nn.Linear(2, 3), "Wanted is a `ViT` of vitlib"),
    ],
)
def test_a_wrong_vit_for_a_photo_is_understood(answer, words):
    refused(check.vit_for(answer), words)
