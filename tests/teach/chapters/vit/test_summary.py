"""The table of layers agrees with torch's counts and shapes."""

import re

import pytest
import torch
from torch import nn

from vitlib import ViT
from vitlib.teach.chapters.vit.summary import summary

SIZES = {
    "image_size": (8, 12),
    "patch_size": 4,
    "in_channels": 2,
    "num_classes": 5,
    "embed_dim": 24,
    "num_heads": 3,
}


def rows(text):
    """{layer: (shape, parameters)} in the order of the table."""
    pattern = r"(.+?) {2,}(\(.*?\))? +([\d,]+)"
    found = (re.fullmatch(pattern, line) for line in text.splitlines())
    return {
        name: (shape, int(count.replace(",", "")))
        for name, shape, count in (m.groups() for m in found if m)
    }


@pytest.fixture
def model():
    return ViT(**SIZES, depth=3)


def test_the_rows_add_up_to_all_parameters(model):
    table = rows(summary(model, (2, 2, 8, 12)))
    total = nn.utils.parameters_to_vector(model.parameters()).numel()
    assert table.pop("all") == (None, total)
    _, each = table.pop("blocks.1 to 2, each")
    assert sum(n for _, n in table.values()) + 2 * each == total


def test_each_layer_has_the_shape_of_a_real_forward_pass(model):
    given, order = {}, []

    def keep(name):
        def hook(module, inputs, output):
            given[name] = str(tuple(output.shape))
            order.append(name)

        return hook

    for name, module in model.named_modules():
        module.register_forward_hook(keep(name))
    model(torch.randn(2, 2, 8, 12))
    table = rows(summary(ViT(**SIZES, depth=3), (2, 2, 8, 12)))
    layers = [name for name in table if name in given]
    for name in layers:
        shape, count = table[name]
        assert shape == given[name]
        own = model.get_submodule(name).parameters()
        assert count == sum(parameter.numel() for parameter in own)
    assert layers == sorted(layers, key=order.index)
    assert {
        "patch_embed.proj",
        "blocks.0.attn.qkv",
        "norm",
        "head",
    } <= set(layers)
    assert table["blocks.1 to 2, each"][0] == given["blocks.2"]


def test_class_token_and_positions_have_lines_of_their_own(model):
    table = rows(summary(model, (1, 2, 8, 12)))
    assert table["cls_token"] == ("(1, 1, 24)", 24)
    assert table["pos_embed"] == ("(1, 7, 24)", 7 * 24)
    names = list(table)
    assert names.index("patch_embed.proj") < names.index("cls_token")
    assert names.index("pos_embed") < names.index("blocks.0.norm1")


def test_a_single_block_leaves_nothing_to_repeat():
    table = rows(summary(ViT(**SIZES, depth=1), (1, 2, 8, 12)))
    assert not any("each" in name for name in table)


def test_the_published_base_is_counted_as_its_authors_do():
    with torch.device("meta"):
        base = ViT.from_name("B/16")
    text = summary(base, (1, 3, 224, 224))
    table = rows(text)
    assert table["all"][1] == 86_567_656
    assert table["blocks.1 to 11, each"] == ("(1, 197, 768)", 7_087_872)
    assert table["head"] == ("(1, 1000)", 769_000)
    size = re.search(r"as float32 +([\d.]+) MiB", text)
    assert float(size[1]) == round(86_567_656 * 4 / 2**20, 2)


def test_the_model_stays_where_it_is_and_as_it_is(model):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    summary(model, (1, 2, 8, 12))
    assert all(p.device.type == "cpu" for p in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(m._forward_hooks for m in model.modules())
