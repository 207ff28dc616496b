"""Run a command, and say what it took."""

import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple


class Taken(NamedTuple):
    """What a command took; the memory is its largest process's."""

    code: int
    seconds: float
    megabytes: float
    text: str


def measured(command: list, env: dict[str, str] | None = None) -> Taken:
    """Run a command to its end, in an environment with `env` besides.

    Linux counts a process as at least as large as the one that started
    it: call this from one that holds little.
    """
    words, around = [str(word) for word in command], {**os.environ}
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            words, stdout=log, stderr=log, env=around | (env or {})
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        log.seek(0)
        text = log.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    megabytes = usage.ru_maxrss * unit / 1e6
    return Taken(process.returncode, seconds, megabytes, text)
