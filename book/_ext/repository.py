"""Link the pages to their repository, when its address is known.

The address is the environment's BOOK_REPOSITORY, or what pyproject.toml
says in [project.urls], or git's remote `origin`; only addresses on
github.com count, because Binder and Colab read from there. Without one
the pages carry no such buttons.

From it also follows where the first cell of each notebook gets vitlib,
as long as no index has it. The notebooks that are committed have what
`make cells` wrote there, because Colab opens them as they lie in the
repository; those that a page offers for download get it when the page is
built.
"""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

ADDRESS = re.compile(
    r"(?:https://(?:[^@/]+@)?github\.com/|git@github\.com:"
    r"|ssh://git@github\.com/)([\w.-]+)/([\w.-]+?)(?:\.git)?/?"
)

INSTALL = """\
import importlib.util


class Stop(Exception):
    def _render_traceback_(self):
        return str(self).splitlines()


if importlib.util.find_spec("vitlib") is None:
"""
PIP = """\
    print("vitlib is not here. pip brings it and leaves what is here.")
    %pip install --quiet "{wanted}"
if importlib.util.find_spec("vitlib") is None:
    raise Stop("pip could not bring vitlib. Is there a network?")"""
LOST = """\
    raise Stop(
        "vitlib is missing here, and its repository's address unknown:\\n"
        'with it, run %pip install "vitlib[teach] @ git+ADDRESS" first'
    )"""
IS_INSTALL = 'find_spec("vitlib")'


def first_cell(wanted: str) -> str:
    """Write the cell that installs vitlib where it is missing.

    `wanted` is what pip is given; without it the cell says what to do.
    """
    return INSTALL + (PIP.format(wanted=wanted) if wanted else LOST)


def set_first_cell(cells: list[dict], wanted: str) -> None:
    """Write it over the one that the notebook has, if it has one."""
    for cell in cells[:2]:
        if IS_INSTALL in "".join(cell["source"]):
            cell["source"] = first_cell(wanted)


def repository_url(address: str) -> str | None:
    """Give https://github.com/OWNER/NAME, or None for another address."""
    match = ADDRESS.fullmatch(address.strip())
    return match and f"https://github.com/{match[1]}/{match[2]}"


def find_address(environment: Mapping[str, str], folder: str) -> str:
    """Read it from the environment, the project, or git; else ''."""
    if address := environment.get("BOOK_REPOSITORY"):
        return address
    if address := project_address(Path(folder) / "pyproject.toml"):
        return address
    command = ["git", "-C", folder, "remote", "get-url", "origin"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return answer.stdout


def project_address(path: Path) -> str:
    """Read the address that the package carries too, or ''."""
    project = read_project(path).get("project", {})
    return project.get("urls", {}).get("Repository", "")


def read_project(path: Path) -> dict:
    """Read a pyproject.toml; where none is, nothing stands in it."""
    return tomllib.loads(path.read_text()) if path.is_file() else {}


def address_for_pip(address: str) -> str:
    """Give the address by which pip clones a repository, or ''.

    What needs a key or lies on this machine is of no use elsewhere, and
    a name or a password in it would be told to everybody.
    """
    parts = urlsplit(repository_url(address) or address.strip())
    if parts.scheme != "https" or not parts.hostname:
        return ""
    return f"git+https://{parts.hostname}{parts.path.rstrip('/')}"


def find_wanted(environment: Mapping[str, str], folder: str) -> str:
    """Say what pip is given to bring vitlib, or '' where it is unknown.

    An index that has vitlib, named by `install` in pyproject.toml's
    [tool.book], goes before the repository.
    """
    tool = read_project(Path(folder) / "pyproject.toml").get("tool", {})
    if published := tool.get("book", {}).get("install"):
        return published
    address = address_for_pip(find_address(environment, folder))
    return address and f"vitlib[teach] @ {address}"


def button_options(address: str) -> dict:
    """Give the theme's options for the buttons: none for no address."""
    url = repository_url(address)
    if url is None:
        return {}
    return {
        "repository_url": url,
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }


def add_buttons(app, config) -> None:
    """Set the options before the theme reads them."""
    address = find_address(os.environ, str(app.srcdir))
    config.html_theme_options.update(button_options(address))


def set_downloads(app, error) -> None:
    """Let the notebooks that the pages offer know where vitlib is."""
    wanted = find_wanted(os.environ, str(app.srcdir))
    for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        set_first_cell(notebook["cells"], wanted)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def setup(app) -> dict:
    """Connect to Sphinx, before the theme."""
    app.connect("config-inited", add_buttons, priority=100)
    app.connect("build-finished", set_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
