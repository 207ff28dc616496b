"""Compare what `load` makes of full-size files with who wrote them.

    python scripts/full_size.py

ViT-B/16 for images of 224 x 224, random weights, written to disk and read
back: by transformers, which the tests need anyway, and by timm, if it can
be imported (`make bench` puts it into build/peers, for PYTHONPATH). Ends
with 1 where a score is off by more than 1e-5 of the largest.
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from vitlib.pretrained import load

ALLOWED = 1e-5
# Both may import torchvision, which misses these beside a CPU's torch.
LIBRARY = torch.library.Library("torchvision", "DEF")
LIBRARY.define("nms(Tensor a, Tensor b, float c) -> Tensor")
LIBRARY.define("qnms(Tensor a, Tensor b, float c) -> Tensor")


def randomise(model: nn.Module) -> nn.Module:
    """Give scores that differ: the head of both starts at nearly zero."""
    for name, parameter in model.named_parameters():
        centre = float("norm" in name and name.endswith("weight"))
        nn.init.normal_(parameter, centre, 0.04)
    return model.eval()


def from_transformers(folder: Path, images: Tensor) -> Tensor:
    """Write a model of transformers; give its scores."""
    from transformers import (
        ViTConfig,
        ViTForImageClassification,
        ViTImageProcessorPil,
    )

    config = ViTConfig(num_labels=1000)
    model = randomise(ViTForImageClassification(config))
    model.save_pretrained(folder)
    ViTImageProcessorPil().save_pretrained(folder)
    return model(images).logits


def from_timm(folder: Path, images: Tensor) -> Tensor:
    """Write a model of timm; give its scores."""
    import timm
    from timm.models._hub import save_for_hf

    model = randomise(timm.create_model("vit_base_patch16_224"))
    save_for_hf(model, folder, safe_serialization=True)
    return model(images)


@torch.no_grad()
def main() -> None:
    """Compare with each that is here."""
    torch.manual_seed(0)
    images = torch.randn(2, 3, 224, 224)
    for write in (from_transformers, from_timm):
        name = write.__name__.removeprefix("from_")
        with tempfile.TemporaryDirectory() as folder:
            try:
                theirs = write(Path(folder), images)
            except ImportError as error:
                print(f"{name}: not compared ({error})")
                continue
            ours = load(folder).model(images)
        share = (ours - theirs).abs().max() / theirs.abs().max()
        print(
            f"{name}: scores to {theirs.abs().max():.1f}, off by "
            f"{share:.1e} of it"
        )
        if not share <= ALLOWED:
            sys.exit(1)


if __name__ == "__main__":
    main()
