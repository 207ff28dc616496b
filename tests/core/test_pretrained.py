"""Chapter 11: published weights, against the libraries that write them.

pretrained_files/make.py wrote the files and what is expected of them.
"""

import argparse
import json
import pickle
import shutil
import sys
import types
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from vitlib import ViT
from vitlib._families import HEADS as HEADS_OF
from vitlib._families import known_from
from vitlib._files import find
from vitlib._preprocess import Preprocess
from vitlib.inside import (
    attention_maps,
    class_attention,
    logit_lens,
    residual_stream,
    rollout,
    without_head,
    without_patches,
)
from vitlib.pretrained import load, save
from vitlib.published import PublishedViT
from vitlib.vit import SIZES

FILES = Path(__file__).parent / "pretrained_files"
HALVES = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
HEADS = {"num_heads": 3}
CASES = {  # what `load` is told beside the file
    "transformers_vit": {},
    "transformers_vit_square": {},
    "transformers_vit_pooled": {},
    "transformers_deit": {},
    "transformers_dinov2": {},
    "transformers_registers": {},
    "transformers4_vit": {},
    "transformers4_deit": {},
    "transformers4_dinov2": {},
    "timm_vit": {},
    "timm_mean": {},
    "timm_deit": {},
    "timm_registers": {},
    "timm_placed": {},
    "torchvision_new": HEADS,
    "torchvision_old": HEADS,
    "facebook_deit": {"family": "deit", **HEADS},
    "facebook_dino": {"family": "dino", **HEADS},
    "facebook_dinov2": HEADS,
    "facebook_dinov2_registers": HEADS,
    "google_linen": {},
    "google_pre_linen": {},
    "google_big_vision": {},
}
PICTURES = load_file(FILES / "pictures.safetensors")


def assert_same(ours, theirs):
    """To a millionth of the largest number: float32 gives no more."""
    atol = 1e-6 * max(1, theirs.abs().max().item())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def path_of(case):
    """The file, or the folder where it stands beside a config."""
    folder = FILES / case
    (path,) = [
        p for p in folder.iterdir() if p.suffix in (".pth", ".npz")
    ] or [folder]
    return path


def expected(case):
    """What the library computes, and of what."""
    wanted = load_file(FILES / case / "expected.safetensors")
    for name, key in (("images", "size"), ("larger_images", "larger")):
        size = wanted[key].tolist()
        wanted[name] = PICTURES[f"{size[0]}x{size[1]}"]
    return wanted


def loaded(case, **more):
    return load(path_of(case), **CASES[case], **more)


@pytest.fixture(scope="module")
def picture():
    return Image.open(FILES / "picture.png")


def test_every_file_is_loaded_below():
    folders = {path.name for path in FILES.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == set(CASES)


# The same numbers


@pytest.mark.parametrize("case", CASES)
def test_what_a_library_computes_comes_out(case):
    model, wanted = loaded(case).model, expected(case)
    assert isinstance(model, ViT)
    assert not model.training
    with torch.no_grad():
        if "tokens" in wanted:
            tokens = model.forward_features(wanted["images"])
            assert_same(tokens, wanted["tokens"])
        if "scores" in wanted:
            scores = model(wanted["images"])
            assert_same(scores, wanted["scores"])


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if {"larger_tokens", "larger_scores"} & expected(c).keys()
    ],
)
def test_positions_are_stretched_as_the_library_does_it(case):
    """At call time, and for good when a size is asked for."""
    wanted = expected(case)
    images, size = (
        wanted["larger_images"],
        wanted["larger_images"].shape[2:],
    )
    model = loaded(case).model
    larger = loaded(case, image_size=tuple(size)).model
    with torch.no_grad():
        for one in (model, larger):
            if "larger_scores" in wanted:
                scores = one(images)
                right = wanted["larger_scores"]
                assert_same(scores, right)
            else:
                tokens = one.forward_features(images)
                right = wanted["larger_tokens"]
                assert_same(tokens, right)
    assert larger.patch_embed.image_size == tuple(size)


