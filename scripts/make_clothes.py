"""Make the book's file of clothes from Debian's dataset-fashion-mnist.

    apt-get download dataset-fashion-mnist
    dpkg -x dataset-fashion-mnist_*.deb clothes
    .venv/bin/python scripts/make_clothes.py \
        clothes/usr/share/datasets/fashion-mnist

The package holds Fashion-MNIST as its authors published it: 60,000
pictures to train and 10,000 to test. Of the first half 6,000 are drawn
with a fixed seed, of the second half 1,000.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "vitlib/teach/data/files/clothes.npz"
SEED = 0
DRAWN = {"train": 6000, "t10k": 1000}


def read(file: Path, header: int) -> np.ndarray:
    """Read the bytes behind the header of an IDX file."""
    content = gzip.decompress(file.read_bytes())
    return np.frombuffer(content, np.uint8, offset=header)


def main(package: Path) -> None:
    """Draw from both halves, write one compressed file."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    images, labels = [], []
    for half, count in DRAWN.items():
        pixels = read(package / f"{half}-images-idx3-ubyte.gz", 16)
        names = read(package / f"{half}-labels-idx1-ubyte.gz", 8)
        drawn = generator.permutation(len(names))[:count]
        images.append(pixels.reshape(-1, 28, 28)[drawn])
        labels.append(names[drawn])
    np.savez_compressed(
        TARGET,
        images=np.concatenate(images),
        labels=np.concatenate(labels),
    )
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
