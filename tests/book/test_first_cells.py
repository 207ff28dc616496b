"""The first cell of each notebook brings vitlib where it is missing."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import notebooks
import pytest
from extensions import extension
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PATHS = sorted(BOOK.glob("*.ipynb"))
REPOSITORY = "https://github.com/someone/book"
KNOWN = f"vitlib[teach] @ git+{REPOSITORY}"
repository = extension("repository")


def second_cell(path):
    return nbformat.read(path, as_version=4).cells[1]


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_it_is_written_by_the_one_place_that_knows(path):
    cell = second_cell(path)
    found = re.search(r'%pip install --quiet "(.*)"', cell.source)
    wanted = found[1] if found else ""
    assert cell.source == repository.first_cell(wanted)
    assert wanted in ("", "vitlib[teach]") or "@ git+https://" in wanted
    assert cell.metadata["tags"] == ["remove-cell"]
    assert cell.outputs == []


def test_it_is_the_same_in_all_notebooks():
    assert len({second_cell(path).source for path in PATHS}) == 1


@pytest.fixture
def run_cell(monkeypatch):
    """Run a first cell; `found` is what is there before and after pip."""

    def run(wanted, *found):
        calls, answers = [], iter(found)
        program = TransformerManager().transform_cell(
            repository.first_cell(wanted)
        )
        ast.parse(program)
        shell = type("Shell", (), {})()
        shell.run_line_magic = lambda *words: calls.append(words)
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name: next(answers)
        )
        exec(program, {"get_ipython": lambda: shell})
        return calls

    return run


@pytest.mark.parametrize("wanted", ["", KNOWN])
def test_it_does_nothing_where_vitlib_is(wanted, run_cell, capsys):
    assert run_cell(wanted, True, True) == []
    assert capsys.readouterr().out == ""


def test_it_says_what_it_does_and_fetches_vitlib(run_cell, capsys):
    calls = run_cell(KNOWN, None, True)
    assert calls == [("pip", f'install --quiet "{KNOWN}"')]
    assert "leaves what is here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        ("", ["address unknown:", "%pip install"]),
        (KNOWN, ["Is there a network?"]),
    ],
)
def test_where_it_cannot_it_says_so_in_place_of_a_traceback(
    wanted, lines, run_cell
):
    with pytest.raises(Exception, match="vitlib") as caught:
        run_cell(wanted, None, None)
    said = caught.value._render_traceback_()
    assert len(said) == len(lines)
    for line, part in zip(said, lines, strict=True):
        assert part in line


@pytest.mark.parametrize(
    ("address", "given"),
    [
        (REPOSITORY, f"git+{REPOSITORY}"),
        ("git@github.com:someone/book.git\n", f"git+{REPOSITORY}"),
        ("https://me:word@git.example.org/b.git", "git+https://git."),
        ("https://key@github.com/someone/book", f"git+{REPOSITORY}"),
        ("", ""),
        ("/srv/book.git", ""),
        ("../book", ""),
        ("file:///srv/book.git", ""),
        ("file://machine/srv/book.git", ""),
        ("http://git.example.org/book.git", ""),
        ("ssh://git@git.example.org/book.git", ""),
        ("me@git.example.org:book.git", ""),
    ],
)
def test_an_address_that_others_can_read_is_given_to_pip(address, given):
    found = repository.address_for_pip(address)
    assert found.startswith(given)
    assert bool(found) == bool(given)
    assert not re.search("word|key@", found)


def git(folder, *words):
    subprocess.run(["git", "-C", folder, *words], check=True)


def test_the_remote_counts_then_the_project_then_an_index(tmp_path):
    def find(**environment):
        return repository.find_wanted(environment, str(tmp_path))

    project = tmp_path / "pyproject.toml"
    assert find() == ""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "remote", "add", "origin", "git@github.com:a/fork.git")
    assert find() == "vitlib[teach] @ git+https://github.com/a/fork"
    project.write_text(f'[project.urls]\nRepository = "{REPOSITORY}"\n')
    assert find() == KNOWN
    other = "https://github.com/else/where"
    assert find(BOOK_REPOSITORY=other).endswith(f"git+{other}")
    project.write_text('[tool.book]\ninstall = "vitlib[teach]"\n')
    assert find() == find(BOOK_REPOSITORY=other) == "vitlib[teach]"


def test_all_are_told_at_once_and_can_be_asked(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "some.ipynb"
    path.write_bytes((BOOK / "progress.ipynb").read_bytes())
    monkeypatch.setattr(notebooks, "BOOK", tmp_path)
    monkeypatch.setenv("BOOK_REPOSITORY", REPOSITORY)
    with pytest.raises(SystemExit, match=r"some.ipynb .* `make cells`"):
        notebooks.write_first_cells(check=True)
    notebooks.write_first_cells(check=False)
    notebooks.write_first_cells(check=True)
    assert second_cell(path).source == repository.first_cell(KNOWN)
    assert KNOWN in capsys.readouterr().out
    monkeypatch.setattr(notebooks, "find_wanted", lambda *_: "")
    notebooks.write_first_cells(check=False)
    assert second_cell(path).source == repository.first_cell("")
    assert "`origin` has no address" in capsys.readouterr().out


def test_the_notebooks_that_a_page_offers_know_it_too(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("BOOK_REPOSITORY", REPOSITORY)
    path = tmp_path / "_sources" / "book" / "some.ipynb"
    path.parent.mkdir(parents=True)
    before = (BOOK / "progress.ipynb").read_text(encoding="utf-8")
    path.write_text(before, encoding="utf-8")
    app = type("App", (), {"srcdir": tmp_path, "outdir": tmp_path})
    repository.set_downloads(app, None)
    assert second_cell(path).source == repository.first_cell(KNOWN)
    changed = nbformat.reads(path.read_text(encoding="utf-8"), 4)
    changed.cells[1].source = second_cell(BOOK / "progress.ipynb").source
    assert nbformat.writes(changed) + "\n" == before


# --- from an empty folder, with what Colab has and no vitlib

BROWSER_PARTS = {  # what ipywidgets 7 asks for, and no kernel imports
    "jupyterlab_widgets": "1.1.11",
    "widgetsnbextension": "3.6.10",
}
RUN = """
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
try:
    NotebookClient(notebook, timeout=300).execute()