@pytest.mark.parametrize(
    "case", ["transformers_vit", "google_linen", "timm_vit"]
)
@pytest.mark.parametrize("wrong", ["norm_eps", "gelu"])
def test_the_files_can_tell_another_eps_and_another_gelu(case, wrong):
    model, wanted = loaded(case).model, expected(case)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm) and wrong == "norm_eps":
            module.eps = 1e-12 if module.eps == 1e-6 else 1e-6
        if isinstance(module, nn.GELU) and wrong == "gelu":
            other = {"none": "tanh", "tanh": "none"}
            module.approximate = other[module.approximate]
    with torch.no_grad():
        error = (model(wanted["images"]) - wanted["scores"]).abs().max()
    assert error > 1e-5


@pytest.mark.parametrize(
    "case", [c for c in CASES if "prepared" in expected(c)]
)
def test_pictures_are_prepared_as_the_library_does_it(case, picture):
    prepared = loaded(case).preprocess(picture)
    assert_same(prepared, expected(case)["prepared"])


# Names in memory


@pytest.mark.parametrize(
    ("config", "kind", "more"),
    [
        ("ViTConfig", "ViTForImageClassification", {}),
        ("DeiTConfig", "DeiTForImageClassificationWithTeacher", {}),
        ("Dinov2Config", "Dinov2Model", {"mlp_ratio": 2}),
        ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", {}),
    ],
)
def test_a_state_dict_of_transformers_loads(randomise, config, kind, more):
    """Version 5 has other names in memory than in its files."""
    import transformers

    config = getattr(transformers, config)(
        image_size=12,
        patch_size=4,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=24,
        **more,
    )
    theirs = randomise(getattr(transformers, kind)(config)).eval()
    images = PICTURES["12x12"]
    state, config = theirs.state_dict(), config.to_dict()
    with_config = load(state, config=config, **HALVES).model
    ours = load(state, **HEADS, **HALVES).model
    assert str(ours) == str(with_config)  # the names tell the rest
    with torch.no_grad():
        output = theirs(images)
        if hasattr(output, "logits"):
            assert_same(ours(images), output.logits)
        else:
            tokens = ours.forward_features(images)
            assert_same(tokens, output.last_hidden_state)


def test_names_may_have_what_wrappers_put_in_front():
    """Of nn.DataParallel, torch.compile and training scripts."""
    plain = load_file(path_of("timm_vit") / "model.safetensors")
    told = {"config": {"image_size": [8, 12]}, **HEADS, **HALVES}
    wanted = load(plain, **told).model.state_dict()
    for front in ("module.", "_orig_mod.", "model.", "module.backbone."):
        state = {f"{front}{name}": x for name, x in plain.items()}
        model = load({"epoch": 3, "model": state}, **told).model
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, wanted[name])


def test_the_state_dict_is_left_alone_and_not_shared():
    state = load_file(path_of("timm_vit") / "model.safetensors")
    before = {name: tensor.clone() for name, tensor in state.items()}
    config = json.loads((path_of("timm_vit") / "config.json").read_text())
    model = load(state, config=config).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in state)


# What the weights do not tell


