"""What this machine has, and how it gets an environment and a browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from step import run

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SHELL = "chromium-headless-shell"  # has no window: half the time
BROWSERS = SHELL, "chromium", "chromium-browser", "google-chrome"
NO_BROWSER = (
    "the tests and the PDF need a browser: install Chromium "
    "(Debian: sudo apt install chromium), then try again"
)
ENGINES = {  # by command: Debian's package
    "firefox-esr": "firefox-esr",
    "WebKitWebDriver": "webkit2gtk-driver",
    "Xvfb": "xvfb",
}


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
    if has_browser():
        return
    if can_use_apt() and (apt_install(SHELL) or apt_install("chromium")):
        return
    command = [str(PYTHON), "-m", "playwright", "install", "chromium"]
    if run("Installing a browser", command, tail=5)[0] != 0:
        stop(NO_BROWSER)


def name_missing_engines() -> None:
    """Say which engines the tests go without, and how to get them."""
    packages = [p for n, p in ENGINES.items() if not shutil.which(n)]
    if packages:
        print(
            "Tests in these are skipped, for they are not here: "
            f"{', '.join(packages)} (Debian: sudo apt install "
            f"{' '.join(packages)})",
            flush=True,
        )
