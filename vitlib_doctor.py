"""Say what vitlib finds on this machine, a line each, and what is wrong.

    vitlib-doctor            or: python -m vitlib_doctor

The lines can be pasted into a report: they name no person and no path.
It ends with 1 where vitlib cannot run. This file stands beside the
package and needs nothing but Python, because it has to speak where
`import vitlib` cannot: torch is missing, or does not start.
"""

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

MODULES = {"ipython": "IPython", "pillow": "PIL"}
PATIENCE = 120  # seconds for an import: a slow disk takes one
PROBE = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
found = {}
if sys.argv[1] == "torch":
    found["threads"] = module.get_num_threads()
    found["cuda"] = module.version.cuda
    found["gpus"] = [
        module.cuda.get_device_name(number)
        for number in range(module.cuda.device_count())
    ]
    found["mps"] = module.backends.mps.is_available()
print("FOUND" + json.dumps(found))
"""
GIGABYTE = 1e9
WANTED = 2  # gigabytes, for any one chapter


@dataclass(frozen=True)
class Line:
    """What is there, what is wrong with it, and whether vitlib stops."""

    name: str
    there: str
    wrong: str = ""
    stops: bool = False

    def __str__(self) -> str:
        text = f"{self.name:<16} {self.there}"
        return f"{text}  <- {self.wrong}" if self.wrong else text


@dataclass(frozen=True)
class Need:
    """A package that vitlib, or one of its extras, asks for."""

    name: str
    floor: str
    extra: str


def needs() -> list[Need]:
    """Read what the installed vitlib asks for, each package once."""
    found: dict[str, Need] = {}
    for text in metadata.requires("vitlib") or []:
        name, floor, extra = (
            match[1] if match else ""
            for match in (
                re.match(r"([\w.-]+)", text),
                re.search(r">=\s*([\d.]+)", text),
                re.search(r"extra == .(\w+)", text),
            )
        )
        found.setdefault(name, Need(name, floor, extra))
    return list(found.values())


def numbers(version: str) -> list[int]:
    """Give the numbers of a version, for comparing.

    >>> numbers("2.13.0+cpu") > numbers("2.5")
    True
    """
    return [int(n) for n in re.findall(r"\d+", version.split("+")[0])]


def probe(module: str) -> tuple[dict, str]:
    """Import a module in a Python of its own: it may end that Python.

    Gives what was found, and what went wrong.
    """
    command = [sys.executable, "-W", "ignore", "-c", PROBE, module]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {}, f"no import within {PATIENCE} s"
    if done.returncode == 0:
        return json.loads(done.stdout.rpartition("FOUND")[2]), ""
    said = done.stderr.strip().splitlines()
    return {}, without_paths(said[-1] if said else "its import crashes")


def without_paths(text: str) -> str:
    """Leave the names of folders out: they may name a person.

    >>> without_paths("/somebody/lib/libc10.so: cannot open")
    'libc10.so: cannot open'
    """
    return re.sub(r"(?:[A-Za-z]:)?[/\\](?:[^/\\:'\"]*[/\\])+", "", text)


def look_at(need: Need) -> tuple[Line, dict]:
    """Say whether a package is there, new enough, and starts."""
    bring = f'pip install "vitlib[{need.extra}]"'
    if not need.extra:
        bring = f'pip install "{need.name}>={need.floor}"'
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        wrong = (
            f"[{need.extra}] needs it: {bring}" if need.extra else bring
        )
        return Line(need.name, "missing", wrong, not need.extra), {}
    if need.floor and numbers(version) < numbers(need.floor):
        wrong = f"older than {need.floor}: {bring}"
        return Line(need.name, version, wrong, not need.extra), {}
    module = MODULES.get(need.name, need.name.replace("-", "_"))
    found, wrong = probe(module)
    return Line(
        need.name, version, wrong, bool(wrong) and not need.extra
    ), found


def about_torch(found: dict) -> list[Line]:
    """Say on how many threads and on which devices torch computes."""
    processors = os.cpu_count() or 1
    threads = found["threads"]
    wrong = "more than processors: slow" if threads > processors else ""
    devices = found["gpus"] + (["MPS"] if found["mps"] else [])
    unused = found["cuda"] and not found["gpus"]
    return [
        Line("threads", f"{threads} for {processors} processors", wrong),
        Line(
            "devices",
            ", ".join(["CPU", *devices]),
            f"CUDA {found['cuda']}, and no GPU is found" if unused else "",
        ),
    ]


def memory() -> Line:
    """Say how much memory there is, a container's limit included."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Line("memory", "unknown")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        total = min(total, int(text))
    gigabytes = total / GIGABYTE
    few = gigabytes < WANTED
    wrong = "one chapter at a time, the others shut down" if few else ""
    return Line("memory", f"{gigabytes:.1f} GB", wrong)


def machine() -> Line:
    """Name Python and the system it runs on."""
    system = f"{platform.system()} {platform.machine()}"
    return Line("Python", f"{platform.python_version()}, {system}")


def examine() -> list[Line]:
    """Look at everything; torch and einops first, then the extras."""
    try:
        lines = [Line("vitlib", metadata.version("vitlib")), machine()]
    except metadata.PackageNotFoundError:
        wrong = "in a clone: pip install ."
        return [
            Line("vitlib", "missing", wrong, True),
            machine(),
            memory(),
        ]
    about = []
    for need in needs():
        line, found = look_at(need)
        lines.append(line)
        if found:
            about = about_torch(found)
    return [*lines, *about, memory()]


def main() -> int:
    """Print what was found; give 1 where vitlib cannot run."""
    lines = examine()
    print(*lines, sep="\n")
    return int(any(line.stops for line in lines))


if __name__ == "__main__":
    sys.exit(main())
