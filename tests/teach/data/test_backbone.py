"""The packed backbone: what is shipped, and how it is packed."""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from vitlib.packed import read
from vitlib.teach.data import backbone as module
from vitlib.teach.data.backbone import FILE, SHA256, backbone, model_of
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.examples import EXAMPLES

RECORD = json.loads((FOLDER / "backbone.json").read_text())
LIMITS = json.loads((FOLDER / "backbone_limits.json").read_text())
CARD = (FOLDER / "backbone.md").read_text()
SCRIPT = Path(__file__).parents[3] / "experiments/pack_backbone.py"
PATCH, WIDTH, DEPTH, HEADS = 4, 24, 3, 2


@pytest.fixture(scope="module")
def pack():
    """The script that packs, as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published():
    """A small random state dict with the names of DINOv2."""
    torch.manual_seed(0)
    normal = lambda *size: 0.3 * torch.randn(*size)  # noqa: E731
    weights = {
        "cls_token": normal(1, 1, WIDTH),
        "mask_token": normal(1, WIDTH),
        "pos_embed": normal(1, 1 + 7 * 7, WIDTH),
        "patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": normal(WIDTH),
        "norm.weight": 1 + normal(WIDTH),
        "norm.bias": normal(WIDTH),
    }
    sizes = {
        "attn.qkv": (3 * WIDTH, WIDTH),
        "attn.proj": (WIDTH, WIDTH),
        "mlp.fc1": (4 * WIDTH, WIDTH),
        "mlp.fc2": (WIDTH, 4 * WIDTH),
    }
    for layer in range(DEPTH):
        name = f"blocks.{layer}"
        for norm in ("norm1", "norm2"):
            weights[f"{name}.{norm}.weight"] = 1 + normal(WIDTH)
            weights[f"{name}.{norm}.bias"] = normal(WIDTH)
        for part, (rows, columns) in sizes.items():
            weights[f"{name}.{part}.weight"] = normal(rows, columns)
            weights[f"{name}.{part}.bias"] = normal(rows)
        for scale in ("ls1", "ls2"):
            weights[f"{name}.{scale}.gamma"] = normal(WIDTH)
    return weights


def settings(blocks):
    return {
        "model": {
            "patch_size": PATCH,
            "embed_dim": WIDTH,
            "depth": blocks,
            "num_heads": HEADS,
        }
    }


def dinov2(weights, images, blocks):
    """The published model, in plain torch: tokens behind some blocks."""
    mean, std = (
        torch.tensor(v).reshape(1, 3, 1, 1)
        for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    linear = lambda x, n: F.linear(  # noqa: E731
        x, weights[f"{n}.weight"], weights[f"{n}.bias"]
    )
    norm = lambda x, n: F.layer_norm(  # noqa: E731
        x, (WIDTH,), weights[f"{n}.weight"], weights[f"{n}.bias"], 1e-6
    )
    maps = F.conv2d(
        (images - mean) / std,
        weights["patch_embed.proj.weight"],
        weights["patch_embed.proj.bias"],
        stride=PATCH,
    )
    first = weights["cls_token"].expand(len(images), -1, -1)
    x = torch.cat([first, maps.flatten(2).transpose(1, 2)], dim=1)
    x = x + weights["pos_embed"]
    for layer in range(blocks):
        name = f"blocks.{layer}"
        qkv = linear(norm(x, f"{name}.norm1"), f"{name}.attn.qkv")
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in qkv.chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        mixed = mixed.transpose(1, 2).flatten(2)
        x = x + weights[f"{name}.ls1.gamma"] * linear(
            mixed, f"{name}.attn.proj"
        )
        hidden = F.gelu(
            linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1")
        )
        x = x + weights[f"{name}.ls2.gamma"] * linear(
            hidden, f"{name}.mlp.fc2"
        )
    return x


def test_it_gives_the_features_of_the_class_token():
    model = backbone()
    images = torch.rand(2, 3, 224, 224)
    features = model(images)
    assert features.shape == (2, 384)
    tokens = model.forward_features(images)
    assert tokens.shape == (2, 257, 384)
    assert torch.equal(features, tokens[:, 0])


def test_what_is_recorded_is_what_is_shipped():
    content = (FOLDER / FILE).read_bytes()
    assert len(content) == RECORD["bytes"]
    assert (
        hashlib.sha256(content).hexdigest() == RECORD["sha256"] == SHA256
    )
    weights, about = read(FOLDER / FILE)
    assert about == RECORD["settings"]
    assert sum(w.numel() for w in weights.values()) == RECORD["parameters"]


def test_a_damaged_file_is_refused(monkeypatch, refuses):
    monkeypatch.setattr(module, "SHA256", "0" * 64)
    refuses(backbone, SHA256[:8], "00000000")


def test_the_card_says_the_numbers_that_were_measured():
    text = " ".join(CARD.split())
    assert f"{RECORD['parameters']:,}, in {RECORD['bytes']:,}" in text
    rows = (RECORD["distance"], LIMITS["other_eye"], LIMITS["same_place"])
    for row in rows:
        assert " | ".join(f"{100 * v:.0f} %" for v in row) in text
    for way, right in LIMITS["same_photo"].items():
        assert f"| {way} | {100 * right:.0f} % |" in text
    assert f"{LIMITS['crops']} crops" in text
    assert RECORD["settings"]["source"].split("SHA-256 ")[1] in text
    for change in RECORD["settings"]["changes"]:
        assert change in text
    for example in EXAMPLES:
        assert example.credit in text


def test_folding_changes_nothing_that_the_model_gives(pack, published):
    images = torch.rand(2, 3, 28, 28)
    model = model_of(pack.folded(published, 2), settings(2), 28)
    *_, found = pack.layers(model, images)
    wanted = dinov2(published, images, 2)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [".pth", ".safetensors"])
def test_a_state_dict_is_packed_as_well(pack, published, tmp_path, kind):
    path = tmp_path / f"other{kind}"
    if kind == ".pth":
        torch.save(published, path)
    else:
        save_file(published, path)
    weights, source = pack.weights_of(path)
    assert source.startswith(path.name)
    assert weights.keys() == published.keys()
    folded = pack.folded(weights, DEPTH)
    crops = torch.rand(8, 3, 28, 28)
    contents = []
    for _ in range(2):  # the same bytes twice
        packing = pack.Packing(folded, settings(DEPTH), crops)
        contents.append(
            pack.packed(folded, packing.run(), settings(DEPTH))
        )
    assert contents[0] == contents[1]
    file = tmp_path / "other.packed"
    file.write_bytes(contents[0])
    found, about = read(file)
    assert about == settings(DEPTH)
    for name, value in found.items():
        assert value.shape == folded[name].shape
    model = model_of(found, about, 28)
    *_, tokens = pack.layers(model, crops)
    off = tokens - dinov2(published, crops, DEPTH)
    assert off.norm() / dinov2(published, crops, DEPTH).norm() < 0.4


def test_a_state_dict_with_registers_is_refused(pack, published, tmp_path):
    path = tmp_path / "registers.pth"
    torch.save(published | {"register_tokens": torch.zeros(1)}, path)
    with pytest.raises(SystemExit, match="registers"):
        pack.weights_of(path)


def test_gptq_loses_less_than_rounding_number_by_number(pack):
    """On what reaches the matrix; numbers that vary together help."""
    given = torch.randn(400, 6) @ torch.randn(6, 32)
    given += 0.1 * torch.randn(400, 32)
    rows = torch.randn(20, 32)
    step = pack.steps_of(rows, 0.9)
    moments = given.T @ given
    off = [
        ((numbers * step - rows) @ given.T).norm()
        for numbers in (
            pack.gptq(rows, moments, step),
            (rows / step).round(),
        )
    ]
    assert off[0] < 0.7 * off[1]


def test_the_names_of_hugging_face_become_those_of_dinov2(pack, published):
    """A matrix of three in DINOv2 is three matrices there."""
    first = "embeddings.patch_embeddings.projection"
    found = {
        "embeddings.cls_token": published["cls_token"],
        "cls_place": published["pos_embed"][:, :1],
        "places": published["pos_embed"][:, 1:],
        f"{first}.weight": published["patch_embed.proj.weight"],
        f"{first}.bias": published["patch_embed.proj.bias"],
        "layernorm.weight": published["norm.weight"],
        "layernorm.bias": published["norm.bias"],
    }
    for name, value in published.items():
        there = name.replace("blocks.", "encoder.layer.")
        there = there.replace("attn.proj", "attention.output.dense")
        there = re.sub(r"ls(\d)\.gamma", r"layer_scale\1.lambda1", there)
        if "attn.qkv" in there:
            parts = ("query", "key", "value")
            for part, rows in zip(parts, value.chunk(3), strict=True):
                own = f"attention.attention.{part}"
                found[there.replace("attn.qkv", own)] = rows
        elif name.startswith("blocks."):
            found[there] = value
    renamed = pack.plain(found)
    assert renamed.keys() == published.keys() - {"mask_token"}
    for name, value in renamed.items():
        assert torch.equal(value, published[name])


def test_a_photo_of_the_figure_is_square_and_has_its_credit():
    for example in EXAMPLES:
        image = example.image()
        assert image.mode == "RGB"
        assert image.width == image.height <= 448
        assert example.credit
    assert len({e.name for e in EXAMPLES}) == len(EXAMPLES)
