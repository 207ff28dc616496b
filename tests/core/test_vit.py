"""Chapter 7: the whole model, against papers, timm and transformers."""

import ast
import copy
import inspect
import io
import math
import pickle
import textwrap
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import export
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import vitlib
from vitlib import (
    MLP,
    SIZES,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
    patchify,
    record_attention,
    resize_positions,
    unpatchify,
)
from vitlib.attention import attention
from vitlib.inside import logit_lens
from vitlib.teach.data.sizes import (
    multiply_adds,
    parameters,
    settings_of,
)


def on_paper(name="B/16", **settings):
    """A published size with shapes and without numbers."""
    with torch.device("meta"):
        return ViT.from_name(name, **settings)


def count(model):
    return sum(p.numel() for p in model.parameters())


# Sizes

SETTINGS = ("patch_size", "embed_dim", "depth", "num_heads")


def test_defaults_are_vit_b16_for_a_picture_of_224_pixels():
    model = on_paper()
    scores = model(torch.zeros(1, 3, 224, 224, device="meta"))
    assert scores.shape == (1, 1000)
    tokens = torch.zeros(2, 3, 224, 224, device="meta")
    assert model.forward_features(tokens).shape == (2, 197, 768)
    parts = ViT, PatchEmbedding, EncoderBlock, MultiHeadAttention, MLP
    for sizes in (part.__init__ for part in parts):
        for name, size in zip(SETTINGS, SIZES["B/16"], strict=True):
            given = inspect.signature(sizes).parameters
            assert name not in given or given[name].default == size


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("Ti/16", 5_717_416),
        ("S/16", 22_050_664),
        ("B/16", 86_567_656),
        ("B/32", 88_224_232),
        ("L/16", 304_326_632),
        ("H/14", 632_045_800),
    ],
)
def test_parameter_counts_are_the_published_ones(name, published):
    """E6: counted, not taken from a tool that misses some."""
    assert count(on_paper(name)) == published
    assert sum(parameters(**settings_of(name)).values()) == published


def test_all_sizes_are_counted_above():
    assert list(SIZES) == ["Ti/16", "S/16", "B/16", "B/32", "L/16", "H/14"]


def test_larger_pictures_cost_positions_only():
    assert count(on_paper(image_size=384)) == 86_859_496
    assert sum(parameters(image_size=384).values()) == 86_859_496


def test_what_torchsummary_misses_are_class_token_and_positions():
    """E6: 86,415,592 is what it prints for 86,567,656 parameters."""
    model = on_paper()
    seen = sum(
        parameter.numel()
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name in ("weight", "bias")
    )
    assert seen == 86_415_592
    assert count(model) - seen == 768 + 197 * 768


def test_every_part_has_as_many_parameters_as_the_formula_says():
    settings = {
        "image_size": (24, 40),
        "patch_size": 8,
        "in_channels": 2,
        "num_classes": 7,
        "embed_dim": 20,
        "depth": 3,
        "mlp_ratio": 2.5,
    }
    model, parts = ViT(**settings, num_heads=5), parameters(**settings)
    assert sum(parts.values()) == count(model)
    assert parts["patch_embed"] == count(model.patch_embed)
    assert parts["pos_embed"] == model.pos_embed.numel()
    assert parts["attention"] == sum(count(b.attn) for b in model.blocks)
    assert parts["mlp"] == sum(count(b.mlp) for b in model.blocks)
    assert parts["head"] == count(model.head)


@pytest.mark.parametrize(
    ("name", "heads", "head_dim"),
    [
        ("Ti/16", 3, 64),
        ("S/16", 6, 64),
        ("B/16", 12, 64),
        ("B/32", 12, 64),
        ("L/16", 16, 64),
        ("H/14", 16, 80),
    ],
)
def test_heads_are_the_published_ones(name, heads, head_dim):
    """E5: no count of parameters shows a wrong number of heads."""
    for block in on_paper(name).blocks:
        assert block.attn.num_heads == heads
        assert block.attn.proj.in_features == heads * head_dim


def multiply_adds_by_torch(model, *shape):
    for layer in model.modules():
        if isinstance(layer, MultiHeadAttention):
            layer.attention = attention
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(shape, device="meta"))
    return counter.get_total_flops() / 2


def test_b16_needs_17_56_billion_multiply_adds():
    ours = sum(multiply_adds().values())
    assert ours == pytest.approx(17.56e9, abs=0.005e9)
    assert multiply_adds_by_torch(on_paper(), 1, 3, 224, 224) == ours


def test_multiply_adds_of_other_sizes_are_torchs_count():
    settings = {
        "image_size": (32, 48),
        "patch_size": 8,
        "in_channels": 2,
        "num_classes": 7,
        "embed_dim": 20,
        "depth": 3,
        "mlp_ratio": 2.5,
    }
    with torch.device("meta"):
        model = ViT(**settings, num_heads=5)
    ours = sum(multiply_adds(**settings).values())
    assert multiply_adds_by_torch(model, 1, 2, 32, 48) == ours


# Names


