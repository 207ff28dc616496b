"""Weights under others' names are those that the libraries write."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vitlib import ViT
from vitlib._names import in_our_names
from vitlib.teach.chapters.pretrained.strangers import (
    LIBRARIES,
    named_by,
    names_table,
)

FILES = Path(__file__).parents[3] / "core" / "pretrained_files"


def theirs(library):
    """What the library itself has written, for a model of small sizes."""
    if library == "transformers":
        return load_file(FILES / "transformers_vit/model.safetensors")
    if library == "torchvision":
        return torch.load(FILES / "torchvision_new/vit.pth")
    (path,) = (FILES / "google_pre_linen").glob("*.npz")
    with np.load(path) as arrays:
        return {k: torch.from_numpy(arrays[k]) for k in arrays.files}


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_and_layout_are_those_of_the_library(library):
    """But for the head: in some of the files it has two layers."""
    file = {
        name.removeprefix("opt/target/"): weight
        for name, weight in theirs(library).items()
        if not re.search("pre_logits|head", name)
    }
    named = in_our_names(file, library)
    again = named_by(library, named.weights, named.num_heads or 3)
    assert set(again) == set(file)
    for name, weight in again.items():
        assert torch.equal(weight, file[name]), name


def test_the_head_has_the_name_of_the_library(small_vit):
    wanted = {
        "transformers": "classifier.weight",
        "torchvision": "heads.head.weight",
        "google": "head/kernel",
    }
    for library, name in wanted.items():
        weights = small_vit().state_dict()
        assert name in named_by(library, weights, 3)


def test_an_unknown_library_is_refused(refuses):
    refuses(lambda: named_by("keras", {}, 1), "keras", "torchvision")


def test_the_table_has_a_row_for_each_weight_of_a_block(small_vit):
    model = small_vit()
    broken = names_table(model.state_dict(), 3).data
    assert "layernorm_<wbr>before.<wbr>weight</code>" in broken
    html = broken.replace("<wbr>", "")
    for name in (
        "vit.encoder.layer.0.",
        "…layernorm_before.weight",
        "…self_attention.in_proj_weight",
        "…MultiHeadDotProductAttention_1/query/kernel",
        "classifier.weight",
        "encoder.pos_embedding",
    ):
        assert f"<code>{name}</code>" in html
    count = sum(
        "bias" not in name and "blocks.1" not in name
        for name, _ in ViT.named_parameters(model)
    )
    assert html.count("<tr>") == 1 + count + 1  # a head, and the prefixes
