"""check.patchify: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange
from torch.nn import functional as F

from vitlib.teach import check


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


def by_pattern(images, patch_size):
    pattern = "b c (i y) (j x) -> b (i j) (y x c)"
    return rearrange(images, pattern, y=patch_size, x=patch_size)


@right(
    by_loops,
    by_reshape,
    by_unfold,
    by_tensor_unfold,
    by_einsum,
    by_chunks,
    by_pattern,
)
def test_every_style_is_right(answer):
    is_right(check.patchify(answer))


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


def still_parted(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1)


def square_corner(images, p):
    side = min(images.shape[2:])
    return by_loops(images[..., :side, :side], p)


@wrong(
    ("channels_first", unfolded),
    ("patches_column_by_column", loops_down),
    ("pixels_column_by_column", transposed_inside),
    ("all_column_by_column", mirrored),
    ("cut_by_reshape", no_permute),
    ("cut_by_reshape_channels_last", channels_last_view),
    ("scattered_pixels", strided),
    ("rows_and_columns_swapped", sides_confused),
    ("first_image_only", first_of_batch),
    ("images_mixed", batch_second),
    ("images_in_one_sequence", no_batch),
    ("squares_only", square_corner),
    ("patches_as_columns", lambda x, p: by_loops(x, p).mT),
    ("columns_of_unfold", lambda x, p: F.unfold(x, p, stride=p)),
    ("still_squares", not_flat),
    ("still_a_grid", still_a_grid),
    ("nothing_joined", still_parted),
    ("no_gradient", through_numpy),
    ("right_but_for_a_factor", lambda x, p: by_loops(x, p) / 255),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.patchify(answer))


def test_the_numbers_that_strips_took_are_told():
    said = str(check.patchify(channels_last_view))
    assert "took 12 pixels of the first row, where it should take" in said


def test_a_picture_shows_the_patches_that_went_wrong():
    picture = check.patchify(loops_down).picture
    assert "house, cut into 12 patches" in picture
    assert "the expected ones; 3 agree" in picture
    assert picture.count("<rect") == 2 * 12 * 16