def test_classes_have_the_names_of_the_config(tmp_path):
    folder = copy_of("transformers_vit", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    names = ["cat", "dog", "fox", "hen", "owl"]
    config["id2label"] = dict(reversed([*enumerate(names)]))
    (folder / "config.json").write_text(json.dumps(config))
    assert load(folder).classes == tuple(names)
    assert load(folder, classes=names[::-1]).classes == tuple(names[::-1])
    assert load(folder, num_classes=5).classes == tuple(names)
    assert load(folder, num_classes=2).classes == ()


def copy_of(case, folder):
    return Path(shutil.copytree(FILES / case, folder / case))


def test_what_is_missing_is_named(refuses, tmp_path):
    file = path_of("torchvision_new")
    refuses(lambda: load(file), "vit.pth", "torchvision", "num_heads")
    state = load_file(path_of("timm_deit") / "model.safetensors")
    refuses(
        lambda: load(state), "timm", "num_heads", "mean", "std", "deit"
    )
    state = load_file(path_of("timm_vit") / "model.safetensors")
    refuses(lambda: load(state), "7 positions", "image_size")
    refuses(lambda: loaded("google_linen", mean=(0, 0, 0)), "mean", "std")
    refuses(
        lambda: loaded("google_linen", classes=["cat"]), "1 names", "5"
    )
    refuses(lambda: loaded("timm_vit", family="clip"), "clip", "deit")


def test_patches_that_are_no_squares_are_refused(refuses):
    state = load_file(path_of("timm_deit") / "model.safetensors")
    kernel = state["patch_embed.proj.weight"]
    state["patch_embed.proj.weight"] = kernel[..., 1:]
    refuses(lambda: load(state), "patches of 4 x 3")


def test_a_config_of_another_model_is_refused(refuses, tmp_path):
    folder = copy_of("transformers_vit", tmp_path)
    config = json.loads((folder / "config.json").read_text())

    def changed(**settings):
        return load(folder, config=config | settings)

    refuses(lambda: changed(hidden_size=24), "embed_dim 12", "24")
    refuses(lambda: changed(model_type="clip"), "clip", "dinov2")
    refuses(lambda: changed(hidden_act="relu"), "relu", "gelu")
    refuses(lambda: changed(num_attention_heads=5), "12", "5 heads")
    refuses(lambda: changed(id2label=[1]), "config")
    (folder / "config.json").write_text("[]")
    refuses(lambda: load(folder), "config.json", "list")
    (folder / "config.json").write_text("{")
    refuses(lambda: load(folder), "config.json", "JSON")


@pytest.mark.parametrize(
    "kind", ["ViT", "DeiT", "Dinov2", "Dinov2WithRegisters"]
)
def test_what_a_config_leaves_out_is_as_transformers_has_it(kind):
    import transformers

    config = getattr(transformers, f"{kind}Config")()
    known = known_from({"model_type": config.model_type}, {}).settings
    assert known["num_heads"] == config.num_attention_heads
    assert known["norm_eps"] == config.layer_norm_eps
    assert known["image_size"] == config.image_size
    assert known["gelu"] == {"gelu": "none"}[config.hidden_act]


def test_families_prepare_pictures_with_the_numbers_of_their_libraries():
    from transformers import image_utils

    imagenet = (
        tuple(image_utils.IMAGENET_DEFAULT_MEAN),
        tuple(image_utils.IMAGENET_DEFAULT_STD),
    )
    for case in ("facebook_deit", "torchvision_new", "facebook_dinov2"):
        preprocess = loaded(case).preprocess
        assert (preprocess.mean, preprocess.std) == imagenet
        assert not preprocess.squash
    halves = tuple(image_utils.IMAGENET_STANDARD_STD)
    preprocess = loaded("google_linen").preprocess
    assert (preprocess.mean, preprocess.std) == (halves, halves)
    assert preprocess.squash
    state = load_file(
        path_of("transformers_vit_square") / "model.safetensors"
    )
    assert load(state, **HEADS, **HALVES).preprocess.squash


def test_sizes_of_timm_have_as_many_heads_as_ours():
    for size in SIZES.values():
        assert (size.embed_dim, size.num_heads) in HEADS_OF.values()
    # Ours have none of this one: timm's vit_medium_patch16_clip_224.
    assert HEADS_OF["medium"] == (512, 8)


def test_what_is_not_given_is_as_in_every_vit():
    theirs, ours = PublishedViT(depth=1), ViT(depth=1)
    assert theirs.blocks[0].attn.num_heads == ours.blocks[0].attn.num_heads
    mlps = theirs.blocks[0].mlp, ours.blocks[0].mlp
    assert mlps[0].fc1.weight.shape == mlps[1].fc1.weight.shape


# Other sizes, channels, classes


def test_one_channel_gives_what_three_equal_ones_gave(caplog):
    three, grey = loaded("timm_vit"), loaded("timm_vit", in_channels=1)
    images = PICTURES["8x12"][:, :1]
    with torch.no_grad():
        wanted = three.model(images.expand(-1, 3, -1, -1))
        assert_same(grey.model(images), wanted)
    assert "summed" in caplog.text
    assert grey.preprocess.mean == (0.5,)
    assert grey.preprocess(torch.rand(1, 30, 40)).shape == (1, 8, 12)


def test_more_channels_are_those_of_timm(caplog):
    """timm.models.adapt_input_conv, written out."""
    kernel = loaded("timm_vit").model.patch_embed.proj.weight
    more = loaded("timm_vit", in_channels=4)
    expected = torch.cat([kernel, kernel[:, :1]], dim=1) * 3 / 4
    torch.testing.assert_close(
        more.model.patch_embed.proj.weight, expected
    )
    assert "repeated" in caplog.text
    assert len(more.preprocess.std) == 4


@pytest.mark.parametrize(
    "case",
    ["timm_vit", "timm_deit", "google_linen", "transformers_vit_pooled"],
)
def test_a_new_head_starts_at_zero_and_the_body_stays(case, caplog):
    old, new = loaded(case).model, loaded(case, num_classes=7).model
    images = expected(case)["images"]
    with torch.no_grad():
        scores = new(images)
        tokens = old.forward_features(images)
        assert torch.equal(new.forward_features(images), tokens)
    assert scores.shape == (2, 7)
    assert not scores.any()
    assert "starts at zero" in caplog.text
    features = loaded(case, num_classes=0).model
    with torch.no_grad():
        wanted = tokens[:, 0]
        if case == "timm_deit":  # two tokens have heads
            wanted = (wanted + tokens[:, 1]) / 2
        assert torch.equal(features(images), wanted)


def test_what_is_asked_for_already_loses_nothing(caplog):
    loaded("timm_vit", num_classes=5, in_channels=3, image_size=(8, 12))
    assert caplog.text == ""


def test_wishes_that_make_no_sense_are_refused(refuses):
    refuses(lambda: loaded("timm_vit", num_classes=-1), "num_classes", -1)
    refuses(lambda: loaded("timm_vit", in_channels=0), "in_channels", 0)
    refuses(lambda: loaded("timm_vit", image_size=10), "10", "4")


# Looking inside


@pytest.mark.parametrize(
    ("case", "front"),
    [("facebook_dinov2_registers", 5), ("timm_deit", 2), ("timm_vit", 1)],
)
def test_all_that_looks_inside_works_on_what_is_loaded(case, front):
    model, images = loaded(case).model, expected(case)["images"]
    count = front + model.patch_embed.num_patches
    maps = attention_maps(model, images)
    assert maps.shape == (2, 2, 3, count, count)
    assert rollout(maps).shape == (2, count, count)
    grid = model.patch_embed.grid
    assert class_attention(maps, grid).shape == (2, 2, 3, *grid)
    stream = residual_stream(model, images)
    with torch.no_grad():
        tokens = model.forward_features(images)
        assert torch.equal(model.norm(stream[-1]), tokens)
        before = model(images)
        with without_head(model, 1, 1):
            assert (model(images) - before).abs().max() > 1e-3
        with without_patches(model, [0, 3]):
            shorter = residual_stream(model, images)
            assert (model(images) - before).abs().max() > 1e-3
    kept = [n for n in range(count) if n not in (front, front + 3)]
    assert torch.equal(shorter[0], stream[0][:, kept])
    assert logit_lens(model, images).shape[:3] == (3, 2, count)


def test_the_lens_reads_through_a_deep_head():
    model = loaded("google_linen").model
    images = expected("google_linen")["images"]
    with torch.no_grad():
        scores = model(images)
    assert_same(logit_lens(model, images)[-1, :, 0], scores)


def test_patches_of_another_size_are_not_removed_by_a_wrong_number(
    refuses,
):
    """They count from 0, but which is which depends on the grid."""
    model = loaded("timm_registers").model

    def removed():
        with without_patches(model, [0]):
            model(PICTURES["16x20"])

    refuses(removed, 25, 9)


def test_frozen_or_not_it_learns_like_every_vit():
    model = loaded("timm_registers", num_classes=3).model.train()
    images, labels = PICTURES["12x12"], torch.tensor([0, 2])
    nn.init.normal_(model.head.weight)
    nn.functional.cross_entropy(model(images), labels).backward()
    assert all(p.grad is not None for p in model.parameters())


# Our own files


def same_model(ours, theirs, images):
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)
    for (name, x), (other, y) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(x, y)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("case", CASES)
