"""Pin anew what requirements/*.in ask for.

    python scripts/update.py [--upgrade]

With --upgrade in the newest versions that fit together, without it in
those that are pinned where they still do. requirements.txt is for plain
pip and has no hashes: pip would ask for one of torch too, whose build
differs from machine to machine. The install reads requirements/*.txt,
which have hashes and no torch; each lists only what it adds.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from install import settings

ROOT = Path(__file__).resolve().parents[1]
PINS = Path("requirements.txt")
LISTS = Path("requirements")
PLAIN = "--annotation-style", "line"
HASHES = "--no-annotate", "--generate-hashes"


def everywhere() -> dict[str, str]:
    """Leave out what this machine keeps beside the package index."""
    own = "UV_FIND_LINKS", "UV_INDEX"
    return {k: v for k, v in settings().items() if k not in own}


def pin(wanted: Path, pinned: Path, *options: str) -> None:
    """Let uv choose versions for every system and Python of the book."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
        *("--config-file", "requirements/uv.toml"),
        *("--custom-compile-command", "make update"),
        *("--universal", "--python-version", "3.11"),
        *("--fork-strategy", "fewest"),
        *(*options, str(wanted), "--output-file", str(pinned)),
    ]
    subprocess.run(
        command, env=everywhere(), stdout=subprocess.DEVNULL, check=True
    )


def beside(*files: Path) -> list[str]:
    """Keep to the versions in these files, and list none of them twice.

    What they have for some systems only may be needed on all: that is
    listed again.
    """
    options = [f"--constraints={file}" for file in files]
    for file in files:
        for name in re.findall(r"^(\S+)==[^;]*?$", file.read_text(), re.M):
            options.append(f"--no-emit-package={name}")
    return options


def main() -> None:
    """Write every file of pins."""
    os.chdir(ROOT)
    more = sys.argv[1:]
    pin(LISTS / "book.in", PINS, *PLAIN, *more)
    without_torch = "--no-deps", "--no-emit-package=torch"
    pin(PINS, LISTS / "book.txt", *HASHES, *without_torch)
    done = [PINS]
    for name in "lab", "test":
        wanted, pinned = LISTS / f"{name}.in", LISTS / f"{name}.txt"
        pin(wanted, pinned, *HASHES, *beside(*done), *more)
        done.append(pinned)
    for name in "colab", "uv":
        wanted, pinned = LISTS / f"{name}.in", LISTS / f"{name}.txt"
        pin(wanted, pinned, *HASHES, "--no-deps", *more)


if __name__ == "__main__":
    main()