def names_of_timm(depth, norm="norm"):
    """Keys and shapes of vit_base_patch16_224 in timm 1.0, in order."""
    names = [
        ("cls_token", (1, 1, 768)),
        ("pos_embed", (1, 197, 768)),
        ("patch_embed.proj.weight", (768, 3, 16, 16)),
        ("patch_embed.proj.bias", (768,)),
    ]
    for i in range(depth):
        names += [
            (f"blocks.{i}.norm1.weight", (768,)),
            (f"blocks.{i}.norm1.bias", (768,)),
            (f"blocks.{i}.attn.qkv.weight", (2304, 768)),
            (f"blocks.{i}.attn.qkv.bias", (2304,)),
            (f"blocks.{i}.attn.proj.weight", (768, 768)),
            (f"blocks.{i}.attn.proj.bias", (768,)),
            (f"blocks.{i}.norm2.weight", (768,)),
            (f"blocks.{i}.norm2.bias", (768,)),
            (f"blocks.{i}.mlp.fc1.weight", (3072, 768)),
            (f"blocks.{i}.mlp.fc1.bias", (3072,)),
            (f"blocks.{i}.mlp.fc2.weight", (768, 3072)),
            (f"blocks.{i}.mlp.fc2.bias", (768,)),
        ]
    return [
        *names,
        (f"{norm}.weight", (768,)),
        (f"{norm}.bias", (768,)),
        ("head.weight", (1000, 768)),
        ("head.bias", (1000,)),
    ]


@pytest.mark.parametrize(
    ("pool", "norm"), [("token", "norm"), ("avg", "fc_norm")]
)
def test_names_and_shapes_are_timms(pool, norm):
    """E19: a timm state dict loads as it is."""
    model = on_paper(global_pool=pool)
    found = [(k, tuple(v.shape)) for k, v in model.state_dict().items()]
    assert found == names_of_timm(12, norm)
    timms = {
        name: torch.empty(shape, device="meta")
        for name, shape in names_of_timm(12, norm)
    }
    model.load_state_dict(timms, strict=True)


def test_timm_gives_the_same_scores_where_it_is_installed():
    try:
        import timm
    except (ImportError, RuntimeError):
        pytest.skip("timm does not import here")
    images = torch.randn(2, 3, 224, 224)
    for ours, name, pool in (
        ("Ti/16", "vit_tiny_patch16_224", "token"),
        ("B/32", "vit_base_patch32_224", "avg"),
    ):
        theirs = timm.create_model(name, global_pool=pool).eval()
        nn.init.normal_(theirs.head.weight)
        model = ViT.from_name(ours, global_pool=pool).eval()
        model.load_state_dict(theirs.state_dict(), strict=True)
        with torch.no_grad():
            tokens = model.forward_features(images)
            expected = theirs.forward_features(images)
            torch.testing.assert_close(tokens, expected)
            torch.testing.assert_close(model(images), theirs(images))


# The same answers as transformers


@pytest.fixture(scope="module")
def transformers_vit(randomise):
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(1)
    config = ViTConfig(
        image_size=(8, 12),
        patch_size=4,
        num_channels=2,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        num_labels=5,
        layer_norm_eps=1e-6,
        attn_implementation="eager",
    )
    return randomise(ViTForImageClassification(config)).eval()


def in_our_names(state):
    """Weights of transformers 5 under the names that are timm's."""
    names = {
        "vit.embeddings.cls_token": "cls_token",
        "vit.embeddings.position_embeddings": "pos_embed",
        "vit.embeddings.patch_embeddings.projection": "patch_embed.proj",
        "vit.layernorm": "norm",
        "vit.layers": "blocks",
        "layernorm_before": "norm1",
        "layernorm_after": "norm2",
        "attention.o_proj": "attn.proj",
        "classifier": "head",
    }
    ours, parts = {}, {}
    for name, tensor in state.items():
        for theirs, own in names.items():
            name = name.replace(theirs, own)
        layer, _, kind = name.rpartition(".")
        if layer.endswith(("q_proj", "k_proj", "v_proj")):
            block = layer.rpartition(".attention.")[0]
            parts.setdefault(f"{block}.attn.qkv.{kind}", []).append(tensor)
        else:
            ours[name] = tensor
    return ours | {name: torch.cat(qkv) for name, qkv in parts.items()}


def test_scores_are_those_of_transformers(
    transformers_vit, small_vit, pictures
):
    model = small_vit()
    weights = in_our_names(transformers_vit.state_dict())
    model.load_state_dict(weights, strict=True)
    theirs = transformers_vit(
        pictures, output_attentions=True, output_hidden_states=True
    )
    assert theirs.logits.std() > 1
    with record_attention(model) as maps:
        scores = model(pictures)
    close = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(scores, theirs.logits, **close)
    torch.testing.assert_close(model(pictures), theirs.logits, **close)
    for ours, expected in zip(maps, theirs.attentions, strict=True):
        torch.testing.assert_close(ours, expected, **close)
    last = transformers_vit.vit(pictures).last_hidden_state
    tokens = model.forward_features(pictures)
    torch.testing.assert_close(tokens, last, **close)