def test_what_is_saved_comes_back(case, tmp_path):
    whole = loaded(case)
    save(whole, tmp_path / "new" / "folder")
    names = {path.name for path in (tmp_path / "new/folder").iterdir()}
    assert names == {"model.safetensors", "config.json"}
    again = load(tmp_path / "new" / "folder")
    same_model(again.model, whole.model, expected(case)["images"])
    assert again[1:] == whole[1:]


@pytest.mark.parametrize("positions", ["learned", "sincos", "none"])
@pytest.mark.parametrize("pool", ["token", "avg"])
def test_a_vit_of_the_chapters_is_saved_too(
    small_vit, pictures, tmp_path, positions, pool
):
    for ratio in (4.0, 2.7, 0.7):
        model = small_vit(
            positions=positions, global_pool=pool, mlp_ratio=ratio
        )
        save(model, tmp_path)
        again = load(tmp_path)
        same_model(again.model, model, pictures)
        assert again.preprocess is None
    larger = load(tmp_path, image_size=(16, 12)).model
    made = ViT(
        image_size=(16, 12),
        patch_size=4,
        embed_dim=24,
        depth=1,
        num_heads=3,
        positions=positions,
    )
    if positions == "sincos":
        assert torch.equal(larger.pos_embed, made.pos_embed)
    assert larger(torch.rand(1, 2, 16, 12)).shape == (1, 5)


