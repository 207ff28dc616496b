"""What the build adds to Sphinx: book/_ext is no package."""

import importlib.util
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_ext"


@cache
def extension(name):
    """Load one of the book's extensions."""
    path = FOLDER / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"book_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
