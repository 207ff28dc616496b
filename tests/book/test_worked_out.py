"""Numbers in sentences that no cell of their page prints."""

import re
from collections import Counter
from functools import cache
from math import ceil, log2, sqrt
from pathlib import Path

import nbformat
import pytest
import torch

from vitlib import SIZES, ViT
from vitlib.inside import without_head
from vitlib.teach import (
    cat,
    digit_reader,
    digits,
    resize_and_crop,
    to_tensor,
)
from vitlib.teach.chapters.scaling import plan
from vitlib.teach.chapters.scaling.measured import bought, growth
from vitlib.teach.data import sizes
from vitlib.teach.data.experiments import table
from vitlib.teach.data.results import results

BOOK = Path(__file__).resolve().parents[2] / "book"
N, D = 197, 768  # tokens and width of ViT-B/16


@cache
def told(page):
    """All prose of a page, solutions too, with plain spaces."""
    cells = nbformat.read(BOOK / f"{page}.ipynb", as_version=4).cells
    prose = [c.source for c in cells if c.cell_type == "markdown"]
    return re.sub(r"\s+", " ", "\n".join(prose))


def top1(name, data="ImageNet-1k"):
    (row,) = (
        row
        for row in results("published")
        if (row.name, row.data) == (name, data)
    )
    return row


def doubling(small, large):
    """Points for each doubling of the parameters."""
    small, large = top1(small), top1(large)
    return (large.top1 - small.top1) / log2(
        large.millions / small.millions
    )


STEPS = [
    f"{doubling(f'DeiT III {a}', f'DeiT III {b}'):.1f}"
    for a, b in ("SB", "BL", "LH")
]
KEPT = sizes.memory()["activations"]
PICTURES = ceil(sizes.memory()["training"] / KEPT)
TINY = {"embed_dim": 192, "depth": 12, "num_heads": 3}
SLOPES = {
    kind: growth("image_size", kind).exponent("training ms", 3)
    for kind in ("written out", "fused")
}
BOUGHT = bought()["training"]
SHARES = sorted(100 * run.utilisation for run in plan.planned())
STAGES = Counter(row["stage"] for row in table("relation"))
HALF = {
    name: (6 * size.embed_dim, round(sqrt(6 * size.embed_dim)))
    for name, size in SIZES.items()
}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("01_introduction", f"12 tables hold {12 * N**2:,} numbers"),
        ("01_introduction", f"{19 * 29 + 1} tokens. Only the positions"),
        ("02_patches", f"not one of the {3 * 224**2:,} numbers"),
        ("02_patches", f"27 · 27 = {27**2} words"),
        ("02_patches", f"196 · 196 = {196**2:,} to {27**4:,}"),
        ("03_embedding", f"biases, one for each filter: {589 * 1280:,}"),
        ("05_attention", f"6 \\cdot 64 = {3 * 6 * 64}$ numbers"),
        ("05_attention", f"for ViT-B at {2 * D:,} tokens"),
        (
            "05_attention",
            f"By a factor of about {(4097 / N) ** 2:.0f}"[:-1],
        ),
        ("05_attention", f"197 / 6 = {N / 6:.1f} on average"),
        (
            "05_attention",
            f"40 · 40 = {40**2:,}, {40**2 / 384.16:.0f} % of all",
        ),
        ("06_encoder", f"4 · head_dim = {4 * 64} tokens"),
        (
            "06_encoder",
            f"{12 * (12 * 384**2 + 13 * 384):,}. The first term",
        ),
        ("06_encoder", f"{12 * (12 * 192**2 + 13 * 192):,} of ViT-Ti"),
        ("07_vit", f"{KEPT / 1e6:.0f} MB for one image at 224 pixels"),
        ("07_vit", "a batch of a dozen" if PICTURES == 12 else PICTURES),
        ("08_training", f"the run has {2 * 8000 // 64} steps"),
        (
            "12_scaling",
            f"{sizes.memory(**TINY)['activations'] / 1e6:.0f} MB, and the "
            f"weights of this model are "
            f"{sizes.memory(**TINY)['weights'] / 1e6:.0f}",
        ),
        (
            "12_scaling",
            f"For ViT-H/14 that is "
            f"{plan.memory('H/14')['state'] / 1e9:.0f} GB",
        ),
        ("12_scaling", f"12 blocks it is {11 + 16} in place of {12 * 16}"),
        (
            "12_scaling",
            f"has an exponent of {SLOPES['written out']:.1f} in time",
        ),
        ("12_scaling", f"bends upwards, {SLOPES['fused']:.1f} over the"),
        ("12_scaling", f"measured: {BOUGHT['checkpoints']:.2f} on our"),
        ("12_scaling", f"little here**, {BOUGHT['compiled']:.2f}."),
        (
            "12_scaling",
            f"takes {BOUGHT['bfloat16']:.2f} down to "
            f"{BOUGHT['compiled, bfloat16']:.2f}",
        ),
        (
            "12_scaling",
            f"between {SHARES[0]:.0f} and {SHARES[-1]:.0f} %. The V100s",
        ),
        (
            "12_scaling",
            f"{SHARES[0] / 35:.2f} and {SHARES[-1] / 35:.2f} times the",
        ),
        (
            "12_scaling",
            f"{STAGES['search']} runs that looked for rates, and "
            f"{STAGES['curve']} that were reported",
        ),
        ("13_state_of_the_art", f"{STEPS[0]}, {STEPS[1]} and {STEPS[2]}"),
        ("13_state_of_the_art", f"$N = 6d$: {HALF['B/16'][0]:,} tokens"),
        (
            "13_state_of_the_art",
            f"{HALF['S/16'][0]:,} tokens for S/16, {HALF['S/16'][1]} by "
            f"{HALF['S/16'][1]} patches, {16 * HALF['S/16'][1]} pixels",
        ),
        (
            "13_state_of_the_art",
            f"{HALF['H/14'][0]:,} tokens for H/14, about "
            f"{HALF['H/14'][1]} by {HALF['H/14'][1]} patches, "
            f"{14 * HALF['H/14'][1]:,} pixels",
        ),
    ],
)
def test_a_number_in_a_sentence_is_the_one_that_is_worked_out(page, words):
    assert words in told(page)