def test_half_of_a_save_does_not_replace_the_old_one(
    small_vit, tmp_path, monkeypatch
):
    model = small_vit()
    save(model, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="space"):
        save(small_vit(), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_model_with_the_readers_own_parts_is_not_saved(
    small_vit, refuses, tmp_path
):
    model = small_vit()
    model.blocks[1].mlp.act = nn.ReLU()
    refuses(lambda: save(model, tmp_path), "ViT", "state_dict")
    model = small_vit()
    model.blocks = model.blocks[:1]
    save(model, tmp_path)
    model.head = nn.Sequential(model.head)
    refuses(lambda: save(model, tmp_path), "ViT", "state_dict")

    class Own(ViT):
        pass

    refuses(lambda: save(Own(image_size=16), tmp_path), "Own")


# Files that are no good


def refused(path, refuses, *words, **told):
    """It is refused with these words, and the file is named."""
    refuses(lambda: load(path, **told), Path(path).name, *words)


@pytest.mark.parametrize(
    ("case", "title"),
    [
        ("timm_vit", "safetensors"),
        ("torchvision_new", "torch.save"),
        ("google_linen", "npz"),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_named_with_its_kind(
    refuses, tmp_path, case, title, share
):
    path = path_of(case)
    path = path / "model.safetensors" if path.is_dir() else path
    content = path.read_bytes()
    short = tmp_path / path.name
    short.write_bytes(content[: int(share * len(content))])
    refused(short, refuses, title, "cut short")


OTHER_FILES = {
    "empty": (b"", "begins with"),
    "text": (b"epoch 1, loss 2.3\n" * 9, "begins with"),
    "a page": (b"<!DOCTYPE html><html>404", "web page"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1",
        "git lfs",
    ),
    "hdf": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
    "zip": (b"PK\x03\x04" + bytes(99), "begins with"),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_a_file_of_another_kind_is_refused(refuses, tmp_path, kind):
    content, words = OTHER_FILES[kind]
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    refused(path, refuses, "safetensors", "npz", words)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def hostile_files(folder, done):
    """Files that would make `done`, if what they hold were run."""
    state = {"model": Hostile(done)}
    torch.save(state, folder / "new.pth")
    torch.save(
        state, folder / "old.pth", _use_new_zipfile_serialization=False
    )
    (folder / "plain.bin").write_bytes(pickle.dumps(state))
    array = np.array([Hostile(done)], dtype=object)
    np.savez(folder / "objects.npz", array)
    script = torch.jit.script(nn.Linear(2, 2))
    torch.jit.save(script, folder / "script.pth")
    return {
        "new.pth": "never run",
        "old.pth": "never run",
        "plain.bin": "torch.save",
        "objects.npz": "npz",
        "script.pth": "torch.save",
    }


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_what_a_file_holds_is_never_run(refuses, tmp_path):
    done = tmp_path / "done"
    for name, words in hostile_files(tmp_path, done).items():
        refused(tmp_path / name, refuses, words)
    assert not done.exists()
    torch.load(tmp_path / "new.pth", weights_only=False)
    assert done.exists()  # it would have been


def test_settings_of_a_training_script_do_no_harm(tmp_path):
    state = torch.load(path_of("facebook_deit"))["model"]
    args = argparse.Namespace(lr=0.1, name="deit")
    torch.save({"model": state, "args": args}, tmp_path / "deit.pth")
    load(tmp_path / "deit.pth", **CASES["facebook_deit"])


def test_of_a_teacher_and_a_student_the_teacher_is_taken(tmp_path, caplog):
    """DINO's training files hold both, under a head for training."""
    state = torch.load(path_of("facebook_dino"))
    teacher = {f"backbone.{name}": x for name, x in state.items()}
    teacher["head.mlp.0.weight"] = torch.zeros(2, 2)
    teacher["head.last_layer.weight_v"] = torch.zeros(2, 2)
    student = {f"module.{name}": x + 1 for name, x in teacher.items()}
    both = {"student": student, "teacher": teacher, "epoch": 1}
    torch.save(both, tmp_path / "checkpoint.pth")
    ours = load(tmp_path / "checkpoint.pth", **CASES["facebook_dino"])
    assert torch.equal(ours.model.norm.bias, state["norm.bias"])
    assert "head.mlp.0.weight" in caplog.text


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("Dinov2", {"use_swiglu_ffn": True}, "SwiGLU"),
        ("DINOv3ViT", {}, "RoPE"),
        ("DINOv3ViT", {"use_gated_mlp": True}, "SwiGLU"),
    ],
)
def test_parts_that_no_vit_here_has_are_refused_by_name(
    refuses, kind, settings, words
):
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        image_size=32,
        patch_size=16,
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=24,
        **settings,
    )
    state = getattr(transformers, f"{kind}Model")(config).state_dict()
    told = {**HEADS, **HALVES}
    refuses(lambda: load(state, **told), words, "by the library")


def test_weights_in_several_files_are_told_to_be_made_one(
    refuses, tmp_path
):
    import transformers

    config = transformers.ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3
    )
    model = transformers.ViTModel(config)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    refuses(lambda: load(tmp_path), "several files", "max_shard_size")
    model.save_pretrained(tmp_path, max_shard_size="100GB")
    load(tmp_path, **HALVES)