def test_gradients_are_those_of_transformers(
    transformers_vit, small_vit, pictures
):
    model, labels = small_vit(), torch.tensor([0, 3, 4])
    state = transformers_vit.state_dict()
    model.load_state_dict(in_our_names(state))
    F.cross_entropy(model(pictures), labels).backward()
    transformers_vit.zero_grad()
    transformers_vit(pictures, labels=labels).loss.backward()
    theirs = in_our_names(
        {name: p.grad for name, p in transformers_vit.named_parameters()}
    )
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter.grad, theirs[name], rtol=1e-4, atol=1e-5
        )


# What the head reads


def test_scores_are_read_from_the_class_token(small_vit, pictures):
    """E7: the article averages it with the patches."""
    model = small_vit()
    tokens = model.forward_features(pictures)
    assert torch.equal(model(pictures), model.head(tokens[:, 0]))
    assert torch.equal(model.pool(tokens), tokens[:, 0])


def test_mean_is_of_the_patches_only_and_then_the_norm(
    small_vit, pictures
):
    """E7: LN(mean) is not mean(LN), and the class token stays out."""
    model = small_vit(global_pool="avg")
    tokens = model.forward_features(pictures)
    mean = sum(tokens[:, i] for i in range(1, 7)) / 6
    expected = model.head(model.fc_norm(mean))
    torch.testing.assert_close(model(pictures), expected)
    torch.testing.assert_close(model.pool(tokens), model.fc_norm(mean))
    other_order = model.head(model.fc_norm(tokens[:, 1:]).mean(dim=1))
    assert (other_order - expected).norm() > 0.1 * expected.norm()


def test_final_norm_stands_between_the_blocks_and_the_head(
    small_vit, pictures
):
    """E8: in pre-norm the stream grows, and nothing else ends that."""
    model = small_vit()
    stream = []
    model.blocks.register_forward_hook(
        lambda *call: stream.append(call[2])
    )
    tokens = model.forward_features(pictures)
    normed = F.layer_norm(
        stream[0], (24,), model.norm.weight, model.norm.bias, 1e-6
    )
    torch.testing.assert_close(tokens, normed)
    assert not torch.allclose(tokens, stream[0], atol=0.1)


def test_every_norm_uses_eps_1e_minus_6(small_vit):
    """E11."""
    for pool in ("token", "avg"):
        modules = small_vit(global_pool=pool).modules()
        norms = [m for m in modules if isinstance(m, nn.LayerNorm)]
        assert [norm.eps for norm in norms] == [1e-6] * 5


def test_steps_of_the_model_are_those_of_the_chapters(small_vit, pictures):
    model = small_vit()
    tokens = model.patch_embed.as_linear()(patchify(pictures, 4))
    first = model.cls_token.repeat(3, 1, 1)
    tokens = torch.cat([first, tokens], dim=1) + model.pos_embed
    for block in model.blocks:
        tokens = tokens + block.attn(block.norm1(tokens))
        tokens = tokens + block.mlp(block.norm2(tokens))
    expected = model.head(model.norm(tokens)[:, 0])
    torch.testing.assert_close(model(pictures), expected)


# How it starts


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("pool", ["token", "avg"])
def test_first_loss_is_ln_of_the_classes(classes, pool):
    """E10: the head starts at zero, so that all classes are equal."""
    model = ViT(
        image_size=8,
        patch_size=4,
        num_classes=classes,
        embed_dim=24,
        depth=2,
        num_heads=3,
        global_pool=pool,
    )
    scores = model(torch.randn(4, 3, 8, 8))
    assert not scores.any()
    loss = F.cross_entropy(scores, torch.randint(classes, (4,)))
    assert loss.item() == pytest.approx(math.log(classes), rel=1e-6)


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_gradients_reach_every_parameter(small_vit, pictures, pool):
    model = small_vit(global_pool=pool)
    model(pictures).square().sum().backward()
    for name, parameter in model.named_parameters():
        moved = parameter.grad.abs()
        assert moved.max() > 0, name
        if name.endswith("qkv.bias"):
            # A key's bias adds the same to all scores of a query.
            q, k, v = moved.chunk(3)
            assert torch.cat([q, v]).min() > 1e3 * k.max()
        elif name != "pos_embed":
            assert (moved > 0).float().mean() > 0.99, name


def test_zero_head_lets_no_gradient_into_the_body_at_first(pictures):
    model = ViT(
        image_size=(8, 12),
        patch_size=4,
        in_channels=2,
        num_classes=5,
        embed_dim=24,
        depth=2,
        num_heads=3,
    )
    labels = torch.tensor([0, 3, 4])
    F.cross_entropy(model(pictures), labels).backward()
    assert model.head.weight.grad.any()
    assert not model.patch_embed.proj.weight.grad.any()


