"""What the tests of `vitlib.train` share: pictures, and a small run."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

TORCHRUN = "-m", "torch.distributed.run", "--nproc_per_node"


@pytest.fixture
def small():
    """Give the options of a small model and a short run."""
    return (
        *("--device", "cpu", "--patch-size", "4", "--embed-dim", "24"),
        *("--depth", "1", "--num-heads", "3", "--batch-size", "8"),
        *("--epochs", "2", "--log-every", "1", "--crop", "0.6"),
    )


@pytest.fixture
def arrays(tmp_path):
    """An .npz of 45 pictures in three classes that one can tell apart.

    A tenth is kept for validation: 39 to learn from, no number that two
    processes or batches of eight divide.
    """
    chance = np.random.default_rng(3)
    labels = np.arange(45) % 3
    images = chance.integers(0, 90, (45, 8, 12), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, label * 4 : label * 4 + 4] += 120
    path = tmp_path / "pictures.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def photos(tmp_path):
    """Eight photos in two classes, of several modes and sizes."""
    kinds = ("RGB", "L", "RGBA", "CMYK")
    for name, level in (("dark", 30), ("light", 220)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i, kind in enumerate(kinds):
            photo = Image.new("RGB", (20 + 9 * i, 31), (level,) * 3)
            kind_of_file = "tif" if kind == "CMYK" else "png"
            path = tmp_path / "photos" / name / f"{i}.{kind_of_file}"
            photo.convert(kind).save(path)
    return tmp_path / "photos"


@pytest.fixture
def logged():
    """Read the lines of a run's log, numbers as numbers."""

    def read(folder):
        with open(folder / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            {name: float(text) for name, text in row.items() if text}
            for row in rows
        ]

    return read


@pytest.fixture
def begin():
    """Start the command in a process, or behind a launcher."""
    begun = []

    def go(*arguments, processes=0, launcher=(), **settings):
        if processes:
            launcher = *TORCHRUN, str(processes)
        command = [sys.executable, *launcher, "-m", "vitlib.train"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **settings,
        )
        begun.append(process)
        return process

    yield go
    for process in begun:
        process.kill()
        process.wait()


@pytest.fixture
def finish():
    """Wait for its end, which must be a good one; give what it said."""

    def wait(process):
        said, complained = process.communicate()
        assert process.returncode == 0, complained
        return said

    return wait