def test_what_is_lost_is_logged_without_a_path(caplog):
    loaded("timm_vit", in_channels=1)
    assert "model.safetensors: patch_embed" in caplog.text
    assert str(FILES) not in caplog.text


def test_names_of_nobody_are_refused(refuses):
    clip = {"visual.class_embedding": torch.zeros(4)}
    refuses(lambda: load(clip), "visual.class_embedding", "torchvision")
    refuses(lambda: load({}), "nothing")
    refuses(lambda: load({"a": 1, "b": torch.zeros(1)}), "a (int")
    refuses(lambda: load("no/such/file.pth"), "no/such/file.pth", "folder")
    refuses(lambda: load("nothing.pth"), "nothing.pth", "hub")


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [
        "timm_deit",
        "torchvision_new",
        "google_linen",
        "timm_registers",
        "transformers_vit",
    ],
)
def test_weights_that_fit_in_part_are_refused_whatever_is_wrong(case):
    """Each tensor missing, and each wrong in one of six ways."""
    found = find(path_of(case))
    told = CASES[case] | {"config": found.config}

    def load_changed(**changes):
        changed = {**found.content, **changes}
        state = {k: v for k, v in changed.items() if v is not None}
        with pytest.raises(ValueError, match="the state dict") as caught:
            load(state, **told, **(HALVES if case[0] == "t" else {}))
        return str(caught.value)

    for i, (name, tensor) in enumerate(found.content.items()):
        wrong = (
            torch.zeros(()),
            torch.zeros(3),
            tensor[..., None],
            torch.zeros([0] * tensor.ndim),
            torch.cat([tensor, tensor]),
            tensor.to(torch.int8),
        )
        load_changed(**{name: None})
        load_changed(**{name: wrong[i % len(wrong)]})
    said = load_changed(**{"blocks.0.extra.weight": torch.zeros(1)})
    assert "too many: blocks.0.extra.weight" in said


