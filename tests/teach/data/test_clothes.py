"""The seven thousand clothes: the file, its parts, its loader."""

import numpy as np
import pytest
import torch

from vitlib.teach.data import checked
from vitlib.teach.data.clothes import NAMES, SHA256, clothes

SIZES = {"train": 6000, "validation": 1000}


@pytest.mark.parametrize(("part", "n"), SIZES.items())
def test_a_part_holds_its_pictures(part, n):
    images, labels = clothes(part)
    assert images.shape == (n, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images.min() == 0
    assert images.max() == 1
    assert labels.shape == (n,)
    assert labels.dtype == torch.int64


def test_every_class_has_a_name_and_about_a_tenth_of_the_pictures():
    assert len(set(NAMES)) == 10
    for part, n in SIZES.items():
        counts = clothes(part)[1].bincount(minlength=10)
        assert len(counts) == 10
        # A tenth of many drawn by chance, give or take four deviations.
        far = 4 * (n * 0.1 * 0.9) ** 0.5
        assert (counts - n / 10).abs().max() < far


def test_no_picture_is_in_two_parts():
    train, others = (
        {image.numpy().tobytes() for image in clothes(part)[0]}
        for part in SIZES
    )
    assert not train & others


def test_the_names_are_those_of_fashion_mnist():
    """Trousers are two columns with a gap; boots are wider below.

    What the classes are called the file does not tell.
    """
    images, labels = clothes("train")
    mean = [images[labels == n].mean(dim=(0, 1)) for n in range(10)]
    trousers, bag, boot = (
        mean[NAMES.index(name)]
        for name in ("trousers", "bag", "ankle boot")
    )
    legs = trousers[20]
    assert legs[10] > 2 * legs[13:15].mean() < legs[17]
    assert boot[20:].mean() > 2 * boot[:6].mean()
    assert bag[18, 4:24].min() > 0.3


def test_another_part_is_refused(refuses):
    refuses(lambda: clothes("held_out"), "held_out", "train")


def test_a_damaged_file_is_refused(monkeypatch, tmp_path, refuses):
    content = bytearray(checked.read_checked("clothes.npz", SHA256))
    content[1000] ^= 1
    (tmp_path / "clothes.npz").write_bytes(content)
    monkeypatch.setattr(checked, "FOLDER", tmp_path)
    refuses(lambda: clothes("train"), "damaged", SHA256[:8])


def test_the_file_reads_without_the_package():
    """Plain numpy reads it: two arrays of bytes, nothing pickled."""
    path = checked.FOLDER / "clothes.npz"
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["images"].shape == (7000, 28, 28)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].dtype == np.uint8