def test_class_token_starts_at_zero_and_positions_with_length_one():
    """E9: with N(0, 1), positions are three times what patches hold."""
    model = ViT.from_name("Ti/16")
    assert not model.cls_token.any()
    lengths = model.pos_embed.detach().norm(dim=2)
    assert lengths.mean() == pytest.approx(1, rel=0.02)
    patches = model.patch_embed(torch.randn(1, 3, 224, 224)).detach()
    assert patches.norm(dim=2).mean() > 10 * lengths.mean()


def scales_at_the_start(width, std=None):
    """Deviations: tokens, what a block's layers add, last tokens."""
    model = ViT(
        image_size=32,
        patch_size=8,
        num_classes=10,
        embed_dim=width,
        depth=2,
        num_heads=width // 16,
    )
    if std is not None:
        for parameter in model.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=std)
    block, noise = model.blocks[0], torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        tokens = model.patch_embed(noise)
        attended = block.attn(block.norm1(tokens))
        thought = block.mlp(block.norm2(tokens))
        last = model.blocks(tokens)
    return [t.std().item() for t in (tokens, attended, thought, last)]


def test_signals_start_alike_at_every_width():
    """E10: measured from width 48 to 768, within a factor of 1.2."""
    measured = [scales_at_the_start(width) for width in (48, 192, 768)]
    for scales in zip(*measured, strict=True):
        assert max(scales) < 1.2 * min(scales)
    for tokens, attended, thought, last in measured:
        assert tokens == pytest.approx(1, rel=0.1)
        assert 0.1 < attended < 1
        assert 0.1 < thought < 1
        assert last < 2


def test_a_deviation_of_002_everywhere_fails_at_small_widths():
    """E10: at 768 it fits by chance; at 48 a block adds nearly nothing."""
    small, large = (scales_at_the_start(w, std=0.02) for w in (48, 768))
    assert small[2] < 0.03
    assert large[2] > 10 * small[2]
    assert large[1] > 10 * small[1]


def test_it_learns_a_batch_by_heart():
    """E26, in small: loss, optimiser, and a model that is trained."""
    model = ViT(
        image_size=8,
        patch_size=4,
        num_classes=4,
        embed_dim=32,
        depth=2,
        num_heads=2,
        dropout=0.1,
    )
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(25):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert F.cross_entropy(model(images), labels) < 0.3
    assert torch.equal(model(images).argmax(dim=1), labels)


# Dropout, order, independence


def test_every_advertised_dropout_is_there(small_vit):
    """E13: after the positions, attention, the GELU and the MLP."""
    model = small_vit(dropout=0.25)
    found = {
        name: module.p
        for name, module in model.named_modules()
        if isinstance(module, nn.Dropout)
    }
    layers = ("attn.proj_drop", "mlp.drop1", "mlp.drop2")
    blocks = [f"blocks.{i}.{layer}" for i in range(2) for layer in layers]
    assert found == dict.fromkeys(["pos_drop", *blocks], 0.25)


def test_each_dropout_acts_in_training_and_rests_in_inference(
    small_vit, pictures
):
    """E13."""
    model = small_vit()
    expected = model(pictures)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
            model.train()
            assert not torch.allclose(model(pictures), expected, atol=1e-3)
            model.eval()
            assert torch.equal(model(pictures), expected)
            module.p = 0.0


def shuffled(images, order):
    patches = patchify(images, 4)[:, order]
    return unpatchify(patches, 4, (8, 12))


def test_without_positions_the_order_of_the_patches_is_lost(
    small_vit, pictures
):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    model = small_vit(positions="none").double()
    images = pictures.double()
    before = model.forward_features(images)
    after = model.forward_features(shuffled(images, order))
    torch.testing.assert_close(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 1:], before[:, 1:][:, order])


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_with_positions_the_order_of_the_patches_counts(
    small_vit, pictures, positions
):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    model = small_vit(positions=positions)
    before, after = model(pictures), model(shuffled(pictures, order))
    assert (after - before).norm() > 0.01 * before.norm()


def test_positions_are_added_to_the_class_token_too(small_vit, pictures):
    model = small_vit()
    before = model(pictures)
    with torch.no_grad():
        model.pos_embed[:, 0, 0] += 1
    assert not torch.allclose(model(pictures), before, atol=1e-3)


def test_pictures_of_a_batch_do_not_see_each_other(small_vit, pictures):
    model = small_vit()
    together = model(pictures)
    for number in range(3):
        alone = model(pictures[number : number + 1])
        torch.testing.assert_close(alone[0], together[number])


def test_class_tokens_gradient_is_the_sum_over_the_batch(
    small_vit, pictures
):
    """E27."""
    model = small_vit()
    grads = [
        torch.autograd.grad(model(part).sum(), model.cls_token)[0]
        for part in (pictures, *pictures.split(1))
    ]
    torch.testing.assert_close(grads[0], sum(grads[1:]))


def test_nan_comes_out_of_its_own_picture(small_vit, pictures):
    model = small_vit()
    pictures[1, 0, 7, 11] = torch.nan
    assert model(pictures).isnan().all(dim=1).tolist() == [0, 1, 0]
    pictures[1, 0, 7, 11] = torch.inf
    assert model(pictures).isnan().all(dim=1).tolist() == [0, 1, 0]


