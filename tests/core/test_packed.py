"""Packed weights: what is in the file, and what is no such file."""

import json
import zlib

import pytest
import torch
from safetensors.torch import load, save
from torch.nn import functional as F

from vitlib.packed import positions_for, read

SETTINGS = {"model": {"depth": 1}, "source": "a test"}
STORED = {
    "head.weight": torch.tensor([[-2, 0, 127], [1, -127, 3]]).to(
        torch.int8
    ),
    "head.weight.scale": torch.tensor([0.5, 2.0]),
    "filters": torch.arange(-8, 8).to(torch.int8).reshape(2, 2, 2, 2),
    "filters.scale": torch.tensor([1.0, 0.25]),
    "bias": torch.tensor([0.1, -0.2]),
}


@pytest.fixture
def file(tmp_path):
    """Write what is given as a packed file; give its path."""

    def write(stored=STORED, about=SETTINGS, cut=None):
        content = save(stored, {"settings": json.dumps(about)})
        path = tmp_path / "some.packed"
        path.write_bytes(zlib.compress(content)[:cut])
        return path

    return write


def test_whole_numbers_are_multiplied_by_the_scale_of_their_row(file):
    weights, settings = read(file())
    assert settings == SETTINGS
    assert set(weights) == {"head.weight", "filters", "bias"}
    wanted = torch.tensor([[-1.0, 0.0, 63.5], [2.0, -254.0, 6.0]])
    assert torch.equal(weights["head.weight"], wanted)
    filters = STORED["filters"].float()
    assert torch.equal(weights["filters"][0], filters[0])
    assert torch.equal(weights["filters"][1], filters[1] / 4)


def test_floats_are_what_safetensors_reads(file):
    wanted = load(save(STORED))["bias"]
    assert torch.equal(read(file())[0]["bias"], wanted)


def test_a_tensor_of_one_number_is_read_too(file):
    stored = {"one": torch.tensor(3.0)}
    assert read(file(stored))[0]["one"] == 3.0


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_a_file_that_is_cut_short_is_refused(file, cut):
    path = file(cut=cut)
    with pytest.raises(ValueError, match=r"some\.packed .*cut short"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        zlib.compress(b"hello"),
        zlib.compress(b"\xff" * 300),
        zlib.compress(save({"a": torch.zeros(2)})),  # no settings
        zlib.compress(
            save({"a": torch.zeros(2).double()}, {"settings": "{}"})
        ),
        save({"a": torch.zeros(2)}, {"settings": "{}"}),  # not deflated
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.bin cannot be read"):
        read(path)


def test_a_missing_scale_is_named(file):
    stored = {"head.weight": STORED["head.weight"]}
    with pytest.raises(ValueError, match=r"head\.weight\.scale"):
        read(file(stored))


@pytest.mark.parametrize("grid", [(37, 37), (16, 16), (32, 32), (5, 9)])
def test_positions_are_resized_as_torch_resizes_a_picture(grid):
    table = torch.randn(1, 1 + 37 * 37, 6)
    picture = table[0, 1:].reshape(37, 37, 6).permute(2, 0, 1)
    wanted = F.interpolate(
        picture[None], grid, mode="bicubic", antialias=False
    )
    found = positions_for(table, grid)
    assert torch.equal(found[:, 0], table[:, 0])
    rows, cols = grid
    found = found[0, 1:].reshape(rows, cols, 6).permute(2, 0, 1)
    torch.testing.assert_close(found, wanted[0])


def test_positions_that_are_no_square_are_refused(refuses):
    refuses(lambda: positions_for(torch.zeros(1, 13, 4), (2, 2)), 12)
