"""The digit reader: the trained ViT that the book's figures run."""

import json
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import Tensor

from vitlib.teach.data.checked import read_checked
from vitlib.vit import ViT

FILE = "digit_reader.safetensors"
SHA256 = "cd137797e700e004e24f574c788f3445515f0bdc22205fc5bf5a79b578fd23bd"
SETTINGS = {
    "image_size": 28,
    "patch_size": 7,
    "in_channels": 1,
    "num_classes": 10,
    "embed_dim": 64,
    "depth": 4,
    "num_heads": 4,
}
UNTOUCHED = ("cls_token", "pos_embed")


def digit_reader() -> ViT:
    """Load the trained digit reader, ready to answer.

    It takes images as `digits` gives them, (b, 1, 28, 28) from 0 (paper)
    to 1 (ink), and gives (b, 10) scores. How it was trained, and how well
    it reads, stands in the book's model card.

    >>> digit_reader()(torch.zeros(1, 1, 28, 28)).shape
    torch.Size([1, 10])
    """
    model = ViT(**SETTINGS)
    model.load_state_dict(restore(load(read_checked(FILE, SHA256))))
    return model.eval()


def save_reader(model: ViT, path: Path) -> None:
    """Write the weights of a model of these settings in the small form."""
    settings = {"settings": json.dumps(SETTINGS)}
    save_file(quantise(model.state_dict()), path, settings)


def quantise(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Store each matrix as whole numbers from -127 to 127.

    NAME becomes int8; NAME.scale holds one float a row, the worth of the
    number 1 in that row. Biases, norms, the class token and the positions
    stay floats: they are few.

    >>> small = quantise({"head.weight": torch.tensor([[-0.5, 0.25]])})
    >>> small["head.weight"]
    tensor([[-127,   64]], dtype=torch.int8)
    """
    stored = {}
    for name, weight in weights.items():
        if weight.ndim < 2 or name in UNTOUCHED:
            stored[name] = weight
            continue
        scale = weight.flatten(1).abs().amax(dim=1).clamp(min=1e-12) / 127
        numbers = weight / per_row(scale, weight)
        stored[name] = numbers.round().to(torch.int8)
        stored[f"{name}.scale"] = scale
    return stored


def restore(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make floats again of what `quantise` gave."""
    weights = {}
    for name, numbers in stored.items():
        scale = stored.get(f"{name}.scale")
        if scale is not None:
            numbers = numbers.float() * per_row(scale, numbers)
        if not name.endswith(".scale"):
            weights[name] = numbers
    return weights


def per_row(scale: Tensor, weight: Tensor) -> Tensor:
    """Give the scale the axes of the weight, to multiply its rows."""
    return scale.reshape(-1, *[1] * (weight.ndim - 1))