def test_forward_leaves_input_and_weights_alone(small_vit, pictures):
    """E17."""
    model, before = small_vit(), pictures.clone()
    weights = copy.deepcopy(model.state_dict())
    first = model(pictures)
    assert torch.equal(pictures, before)
    assert torch.equal(model(pictures), first)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_empty_batches_stay_empty(small_vit):
    for pool in ("token", "avg"):
        model = small_vit(global_pool=pool)
        assert model(torch.zeros(0, 2, 8, 12)).shape == (0, 5)


@pytest.mark.parametrize(
    ("size", "side", "channels", "width", "heads"),
    [((4, 20), 4, 1, 12, 4), ((15, 5), 5, 7, 9, 3), ((2, 2), 2, 3, 8, 1)],
)
@pytest.mark.parametrize("positions", ["learned", "sincos", "none"])
def test_every_fitting_size_works(
    size, side, channels, width, heads, positions
):
    if positions == "sincos" and width % 4:
        width, heads = 12, 3
    model = ViT(
        image_size=size,
        patch_size=side,
        in_channels=channels,
        num_classes=3,
        embed_dim=width,
        depth=1,
        num_heads=heads,
        mlp_ratio=1.5,
        positions=positions,
    )
    images = torch.randn(1, channels, *size)
    tokens = 1 + size[0] * size[1] // side**2
    assert model.forward_features(images).shape == (1, tokens, width)
    assert model(images).shape == (1, 3)


# Parts that a reader can exchange


def test_attention_can_be_looked_at_from_outside(small_vit, pictures):
    """E24."""
    model = small_vit()
    expected = model(pictures)
    with record_attention(model) as maps:
        scores = model(pictures)
    torch.testing.assert_close(scores, expected)
    assert [tuple(weights.shape) for weights in maps] == [(3, 3, 7, 7)] * 2


def test_blocks_can_be_sliced(small_vit, pictures):
    """E19: one can stop half way, and go on from there."""
    model, stream = small_vit(), []
    model.blocks[1].register_forward_pre_hook(
        lambda *call: stream.append(call[1][0])
    )
    expected = model(pictures)
    tokens = model.patch_embed(pictures)
    tokens = vitlib.prepend_cls(tokens, model.cls_token) + model.pos_embed
    for block in model.blocks[:1]:
        tokens = block(tokens)
    assert torch.equal(tokens, stream[0])
    for block in model.blocks[1:]:
        tokens = block(tokens)
    assert torch.equal(model.head(model.norm(tokens)[:, 0]), expected)


def test_the_first_blocks_can_be_kept_alone(small_vit, pictures):
    """As practice has it: `model.blocks = model.blocks[:2]`."""
    model = small_vit(depth=4)
    names = [n for n in model.state_dict() if n[:9] not in LATER]
    other = small_vit(depth=2)
    other.load_state_dict(
        {name: model.state_dict()[name] for name in names}
    )
    model.blocks = model.blocks[:2]
    assert list(model.state_dict()) == names
    assert torch.equal(model(pictures), other(pictures))
    twin = copy.deepcopy(model)
    assert torch.equal(twin(pictures), other(pictures))
    assert [*twin.blocks] == [twin.blocks[0], twin.blocks[1]]


LATER = ("blocks.2.", "blocks.3.")


def test_a_block_can_be_exchanged(small_vit, pictures):
    model, other = small_vit(), small_vit()
    model.blocks[0] = other.blocks[1]
    assert list(model.state_dict()) == list(other.state_dict())
    tokens = model.patch_embed(pictures)
    tokens = vitlib.prepend_cls(tokens, model.cls_token) + model.pos_embed
    tokens = model.blocks[1](other.blocks[1](tokens))
    expected = model.head(model.norm(tokens)[:, 0])
    assert torch.equal(model(pictures), expected)


def test_blocks_may_be_torchs_own_container(small_vit, pictures):
    model = small_vit()
    expected = model(pictures)
    model.blocks = nn.Sequential(*model.blocks)
    assert torch.equal(model(pictures), expected)


def test_head_can_be_exchanged(small_vit, pictures):
    model = small_vit()
    features = model.forward_features(pictures)[:, 0]
    model.head = nn.Identity()
    assert torch.equal(model(pictures), features)


def test_positions_can_be_exchanged(small_vit, pictures):
    for positions in ("learned", "sincos", "none"):
        model = small_vit(positions=positions)
        model.pos_embed = nn.Parameter(torch.zeros(1, 7, 24))
        plain = small_vit(positions="none")
        plain.load_state_dict(
            {
                k: v
                for k, v in model.state_dict().items()
                if k != "pos_embed"
            }
        )
        assert torch.equal(model(pictures), plain(pictures))


def test_sincos_positions_are_kept_but_not_learned(small_vit):
    model = small_vit(positions="sincos")
    assert "pos_embed" in model.state_dict()
    assert "pos_embed" not in dict(model.named_parameters())
    expected = vitlib.sincos_positions((2, 3), 24)
    assert torch.equal(model.pos_embed, expected)
    names = set(small_vit(positions="none").state_dict())
    assert names == set(model.state_dict()) - {"pos_embed"}


