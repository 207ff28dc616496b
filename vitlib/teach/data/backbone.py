"""The backbone: eight pretrained blocks that look at photos."""

from pathlib import Path

from torch import Tensor, nn

from vitlib.packed import positions_for, read
from vitlib.teach.data.checked import FOLDER, read_checked
from vitlib.vit import ViT

FILE = "backbone.packed"
SHA256 = "8936ee8f9bee74e2a5146697b8603f93ef7332f73aced308f774b792ce7abe9f"
SIDES = (224, 448)  # pixels: grids of 16 x 16 and 32 x 32


def backbone(image_size: int = 224) -> ViT:
    """Load the pretrained backbone, ready to look at photos.

    It is the first 8 of the 12 blocks of a fine-tuned DINOv2 ViT-S/14,
    for pictures (b, 3, image_size, image_size) from 0 to 1. It has no
    head: it gives features, (b, 384). Where it comes from and what was
    changed stands in backbone.md beside its file.

    >>> import torch
    >>> backbone()(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 384])
    """
    read_checked(FILE, SHA256)
    return model_of(*read(Path(FOLDER / FILE)), image_size)


def model_of(
    weights: dict[str, Tensor], settings: dict, image_size: int
) -> ViT:
    """Make the model that packed weights are those of, without a head."""
    model = ViT(image_size=image_size, num_classes=1, **settings["model"])
    places = positions_for(weights["pos_embed"], model.patch_embed.grid)
    model.head = nn.Identity()
    model.load_state_dict(weights | {"pos_embed": places})
    return model.eval().requires_grad_(False)
