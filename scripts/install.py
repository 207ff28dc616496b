"""Put into .venv what the book, its tests or JupyterLab need, once.

    python scripts/install.py book|test|lab [--torch BUILD] \
        [--torch-index ADDRESS]

Runs on the system's Python, with nothing installed. pip brings uv, and uv
brings the rest: the same files, held to their hashes, in a tenth of pip's
time. Where uv fails, pip has a try. Quiet where all is well; where
something is missing it says in one line what to do.
"""

import argparse
import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

from machine import (
    PYTHON,
    ROOT,
    VENV,
    has_gpu,
    install_browser,
    make_environment,
    name_missing_engines,
    stop,
    works,
)
from step import fingerprint, is_done, mark_done, run, show_end

COLAB = VENV / "colab"
GIGABYTES = {"book": 3, "test": 1, "lab": 1}
CUDA_GIGABYTES = 6
LISTS = {
    "book": ["uv", "book"],
    "lab": ["lab"],
    "test": ["lab", "test", "colab"],
}
TITLES = {
    "book": "Installing the packages",
    "lab": "Installing JupyterLab",
    "test": "Installing the checkers",
    "colab": "Installing Colab's versions",
}
OFFLINE = (
    "Failed to establish",
    "ConnectTimeoutError",
    "NewConnectionError",
    "ProxyError",
    "ReadTimeout",
    "name resolution",
)
PATIENCE = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "2"}
UV_NAMES = {  # what pip's settings are called there
    "cert": "SSL_CERT_FILE",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
}


def package() -> str:
    """Give what pyproject.toml says of vitlib, not of its checkers."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    tool = project["tool"]["setuptools"]
    return json.dumps([project["project"], tool, project["build-system"]])


def check_disk(group: str, build: str) -> None:
    """Stop early where the packages would not fit."""
    wanted = GIGABYTES[group]
    if group == "book" and is_for_nvidia(build):
        wanted += CUDA_GIGABYTES
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < wanted:
        stop(
            f"{free:.1f} GB are free here and {wanted} are needed: make "
            "room, then try again"
        )


def give_up(log: str, advice: str = "") -> None:
    """End with what is missing, or else with what the log says."""
    if "No space left on device" in log:
        stop("the disk is full: make room, then try again")
    if advice:
        stop(advice)
    if any(sign in log for sign in OFFLINE):
        stop(
            "pip could not reach its package index: check the network, "
            "then try again"
        )
    show_end(log, 15)
    stop("the install failed, see above; `make clean-all` starts afresh")


@cache
def settings() -> dict[str, str]:
    """Say to uv what pip was told; what was said to uv itself counts."""
    listing = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
    ).stdout
    found = {}
    for line in listing.splitlines():  # those of the environment first
        name, _, value = line.partition("=")
        uv_name = UV_NAMES.get(name.rpartition(".")[2])
        if uv_name and value:
            comma = "," if uv_name == "UV_FIND_LINKS" else " "
            words = ast.literal_eval(value).split()
            found.setdefault(uv_name, comma.join(words))
    if not os.access(
        os.path.expanduser("~"), os.W_OK
    ):  # nor would uv go on without
        found["UV_CACHE_DIR"] = str(VENV / "cache")
    return {**PATIENCE, **found, **os.environ}


def uv(*arguments: str) -> list[str]:
    """Give the command by which uv installs; it looks where pip would."""
    return [
        *(str(VENV / "bin" / "uv"), "pip", "install", "--quiet"),
        *("--python", str(PYTHON)),
        *("--index-strategy", "unsafe-best-match", *arguments),
    ]


def pip(*arguments: str) -> list[str]:
    """Give pip's command; no questions, little patience."""
    return [
        *(str(PYTHON), "-m", "pip", "install", "--no-input"),
        *("--disable-pip-version-check", "--retries", "2"),
        *("--timeout", "15", *arguments),
    ]


def install(title: str, *arguments: str, advice: str = "") -> None:
    """Install by uv or, where that fails, by pip."""
    code, log = run(title, uv(*arguments), 0, settings())
    if code != 0:
        code, log = run(f"{title}, by pip", pip(*arguments), 0)
    if code != 0:
        give_up(log, advice)


