"""Plant breaks, one at a time, and see that tests fail for each.

    python scripts/breaks.py [tests/breaks/core.toml ...]

The files in tests/breaks say which tests have to notice which change of
which file. A third word beside a change is the reason why none can: the
program does the same. What was tried already in this very state of the
repository is not tried again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from step import fingerprint

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "tests" / "breaks").glob("*.toml"))
RECORD = ROOT / "build" / ".breaks.json"
FAILED = 1, 2  # what pytest gives where a test, or an import, fails


class Break(NamedTuple):
    """One change of one file, and the tests that have to notice it."""

    tests: str
    file: str
    old: str
    new: str
    harmless: str = ""  # why no test can

    def plant(self, folder: Path) -> None:
        """Change the file; where the old words are gone, say so."""
        path = folder / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.file} has {self.old!r} {text.count(self.old)} "
                "times, not once: bring tests/breaks up to date"
            )
        path.write_text(text.replace(self.old, self.new))

    def heal(self, folder: Path) -> None:
        """Put the file back as it is in the repository."""
        shutil.copy(ROOT / self.file, folder / self.file)


def read(path: Path) -> Iterator[Break]:
    """Read the breaks of one file."""
    for tests, files in tomllib.loads(path.read_text()).items():
        for file, changes in files.items():
            for change in changes:
                yield Break(tests, file, *change)


def copied(folder: Path) -> Path:
    """Copy what git tracks, so that no break touches the repository."""
    folders = "vitlib", "tests", "scripts", "experiments"
    command = ["git", "ls-files", "-z", *folders]
    listed = subprocess.check_output(command, cwd=ROOT, text=True)
    others = "pyproject.toml", "conftest.py", "README.md"
    for name in [*listed.split("\0")[:-1], *others]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "book", folder / "book")
    return folder


def run_tests(folder: Path, tests: list[str]) -> int:
    """Run tests where the first that fails ends them."""
    pytest = "-m", "pytest", "-q", "-x", "-m", "not long"
    found = subprocess.run(
        [sys.executable, *pytest, *tests],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
    )
    return found.returncode


def is_right(one: Break, folder: Path) -> bool:
    """Tell if the tests notice the break, or do not if it is harmless."""
    one.plant(folder)
    code = run_tests(folder, one.tests.split())
    one.heal(folder)
    return code == 0 if one.harmless else code in FAILED


def try_all(breaks: list[Break], right: dict[str, bool]) -> None:
    """Try them side by side, each process in a copy of its own."""
    abreast = min(os.cpu_count() or 1, 4)
    with tempfile.TemporaryDirectory() as name:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(abreast):
            free.put(copied(Path(name) / str(number)))
        check_unbroken(Path(name) / "0", breaks)

        def attempt(one: Break) -> bool:
            folder = free.get()
            try:
                return is_right(one, folder)
            finally:
                free.put(folder)

        with ThreadPoolExecutor(abreast) as pool:
            found = pool.map(attempt, breaks)
            for one, answer in zip(breaks, found, strict=True):
                right[key_of(one)] = answer
                RECORD.write_text(json.dumps(right))


def check_unbroken(folder: Path, breaks: list[Break]) -> None:
    """End where a test fails although nothing is broken."""
    tests = sorted({test for one in breaks for test in one.tests.split()})
    if tests and run_tests(folder, ["-n", "logical", *tests]) != 0:
        sys.exit("tests fail without any break: run them first")


def key_of(one: Break) -> str:
    """Name a break and the state of all that it could depend on."""
    text = "\n".join([STATE, *one])
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> int:
    """Try all breaks; print those that nothing notices."""
    paths = [Path(name) for name in sys.argv[1:]] or FILES
    breaks = [one for path in paths for one in read(path)]
    RECORD.parent.mkdir(exist_ok=True)
    right = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    left = [one for one in breaks if key_of(one) not in right]
    try_all(left, right)
    missed = [one for one in breaks if not right[key_of(one)]]
    for one in missed:
        wanted = "is not harmless" if one.harmless else "is not noticed"
        print(f"{one.file}: {one.old!r} -> {one.new!r} {wanted}")
    harmless = sum(bool(one.harmless) for one in breaks)
    print(
        f"{len(breaks) - len(missed)} of {len(breaks)} breaks as they "
        f"should be, {harmless} of them harmless"
    )
    return bool(missed)


STATE = fingerprint([str(ROOT / "vitlib"), str(ROOT / "tests")])

if __name__ == "__main__":
    sys.exit(main())
