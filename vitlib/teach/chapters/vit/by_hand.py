"""A ViT whose every weight is set by hand, small enough to follow."""

import torch
from torch import Tensor, nn

from vitlib.vit import ViT


def vit_by_hand(image_size: int, sharpness: float) -> ViT:
    """Set the weights of a ViT that says which quarter is the brightest.

    Four patches, width 3: the brightness, then the place as +1 or -1 for
    right and for down. One block, one head, no norms: they would leave
    of three numbers only an angle. The larger `sharpness`, the more the
    brightest quarter takes of the attention.
    """
    model = ViT(
        image_size=image_size,
        patch_size=image_size // 2,
        in_channels=1,
        num_classes=4,
        embed_dim=3,
        depth=1,
        num_heads=1,
    )
    block = model.blocks[0]
    block.norm1 = block.norm2 = model.norm = nn.Identity()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    places = torch.tensor([[-1, -1], [1, -1], [-1, 1], [1, 1]]).float()
    with torch.no_grad():
        # The first number of a token is the mean of its pixels.
        model.patch_embed.proj.weight[0] = 4 / image_size**2
        # The other two say where it is; the class token is nowhere.
        model.pos_embed[0, 1:, 1:] = places
        # Every query asks for brightness, with the same force,
        block.attn.qkv.bias[0] = sharpness * 3**0.5
        # every key answers with its brightness,
        block.attn.qkv.weight[3, 0] = 1
        # every value hands over its place,
        block.attn.qkv.weight[7, 1] = block.attn.qkv.weight[8, 2] = 1
        # and the output is added to the stream as it is.
        block.attn.proj.weight.copy_(torch.eye(3))
        # The head compares the place that arrived with the four there are.
        model.head.weight[:, 1:] = places
    return model.eval()


def grey(images: Tensor) -> Tensor:
    """(b, 3, h, w) -> (b, 1, h, w): the mean of the three colours."""
    return images.mean(dim=1, keepdim=True)
