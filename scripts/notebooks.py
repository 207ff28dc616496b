"""Run notebooks in place so that a second run changes nothing.

    python scripts/notebooks.py [book/02_patches.ipynb ...]

Without names it takes every notebook of book/. What differs from run to
run or from machine to machine (times, ids, Python's patch version) is
taken out.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parents[1] / "book"


def run(path: Path) -> None:
    """Execute one notebook and write it back in its normal form."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            }
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
    NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def main() -> None:
    """Run the notebooks named on the command line, or all."""
    names = [Path(name) for name in sys.argv[1:]]
    for path in names or sorted(BOOK.glob("*.ipynb")):
        print(path.name, flush=True)
        run(path.resolve())


if __name__ == "__main__":
    main()
