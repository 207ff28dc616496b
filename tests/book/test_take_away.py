"""The files to take away: the model in one file, the sheet of shapes."""

import ast
import runpy
from types import SimpleNamespace

import pytest
import take_away
import torch
from torch import nn
from torch.nn import functional as F
from torchs import torchs_block

import vitlib

MOST_LINES = 200
SMALL = {
    "image_size": (24, 36),
    "patch_size": 6,
    "in_channels": 2,
    "num_classes": 5,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 2.5,
}


@pytest.fixture(scope="module")
def one_file():
    """What stands in the committed file, run by itself."""
    return SimpleNamespace(**runpy.run_path(str(take_away.TARGET)))


@pytest.fixture
def model(one_file, randomise):
    return randomise(one_file.ViT(**SMALL)).eval()


@pytest.fixture
def images():
    return torch.randn(3, 2, 24, 36)


def test_the_file_is_what_the_script_writes():
    assert take_away.TARGET.read_text() == take_away.gather()


def test_the_file_has_less_than_200_lines_that_fit_a_page():
    lines = take_away.TARGET.read_text().splitlines()
    assert len(lines) < MOST_LINES
    assert max(map(len, lines)) <= 75


def test_the_file_needs_torch_and_einops_alone():
    tree = ast.parse(take_away.TARGET.read_text())
    names = [
        getattr(node, "module", None) or node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert {name.split(".")[0] for name in names} == {"torch", "einops"}


@torch.no_grad()
def test_the_file_computes_what_torchs_own_layers_compute(model, images):
    width, heads = SMALL["embed_dim"], SMALL["num_heads"]
    weights = model.state_dict()
    maps = F.conv2d(
        images,
        weights["patch_embed.proj.weight"],
        weights["patch_embed.proj.bias"],
        stride=SMALL["patch_size"],
    )
    tokens = maps.flatten(2).transpose(1, 2)
    first = weights["cls_token"].repeat(len(images), 1, 1)
    tokens = torch.cat([first, tokens], 1) + weights["pos_embed"]
    for block in model.blocks:
        tokens = torchs_block(block, width, heads)(tokens)
    tokens = F.layer_norm(
        tokens,
        (width,),
        weights["norm.weight"],
        weights["norm.bias"],
        1e-6,
    )
    wanted = F.linear(
        tokens[:, 0], weights["head.weight"], weights["head.bias"]
    )
    torch.testing.assert_close(model(images), wanted)


@torch.no_grad()
def test_attention_written_out_has_the_weights_of_torchs(
    one_file, model, images
):
    layer = model.blocks[0].attn
    own = nn.MultiheadAttention(24, 3, batch_first=True).eval()
    own.in_proj_weight.copy_(layer.qkv.weight)
    own.in_proj_bias.copy_(layer.qkv.bias)
    own.out_proj.load_state_dict(layer.proj.state_dict())
    seen = []

    def attention(q, k, v):
        seen.append(one_file.attention_weights(q, k))
        return one_file.attention(q, k, v)

    layer.attention = attention
    tokens = torch.randn(3, 25, 24)
    wanted, weights = own(
        tokens, tokens, tokens, average_attn_weights=False
    )
    torch.testing.assert_close(layer(tokens), wanted)
    torch.testing.assert_close(seen[0], weights)


def test_the_same_seed_gives_the_weights_of_vitlib(one_file):
    states = []
    for made in (one_file.ViT, vitlib.ViT):
        torch.manual_seed(0)
        states.append(made(**SMALL).state_dict())
    ours, wanted = states
    assert [*ours] == [*wanted]
    for name in wanted:
        assert torch.equal(ours[name], wanted[name]), name


def test_weights_go_from_the_file_to_vitlib(model, images):
    whole = vitlib.ViT(**SMALL).eval()
    whole.load_state_dict(model.state_dict())
    assert torch.equal(model(images), whole(images))


def test_without_classes_the_features_come(one_file, images):
    model = one_file.ViT(**SMALL | {"num_classes": 0})
    assert model(images).shape == (3, 24)


def test_usual_settings_are_those_of_the_published_base_model(one_file):
    with torch.device("meta"):
        model = one_file.ViT()
    assert sum(p.numel() for p in model.parameters()) == 86_567_656


def test_patches_must_cover_the_image(one_file):
    with pytest.raises(AssertionError, match="cover the image"):
        one_file.ViT(**SMALL | {"image_size": 25})