def test_a_model_can_move_to_another_picture_size(small_vit):
    """E18: the article fails at 256 pixels, with no way out."""
    model, larger = small_vit(), small_vit(image_size=(16, 20))
    state = model.state_dict()
    state["pos_embed"] = resize_positions(model.pos_embed, (2, 3), (4, 5))
    larger.load_state_dict(state, strict=True)
    assert larger(torch.randn(1, 2, 16, 20)).shape == (1, 5)


# Every way in which torch keeps, moves and compiles a model


SHAPES_OF_MODELS = pytest.mark.parametrize(
    "settings",
    [
        {},
        {"global_pool": "avg", "positions": "sincos"},
        {"positions": "none", "dropout": 0.5},
    ],
    ids=["token", "avg", "none"],
)


@SHAPES_OF_MODELS
def test_state_dict_goes_to_disk_and_back(small_vit, pictures, settings):
    model, other = small_vit(**settings), small_vit(**settings)
    assert not torch.allclose(other(pictures), model(pictures), atol=0.01)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(pictures), model(pictures))


@SHAPES_OF_MODELS
def test_copies_are_equal_and_apart(small_vit, pictures, settings):
    model = small_vit(**settings)
    expected = model(pictures)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(pictures), expected)
        nn.init.ones_(other.head.weight)
    assert torch.equal(model(pictures), expected)


def test_it_compiles_in_one_piece(small_vit, pictures):
    # "aot_eager" traces forward and backward and needs no C++ compiler.
    model = small_vit()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(pictures), model(pictures))
    names, weights = zip(*model.named_parameters(), strict=True)
    expected = torch.autograd.grad(model(pictures).sum(), weights)
    found = torch.autograd.grad(compiled(pictures).sum(), weights)
    for name, grad, wanted in zip(names, found, expected, strict=True):
        torch.testing.assert_close(grad, wanted, msg=name)


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_it_can_be_exported_for_every_batch_size(
    small_vit, pictures, pool
):
    model = small_vit(global_pool=pool)
    exported = torch.export.export(
        model,
        (pictures,),
        dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
    ).module()
    for images in (pictures, torch.randn(5, 2, 8, 12)):
        torch.testing.assert_close(exported(images), model(images))


def test_with_an_example_of_one_image_torch_exports_that_batch_size(
    small_vit, pictures
):
    """Of any model: where a size is 1, it takes the 1 for a constant."""
    from torch._dynamo.exc import UserError  # which takes a second

    shapes = {0: torch.export.Dim("batch")}
    plain, row = nn.Linear(2, 2), torch.zeros(1, 2)
    with pytest.raises(UserError, match="constant"):
        export(plain, (row,), dynamic_shapes={"input": shapes})
    with pytest.raises(UserError, match="constant"):
        export(
            small_vit(),
            (pictures[:1],),
            dynamic_shapes={"images": shapes},
        )
    model = small_vit()
    fixed = export(model, (pictures[:1],)).module()
    torch.testing.assert_close(fixed(pictures[:1]), model(pictures[:1]))


@pytest.mark.parametrize("settings", [{}, {"global_pool": "avg"}])
def test_torch_fx_traces_it_for_every_batch_size(
    small_vit, pictures, refuses, settings
):
    """Checks and einops stay what they are, one call each."""
    model = small_vit(**settings)
    traced = torch.fx.symbolic_trace(model)
    for images in (pictures, pictures[:1], torch.randn(5, 2, 8, 12)):
        assert torch.equal(traced(images), model(images))
    refuses(lambda: traced(pictures[..., :8]), "8 x 8", "8 x 12")
    names = {node.name for node in traced.graph.nodes}
    assert {"blocks_0_attn_qkv", "blocks_1_mlp_fc2", "head"} <= names


@SHAPES_OF_MODELS
def test_autocast_keeps_the_stream_in_float32(
    small_vit, pictures, settings
):
    """E17: sums in bfloat16 would lose what a block adds."""
    model = small_vit(**settings)
    stream = []
    for block in model.blocks:
        block.register_forward_hook(lambda *call: stream.append(call[2]))
    expected = model(pictures)
    stream.clear()
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(pictures)
    assert scores.dtype == torch.bfloat16
    assert [tokens.dtype for tokens in stream] == [torch.float32] * 2
    error = (scores.float() - expected).norm() / expected.norm()
    assert 0 < error < 0.05


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_gradients_are_right_in_double_precision(randomise, pool):
    model = ViT(
        image_size=(2, 4),
        patch_size=2,
        in_channels=1,
        num_classes=2,
        embed_dim=4,
        depth=1,
        num_heads=2,
        mlp_ratio=1,
        global_pool=pool,
    )
    model = randomise(model).double()
    images = torch.randn(
        1, 1, 2, 4, dtype=torch.float64, requires_grad=True
    )
    assert model(images).dtype == torch.float64
    assert torch.autograd.gradcheck(model, images)


