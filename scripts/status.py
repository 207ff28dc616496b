"""Measure how fast the book itself is, for its page "Status".

    python scripts/status.py [build notebooks tests sizes]

What it finds is stored in book/_ext/status.json, part by part, each with
its date and machine; the page only shows it, beside the budgets. Without
names it measures all parts, which takes as long as `make test` twice.
Measure on a machine that does nothing else.

build: the HTML from nothing, and what a browser loads for each page.
notebooks: each alone, its cells compared with what they print: seconds,
and the memory of the largest process.
tests: `make test` as it is.
sizes: files of notebooks, the checkout, what `import vitlib` takes.
"""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from measured import Taken, measured

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
STORE = BOOK / "_ext" / "status.json"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
NBVAL = "-m", "pytest", "-q", "--nbval", "--nbval-current-env"
IMPORTS = 7  # of which the median counts
PACKAGES = "torch", "einops", "jupyter-book", "sphinx", "matplotlib"
TIMED_IMPORT = """
import time, torch
start = time.perf_counter()
import vitlib
print(time.perf_counter() - start)
"""


def must(title: str, command: list, env: dict | None = None) -> Taken:
    """Measure a command; end where it fails."""
    print(f"{title} ...", end="", flush=True)
    taken = measured(command, env)
    print(f" {taken.seconds:.0f} s, {taken.megabytes:.0f} MB", flush=True)
    if taken.code != 0:
        sys.exit(taken.text)
    return taken


def measure_build() -> dict:
    """Build the HTML in a folder of its own, and open every page."""
    builder = Path(sys.executable).with_name("jupyter-book")
    with tempfile.TemporaryDirectory() as name:
        where = ["--path-output", name]
        command = [builder, "build", ROOT, "-W", "--keep-going", *where]
        taken = must("Building the HTML", command)
        pages = loads_of_pages(Path(name).resolve() / "_build" / "html")
    return {"seconds": round(taken.seconds, 1), "pages": pages}


def loads_of_pages(site: Path) -> dict[str, dict]:
    """Say how much the browser loads for each page, in how many files."""
    from headless import chromium

    with chromium() as browser:
        pages = sorted((site / "book").glob("*.html"))
        loads = {p.stem: loads_of(browser, p, site) for p in pages}
    return loads


def loads_of(browser, page: Path, site: Path) -> dict:
    """Open one page from disk, and add up the files that it asks for."""
    tab, asked = browser.new_page(), set()
    tab.on("request", lambda request: asked.add(request.url))
    tab.goto(page.as_uri(), wait_until="networkidle")
    tab.close()
    addresses = [urlsplit(url) for url in asked]
    files = {
        Path(unquote(address.path))
        for address in addresses
        if address.scheme == "file"
    }
    sizes = {file: file.stat().st_size for file in files if file.is_file()}
    own = {
        f: n for f, n in sizes.items() if is_its_own(f.relative_to(site))
    }
    print(f"{page.stem} ... {len(sizes)} files", flush=True)
    return {
        "files": len(sizes),
        "bytes": sum(sizes.values()),
        "own_files": len(own),
        "own_bytes": sum(own.values()),
    }


def is_its_own(path: Path) -> bool:
    """Tell what a page brings from the sheet and script that all share."""
    return path.parts[0] != "_static" or path.parts[1] == "live"


def measure_notebooks() -> dict:
    """Run every notebook alone, as the tests do."""
    found = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        command = [sys.executable, *NBVAL, path]
        taken = must(path.stem, command, ONE_THREAD)
        found[path.stem] = {
            "seconds": round(taken.seconds, 1),
            "megabytes": round(taken.megabytes),
        }
    return {"notebooks": found}


def measure_tests() -> dict:
    """Run `make test` as it is."""
    taken = must("make test", ["make", "-C", ROOT, "test"])
    passed = re.findall(r"(\d+) passed", taken.text)
    return {"seconds": round(taken.seconds), "passed": int(passed[-1])}


def measure_sizes() -> dict:
    """Add up files, and time the import of the package."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT)
    names = listed.decode().split("\0")[:-1]
    sizes = [
        (ROOT / n).stat().st_size for n in names if (ROOT / n).exists()
    ]
    command = [sys.executable, "-c", TIMED_IMPORT]
    times = [measured(command, ONE_THREAD).text for _ in range(IMPORTS)]
    return {
        "checkout": sum(sizes),
        "files": len(sizes),
        "notebooks": {
            path.stem: path.stat().st_size for path in BOOK.glob("*.ipynb")
        },
        "import_seconds": round(statistics.median(map(float, times)), 4),
    }


def about() -> dict:
    """Say when and where, without the name of the machine."""
    system = f"{platform.system()} {platform.machine()}"
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {system}, {processor()}",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """Name the processor as well as the system knows it."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        found = re.search(r"model name\s*: (.*)", listed.read_text())
        if found:
            return found[1]
    return platform.processor() or "processor unknown"


PARTS = {
    "build": measure_build,
    "notebooks": measure_notebooks,
    "tests": measure_tests,
    "sizes": measure_sizes,
}


def main() -> None:
    """Measure the parts that are named, or all, and store each."""
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            sys.exit(f"{name}: the parts are {', '.join(PARTS)}")
        found = about() | PARTS[name]()
        stored = json.loads(STORE.read_text()) if STORE.exists() else {}
        text = json.dumps(stored | {name: found}, indent=1, sort_keys=True)
        STORE.write_text(text + "\n")
        print(f"{name} stored in {STORE.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()