def test_what_does_not_fit_is_told_in_the_words_of_the_file(refuses):
    state = load_file(path_of("transformers_vit") / "model.safetensors")
    config = json.loads(
        (path_of("transformers_vit") / "config.json").read_text()
    )
    state["vit.encoder.layer.0.adapter.weight"] = torch.zeros(2)
    del state["vit.layernorm.weight"]
    state["vit.layernorm.bias"] = torch.zeros(7)
    refuses(
        lambda: load(state, config=config, **HALVES),
        "transformers",
        "missing: norm.weight",
        "too many: vit.encoder.layer.0.adapter.weight",
        "norm.bias (7,), not (12,)",
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["safetensors", "pth", "npz"])
def test_half_precision_loads_as_float32(tmp_path, dtype, kind):
    state = load_file(path_of("timm_vit") / "model.safetensors")
    half = {name: x.to(dtype) for name, x in state.items()}
    path = tmp_path / f"half.{kind}"
    if kind == "safetensors":
        save_file(half, path)
    elif kind == "pth":
        torch.save(half, path)
    elif dtype == torch.float16:
        np.savez(path, **{name: x.numpy() for name, x in half.items()})
    else:  # as big_vision stores it: two bytes without a type
        raw = {k: x.view(torch.int16).numpy() for k, x in half.items()}
        np.savez(path, **{k: x.view("V2") for k, x in raw.items()})
    shutil.copy(path_of("timm_vit") / "config.json", tmp_path)
    model = load(path).model
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, half[name].float())


def test_packed_weights_are_those_of_a_dinov2(tmp_path, monkeypatch):
    """vitlib.packed gives tensors and settings: here, plain floats."""
    state = torch.load(path_of("facebook_dinov2"))
    del state["mask_token"]
    settings = {
        "model": {"patch_size": 4, "embed_dim": 12, "depth": 2, **HEADS},
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
    }
    module = types.ModuleType("vitlib.packed")
    module.read = lambda path: (state, settings)
    monkeypatch.setitem(sys.modules, "vitlib.packed", module)
    path = tmp_path / "small.packed"
    path.write_bytes(zlib.compress(b"weights"))
    model, preprocess, classes = load(path)
    wanted = expected("facebook_dinov2")
    with torch.no_grad():
        assert_same(model(wanted["images"]), wanted["scores"])
    assert (preprocess.size, preprocess.mean) == ((224, 224), (0, 0, 0))
    assert (model.stretch, classes) == ("transformers", ())


