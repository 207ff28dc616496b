"""Run the tests again and again, as other readers might.

    python scripts/repeat.py

What takes seconds or minutes: training in several processes, one of them
killed, a monkey that plays for long, half an hour of drawing. Breaks of
the core, the classroom and its JavaScript, planted one at a time: a test
has to notice each. The unit tests and all notebooks ten times in random
orders, with one and with two threads; each notebook alone, with one and
with two threads, its time and memory measured; all notebooks from another
folder, and with the versions that Colab has; all run and stored twice,
without a change; all outside of the repository, with vitlib from a wheel.
Published weights at full size, beside transformers and, where `make
bench` has brought it, timm; and what the book says of timm's code, beside
the release that it names.

What went well is not done again until a file changes: a run that was
stopped goes on where it was.
"""

import json
import os
import random
import re
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import nbformat
from measured import measured
from step import fingerprint, run

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
COLAB = Path(sys.prefix) / "colab"
PYTEST = "-m", "pytest", "-q"
STRICT = "--nbval", "--nbval-current-env"
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {"http_proxy": NOWHERE, "https_proxy": NOWHERE}
ABREAST = "-n", "logical", "--maxprocesses", "4"
IN_ORDER = *ABREAST, "--no-loadscope-reorder"
RECORD = ROOT / "build" / ".repeat.json"
MADE = "_build", "build", "dist", "*.egg-info"  # by commands
RUNS = 10
SITE_TESTS = "tests/site"
SECONDS = 60
MEGABYTES = 1000


def threads(number: int) -> dict[str, str]:
    """Give the environment in which torch takes so many threads."""
    return {"OMP_NUM_THREADS": str(number), "MKL_NUM_THREADS": str(number)}


def sources() -> list[Path]:
    """List all that a step may read: what is not made, and not hidden."""
    made = {path for name in MADE for path in ROOT.glob(name)}
    return sorted(set(ROOT.glob("[!.]*")) - made)


class Done:
    """The steps that went well since a file has changed."""

    def __init__(self) -> None:
        self.state = fingerprint(map(str, sources()))
        self.titles: list[str] = []
        if RECORD.exists():
            state, titles = json.loads(RECORD.read_text())
            if state == self.state:
                self.titles = titles

    def add(self, title: str) -> None:
        """Write down that this step went well."""
        self.titles.append(title)
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps([self.state, self.titles]))


@cache
def done() -> Done:
    """Read once what went well."""
    return Done()


def need(title: str, command: list, env: dict | None = None) -> None:
    """Run a step, and end where it fails."""
    code, _ = run(title, [str(word) for word in command], 200, env)
    if code != 0:
        sys.exit(code)


def must(title: str, command: list, env: dict | None = None) -> None:
    """Run a step that is a test, unless it went well before."""
    if title not in done().titles:
        need(title, command, env)
        done().add(title)


def run_what_is_long() -> None:
    """Run the tests that `make test` leaves out."""
    must(
        "Tests that take seconds and minutes",
        [sys.executable, *PYTEST, *ABREAST, "-m", "long", "tests"],
        threads(1) | OFFLINE,
    )


def shuffle_notebooks() -> None:
    """Run all notebooks ten times, each time in another order.

    With one thread each, some run side by side, the longest first.
    """
    for seed in range(1, RUNS + 1):
        count = 1 + seed % 2
        abreast = IN_ORDER if count == 1 else ()
        paths = sorted(BOOK.glob("*.ipynb"))
        random.Random(seed).shuffle(paths)
        must(
            f"All notebooks, order {seed}, threads: {count}",
            [sys.executable, *PYTEST, *abreast, *STRICT, *paths],
            threads(count) | OFFLINE,
        )


def shuffle_unit_tests() -> None:
    """Run the unit tests ten times, each time in another order."""
    for seed in range(1, RUNS + 1):
        count = 1 + seed % 2
        must(
            f"Unit tests, order {seed}, threads: {count}",
            [
                *(sys.executable, *PYTEST, *ABREAST, "tests", "vitlib"),
                *("-m", "not long"),
                *("--doctest-modules", "--ignore-glob", SITE_TESTS),
                *("--ignore", "tests/teach/alive/test_lab.py"),
                *("--random-order", "--random-order-seed", seed),
            ],
            threads(count),
        )


def measure_notebook(path: Path, count: int) -> None:
    """Run one notebook alone, say its time; end if large or wrong."""
    title = f"{path.stem}, threads: {count}"
    if title in done().titles:
        return
    command = [sys.executable, *PYTEST, *STRICT, path]
    taken = measured(command, OFFLINE | threads(count))
    print(
        f"{title} ... {taken.seconds:.0f} s, {taken.megabytes:.0f} MB",
        flush=True,
    )
    if taken.code != 0:
        sys.exit(taken.text)
    if taken.seconds > SECONDS:
        print(f"    more than {SECONDS} s on this machine", flush=True)
    if taken.megabytes > MEGABYTES:
        sys.exit(f"more than {MEGABYTES} MB")
    done().add(title)


