"""Link the pages to their repository, when its address is known.

The address is the environment's BOOK_REPOSITORY, or what pyproject.toml
says in [project.urls], or git's remote `origin`; only addresses on
github.com count, because Binder and Colab read from there. Without one
the pages carry no such buttons.
"""

import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

ADDRESS = re.compile(
    r"(?:https://(?:[^@/]+@)?github\.com/|git@github\.com:"
    r"|ssh://git@github\.com/)([\w.-]+)/([\w.-]+?)(?:\.git)?/?"
)


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
    if not path.is_file():
        return ""
    project = tomllib.loads(path.read_text()).get("project", {})
    return project.get("urls", {}).get("Repository", "")


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


def setup(app) -> dict:
    """Connect to Sphinx, before the theme."""
    app.connect("config-inited", add_buttons, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
