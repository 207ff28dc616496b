"""The ten thousand digits: the file, its parts, its loader."""

import hashlib

import numpy as np
import pytest
import torch

from vitlib.teach import digits
from vitlib.teach.data import checked
from vitlib.teach.data.digits import SHA256

SIZES = {"train": 8000, "validation": 1000, "held_out": 1000}
# How many digits of each class the ten files of the npm package hold.
PER_CLASS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]


@pytest.mark.parametrize(("part", "n"), SIZES.items())
def test_a_part_holds_its_digits(part, n):
    images, labels = digits(part)
    assert images.shape == (n, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images.min() == 0
    assert images.max() == 1
    assert labels.shape == (n,)
    assert labels.dtype == torch.int64


def test_every_class_has_as_many_digits_as_the_source():
    labels = torch.cat([digits(part)[1] for part in SIZES])
    assert labels.bincount().tolist() == PER_CLASS


def test_no_digit_is_in_two_parts():
    seen = [
        {image.numpy().tobytes() for image in digits(part)[0]}
        for part in SIZES
    ]
    assert [len(part) for part in seen] == list(SIZES.values())
    assert len(set.union(*seen)) == sum(SIZES.values())


def test_the_digits_are_mnists():
    """Each is a bright shape whose centre of mass lies in the middle.

    MNIST's makers moved every digit so; it tells rows from columns and
    ink from paper.
    """
    images, _ = digits("validation")
    ink = images.sum(dim=(1, 2, 3))
    place = torch.arange(28) + 0.5
    down = (images.sum(dim=(1, 3)) * place).sum(dim=1) / ink
    right = (images.sum(dim=(1, 2)) * place).sum(dim=1) / ink
    assert torch.allclose(down, torch.tensor(14.0), atol=1.2)
    assert torch.allclose(right, torch.tensor(14.0), atol=1.2)
    assert (images == 0).float().mean() > 0.7


def test_the_reader_of_the_file_gets_fresh_tensors():
    digits("validation")[0].zero_()
    assert digits("validation")[0].any()


def test_an_unknown_part_is_refused(refuses):
    refuses(lambda: digits("test"), "test", "train", "held_out")
    refuses(lambda: digits(0), "0", "validation")


def test_a_damaged_file_is_refused(monkeypatch, tmp_path, refuses):
    content = bytearray(checked.read_checked("digits.npz", SHA256))
    content[1000] ^= 1
    (tmp_path / "digits.npz").write_bytes(content)
    monkeypatch.setattr(checked, "FOLDER", tmp_path)
    wrong = hashlib.sha256(content).hexdigest()[:8]
    refuses(lambda: digits("train"), "damaged", wrong, "f1a23f2f")
    (tmp_path / "digits.npz").unlink()
    refuses(lambda: digits("train"), "missing", "install")


def test_the_file_reads_without_the_package():
    """Plain numpy reads it: two arrays of bytes, nothing pickled."""
    path = checked.FOLDER / "digits.npz"
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["images"].shape == (10_000, 28, 28)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].dtype == np.uint8
