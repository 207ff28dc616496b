"""The notebooks are committed as they ran, and nothing but that."""

import inspect
import pkgutil
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import vitlib

BOOK = Path(__file__).resolve().parents[2] / "book"
PATHS = sorted(BOOK.glob("*.ipynb"))
NOTEBOOKS = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
MEGABYTE = 1_000_000
KERNEL = {
    "display_name": "Python 3",
    "language": "python",
    "name": "python3",
}
ABSOLUTE = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|usr|opt|work|content|mnt|var)/"
    r"|[A-Z]:\\\\|file://"
)
SIDES = re.compile(r"left to right|(at|on) the (left|right)\b")
NETWORK = re.compile(
    r"https?://|urlopen|requests\.|urllib|httpx|wget|curl |hf_hub|from_url"
    r"|pip install|download"
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [c for c in read(path).cells if c.cell_type == "code"]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def tags(cell):
    return cell.metadata.get("tags", [])


def vitlib_modules():
    names = pkgutil.walk_packages(vitlib.__path__, "vitlib.")
    return [import_module(module.name) for module in names]


def parts(thing):
    """A module's or a class's own classes and functions, and theirs."""
    owner = thing.__name__ if inspect.ismodule(thing) else thing.__module__
    for part in vars(thing).values():
        own = getattr(part, "__module__", None) == owner
        if own and (inspect.isclass(part) or inspect.isfunction(part)):
            yield part
            if inspect.isclass(part):
                yield from parts(part)


@cache
def shipped_listings():
    """Source of every class, function and method of vitlib."""
    found = set()
    for module in vitlib_modules():
        for part in parts(module):
            with suppress(OSError):  # what a dataclass writes has no file
                found.add(inspect.getsource(part).rstrip())
    return found


def listings(path):
    """Each listing that the pages show through an output."""
    for output in outputs(path):
        text = output.get("data", {}).get("text/markdown", "")
        yield from re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)


def test_there_are_notebooks():
    assert PATHS


@NOTEBOOKS
def test_every_code_cell_has_run_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@NOTEBOOKS
def test_only_cells_that_say_so_end_in_an_error(path):
    for cell in code_cells(path):
        failed = any(o.output_type == "error" for o in cell.outputs)
        assert failed == ("raises-exception" in tags(cell)), cell.source


@NOTEBOOKS
def test_no_cell_prints_a_warning(path):
    for output in outputs(path):
        assert output.get("name") != "stderr", output.text
        assert "Warning:" not in str(output.get("text", ""))


@NOTEBOOKS
def test_no_zero_has_a_sign(path):
    """Which side of zero a rounding falls on, the machine decides."""
    for output in outputs(path):
        text = output.get("data", {}).get("text/plain", "")
        text += output.get("text", "")
        assert not re.search(r"-0(\.0+)?(?![\d.])", text), text


@NOTEBOOKS
def test_nothing_points_out_of_the_book(path):
    for cell in read(path).cells:
        assert "../" not in cell.source
        assert not ABSOLUTE.search(cell.source), cell.source
        for output in cell.get("outputs", []):
            text = "".join(map(str, output.get("traceback", [])))
            for kind, data in output.get("data", {}).items():
                text += str(data) if kind.startswith("text/") else ""
            text += output.get("text", "")
            assert not ABSOLUTE.search(text), text


@NOTEBOOKS
def test_a_caption_is_true_where_panels_stand_one_above_the_other(path):
    """A phone has neither a left nor a right: first, then, in order."""
    cells = read(path).cells
    for cell, after in pairwise(cells):
        about = [
            output.get("metadata", {}).get("vitlib", {})
            for output in cell.get("outputs", [])
        ]
        if any("panels" in one for one in about):
            caption = after.source.split("\n\n")[0]
            is_caption = re.match(r"\*[^*]", caption)
            assert not (is_caption and SIDES.search(caption)), caption


@NOTEBOOKS
def test_no_cell_needs_the_network(path):
    for cell in code_cells(path)[1:]:
        assert not NETWORK.search(cell.source), cell.source
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE)


@NOTEBOOKS
def test_the_file_is_small(path):
    assert path.stat().st_size <= MEGABYTE


