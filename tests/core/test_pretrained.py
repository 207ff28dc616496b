"""Chapter 11: published weights, against the libraries that write them.

pretrained_files/make.py wrote the files and what is expected of them.
"""

import json
import logging
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from vitlib import ViT
from vitlib.inside import (
    attention_maps,
    logit_lens,
    residual_stream,
    rollout,
    without_head,
    without_patches,
)
from vitlib.pretrained import Preprocess, load, save
from vitlib.published import PublishedViT

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