@SHAPES_OF_MODELS
def test_double_and_single_precision_agree(small_vit, pictures, settings):
    model = small_vit(**settings)
    single = model(pictures)
    double = model.double()(pictures.double())
    torch.testing.assert_close(double.float(), single)


@SHAPES_OF_MODELS
def test_it_can_be_made_without_memory(small_vit, pictures, settings):
    model = small_vit(**settings)
    with torch.device("meta"):
        other = ViT(**{**vars_of(model), **settings}).eval()
        assert other(pictures.to("meta")).shape == (3, 5)
    assert all(t.is_meta for t in other.state_dict().values())
    other.load_state_dict(model.state_dict(), assign=True)
    assert torch.equal(other(pictures), model(pictures))


def vars_of(model):
    """The settings from which a small model was made."""
    return {
        "image_size": model.patch_embed.image_size,
        "patch_size": 4,
        "in_channels": 2,
        "num_classes": 5,
        "embed_dim": 24,
        "depth": 2,
        "num_heads": 3,
    }


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_it_gives_one_gradient_for_each_picture(small_vit, pictures):
    model = small_vit()
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def score(weights, image):
        call = torch.func.functional_call
        return call(model, weights, (image[None],)).sum()

    each = torch.vmap(torch.func.grad(score), (None, 0))(weights, pictures)
    model(pictures).sum().backward()
    total = each["cls_token"].sum(dim=0)
    torch.testing.assert_close(total, model.cls_token.grad)


# Making one


def test_names_give_the_published_settings():
    model = ViT.from_name(
        "Ti/16", image_size=32, num_classes=10, depth=2, positions="none"
    )
    assert model.patch_embed.proj.kernel_size == (16, 16)
    assert model.head.weight.shape == (10, 192)
    assert len(model.blocks) == 2
    assert model.pos_embed is None


def test_everything_is_given_by_keyword():
    with pytest.raises(TypeError):
        ViT(224)
    with pytest.raises(TypeError):
        ViT.from_name("Ti/16", 32)


def test_unknown_settings_are_errors():
    """E13: the article swallows what it does not know."""
    with pytest.raises(TypeError, match="forward_drop_p"):
        ViT(forward_drop_p=0.5)
    with pytest.raises(TypeError, match="img_size"):
        ViT.from_name("Ti/16", img_size=32)


def test_all_but_attention_are_importable_from_vitlib():
    pieces = [
        "MLP Encoder EncoderBlock MultiHeadAttention PatchEmbedding ViT",
        "add_positions attention_weights fused_attention patchify",
        "learned_positions prepend_cls record_attention unpatchify",
        "resize_positions sincos_positions",
    ]
    for name in " ".join(pieces).split():
        assert name in vitlib.__all__
        assert callable(getattr(vitlib, name))
    assert inspect.ismodule(vitlib.attention)
    assert vitlib.attention.attention is attention


def core_classes():
    things = [getattr(vitlib, name) for name in vitlib.__all__]
    return [t for t in things if inspect.isclass(t)]


@pytest.mark.parametrize("cls", core_classes(), ids=lambda c: c.__name__)
def test_nothing_is_set_before_the_module_is_ready(cls):
    """E20: a module set before super().__init__() is an error."""
    source = inspect.getsource(cls.__init__)
    tree = ast.parse(textwrap.dedent(source))
    first_set, ready = math.inf, math.inf
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name)
            own = own and node.value.id == "self"
            if own and isinstance(node.ctx, ast.Store):
                first_set = min(first_set, node.lineno)
            if node.attr == "__init__":
                ready = min(ready, node.lineno)
    assert ready < first_set


@pytest.mark.parametrize("cls", core_classes(), ids=lambda c: c.__name__)
def test_every_argument_has_a_name(cls):
    """E13, E19: no **kwargs through which an argument gets lost."""
    for argument in inspect.signature(cls.__init__).parameters.values():
        assert argument.kind is not argument.VAR_KEYWORD
        assert argument.kind is not argument.VAR_POSITIONAL


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_without_classes_the_features_come(small_vit, pictures, pool):
    """As with num_classes=0 in timm: the head is gone, nothing else."""
    model = small_vit(num_classes=0, global_pool=pool)
    whole = small_vit(global_pool=pool)
    weights = whole.state_dict()
    del weights["head.weight"], weights["head.bias"]
    model.load_state_dict(weights)
    features = whole.pool(whole.forward_features(pictures))
    assert torch.equal(model(pictures), features)
    assert logit_lens(model, pictures).shape == (3, 3, 7, 24)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        (name, bad)
        for name in (
            "image_size",
            "patch_size",
            "in_channels",
            "num_classes",
            "embed_dim",
            "depth",
            "num_heads",
        )
        for bad in (0, -1, 2.0, True, None, "4")
        if (name, bad) != ("num_classes", 0)  # no head, no classes
    ],
)
def test_sizes_must_be_whole_numbers(refuses, name, bad):
    said = {"image_size": "height"} if bad in (0, -1, True) else {}
    refuses(
        lambda: ViT(**{name: bad}),
        said.get(name, name),
        repr(str(bad) if isinstance(bad, str) else bad),
    )


