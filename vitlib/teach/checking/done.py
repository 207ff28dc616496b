"""What is done in this environment: a small file in the home folder.

Nothing leaves the machine. Only a person's own notebook writes it; where
notebooks are built or tested, and in scripts, what is done is remembered
until Python ends. Where no file can be written, that is so too.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from vitlib.teach.alive.watch import is_watched
from vitlib.teach.chapters import Chapter
from vitlib.teach.draw.palette import variable

DONE = (
    f'<span style="color: {variable("value")}; white-space: nowrap">'
    "<code>{name}</code> ✓ done</span>"
)
OPEN = "<code>{name}</code>"
CELL = "padding: 0.3em 1em 0.3em 0; text-align: left; vertical-align: top"
FIRM = f"{CELL}; white-space: nowrap"
ROW = (
    f'<tr><td style="{FIRM}">'
    '<a href="{page}.ipynb#Exercises">{chapter}</a></td>'
    f'<td style="{FIRM}">{{done}} of {{all}}</td>'
    f'<td style="{CELL}">{{names}}</td></tr>'
)

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


@dataclass(frozen=True, repr=False)
class Progress:
    """The pieces, and which of them are done."""

    chapters: dict[str, Chapter]  # of the pieces, by name
    done: frozenset[str]

    def __str__(self) -> str:
        many = sum(name in self.done for name in self.chapters)
        lines = [f"{many} of {len(self.chapters)} pieces done."]
        for name, chapter in self.chapters.items():
            state = "done" if name in self.done else "open"
            lines.append(f"  chapter {chapter.number:2}  {state}  {name}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the pieces as a table, a row a chapter, with links."""
        title, *_ = str(self).split("\n")
        rows = "".join(
            map(self._row, dict.fromkeys(self.chapters.values()))
        )
        return f"<p>{title}</p><table><tbody>{rows}</tbody></table>"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """Let the book's page make its own links of the notebook's."""
        data = {"text/html": self._repr_html_(), "text/plain": str(self)}
        return data, {"vitlib": {}}

    def _row(self, chapter: Chapter) -> str:
        names = [n for n, c in self.chapters.items() if c == chapter]
        shown = (
            (DONE if name in self.done else OPEN).format(name=name)
            for name in names
        )
        return ROW.format(
            page=chapter.page,
            chapter=chapter,
            done=sum(name in self.done for name in names),
            all=len(names),
            names=", ".join(shown),
        )
