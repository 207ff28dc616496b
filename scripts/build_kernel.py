"""Build the kernel of the live figures: kernel.c becomes kernel.wasm.

    pip install ziglang==0.17.1
    python scripts/build_kernel.py

The compiler is zig's clang, which PyPI has for every system. The same
source gives the same bytes; `--check` builds beside the file and compares.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WEB = Path(__file__).parents[1] / "vitlib" / "teach" / "alive" / "web"
KINDS = ("GLOBAL", "LOCAL")
SOURCE, BUILT = WEB / "kernel.c", WEB / "kernel.wasm"
FLAGS = (
    "--target=wasm32-freestanding",
    "-mcpu=generic+simd128",
    "-O3",
    "-fno-math-errno",
    "-nostdlib",
    "-fvisibility=hidden",
    "-Wall",
    "-Werror",
    "-Wl,--no-entry",
    "-Wl,--export-dynamic",
    "-Wl,--export=__heap_base",
    "-Wl,--strip-all",
)


def build(to: Path) -> bytes:
    """Compile the source, nothing kept from before; give the bytes."""
    compiler = [sys.executable, "-m", "ziglang", "cc"]
    with tempfile.TemporaryDirectory() as cache:
        kept = {f"ZIG_{kind}_CACHE_DIR": cache for kind in KINDS}
        subprocess.run(
            [*compiler, *FLAGS, SOURCE, "-o", to],
            env=os.environ | kept,
            check=True,
        )
    return to.read_bytes()


def main() -> None:
    """Build it, or see whether it is what the source says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as folder:
            found = build(Path(folder, BUILT.name))
        if found != BUILT.read_bytes():
            sys.exit(f"{BUILT} is not what {SOURCE.name} gives")
        print(f"{BUILT.name} is what {SOURCE.name} gives")
    else:
        print(f"{BUILT.name}: {len(build(BUILT))} bytes")


if __name__ == "__main__":
    main()
