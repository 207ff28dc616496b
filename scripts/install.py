"""Put into .venv what the book, its tests or JupyterLab need, once.

    python scripts/install.py book|test|lab [--torch-index ADDRESS]

Runs on the system's Python, with nothing installed. Quiet where all is
well; where something is missing it says in one line what to do.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from step import fingerprint, is_done, mark_done, run, show_end

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
COLAB = VENV / "colab"
GIGABYTES = {"book": 3, "test": 1, "lab": 1}
CUDA_GIGABYTES = 6
FILES = {
    "book": ["requirements.txt"],
    "test": [
        "requirements.txt",
        "requirements-lab.txt",
        "requirements-test.txt",
        "requirements/colab.txt",
    ],
    "lab": ["requirements.txt", "requirements-lab.txt"],
}
BROWSERS = "chromium", "chromium-browser", "google-chrome"
OFFLINE = (
    "Failed to establish",
    "ConnectTimeoutError",
    "NewConnectionError",
    "ProxyError",
    "ReadTimeout",
    "name resolution",
)


def stop(advice: str) -> None:
    """End with one line that says what to do."""
    sys.exit(f"make: {advice}")


def has_gpu() -> bool:
    """Say whether this machine has an NVIDIA GPU that torch could use."""
    return Path("/proc/driver/nvidia").exists() or bool(
        shutil.which("nvidia-smi")
    )


def can_use_apt() -> bool:
    """Say whether Debian packages can be installed without asking."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> bool:
    """Install one Debian package."""
    install = (
        "apt-get update -q; "
        f"apt-get install -y --no-install-recommends {package}"
    )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    shell = ["sh", "-c", install]
    return run(f"Installing {package}", shell, 5, quiet)[0] == 0


def works() -> bool:
    """Say whether .venv is whole, new enough and still in its place."""
    pip = VENV / "bin" / "pip"
    if not (PYTHON.exists() and pip.exists()):
        return False
    code = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    check = subprocess.run([str(PYTHON), "-c", code], capture_output=True)
    return check.returncode == 0 and str(VENV) in pip.read_text()


def make_environment() -> None:
    """Create .venv, and what Debian needs for it."""
    venv = f"python3.{sys.version_info.minor}-venv"
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        if not can_use_apt():
            stop(f"Python's venv is missing: sudo apt install {venv}")
        if not apt_install(venv):
            stop(f"could not install {venv}: install it, then try again")
    create = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if run("Creating .venv", create, tail=20)[0] != 0:
        stop("could not create .venv: is the disk full or read-only?")


def package() -> str:
    """Give what pyproject.toml says of vitlib, not of its checkers."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    tool = project["tool"]["setuptools"]
    return json.dumps([project["project"], tool, project["build-system"]])


def check_disk(group: str) -> None:
    """Stop early where the packages would not fit."""
    wanted = GIGABYTES[group]
    if group == "book" and has_gpu():
        wanted += CUDA_GIGABYTES
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < wanted:
        stop(
            f"{free:.1f} GB are free here and {wanted} are needed: make "
            "room, then try again"
        )


def explain(log: str) -> str:
    """Read in pip's words what is missing; '' where it is not clear."""
    if "No space left on device" in log:
        return "the disk is full: make room, then try again"
    if any(sign in log for sign in OFFLINE):
        return (
            "pip could not reach its package index: check the network, "
            "then try again"
        )
    return ""


def pip_install(title: str, *arguments: str) -> None:
    """Run pip in .venv; no questions, little patience, no noise."""
    code, log = run(
        title,
        [
            *(str(PYTHON), "-m", "pip", "install", "--no-input"),
            *("--disable-pip-version-check", "--retries", "2"),
            *("--timeout", "15", *arguments),
        ],
        tail=0,
    )
    if code != 0:
        if advice := explain(log):
            stop(advice)
        show_end(log, 15)
        stop(
            "the install failed, see above; `make clean-all` starts afresh"
        )


def target(needs: str) -> list[str]:
    """Say to pip what to install; Colab's versions stay apart."""
    apart = ["--no-deps", "--upgrade", "--target", str(COLAB)]
    return [*(apart if "colab" in needs else []), "-r", needs]


def install_book(torch_index: str) -> None:
    """Install the pinned packages and vitlib, editable."""
    if platform.system() == "Linux" and not has_gpu() and torch_index:
        lines = Path("requirements.txt").read_text().splitlines()
        torch = next(line for line in lines if line.startswith("torch=="))
        pip_install(
            "Installing PyTorch for the CPU (200 MB)",
            *(torch, "--no-deps", "--extra-index-url", torch_index),
        )
    pip_install("Installing the packages", "-r", "requirements.txt")
    pip_install(
        "Installing vitlib",
        *("--no-deps", "--no-build-isolation", "--editable", "."),
    )


def has_browser() -> bool:
    """Say whether the tests find one, playwright's own included."""
    if any(map(shutil.which, BROWSERS)):
        return True
    own = (
        "import os\n"
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as p:\n"
        "    assert os.path.exists(p.chromium.executable_path)"
    )
    check = [str(PYTHON), "-c", own]
    return subprocess.run(check, capture_output=True).returncode == 0


def install_browser() -> None:
    """Install a browser for the tests, where none is found."""
    if has_browser() or (can_use_apt() and apt_install("chromium")):
        return
    command = [str(PYTHON), "-m", "playwright", "install", "chromium"]
    if run("Installing a browser", command, tail=5)[0] != 0:
        stop("the tests need a browser: install Chromium, then try again")


def main() -> None:
    """Install one group of packages, unless it is there already."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("group", choices=FILES)
    parser.add_argument("--torch-index", default="")
    arguments = parser.parse_args()
    group = arguments.group
    os.chdir(ROOT)
    if not works():
        check_disk(group)
        make_environment()
    stamp = VENV / f".installed-{group}"
    state = fingerprint(
        FILES[group],
        *(package(), str(VENV), (VENV / "pyvenv.cfg").read_text()),
    )
    if not is_done(stamp, state):
        check_disk(group)
        if group == "book":
            install_book(arguments.torch_index)
        else:
            for needs in FILES[group][1:]:
                pip_install(f"Installing {needs}", *target(needs))
        mark_done(stamp, state)
    if group == "test":
        install_browser()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