def install_list(name: str) -> None:
    """Install a list of pins, held to its hashes; Colab's stay apart."""
    pins = "--no-deps", "--require-hashes", f"-rrequirements/{name}.txt"
    apart = ["--upgrade", f"--target={COLAB}"] if name == "colab" else []
    install(TITLES[name], *pins, *apart)


def install_uv() -> None:
    """Let pip bring uv."""
    pins = "--no-deps", "--require-hashes", "-rrequirements/uv.txt"
    code, log = run("Installing uv", pip("--no-compile", *pins), 0)
    if code != 0:
        give_up(log)


def drop_halves() -> None:
    """Drop what an interrupted uv began: it would take it for whole."""
    packages = [*VENV.glob("lib/python*/site-packages"), COLAB]
    for notes in [n for p in packages for n in p.glob("*.dist-info")]:
        if not (notes / "INSTALLER").exists():  # is written last
            shutil.rmtree(notes)


def version_of_torch() -> str:
    """Read it in the pins."""
    pins = Path("requirements.txt").read_text()
    return re.search(r"^torch==(\S+)", pins, re.MULTILINE)[1]


def build_of_torch() -> str:
    """Name the build that this machine needs."""
    needs_cuda = has_gpu() or platform.system() != "Linux"
    return f"torch=={version_of_torch()}{'' if needs_cuda else '+cpu'}"


def is_for_nvidia(build: str) -> bool:
    """Say whether this build of torch brings CUDA with it."""
    return platform.system() == "Linux" and "+" not in build


def has_torch() -> bool:
    """Say whether the version is there, in whatever build."""
    pattern = f"lib/python*/site-packages/torch-{version_of_torch()}*"
    return any(VENV.glob(f"{pattern}.dist-info"))


def install_torch(build: str, index: str) -> None:
    """Install torch, on Linux without an NVIDIA card for the CPU alone.

    Only PyTorch's own index has that build, beside what the user keeps:
    PyPI, asked for it, never answers with gigabytes of CUDA.
    """
    if not build.endswith("+cpu"):
        install("Installing PyTorch", build)
        return
    plain = build.removesuffix("+cpu")
    advice = (
        f"{build} was found neither at {index} nor where pip is told to "
        "look: check the network and try again, or name a mirror (make "
        "book TORCH_INDEX=ADDRESS) or a wheel (make book TORCH=FILE). "
        f"With `make book TORCH={plain}` comes the build for NVIDIA: "
        f"3 GB to download, {CUDA_GIGABYTES} GB on the disk"
    )
    wanted = ["--no-deps", build]
    search = uv("--dry-run", *wanted)
    if subprocess.run(
        search, env=settings(), capture_output=True
    ).returncode:
        wanted += ["--index-url", index]
    title = "Installing PyTorch for the CPU (200 MB)"
    install(title, *wanted, advice=advice)


def install_book(torch: str, torch_index: str) -> None:
    """Install the pinned packages, torch and vitlib, editable."""
    install_uv()
    install_list("book")
    if torch or not has_torch():
        install_torch(torch or build_of_torch(), torch_index)
    install(
        "Installing vitlib",
        *("--no-deps", "--no-build-isolation", "--editable", "."),
    )


def main() -> None:
    """Install one group of packages, unless it is there already."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("group", choices=LISTS)
    parser.add_argument("--torch", default="")
    parser.add_argument("--torch-index", default="")
    arguments = parser.parse_args()
    group = arguments.group
    os.chdir(ROOT)
    if not works():
        make_environment()
    stamp = VENV / f".installed-{group}"
    state = fingerprint(
        [f"requirements/{name}.txt" for name in LISTS[group]],
        *(package(), str(VENV), (VENV / "pyvenv.cfg").read_text()),
    )
    if arguments.torch or not is_done(stamp, state):
        drop_halves()
        check_disk(group, arguments.torch or build_of_torch())
        if group == "book":
            install_book(arguments.torch, arguments.torch_index)
        else:
            for name in LISTS[group]:
                install_list(name)
        mark_done(stamp, state)
    if group == "test":
        install_browser()
        name_missing_engines()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
