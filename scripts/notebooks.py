"""Run notebooks in place so that a second run changes nothing.

    python scripts/notebooks.py [book/02_patches.ipynb ...]
    python scripts/notebooks.py --cells [--check]

Without names it takes every notebook of book/, two at a time, each with
one thread: with more, sums are added up in another order, and a pixel of
a figure may differ. What differs from run to run or from machine to
machine (times, ids, Python's version) is taken out, and the code is
formatted. A notebook in which a cell fails keeps its old outputs.
solutions.ipynb is gathered from the chapters first, and the list of all
exercises in progress.ipynb. With --seconds it is stored how long each
chapter took, for the line below its title. With --cells nothing runs:
each first cell is told where vitlib comes from (book/_ext/repository.py
finds out), or with --check, whether it knows.
"""

import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
import solutions
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
sys.path.append(str(BOOK / "_ext"))
from repository import find_wanted, set_first_cell  # noqa: E402

SECONDS = BOOK / "_ext" / "seconds.json"
KERNEL = {
    "display_name": "Python 3",
    "language": "python",
    "name": "python3",
}
KEPT = {"jupyter", "mystnb", "tags"}
UNKNOWN = (
    "git's remote `origin` has no address from which pip could get "
    "vitlib:\nthe first cells say that it is missing"
)
WIDGET = "application/vnd.jupyter.widget-view+json"


def prepare(notebook: NotebookNode) -> None:
    """Drop what editors leave, number the cells, write the first."""
    set_first_cell(notebook.cells, find_wanted(os.environ, str(ROOT)))
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        for key in set(cell.metadata) - KEPT:
            del cell.metadata[key]


def drop_widgets(outputs: list[NotebookNode]) -> None:
    """Leave a widget's picture: without a kernel there is no widget.

    What the book's page needs to bring a live figure to life stands in
    the metadata of its output.
    """
    for output in outputs:
        output.get("data", {}).pop(WIDGET, None)


def run(path: Path) -> float:
    """Run one notebook and write it back; give the seconds it took."""
    start = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    prepare(notebook)
    client = NotebookClient(
        notebook,
        timeout=300,
        coalesce_streams=True,  # where prints break is chance
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise SystemExit(f"{path.name}: {error}") from None
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            drop_widgets(cell.outputs)
    nbformat.write(notebook, path)
    return time.monotonic() - start


def store(seconds: dict[str, float]) -> None:
    """Store the seconds of the chapters, in fives, rounded up."""
    chapters = {
        name: 5 * math.ceil(taken / 5)
        for name, taken in seconds.items()
        if name[:2].isdigit()
    }
    SECONDS.write_text(json.dumps(chapters, indent=1) + "\n")


def write_first_cells(check: bool) -> None:
    """Tell all notebooks where vitlib comes from, or see if they know."""
    wanted = find_wanted(os.environ, str(ROOT))
    for path in sorted(BOOK.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        set_first_cell(notebook.cells, wanted)
        if check and nbformat.writes(notebook) != before:
            raise SystemExit(
                f"{path.name} gets vitlib from elsewhere than "
                f"{wanted or 'nowhere'}: `make cells`, then commit"
            )
        if not check:
            nbformat.write(notebook, path)
    if not check:
        print(f"The first cells install {wanted}" if wanted else UNKNOWN)


def main() -> None:
    """Run the notebooks named on the command line, or all."""
    if "--cells" in sys.argv:
        return write_first_cells(check="--check" in sys.argv)
    timed = "--seconds" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--seconds"]
    paths = [Path(name).resolve() for name in names]
    if not paths or solutions.SOLUTIONS in paths:
        solutions.write()
    if not paths or solutions.PROGRESS in paths:
        solutions.list_all()
    paths = paths or sorted(BOOK.glob("*.ipynb"))
    os.environ["OMP_NUM_THREADS"] = "1"
    ruff = [sys.executable, "-m", "ruff", "format", "--quiet"]
    subprocess.run([*ruff, *map(str, paths)], check=True)
    seconds = {}
    with ProcessPoolExecutor(max_workers=2) as pool:
        for path, taken in zip(paths, pool.map(run, paths), strict=True):
            seconds[path.stem] = taken
            print(f"{path.name} ... {taken:.0f} s", flush=True)
    if timed:
        store(seconds)


if __name__ == "__main__":
    main()
