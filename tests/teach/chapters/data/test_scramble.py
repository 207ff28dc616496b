"""Scrambling: no pixel is lost, and a ViT does not mind."""

import pytest
import torch
from torch.testing import assert_close

from vitlib import ViT, patchify
from vitlib.teach.chapters.data.scramble import scramble


def test_every_picture_is_scrambled_in_the_same_way():
    images = torch.rand(3, 2, 12, 16)
    together = scramble(images, 4)
    for i in range(3):
        assert torch.equal(
            together[i : i + 1], scramble(images[i, None], 4)
        )


def test_a_patch_keeps_its_pixels_in_another_order_at_another_place():
    images = torch.rand(1, 3, 8, 12)
    before, after = (
        patchify(x, 4)[0] for x in (images, scramble(images, 4))
    )
    assert not torch.equal(before, after)
    bags = [
        sorted(tuple(patch.sort().values.tolist()) for patch in patches)
        for patches in (before, after)
    ]
    assert bags[0] == bags[1]


def test_both_the_places_and_the_pixels_change():
    """A picture of the patches' numbers, one of the pixels' numbers."""
    grid, within = (torch.arange(n * n).reshape(n, n) for n in (3, 4))
    places = grid.repeat_interleave(4, 0).repeat_interleave(4, 1)
    for picture in (places, within.repeat(3, 3)):
        assert not torch.equal(
            scramble(picture[None, None], 4)[0, 0], picture
        )


def test_a_seed_decides_the_order():
    images = torch.rand(1, 1, 28, 28)
    assert torch.equal(scramble(images, 7), scramble(images, 7, seed=0))
    assert not torch.equal(
        scramble(images, 7), scramble(images, 7, seed=1)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_vit_with_its_weights_in_the_new_order_says_the_same(channels):
    torch.manual_seed(0)
    settings = {
        "image_size": 16,
        "patch_size": 4,
        "in_channels": channels,
        "num_classes": 5,
        "embed_dim": 12,
        "depth": 2,
        "num_heads": 3,
    }
    model, other = (ViT(**settings).double().eval() for _ in range(2))
    torch.nn.init.normal_(model.head.weight)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        kernels = model.patch_embed.proj.weight
        other.patch_embed.proj.weight.copy_(scramble(kernels, 4))
        numbers = torch.arange(16.0).reshape(1, 1, 4, 4)
        grid = numbers.repeat_interleave(4, 2).repeat_interleave(4, 3)
        order = scramble(grid, 4)[0, 0, ::4, ::4].flatten().long()
        other.pos_embed[:, 1:] = model.pos_embed[:, 1:][:, order]
        images = torch.rand(3, channels, 16, 16).double()
        mixed = scramble(images, 4)
        assert_close(other(mixed), model(images))
        assert not torch.allclose(model(mixed), model(images))
