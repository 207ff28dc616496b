"""check.unpatchify: right answers of any style, and wrong ones."""

from answers import is_named, is_right, right, wrong
from einops import rearrange
from torch.nn import functional as F

from vitlib.teach import check


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


@right(paste, by_fold, by_axes)
def test_every_style_is_right(answer):
    is_right(check.unpatchify(answer))


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


def paste_all_down(patches, p, image_size):
    h, w = sides(image_size)
    parts = patches.unflatten(2, (p, p, -1))
    parts = parts.unflatten(1, (w // p, h // p))
    return parts.permute(0, 5, 2, 4, 1, 3).flatten(4).flatten(2, 3)


@wrong(
    ("channels_first", folded),
    ("patches_column_by_column", paste_down),
    ("pixels_column_by_column", paste_mirrored),
    ("all_column_by_column", paste_all_down),
    ("height_and_width_swapped", width_first),
    ("joined_by_reshape", only_reshaped),
    ("joined_by_reshape_channels_last", reshaped_and_moved),
    ("channels_last", channels_last),
    ("scattered_pixels", scattered),
    ("nothing_joined", not_joined),
    ("stops", pairs_only),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.unpatchify(answer))


def test_a_picture_shows_the_patches_in_wrong_places():
    picture = check.unpatchify(paste_down).picture
    assert picture.count("<rect") == 2 * 12 * 16
    assert "192 pixels agree" in picture
