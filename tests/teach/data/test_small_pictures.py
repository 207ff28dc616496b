"""Digits and clothes: the file of each, its parts, its loader."""

import hashlib

import numpy as np
import pytest
import torch

from vitlib.teach.data import checked
from vitlib.teach.data.clothes import SHA256 as OF_CLOTHES
from vitlib.teach.data.clothes import clothes
from vitlib.teach.data.digits import SHA256 as OF_DIGITS
from vitlib.teach.data.digits import digits

SIZES = {
    digits: {"train": 8000, "validation": 1000, "held_out": 1000},
    clothes: {"train": 6000, "validation": 1000},
}
FILES = {
    digits: ("digits.npz", OF_DIGITS),
    clothes: ("clothes.npz", OF_CLOTHES),
}
both = pytest.mark.parametrize("of", [digits, clothes])


@both
def test_a_part_holds_its_pictures(of):
    for part, n in SIZES[of].items():
        images, labels = of(part)
        assert images.shape == (n, 1, 28, 28)
        assert images.dtype == torch.float32
        assert images.min() == 0
        assert images.max() == 1
        assert labels.shape == (n,)
        assert labels.dtype == torch.int64


@both
def test_no_picture_is_in_two_parts(of):
    seen = [
        {image.numpy().tobytes() for image in of(part)[0]}
        for part in SIZES[of]
    ]
    assert sum(map(len, seen)) == len(set.union(*seen))
    if of is digits:  # each but once within a part, too
        assert [len(part) for part in seen] == list(SIZES[of].values())


@both
def test_whoever_asks_gets_fresh_tensors(of):
    of("validation")[0].zero_()
    assert of("validation")[0].any()


@both
def test_an_unknown_part_is_refused(of, refuses):
    refuses(lambda: of("test"), "test", *SIZES[of])
    refuses(lambda: of(0), "0", "validation")


@both
def test_a_damaged_file_is_refused(of, monkeypatch, tmp_path, refuses):
    file, sha256 = FILES[of]
    content = bytearray(checked.read_checked(file, sha256))
    content[1000] ^= 1
    (tmp_path / file).write_bytes(content)
    monkeypatch.setattr(checked, "FOLDER", tmp_path)
    wrong = hashlib.sha256(content).hexdigest()[:8]
    refuses(lambda: of("train"), "damaged", wrong, sha256[:8])
    (tmp_path / file).unlink()
    refuses(lambda: of("train"), "missing", "install")


@both
def test_the_file_reads_without_the_package(of):
    """Plain numpy reads it: two arrays of bytes, nothing pickled."""
    path = checked.FOLDER / FILES[of][0]
    with np.load(path, allow_pickle=False) as arrays:
        count = sum(SIZES[of].values())
        assert arrays["images"].shape == (count, 28, 28)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].dtype == np.uint8