def run_twice() -> None:
    """Run all notebooks twice; the second run must change nothing."""
    if "Nothing has changed" in done().titles:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in BOOK.glob("*.ipynb"):
            shutil.copy(path, folder)
        script = [sys.executable, "scripts/notebooks.py"]
        paths = sorted(folder.glob("*.ipynb"))
        must("Running all notebooks", [*script, *paths])
        once = {path: path.read_bytes() for path in paths}
        must("Running all notebooks again", [*script, *paths])
        changed = [p.name for p in paths if p.read_bytes() != once[p]]
        if changed:
            sys.exit(f"the second run changed {', '.join(changed)}")
    done().add("Nothing has changed")


def build_wheel(folder: Path) -> Path:
    """Build vitlib's wheel, from its sdist, with nothing left out."""
    uv = [sys.executable, "-m", "uv", "build", "--no-build-isolation"]
    need("Building the wheel", [*uv, "--out-dir", folder, ROOT])
    (wheel,) = folder.glob("vitlib-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "vitlib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if wanted - packed:
        sys.exit(f"not in the wheel: {sorted(wanted - packed)}")
    return wheel


def make_environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel beside the packages that .venv has already."""
    home = folder / "env"
    python = home / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    make = [*uv, "venv", "--python", sys.executable, home]
    need("Creating an environment", make)
    packages = sysconfig.get_path("purelib")
    (target,) = home.glob("lib/python*/site-packages")
    (target / "packages.pth").write_text(packages + "\n")
    install = [*uv, "pip", "install", "--python", python, "--no-deps"]
    need("Installing the wheel", [*install, wheel])
    return python


def check_wheel() -> None:
    """Run all notebooks where only the wheel can serve them."""
    title = "Notebooks outside of the repository, from the wheel"
    if title in done().titles:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        python = make_environment(folder, build_wheel(folder))
        book = folder / "notebooks"
        book.mkdir()
        for path in BOOK.glob("*.ipynb"):
            shutil.copy(path, book)
        cell = nbformat.v4.new_code_cell(
            "import vitlib\n"
            f"assert vitlib.__file__.startswith({str(folder)!r})"
        )
        where = nbformat.v4.new_notebook(cells=[cell])
        nbformat.write(where, book / "00_where.ipynb")
        must(
            title,
            [python, *PYTEST, "--rootdir", book, *STRICT, book],
            OFFLINE,
        )


def compare_at_full_size() -> None:
    """Load a ViT-B/16 of each library, and compare the scores."""
    must(
        "Published weights at full size",
        [sys.executable, "scripts/full_size.py"],
        OFFLINE | {"PYTHONPATH": str(ROOT / "build" / "peers")},
    )


def timm_of_the_page() -> Path:
    """Bring, once, the release of timm that the book's page links to.

    `make bench` brings a newer one. Without a network, that has to do.
    """
    text = (BOOK / "real_code.md").read_text()
    release = re.search(r"release ([\d.]+\d)", text)[1]
    home = ROOT / "build" / f"timm-{release}"
    pins = (ROOT / "benchmarks" / "requirements.txt").read_text()
    vision = re.search(r"^torchvision==\S+", pins, re.MULTILINE)[0]
    if not home.exists():
        uv = [sys.executable, "-m", "uv", "pip", "install", "--no-deps"]
        command = [*uv, "--target", str(home), f"timm=={release}", vision]
        run(f"Installing timm {release}", command, 20)
    return home


def read_beside_timm() -> None:
    """Ask timm, if it can be had, what the book says of its code."""
    places = timm_of_the_page(), ROOT / "build" / "peers"
    must(
        "What the book says of timm's code",
        [sys.executable, *PYTEST, "tests/book/test_real_code.py"],
        OFFLINE | {"PYTHONPATH": os.pathsep.join(map(str, places))},
    )


def main() -> None:
    """Repeat everything; end at the first failure."""
    os.chdir(ROOT)
    run_what_is_long()
    breaks = [sys.executable, "scripts/breaks.py"]
    must("Planted breaks", breaks, threads(1) | OFFLINE)
    shuffle_unit_tests()
    shuffle_notebooks()
    compare_at_full_size()
    read_beside_timm()
    for count in (1, 2):
        for path in sorted(BOOK.glob("*.ipynb")):
            measure_notebook(path, count)
    os.chdir("/")
    must(
        "Notebooks, started from another folder",
        [sys.executable, *PYTEST, *STRICT, BOOK],
        OFFLINE,
    )
    os.chdir(ROOT)
    must(
        "Notebooks, with Colab's versions of Jupyter",
        [sys.executable, *PYTEST, *STRICT, BOOK],
        OFFLINE | {"PYTHONPATH": str(COLAB)},
    )
    run_twice()
    check_wheel()


if __name__ == "__main__":
    main()