@NOTEBOOKS
def test_the_first_cell_is_the_title_and_the_only_one(path):
    cells = [c for c in read(path).cells if c.cell_type == "markdown"]
    assert read(path).cells[0].cell_type == "markdown"
    titles = [
        line
        for cell in cells
        for line in without_fences(cell.source).splitlines()
        if line.startswith("# ")
    ]
    assert len(titles) == 1
    assert cells[0].source.startswith(titles[0])


def without_fences(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@NOTEBOOKS
def test_each_paper_that_a_page_links_is_in_the_bibliography(path):
    known = (BOOK / "references.bib").read_text(encoding="utf-8")
    linked = re.findall(r"arxiv\.org/abs/([\d.]+\d)", path.read_text())
    assert [number for number in set(linked) if number not in known] == []


@NOTEBOOKS
def test_a_listing_is_the_source_that_vitlib_runs(path):
    shipped = shipped_listings()
    for listing in listings(path):
        assert listing in shipped, listing


@NOTEBOOKS
def test_a_cell_that_shows_source_shows_a_listing(path):
    for cell in code_cells(path):
        if "show_source(" in cell.source:
            assert "```python" in str(cell.outputs), cell.source


@NOTEBOOKS
def test_the_notebook_is_in_its_normal_form(path):
    notebook = read(path)
    assert notebook.metadata == {
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        assert cell.id == f"cell-{number:02d}"
        assert set(cell.metadata) <= {"jupyter", "mystnb", "tags"}
    assert nbformat.writes(notebook) + "\n" == path.read_text()


def run_script(path):
    script = BOOK.parent / "scripts" / "notebooks.py"
    command = [sys.executable, str(script), str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def messy_notebook(path, *sources):
    notebook = nbformat.v4.new_notebook(metadata={"widgets": {}, "x": 1})
    for source in sources:
        cell = nbformat.v4.new_code_cell(source, execution_count=7)
        cell.metadata = {"tags": ["remove-input"], "collapsed": True}
        notebook.cells.append(cell)
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    "times", [1, pytest.param(2, marks=pytest.mark.long)]
)
def test_a_messy_notebook_is_put_in_order_once_and_for_all(
    tmp_path, times
):
    path = tmp_path / "some.ipynb"
    chatty = "import sys\nfor i in range(9): print(i); sys.stdout.flush()"
    drawn = (
        "from vitlib.teach.draw import canvas as c\n"
        "f = c.canvas(); c.show(f, 'nothing')"
    )
    alive = "from vitlib.teach.live import DigitPad\n\nDigitPad()"
    messy_notebook(path, chatty, drawn, "1+1", alive)
    assert run_script(path).returncode == 0
    once = path.read_bytes()
    test_the_notebook_is_in_its_normal_form(path)
    test_every_code_cell_has_run_in_order(path)
    assert [len(cell.outputs) for cell in code_cells(path)] == [1, 1, 1, 1]
    assert code_cells(path)[2].source == "1 + 1"
    assert tags(code_cells(path)[0]) == ["remove-input"]
    keeps_the_picture_and_no_widget(path)
    for _ in range(1, times):
        assert run_script(path).returncode == 0
        assert path.read_bytes() == once


def keeps_the_picture_and_no_widget(path):
    assert "widgets" not in read(path).metadata
    output = code_cells(path)[3].outputs[0]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata.vitlib.live.figure == "digit_pad"
    assert "_esm" not in path.read_text()
    assert path.stat().st_size < 200_000


def test_a_notebook_that_fails_keeps_its_outputs(tmp_path):
    path = tmp_path / "some.ipynb"
    messy_notebook(path, "1 / 0")
    before = path.read_bytes()
    done = run_script(path)
    assert done.returncode == 1
    assert "some.ipynb" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert path.read_bytes() == before


def seen_with_folds_closed(path):
    """The code of the cells that stand in no fold, as one module."""
    open_folds, parts = 0, []
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            open_folds += cell.source.count("<details")
            open_folds -= cell.source.count("</details>")
        elif not open_folds:
            parts.append(TransformerManager().transform_cell(cell.source))
    return "\n".join(parts)


@NOTEBOOKS
def test_who_opens_no_fold_knows_every_name(path):
    """Ruff finds what is used and made nowhere."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated"]
    command += ["--select", "F821", "--output-format", "concise", "-"]
    command += ["--config", 'builtins=["get_ipython"]']
    source = seen_with_folds_closed(path)
    found = subprocess.run(
        command, input=source, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
