"""Run unit tests and notebooks with the oldest and the newest packages.

    python scripts/versions.py --torch-index ADDRESS [--python 3.11 ...]
        [--side oldest ...] [--colab LIST]

For each Python from 3.11 to 3.14 that uv finds or brings, the oldest
versions that pyproject.toml allows and that have a wheel for it, and the
newest, each in an environment of its own in build/versions. `--colab`
takes a list of packages as Colab publishes it, and tests with its Python
and its versions instead. torch comes from PyTorch's index for the CPU
alone; where that cannot be reached, the torch of .venv does for its own
Python, and the other Pythons are left out, with a word. It ends with 1
where a test fails.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from step import run
from update import everywhere

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "build" / "versions"
PYTHONS = "3.11", "3.12", "3.13", "3.14"
OWN = f"3.{sys.version_info.minor}"
EXTRAS = "teach", "pretrained"
UV = sys.executable, "-m", "uv"
TOOLS = (
    *("docutils", "huggingface_hub", "ipykernel", "nbval", "packaging"),
    *("playwright", "pytest", "pyyaml", "transformers"),
)
ROOMS = (
    *("tests/test_doctor.py", "tests/teach/asking"),
    *("tests/teach/checking", "tests/teach/data", "book"),
)
TESTS = "tests/core", *ROOMS
# transformers, which the tests compare with, asks for a newer one than
# vitlib does: its floor is tried alone, where that is not imported.
BELOW = ("safetensors",)
BELOW_TESTS = (
    *("tests/core/test_packed.py", "tests/teach/data"),
    "book/11_pretrained.ipynb",
)
OPTIONS = "-q", "-m", "not long", "--nbval", "--nbval-current-env"
SHOWN = (
    *("torch", "einops", "numpy", "matplotlib", "pillow", "ipython"),
    *("ipywidgets", "traitlets", "anywidget", "safetensors"),
    "huggingface_hub",
)


def wanted() -> list[str]:
    """Read what vitlib and its extras need; torch is the first."""
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    more = [need for extra in EXTRAS for need in extras[extra]]
    return [*project["dependencies"], *more]


def name_of(need: str) -> str:
    """Give the name of a requirement.

    >>> name_of("anywidget>=0.9.9")
    'anywidget'
    """
    return re.match(r"[\w.-]+", need)[0].lower()


def peer() -> str:
    """Give the pin of transformers, which the tests compare with."""
    pins = (ROOT / "requirements" / "test.txt").read_text()
    return re.search(r"^transformers==\S+", pins, re.MULTILINE)[0]


def floors(*names: str) -> list[str]:
    """Pin packages to the oldest that vitlib allows."""
    needs = [need for need in wanted() if name_of(need) in names]
    return sorted({need.replace(">=", "==") for need in needs})


def pins_of(listing: str) -> list[str]:
    """Take from a list of packages those that vitlib meets there."""
    names = {*map(name_of, wanted()[1:]), "ipykernel", "psygnal"}
    lines = [line.strip() for line in listing.splitlines()]
    return [n for n in lines if "==" in n and name_of(n) in names]


def torch_of(listing: str) -> str:
    """Find the version of torch in a list: it stands there as a file.

    >>> torch_of("torch @ https://example.org/torch-2.11.0%2Bcpu-cp313.whl")
    'torch==2.11.0'
    """
    found = re.search(r"^torch\b.*?(\d+\.\d+\.\d+)", listing, re.M)
    return f"torch=={found[1]}" if found else "torch"


def python_of(listing: str) -> str:
    """Find Colab's Python in the name of its torch.

    >>> python_of("torch @ https://example.org/torch-2.11.0%2Bcpu-cp313.whl")
    '3.13'
    """
    found = re.search(r"^torch\b.*-cp3(\d+)", listing, re.M)
    return f"3.{found[1]}" if found else OWN


def uv(*words: object) -> tuple[bool, str]:
    """Run uv, asking the public indexes alone; give what it printed."""
    done = subprocess.run(
        [*UV, *map(str, words)],
        env=everywhere(),
        capture_output=True,
        text=True,
    )
    return done.returncode == 0, (done.stdout or done.stderr).strip()


def install(python: Path, *words: str) -> str:
    """Install packages, wheels only; give the complaint, or ''."""
    command = (
        "pip",
        "install",
        "--python",
        python,
        "--only-binary",
        ":all:",
    )
    good, said = uv(*command, *words)
    return "" if good else said


def add_torch(python: Path, version: str, torch: list, index: str) -> str:
    """Bring torch; give the reason why there is none, or ''."""
    if not install(python, *torch, "--index-url", index):
        return ""
    if version != OWN:
        return f"no torch for Python {version} from {index}"
    print(f"    torch is that of .venv: {index} has none", flush=True)
    see(python, "zz_venv", sysconfig.get_path("purelib"))
    return ""


def prepare(
    version: str, side: str, colab: str, index: str
) -> tuple[Path | None, str]:
    """Make an environment; give its Python, or None and the reason."""
    home = PLACE / f"{version}-{side}"
    shutil.rmtree(home, ignore_errors=True)
    good, said = uv("venv", "--quiet", "--python", version, home)
    if not good:
        return None, f"no Python {version}: {said.splitlines()[-1]}"
    python = home / "bin" / "python"
    lowest = ["--resolution", "lowest-direct"] if side == "oldest" else []
    floor, *needs = wanted()
    torch = [torch_of(colab)] if side == "colab" else [floor, *lowest]
    if reason := add_torch(python, version, torch, index):
        return None, reason
    if side == "colab":
        needs = pins_of(colab)
    if side == "oldest":
        needs.append(peer())
    if said := install(python, *needs, *lowest):
        return None, said
    kept = home / "kept.txt"
    kept.write_text(uv("pip", "freeze", "--python", python)[1])
    if said := install(python, *TOOLS, "--constraint", str(kept)):
        return None, said
    see(python, "aa_vitlib", ROOT)  # before .venv's
    return python, ""


def see(python: Path, name: str, folder: object) -> None:
    """Let an environment see the packages in a folder, behind its own."""
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    (packages / f"{name}.pth").write_text(f"{folder}\n")


def versions(python: Path) -> str:
    """Say which versions a Python finds, in a line."""
    program = (
        "from importlib.metadata import version\n"
        f"print(', '.join(f'{{n}} {{version(n)}}' for n in {SHOWN}))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True)
    return done.stdout.decode().strip()


def passes(python: Path, *tests: str) -> bool:
    """Run tests in an environment; show what fails."""
    print(f"    {versions(python)}", flush=True)
    command = [str(python), "-m", "pytest", *OPTIONS, *tests]
    return run("    tests and notebooks", command, 200)[0] == 0


def check(version: str, side: str, colab: str, index: str) -> bool:
    """Test in one environment; where there can be none, say why."""
    print(f"Python {version}, {side}", flush=True)
    python, reason = prepare(version, side, colab, index)
    if python is None:
        print(f"    left out: {reason}", flush=True)
        return True
    good = passes(python, *(ROOMS if side == "colab" else TESTS))
    if side == "oldest":
        reason = install(python, "--no-deps", *floors(*BELOW))
        if reason:
            print(f"    {reason}", flush=True)
            return False
        good &= passes(python, *BELOW_TESTS)
    return good


def main() -> int:
    """Test each Python with each side; go on where one fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", nargs="+", default=PYTHONS)
    parser.add_argument("--side", nargs="+", default=("oldest", "newest"))
    parser.add_argument("--colab", type=Path)
    parser.add_argument("--torch-index", required=True)
    asked = parser.parse_args()
    os.chdir(ROOT)
    pairs = [(v, side) for v in asked.python for side in asked.side]
    colab = asked.colab.read_text() if asked.colab else ""
    if colab:
        pairs = [(python_of(colab), "colab")]
    results = [check(*pair, colab, asked.torch_index) for pair in pairs]
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
