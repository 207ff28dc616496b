"""Every live figure of the book, made as its own tests say.

The test file of a figure, tests/teach/chapters/NAME/test_FIGURE.py, has
PRESSED, what a hand does to it: where, the key, a trait, and what the
trait then is in Python; and GIVEN, where it needs something to show.
"""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

from vitlib.teach import live, quiz

TEACH = Path(__file__).parent / "teach"
FIGURES = [*live.__all__, "Quiz"]


@cache
def tests_of(name: str) -> ModuleType:
    """Read the test file of a figure."""
    stem = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    found = [*TEACH.glob(f"chapters/*/test_{stem}.py")]
    found += TEACH.glob(f"asking/test_{stem}.py")
    assert len(found) == 1, f"{name} needs one test_{stem}.py, has {found}"
    spec = importlib.util.spec_from_file_location(f"of_{stem}", found[0])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def given(name: str) -> dict:
    """What a figure is made with."""
    return getattr(tests_of(name), "GIVEN", {})


def figure(name: str) -> object:
    """Make the figure of this name."""
    if name == "Quiz":
        return quiz("patches")
    return getattr(live, name)(**given(name))


def pressed(name: str) -> tuple[str, str, str, object]:
    """What is pressed in it, and what its trait then is in Python."""
    return tests_of(name).PRESSED