def test_the_two_mirrors_of_chapter_1_differ_in_the_pixels():
    torch.manual_seed(1)
    sees = ViT(
        embed_dim=192, depth=2, num_heads=3, positions="none"
    ).eval()
    inputs = to_tensor(resize_and_crop(cat(), 224)) * 2 - 1
    strips = inputs.unflatten(3, (14, 16)).flip(3).flatten(3)
    with torch.no_grad():
        before, patches, pixels = (
            sees.forward_features(x)[:, 0]
            for x in (inputs, strips, inputs.flip(3))
        )
    found = [
        f"{((after - before).norm() / before.norm()).item():.3f}"
        for after in (patches, pixels)
    ]
    assert f"{found[0]} and {found[1]}." in told("01_introduction")


@cache
@torch.no_grad()
def lost(*heads):
    """How many of 500 digits are lost without these heads of layer 1."""
    model = digit_reader()
    images, labels = (part[:500] for part in digits("validation"))
    weight = model.blocks[1].attn.proj.weight
    for head in heads:
        weight[:, 16 * head : 16 * head + 16] = 0
    return 493 - (model(images).argmax(1) == labels).sum().item()


def test_the_heads_of_layer_1_cover_for_each_other_as_chapter_10_says():
    assert (
        f"Heads 2 and 3 cost {lost(2, 3)} answers together, alone "
        f"{lost(2)} and {lost(3)}."
    ) in told("10_inside")
    assert lost(0) == -2
    assert "two digits more are read than with it" in told("10_inside")


@torch.no_grad()
def test_a_head_that_says_the_usual_loses_less_than_a_silent_one():
    model = digit_reader()
    images, labels = (part[:500] for part in digits("validation"))

    def usual(module, inputs):
        mixed = inputs[0].clone()
        mixed[:, :, 32:48] = mixed[:, :, 32:48].mean(dim=0)
        return mixed

    def read():
        return (model(images).argmax(dim=1) == labels).sum().item()

    with model.blocks[2].attn.proj.register_forward_pre_hook(usual):
        said = f"{read()} of 500 digits are read, in place of "
    with without_head(model, 2, 2):
        said += f"{read()} with zeros and "
    said += f"{read()} with the head as it is"
    assert said in told("10_inside")
