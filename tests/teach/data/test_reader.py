"""The shipped digit reader: its weights, and what its card says of it."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from vitlib import ViT
from vitlib.teach import digit_reader, digits
from vitlib.teach.data import checked, reader
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.reader import SETTINGS, quantise, restore

DATA = FOLDER
FOUND = json.loads((DATA / "digit_reader.json").read_text())
CARD = (DATA / "digit_reader.md").read_text()


@pytest.fixture(scope="module")
def answers():
    images, labels = digits("held_out")
    with torch.no_grad():
        return digit_reader()(images).argmax(dim=1), labels


def test_it_reads_the_held_out_digits(answers):
    found, labels = answers
    assert (found == labels).float().mean() >= 0.985


def test_the_card_tells_what_it_read(answers):
    """Two digits of leeway: another machine adds in another order."""
    found, labels = answers
    right = int((found == labels).sum())
    assert right == pytest.approx(FOUND["right"], abs=2)
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    for label, answer in zip(labels, found, strict=True):
        confusion[label, answer] += 1
    told = torch.tensor(FOUND["confusion"])
    assert torch.equal(told.sum(dim=1), labels.bincount())
    assert (confusion - told).abs().sum() <= 4
    assert int(told.diag().sum()) == FOUND["right"]


def test_the_card_is_made_from_the_numbers():
    assert f"{FOUND['right']} of {FOUND['digits']:,} right" in CARD
    assert f"{FOUND['bytes']:,} bytes" in CARD
    for hand, share in FOUND["hands"].items():
        assert f"| {hand} | {share:.1%} |" in CARD


def test_it_is_small_and_fast():
    assert (DATA / reader.FILE).stat().st_size <= 300_000
    assert (DATA / reader.FILE).stat().st_size == FOUND["bytes"]
    model = digit_reader()
    assert 1 + model.patch_embed.num_patches <= 17
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == FOUND["parameters"]


def test_it_answers_and_does_not_learn():
    model = digit_reader()
    assert not model.training
    assert model is not digit_reader()


def test_the_file_says_what_it_is():
    with safe_open(DATA / reader.FILE, "pt") as file:
        assert json.loads(file.metadata()["settings"]) == SETTINGS
        whole = file.get_tensor("blocks.0.attn.qkv.weight")
        scale = file.get_tensor("blocks.0.attn.qkv.weight.scale")
    assert whole.dtype == torch.int8
    assert scale.shape == (len(whole),)


def test_every_number_is_within_half_a_step_of_the_float():
    torch.manual_seed(0)
    model = ViT(**SETTINGS)
    nn.init.normal_(model.head.weight)
    weights = model.state_dict()
    stored = quantise(weights)
    again = restore(stored)
    assert again.keys() == weights.keys()
    for name, weight in weights.items():
        assert again[name].dtype == torch.float32
        assert again[name].shape == weight.shape
        scale = stored.get(f"{name}.scale")
        if scale is None:
            assert torch.equal(again[name], weight)
            continue
        assert stored[name].dtype == torch.int8
        assert stored[name].abs().amax() == 127
        off = (again[name] - weight).flatten(1).abs().amax(dim=1)
        assert (off <= 0.5001 * scale).all()


def test_small_numbers_do_not_suffer_from_large_ones_in_other_rows():
    weight = torch.tensor([[100.0, 50.0], [0.001, 0.0005]])
    again = restore(quantise({"weight": weight}))["weight"]
    assert torch.allclose(again, weight, rtol=0.01)


def test_a_row_of_zeros_stays_zero():
    again = restore(quantise({"weight": torch.zeros(3, 2, 1, 1)}))
    assert torch.equal(again["weight"], torch.zeros(3, 2, 1, 1))


def test_damaged_weights_are_refused(monkeypatch, tmp_path, refuses):
    content = bytearray((DATA / reader.FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / reader.FILE).write_bytes(content)
    monkeypatch.setattr(checked, "FOLDER", tmp_path)
    refuses(digit_reader, "damaged", reader.FILE)
