"""What is done in this environment: a small file in the home folder.

Nothing leaves the machine. Only a person's own notebook writes it; where
notebooks are built or tested, and in scripts, what is done is remembered
until Python ends. Where no file can be written, that is so too.
"""

import json
import os
from pathlib import Path

from vitlib.teach.progress import is_watched

_here: set[str] = set()


def note(name: str) -> None:
    """Remember that the piece of this name was answered rightly."""
    if name not in done():
        _here.add(name)
        _write(done())


def done() -> set[str]:
    """Give the names of the pieces that were answered rightly."""
    return _here | _read()


def clear() -> None:
    """Forget everything."""
    _here.clear()
    _write(set())


def where() -> Path | None:
    """Name the file, or nothing where none is to be kept."""
    if not is_watched():
        return None
    try:
        home = (
            os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
        )
    except RuntimeError:  # a user without a home
        return None
    return Path(home) / "vitlib" / "exercises.json"


def _read() -> set[str]:
    path = where()
    try:
        found = json.loads(path.read_text()) if path else []
    except (OSError, ValueError):
        return set()
    if not isinstance(found, list):
        return set()
    return {name for name in found if isinstance(name, str)}


def _write(names: set[str]) -> None:
    path = where()
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(sorted(names), indent=0))
    except OSError:
        return