except CellExecutionError:
    pass
nbformat.write(notebook, path)
"""


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """Make an environment with Colab's versions, torch and no vitlib."""
    home = tmp_path_factory.mktemp("colab")
    uv = [sys.executable, "-m", "uv", "venv", "--quiet", "--seed"]
    subprocess.run(
        [*uv, "--offline", "--python", sys.executable, home / "env"],
        check=True,
    )
    others = home / "others"
    others.mkdir()
    hidden = ("vitlib", "__editable__", "pip", *BROWSER_PARTS)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(hidden):
            (others / path.name).symlink_to(path)
    for name, version in BROWSER_PARTS.items():
        notes = others / f"{name}-{version}.dist-info"
        notes.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (notes / "METADATA").write_text(text)
    (packages,) = (home / "env").glob("lib/python*/site-packages")
    versions = f"{Path(sys.prefix, 'colab')}\n{others}\n"
    (packages / "colab.pth").write_text(versions)
    return home / "env" / "bin" / "python"


def installed(python):
    command = [python, "-m", "pip", "list", "--format", "json"]
    listing = subprocess.run(command, capture_output=True, check=True)
    return {p["name"]: p["version"] for p in json.loads(listing.stdout)}


def run_there(python, folder, wanted, name="index"):
    """Run a notebook in a folder of its own; give its cells."""
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells[1].source = repository.first_cell(wanted)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    alone = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment = {
        k: v for k, v in os.environ.items() if k != "PYTHONPATH"
    }
    subprocess.run(
        [python, "-c", RUN, path],
        cwd=folder,
        env=environment | alone,
        check=True,
    )
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def printed(cells):
    """What the cells after the first print and show as text."""
    return [
        output.get("text") or output.get("data", {}).get("text/plain")
        for cell in cells[1:]
        for output in cell.outputs
    ]


@pytest.mark.long
def test_a_notebook_alone_stops_in_two_lines_where_nothing_is_known(
    colab, tmp_path
):
    cells = run_there(colab, tmp_path, "")
    (output,) = cells[0].outputs
    assert output.output_type == "error"
    assert len(output.traceback) == 2
    assert all(cell.execution_count is None for cell in cells[1:])


def wheel_of(folder):
    uv = [sys.executable, "-m", "uv", "build", "--quiet"]
    build = [*uv, "--no-build-isolation", "--out-dir", folder, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.mark.long
@pytest.mark.parametrize("way", ["wheel", "repository"])
def test_a_notebook_alone_brings_vitlib_and_replaces_nothing(
    way, colab, tmp_path
):
    if way == "repository" and not (ROOT / ".git").exists():
        pytest.skip("this copy is no git repository")
    before = installed(colab)
    assert before["ipython"].startswith("7.34")
    assert "vitlib" not in before
    if way == "wheel":
        (tmp_path / "wheel").mkdir()
        address = wheel_of(tmp_path / "wheel").as_uri()
    else:
        address = f"git+{ROOT.as_uri()}"
    cells = run_there(colab, tmp_path, f"vitlib[teach] @ {address}")
    after = installed(colab)
    assert after.pop("vitlib")
    remove = [colab, "-m", "pip", "uninstall", "--quiet", "--yes"]
    subprocess.run([*remove, "vitlib"], check=True)
    assert after == before
    committed = nbformat.read(BOOK / "index.ipynb", as_version=4).cells
    assert printed(cells) == printed(
        [cell for cell in committed if cell.cell_type == "code"]
    )
