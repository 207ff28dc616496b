"""Show on the page `status` what was measured, beside the budgets.

`make status` (scripts/status.py) stores the numbers in status.json; here
they become tables, in the places that the page marks. A part or a
notebook that has not been measured is said to be so.
"""

import json
import re
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
STORE = Path(__file__).with_name("status.json")
MARK = re.compile(r"<!-- status: (\w+) -->")
UNKNOWN = "not measured yet"

# What the book holds itself to, on two cores. Seconds and bytes.
HTML, NOTEBOOKS, NOTEBOOK, TESTS = 25, 300, 60, 360
MEMORY, BINDER = 1_000, 2_000  # MB, of the largest process
PAGE, FILE, CHECKOUT = 1_500_000, 1_000_000, 40_000_000
IMPORT = 0.050


def stored() -> dict:
    """Read what was measured; nothing, where nothing was."""
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def as_table(
    head: list[str], rows: list[list[str]], align: str = "--:"
) -> str:
    """Write a table of Markdown, numbers to the right."""
    line = ["---"] + [align] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(r)} |" for r in (head, line, *rows))


def seconds(number: float) -> str:
    """Write a time as one says it."""
    if number < 1:
        return f"{1000 * number:.1f} ms"
    return f"{number:.0f} s" if number < 120 else f"{number / 60:.1f} min"


def megabytes(size: float) -> str:
    """Write a number of bytes."""
    return f"{size / 1e6:.2f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def whole_megabytes(number: float) -> str:
    """Write memory, which comes in megabytes."""
    return f"{number:,.0f} MB"


def link(name: str) -> str:
    """Name a page of the book, with a link."""
    found = [p for p in BOOK.glob(f"{name}.*") if p.suffix != ".json"]
    return f"[{name}]({found[0].name})" if found else name


def row(what: str, most: float, found: float | None, write) -> list[str]:
    """Write a budget, and beside it what was measured."""
    if found is None:
        return [what, write(most), UNKNOWN]
    over = "**over:** " if found > most else ""
    return [what, write(most), over + write(found)]


def greatest(numbers: dict[str, float]) -> tuple[str, float | None]:
    """Name the page with the greatest number."""
    if not numbers:
        return "", None
    name = max(numbers, key=lambda n: (numbers[n], n))
    return f", {link(name)}", numbers[name]


def overview(data: dict) -> str:
    """Hold all budgets against what was measured."""
    rows = [
        *of_times(data),
        *of_notebooks(data.get("notebooks", {}).get("notebooks", {})),
        *of_sizes(data, data.get("sizes", {})),
    ]
    return as_table(["what", "budget", "measured"], rows)


def of_times(data: dict) -> list[list[str]]:
    """Hold the build and the tests against their budgets."""
    parts = [
        ("the HTML alone", HTML, "build"),
        ("`make test`", TESTS, "tests"),
    ]
    return [
        row(what, most, of(data, part, "seconds"), seconds)
        for what, most, part in parts
    ]


def of_notebooks(runs: dict[str, dict]) -> list[list[str]]:
    """Hold the runs of the notebooks against their budgets."""
    every = {path.stem for path in BOOK.glob("*.ipynb")}
    total = sum(run["seconds"] for run in runs.values())
    whole = total if every <= runs.keys() else None
    slow, longest = greatest({n: r["seconds"] for n, r in runs.items()})
    large, most = greatest({n: r["megabytes"] for n, r in runs.items()})
    memory = f"memory of a notebook at most{large}"
    return [
        row("all notebooks, one by one", NOTEBOOKS, whole, seconds),
        row(f"the slowest notebook{slow}", NOTEBOOK, longest, seconds),
        row(memory, MEMORY, most, whole_megabytes),
    ]


def of_sizes(data: dict, sizes: dict) -> list[list[str]]:
    """Hold what is stored and loaded against its budgets."""
    pages = data.get("build", {}).get("pages", {})
    heavy, page = greatest({n: p["own_bytes"] for n, p in pages.items()})
    long, file = greatest(sizes.get("notebooks", {}))
    whole, imported = sizes.get("checkout"), sizes.get("import_seconds")
    own = f"a page, what all share aside, at most{heavy}"
    return [
        row(own, PAGE, page, megabytes),
        row(f"a notebook's file at most{long}", FILE, file, megabytes),
        row("a checkout, its history aside", CHECKOUT, whole, megabytes),
        row("`import vitlib` after torch's", IMPORT, imported, seconds),
    ]


def of(data: dict, part: str, name: str) -> float | None:
    """Give a number of a part, if the part was measured."""
    return data.get(part, {}).get(name)


def notebooks(data: dict) -> str:
    """List time and memory of every notebook of the book."""
    runs = data.get("notebooks", {}).get("notebooks", {})
    rows = []
    for path in sorted(BOOK.glob("*.ipynb")):
        found = runs.get(path.stem)
        if found is None:
            rows.append([link(path.stem), UNKNOWN, "", ""])
            continue
        left = whole_megabytes(BINDER - found["megabytes"])
        memory = whole_megabytes(found["megabytes"])
        rows.append([link(path.stem), seconds(found["seconds"])])
        rows[-1] += [memory, left]
    head = ["notebook", "time", "memory", "left on Binder"]
    return as_table(head, rows)


def pages(data: dict) -> str:
    """List what a browser loads for each page."""
    rows = [
        [
            link(name),
            str(found["files"]),
            megabytes(found["bytes"]),
            str(found["own_files"]),
            megabytes(found["own_bytes"]),
        ]
        for name, found in data.get("build", {}).get("pages", {}).items()
    ]
    head = ["page", "files", "weight", "own files", "own weight"]
    return as_table(head, rows) if rows else UNKNOWN


def parts(data: dict) -> str:
    """Say of each part when, where and with what it was measured."""
    rows = []
    for name in ("build", "notebooks", "tests", "sizes"):
        found = data.get(name)
        if found is None:
            rows.append([name, UNKNOWN, "", "", ""])
            continue
        versions = {"Python": found["python"], **found["versions"]}
        listed = ", ".join(f"{n} {v}" for n, v in versions.items())
        load = f"{found['load']:.1f}"
        rows.append([name, found["date"], found["machine"], load, listed])
    return as_table(
        ["part", "measured", "on", "load", "with"], rows, "---"
    )


def passed(data: dict) -> str:
    """Say how many tests that were."""
    count = of(data, "tests", "passed")
    return f"{count:,} tests" if count else "all the tests"


TABLES = {
    "overview": overview,
    "notebooks": notebooks,
    "pages": pages,
    "parts": parts,
    "passed": passed,
}


def fill(app, docname: str, source: list[str]) -> None:
    """Put the tables into the page."""
    if docname == "book/status":
        data = stored()
        source[0] = MARK.sub(lambda m: TABLES[m[1]](data), source[0])


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
