"""The pictures of the classroom, and how they become tensors."""

import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from vitlib import PatchEmbedding
from vitlib.teach import cat, resize_and_crop, to_tensor


def test_the_cat_is_not_square_and_has_three_colours():
    """E23: on a square picture, a squashed one looks right."""
    picture = cat()
    assert picture.size == (451, 300)
    assert picture.mode == "RGB"
    colours = to_tensor(picture)[0]
    assert not torch.equal(colours[0], colours[1])


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (40, 40), (33, 20)])
@pytest.mark.parametrize("side", [16, 20, 50])
def test_pictures_are_cropped_not_squashed(size, side):
    """E23: a circle stays a circle, in the middle."""
    width, height = size
    picture = Image.new("L", size)
    for x in range(width):
        for y in range(height):
            right, down = x + 0.5 - width / 2, y + 0.5 - height / 2
            if right**2 + down**2 < 8**2:
                picture.putpixel((x, y), 255)
    cropped = resize_and_crop(picture, side)
    assert cropped.size == (side, side)
    disc = to_tensor(cropped)[0, 0] > 0.5
    wide, high = (int(disc.any(dim=axis).sum()) for axis in (0, 1))
    scale = side / min(size)
    assert wide == pytest.approx(16 * scale, abs=max(1.5, scale))
    assert high == pytest.approx(16 * scale, abs=max(1.5, scale))
    rows, cols = disc.nonzero().float().mean(dim=0).tolist()
    assert rows == pytest.approx(side / 2 - 0.5, abs=0.6)
    assert cols == pytest.approx(side / 2 - 0.5, abs=0.6)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "RGB"])
def test_every_kind_of_picture_gets_three_channels(mode):
    """E23: grey ones have no channel axis, and some have four."""
    picture = cat().resize((20, 12)).convert(mode)
    tensor = to_tensor(picture)
    assert tensor.shape == (1, 3, 12, 20)
    assert tensor.dtype == torch.float32
    assert tensor.min() >= 0
    assert tensor.max() <= 1
    assert tensor.max() > 0.5


def test_pixels_keep_their_places_and_colours():
    picture = Image.new("RGB", (5, 3))
    picture.putpixel((4, 1), (255, 51, 0))
    tensor = to_tensor(picture)
    torch.testing.assert_close(
        tensor[0, :, 1, 4], torch.tensor([1, 0.2, 0])
    )
    assert tensor.count_nonzero() == 2


def test_tokens_of_pixels_from_0_to_1_are_nearly_all_alike():
    """E22: centred on zero, from -1 to 1, they tell patches apart."""
    pixels = to_tensor(resize_and_crop(cat(), 224))
    layer = PatchEmbedding()

    def alikeness(images):
        tokens = F.normalize(layer(images)[0].detach(), dim=1)
        return (tokens @ tokens.T).mean().item()

    assert alikeness(pixels) > 0.9
    assert alikeness(pixels * 2 - 1) < 0.7
