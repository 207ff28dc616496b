"""Run one long step quietly: a line while it runs, a line when it is done.

    python scripts/step.py "Building the HTML" -- command with arguments

What the command prints goes to a log file. It is shown where the command
fails. With `--once STAMP FILE ...` the step is skipped as long as the
files and the command are those of the last run that went well.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


def fingerprint(inputs: Iterable[str], *more: str) -> str:
    """Hash the contents of files and folders, and whatever else counts."""
    digest = hashlib.sha256("\n".join(more).encode())
    for name in inputs:
        top = Path(name)
        for path in [top, *sorted(top.rglob("*"))]:
            if path.is_file() and not SKIPPED & set(path.parts):
                digest.update(str(path).encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_done(stamp: Path, state: str) -> bool:
    """Say whether the stamp was written in this very state."""
    return stamp.is_file() and stamp.read_text() == state


def mark_done(stamp: Path, state: str) -> None:
    """Write the stamp of a step that went well."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(state)


def wait(process: subprocess.Popen, title: str) -> None:
    """Wait for the end; on a terminal, count the seconds meanwhile."""
    start = time.monotonic()
    while True:
        try:
            process.wait(timeout=1)
            return
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                seconds = time.monotonic() - start
                print(f"\r{title} ... {seconds:.0f} s", end="", flush=True)


def counts(text: str) -> str:
    """Find the sums of the checkers in what a command printed.

    >>> counts("....\\n12 passed, 1 skipped in 3.21s\\n")
    ' (12 passed, 1 skipped)'
    """
    found = re.findall(r"(\d+ passed.*?)(?:, \d+ warnings?)? in ", text)
    return f" ({found[-1]})" if found else ""


def show_end(text: str, lines: int) -> None:
    """Print the last lines of a log; the cause is usually there."""
    if lines > 0:
        print("\n".join(text.splitlines()[-lines:]))


def run(
    title: str,
    command: list[str],
    tail: int = 60,
    env: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command, log what it prints and show it where it fails."""
    print(f"{title} ...", end="", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )
            wait(process, title)
        except FileNotFoundError as error:
            print(f"\r{title}: {error}")
            return 127, str(error)
        log.seek(0)
        text = log.read()
    seconds = time.monotonic() - start
    good = process.returncode == 0
    end = f"{seconds:.0f} s{counts(text) if good else ', failed'}"
    print(f"\r{title} ... {end}" if sys.stdout.isatty() else f" {end}")
    if not good:
        show_end(text, tail)
    sys.stdout.flush()
    return process.returncode, text


def main() -> int:
    """Run the step that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("title")
    parser.add_argument("--once", nargs="+", metavar=("STAMP", "FILE"))
    parser.add_argument("--tail", type=int, default=200)
    cut = sys.argv.index("--")
    arguments = parser.parse_args(sys.argv[1:cut])
    command = sys.argv[cut + 1 :]
    state = ""
    if arguments.once:
        stamp = Path(arguments.once[0])
        state = fingerprint(arguments.once[1:], *command)
        if is_done(stamp, state):
            return 0
    code, _ = run(arguments.title, command, arguments.tail)
    if code == 0 and arguments.once:
        mark_done(stamp, state)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
