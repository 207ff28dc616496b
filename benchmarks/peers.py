"""The Vision Transformers that vitlib is measured beside.

All get the same sizes, 1000 classes, exact GELU, norms with eps 1e-6, no
dropout, float32; no weight is zero.

timm and vit-pytorch need torchvision, which is a peer itself. Its usual
wheel is built for CUDA and fails beside a CPU torch for want of two
operators, torchvision::nms and torchvision::qnms: no ViT calls them, so
`declare_torchvision` declares their names and no code. transformers fails
too where it finds such a torchvision, so the peers are installed in
build/peers, for PYTHONPATH, not beside the tests.
"""

import importlib
import sys
from importlib.metadata import version

import torch
from torch import Tensor, nn

import vitlib


def from_transformers(size: vitlib.vit.Size, side: int) -> nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    class Scores(ViTForImageClassification):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images).logits

    config = ViTConfig(
        image_size=side,
        patch_size=size.patch_size,
        hidden_size=size.embed_dim,
        num_hidden_layers=size.depth,
        num_attention_heads=size.num_heads,
        intermediate_size=4 * size.embed_dim,
        num_labels=1000,
    )
    return Scores(config)


def from_timm(size: vitlib.vit.Size, side: int) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(img_size=side, **size._asdict())


def from_torchvision(size: vitlib.vit.Size, side: int) -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=side,
        patch_size=size.patch_size,
        num_layers=size.depth,
        num_heads=size.num_heads,
        hidden_dim=size.embed_dim,
        mlp_dim=4 * size.embed_dim,
    )


def from_vit_pytorch(size: vitlib.vit.Size, side: int) -> nn.Module:
    from vit_pytorch import ViT

    return ViT(
        image_size=side,
        patch_size=size.patch_size,
        num_classes=1000,
        dim=size.embed_dim,
        depth=size.depth,
        heads=size.num_heads,
        mlp_dim=4 * size.embed_dim,
    )


PEERS = {
    "timm": from_timm,
    "transformers": from_transformers,
    "torchvision": from_torchvision,
    "vit-pytorch": from_vit_pytorch,
}


def declare_torchvision() -> None:
    """Let torchvision's CUDA wheel be imported beside a CPU torch."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in list(sys.modules):
            if name.partition(".")[0] == "torchvision":
                del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        boxes = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
        library.define(f"nms{boxes}")
        library.define(f"qnms{boxes}")
        declare_torchvision.keep = library  # undeclared when it is freed
        importlib.import_module("torchvision")


def importable_peers() -> dict[str, str]:
    """Import what is there; say what is not and why. Give versions."""
    declare_torchvision()
    found = {}
    for name in PEERS:
        try:
            importlib.import_module(name.replace("-", "_"))
            found[name] = version(name)
        except (ImportError, RuntimeError) as error:
            print(f"  {name} is left out: {error}")
    return found


def build(name: str, size: str, side: int) -> nn.Module:
    """Make a contender's model of a published size, no weight at zero."""
    torch.manual_seed(0)
    if name == "vitlib":
        model = vitlib.ViT.from_name(size, image_size=side)
    else:
        model = PEERS[name](vitlib.SIZES[size], side)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
    return model
