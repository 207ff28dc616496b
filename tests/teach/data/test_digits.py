"""The ten thousand digits are MNIST's."""

import torch

from vitlib.teach import digits

PARTS = "train", "validation", "held_out"
# How many digits of each class the ten files of the npm package hold.
PER_CLASS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]


def test_every_class_has_as_many_digits_as_the_source():
    labels = torch.cat([digits(part)[1] for part in PARTS])
    assert labels.bincount().tolist() == PER_CLASS


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
