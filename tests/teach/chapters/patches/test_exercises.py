"""Chapter 2's checkers: right answers of any style, and wrong ones."""

import pytest
import torch
from einops import rearrange
from torch.nn import functional as F

from vitlib.teach import check

# patchify, right


def by_loops(images, patch_size):
    p = patch_size
    sentences = []
    for image in images:
        words = []
        for top in range(0, image.shape[1], p):
            for left in range(0, image.shape[2], p):
                patch = image[:, top : top + p, left : left + p]
                words.append(patch.permute(1, 2, 0).flatten())
        sentences.append(torch.stack(words))
    return torch.stack(sentences)


def by_reshape(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)


def by_unfold(images, patch_size):
    columns = F.unfold(images, patch_size, stride=patch_size)
    return rearrange(
        columns, "b (c y x) n -> b n (y x c)", y=patch_size, x=patch_size
    )


def by_tensor_unfold(images, patch_size):
    windows = images.unfold(2, patch_size, patch_size)
    windows = windows.unfold(3, patch_size, patch_size)
    return rearrange(windows, "b c row col y x -> b (row col) (y x c)")


def by_einsum(images, patch_size):
    p, (_, _, h, w) = patch_size, images.shape
    rows = torch.eye(h, dtype=images.dtype).reshape(h // p, p, h)
    cols = torch.eye(w, dtype=images.dtype).reshape(w // p, p, w)
    parts = torch.einsum("bchw,ryh,kxw->brkyxc", images, rows, cols)
    return parts.flatten(3).flatten(1, 2)


def by_chunks(images, patch_size):
    lines = images.split(patch_size, dim=2)
    patches = [
        square.movedim(1, -1).flatten(1)
        for line in lines
        for square in line.split(patch_size, dim=3)
    ]
    return torch.stack(patches, dim=1)


@pytest.mark.parametrize(
    "answer",
    [
        by_loops,
        by_reshape,
        by_unfold,
        by_tensor_unfold,
        by_einsum,
        by_chunks,
        lambda images, patch_size: rearrange(
            images,
            "b c (i y) (j x) -> b (i j) (y x c)",
            y=patch_size,
            x=patch_size,
        ),
    ],
)
def test_every_style_of_patchify_is_right(answer):
    result = check.patchify(answer)
    assert result, str(result)


# patchify, wrong


def unfolded(images, p):
    return F.unfold(images, p, stride=p).transpose(1, 2)


def loops_down(images, p):
    _, _, h, w = images.shape
    patches = []
    for left in range(0, w, p):
        for top in range(0, h, p):
            patch = images[:, :, top : top + p, left : left + p]
            patches.append(patch.permute(0, 2, 3, 1).flatten(1))
    return torch.stack(patches, dim=1)


def no_permute(images, p):
    b, c, h, w = images.shape
    return images.view(b, (h // p) * (w // p), c * p * p)


def channels_last_view(images, p):
    b, _, h, w = images.shape
    last = torch.movedim(images, 1, 3)
    return last.reshape(b, h * w // p**2, -1)


def strided(images, p):
    h, w = images.shape[2] // p, images.shape[3] // p
    patches = [
        images[:, :, i::h, j::w].permute(0, 2, 3, 1).flatten(1)
        for i in range(h)
        for j in range(w)
    ]
    return torch.stack(patches, dim=1)


def mirrored(images, p):
    return by_loops(images.transpose(2, 3), p)


def transposed_inside(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 5, 3, 1).reshape(b, -1, p * p * c)


def sides_confused(images, p):
    b, c, w, h = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)


def first_of_batch(images, p):
    words = by_loops(images[0:1], p)
    return words.repeat(images.shape[0], 1, 1)


def batch_second(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(2, 4, 0, 3, 5, 1).reshape(b, -1, p * p * c)


def no_batch(images, p):
    return by_reshape(images, p).flatten(0, 1)


def not_flat(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1).flatten(1, 2)


def still_a_grid(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1).flatten(3)


def through_numpy(images, p):
    return torch.from_numpy(by_loops(images.detach(), p).numpy())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (unfolded, "red, green and blue of one pixel"),
        (loops_down, "yours go down the columns"),
        (no_permute, "in memory a row of the picture goes on"),
        (channels_last_view, "the channels stand last, as they should"),
        (strided, "your patches are sieves"),
        (mirrored, "as if height and width had changed places"),
        (transposed_inside, "mirrored along its diagonal"),
        (sides_confused, "Right for square pictures"),
        (first_of_batch, "all the others are copies of it"),
        (batch_second, "patches of different images stand in one"),
        (no_batch, "all images run into one: your shape is (12, 48)"),
        (not_flat, "each is still a small picture"),
        (still_a_grid, "they still stand in a grid"),
        (lambda x, p: by_loops(x, p).mT, "how `F.unfold` gives them"),
        (lambda x, p: F.unfold(x, p, stride=p), "in each row"),
        (through_numpy, "no gradient comes back to `images`"),
        (lambda x, p: by_loops(x, p) / 255, "your numbers are 0.00 times"),
    ],
)
def test_a_wrong_patchify_is_understood(answer, words):
    result = check.patchify(answer)
    assert not result
    assert words in str(result)


# unpatchify, right


def sides(image_size):
    if isinstance(image_size, int):
        return image_size, image_size
    return image_size


def paste(patches, patch_size, image_size):
    p, (h, w) = patch_size, sides(image_size)
    c = patches.shape[2] // p**2
    images = patches.new_zeros(len(patches), c, h, w)
    for number in range(patches.shape[1]):
        top, left = number // (w // p) * p, number % (w // p) * p
        square = patches[:, number].reshape(-1, p, p, c)
        images[:, :, top : top + p, left : left + p] = square.permute(
            0, 3, 1, 2
        )
    return images


def by_fold(patches, patch_size, image_size):
    columns = rearrange(
        patches, "b n (y x c) -> b (c y x) n", y=patch_size, x=patch_size
    )
    return F.fold(
        columns, sides(image_size), patch_size, stride=patch_size
    )


def by_axes(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (h // p, w // p))
    parts = parts.permute(0, 5, 1, 3, 2, 4)
    return parts.flatten(4).flatten(2, 3)


@pytest.mark.parametrize("answer", [paste, by_fold, by_axes])
def test_every_style_of_unpatchify_is_right(answer):
    result = check.unpatchify(answer)
    assert result, str(result)


# unpatchify, wrong


def folded(patches, p, image_size):
    return F.fold(patches.mT, sides(image_size), p, stride=p)


def paste_down(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (w // p, h // p))
    return parts.permute(0, 5, 2, 3, 1, 4).flatten(4).flatten(2, 3)


def paste_mirrored(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (h // p, w // p))
    return parts.permute(0, 5, 1, 4, 2, 3).flatten(4).flatten(2, 3)


def width_first(patches, p, image_size):
    w, h = sides(image_size)
    return by_axes(patches, p, (h, w))


def only_reshaped(patches, p, image_size):
    h, w = sides(image_size)
    return patches.view(patches.shape[0], -1, h, w)


def reshaped_and_moved(patches, p, image_size):
    h, w = sides(image_size)
    return patches.reshape(len(patches), h, w, -1).movedim(3, 1)


def channels_last(patches, p, image_size):
    return by_axes(patches, p, image_size).movedim(1, 3)


def scattered(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (h // p, w // p))
    return parts.permute(0, 5, 3, 1, 4, 2).flatten(4).flatten(2, 3)


def not_joined(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (h // p, w // p))
    return parts.permute(0, 5, 1, 3, 2, 4)


def pairs_only(patches, p, image_size):
    return by_axes(patches, p, (image_size[0], image_size[1]))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (folded, "the colours are mixed up"),
        (paste_down, "laid out down the columns"),
        (paste_mirrored, "mirrored along its diagonal"),
        (width_first, "height and width have changed places"),
        (only_reshaped, "a `reshape` moves nothing. At"),
        (
            reshaped_and_moved,
            "channels are moved in front, as they should",
        ),
        (channels_last, "as files and matplotlib have them"),
        (scattered, "scattered over the whole picture"),
        (not_joined, "not joined yet"),
        (pairs_only, "`return by_axes(patches, p, (image_size[0]"),
    ],
)
def test_a_wrong_unpatchify_is_understood(answer, words):
    result = check.unpatchify(answer)
    assert not result
    assert words in str(result)


def test_pictures_show_the_patches_that_went_wrong():
    picture = check.patchify(loops_down).picture
    assert "house, cut into 12 patches" in picture
    assert "the expected ones; 3 agree" in picture
    assert picture.count("<rect") == 2 * 12 * 16
    picture = check.unpatchify(paste_down).picture
    assert picture.count("<rect") == 2 * 12 * 16
    assert "192 pixels agree" in picture