@pytest.mark.long
def test_the_packed_file_of_the_page_is_a_dinov2():
    """`ViT` itself gives the same, with positions for its grid."""
    from vitlib.packed import positions_for, read
    from vitlib.teach.data.backbone import FILE, FOLDER

    weights, about = read(FOLDER / FILE)
    model, preprocess, classes = load(FOLDER / FILE)
    assert model.state_dict().keys() == weights.keys()
    plain = ViT(**about["model"] | {"image_size": 224, "num_classes": 0})
    places = positions_for(weights["pos_embed"], (16, 16))
    plain.load_state_dict(weights | {"pos_embed": places})
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert_same(model(images), plain.eval()(images))
    assert (preprocess.size, preprocess.std) == ((224, 224), (1, 1, 1))
    assert classes == ()


@pytest.mark.parametrize(
    ("case", "package"),
    [("timm_vit", "safetensors"), ("google_linen", "numpy")],
)
def test_a_package_that_is_missing_is_named(monkeypatch, case, package):
    for module in (package, "safetensors.torch"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        loaded(case)
    assert package in str(caught.value)
    assert "vitlib[pretrained]" in str(caught.value)


def test_unless_told_otherwise_the_middle_is_cut_out():
    preprocess = Preprocess((4, 4), (4, 4), (0.0,) * 3, (1.0,) * 3)
    photo = torch.rand(3, 4, 8)
    torch.testing.assert_close(preprocess(photo), photo[..., 2:6])
    odd = preprocess(photo[..., :7])  # 1.5 pixels, to the nearest even
    torch.testing.assert_close(odd, photo[..., 2:6])


def test_one_register_is_enough_to_stretch_as_those_models_do():
    state = torch.load(path_of("facebook_dinov2_registers"))
    state["register_tokens"] = state["register_tokens"][:, :1]
    assert load(state, **HEADS).model.stretch == "timm"


def test_pictures_that_nobody_can_prepare_are_refused(refuses):
    preprocess = loaded("google_linen").preprocess
    refuses(lambda: preprocess(Image.new("RGBA", (4, 4))), "RGBA", "RGB")
    refuses(lambda: preprocess(torch.zeros(1, 9, 9)), "(1, 9, 9)", "3")
    refuses(lambda: preprocess([1, 2]), "list", "3")
    refuses(lambda: preprocess(torch.full((3, 9, 9), 7.0)), "7", "uint8")
    refuses(lambda: preprocess(torch.zeros(3, 9, 9).long()), "int64")


def test_bytes_floats_and_pillow_give_the_same(picture):
    """Pillow rounds to bytes after it has resized, tensors do not."""
    numbers = torch.tensor(np.array(picture)).permute(2, 0, 1)
    for case in ("timm_vit", "transformers_dinov2", "google_linen"):
        preprocess = loaded(case).preprocess
        prepared = preprocess(picture)
        whole = preprocess(numbers)
        floats = preprocess(numbers / 255)
        torch.testing.assert_close(whole, floats)
        step = 1.5 / 255 / min(preprocess.std)
        torch.testing.assert_close(whole, prepared, rtol=0, atol=step)
        batch = preprocess(torch.stack([numbers, numbers]))
        torch.testing.assert_close(batch[1], whole)


def test_half_a_pixel_is_rounded_as_by_transformers(picture):
    """15 rows are left where 12 are kept: one and a half on each side."""
    from transformers import BitImageProcessorPil

    theirs = BitImageProcessorPil(
        size={"shortest_edge": 15}, crop_size={"height": 12, "width": 12}
    )
    ours = replace(
        loaded("transformers_dinov2").preprocess,
        resize=(15, 15),
        mean=tuple(theirs.image_mean),
        std=tuple(theirs.image_std),
    )
    wanted = theirs(images=picture, return_tensors="pt")["pixel_values"]
    assert_same(ours(picture), wanted[0])
    round_up = replace(ours, floor=False)
    assert not torch.allclose(round_up(picture), wanted[0], atol=0.1)


def test_a_hard_edge_does_not_leave_the_range_of_pixels():
    """A cubic overshoots beside it; Pillow's bytes cannot."""
    edge = torch.zeros(3, 40, 40)
    edge[:, :, 20:] = 1
    preprocess = loaded("timm_vit").preprocess
    prepared = preprocess(edge)
    assert (prepared.min(), prepared.max()) == (-1, 1)