NUMPYS = {
    "image_size": (np.int64(8), np.int32(12)),
    "patch_size": np.int64(4),
    "in_channels": np.uint8(2),
    "num_classes": torch.tensor(5),
    "embed_dim": np.int64(24),
    "depth": np.int16(2),
    "num_heads": np.int64(3),
    "mlp_ratio": np.float32(4),
    "dropout": np.float32(0.0),
}


def test_sizes_may_be_numbers_of_other_libraries(small_vit, pictures):
    """And the model is the same, for a compiler too."""
    model, plain = small_vit(**NUMPYS), small_vit()
    model.load_state_dict(plain.state_dict())
    assert torch.equal(model(pictures), plain(pictures))
    assert repr(model) == repr(plain)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(pictures), plain(pictures))


@pytest.mark.parametrize("size", [(), (224,), (224,) * 3, (224, None)])
def test_image_size_must_be_a_side_or_a_pair(refuses, size):
    refuses(lambda: ViT(image_size=size), "must be")


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (239, ("239 x 239", "16 x 16", "15 rows", "15 columns")),
        ((224, 250), ("224 x 250", "0 rows", "10 columns")),
        (8, ("8 x 8", "16 x 16")),
    ],
)
def test_patches_must_cover_the_picture(refuses, size, parts):
    """E18."""
    refuses(lambda: ViT(image_size=size), *parts, "resize or crop")


@pytest.mark.parametrize("size", [(12, 8), (8, 8), (16, 24), (9, 13)])
def test_pictures_of_another_size_are_refused(refuses, small_vit, size):
    """E18."""
    images, named = torch.zeros(1, 2, *size), f"{size[0]} x {size[1]}"
    refuses(
        lambda: small_vit()(images), named, "8 x 12", "resize_positions"
    )


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        (torch.zeros(1, 3, 8, 12), (3, "in_channels 2")),
        (torch.zeros(1, 1, 8, 12), (1, "in_channels 2")),
        (torch.zeros(2, 8, 12), ("(b, c, h, w)", "(2, 8, 12)")),
        (torch.zeros(1, 2, 8, 12).byte(), ("torch.uint8", "255")),
        (torch.zeros(1, 2, 8, 12).long(), ("torch.int64",)),
        (np.zeros((1, 2, 8, 12)), ("ndarray",)),
        (None, ("NoneType",)),
        ([[0.0]], ("list",)),
    ],
    ids=[
        "three",
        "one",
        "rank",
        "bytes",
        "integers",
        "numpy",
        "none",
        "list",
    ],
)
def test_pictures_that_do_not_fit_are_refused(
    refuses, small_vit, images, parts
):
    model = small_vit()
    refuses(lambda: model(images), *parts)
    refuses(lambda: model.forward_features(images), *parts)


@pytest.mark.parametrize(("width", "heads"), [(768, 10), (24, 5), (10, 4)])
def test_heads_must_divide_the_width(refuses, width, heads):
    refuses(
        lambda: ViT(embed_dim=width, num_heads=heads),
        f"embed_dim {width}",
        f"{heads} heads",
    )


@pytest.mark.parametrize(
    "bad", [-0.1, 1, 1.0, math.nan, True, False, None, "0.1"]
)
def test_dropout_must_be_a_share_below_one(refuses, bad):
    refuses(lambda: ViT(dropout=bad), "dropout", repr(bad))


@pytest.mark.parametrize("bad", [0, -4.0, math.nan, math.inf, True, "4"])
def test_mlp_ratio_must_give_a_width(refuses, bad):
    refuses(lambda: ViT(mlp_ratio=bad), "mlp_ratio", repr(bad))


@pytest.mark.parametrize(
    "bad", ["B/8", "b/16", "vit_base_patch16_224", "", None, 16, ["B/16"]]
)
def test_unknown_names_are_refused_with_the_known_ones(refuses, bad):
    refuses(lambda: ViT.from_name(bad), repr(bad), *map(repr, SIZES))


@pytest.mark.parametrize("bad", ["fixed", "", None, True, ["none"]])
def test_unknown_positions_and_pools_are_refused(refuses, bad):
    choices = ("'learned'", "'sincos'", "'none'")
    refuses(lambda: ViT(positions=bad), "positions", repr(bad), *choices)
    choices = ("'token'", "'avg'")
    refuses(lambda: ViT(global_pool=bad), "global_pool", *choices)


def test_waves_need_a_width_that_four_divides(refuses):
    refuses(
        lambda: ViT(embed_dim=6, num_heads=2, positions="sincos"), 6, 4
    )


def test_each_piece_is_defined_once():
    """E3: what stands twice gets corrected once."""
    pieces = []
    modules = "patches, embedding, tokens, attention, encoder, vit"
    for name in modules.split(", "):
        source = inspect.getsource(import_module(f"vitlib.{name}"))
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                pieces.append(node.name)
    assert len(pieces) == len(set(pieces))
