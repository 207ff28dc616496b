"""A small ViT that names the red shape, and pictures to try it on."""

from dataclasses import replace

from safetensors.torch import load

from vitlib._checks import check_sizes
from vitlib.teach.data.checked import read_checked
from vitlib.teach.data.shapes import COLOURS, Scenes, shapes
from vitlib.vit import ViT

FILE = "red_reader.safetensors"
SHA256 = "ade9082b1ede2641a3a473dd34be59d14bf7142cf3efc192e7aa1a1ceeba1fb9"
RED = list(COLOURS).index("red")
SETTINGS = {
    "image_size": 32,
    "patch_size": 4,
    "num_classes": 4,
    "embed_dim": 32,
    "depth": 3,
    "num_heads": 4,
}


def red_shapes(count: int, seed: int) -> Scenes:
    """Draw pictures with a red shape; its kind is the answer.

    `target` and `labels` are those of the red shape. The swatch in the
    corner is as `shapes` draws it, but nothing asks for it here.

    >>> scenes = red_shapes(3, seed=0)
    >>> scenes.images.shape, scenes.target_mask.shape
    (torch.Size([3, 3, 32, 32]), torch.Size([3, 32, 32]))
    """
    check_sizes(count=count)
    # Three of four pictures have one; of so many, enough.
    scenes = shapes(2 * count + 20, seed)
    is_red = scenes.colours == RED
    chosen = is_red.any(dim=1).nonzero()[:count, 0]
    parts = {name: part[chosen] for name, part in vars(scenes).items()}
    target = is_red[chosen].int().argmax(dim=1)
    labels = parts["kinds"].gather(1, target[:, None])[:, 0]
    return replace(scenes, **parts | {"labels": labels, "target": target})


def red_reader() -> ViT:
    """Load the ViT that was trained to name the red shape.

    (b, 3, 32, 32) -> (b, 4) scores, in the order of KINDS. Its pixels go
    from -1 to 1: give it `images * 2 - 1`.
    Made by experiments/train_red_reader.py; red_reader.json beside the
    weights says how.

    >>> red_reader()(red_shapes(2, seed=0).images * 2 - 1).shape
    torch.Size([2, 4])
    """
    model = ViT(**SETTINGS)
    stored = load(read_checked(FILE, SHA256))
    model.load_state_dict({k: v.float() for k, v in stored.items()})
    return model.eval()
