"""The scripts of the live figures, made ready for page and notebook.

The scripts of the classroom are JavaScript modules, one idea each: what
all share lies in vitlib/teach/alive/web, a figure beside its Python. A
module that is handed over as text cannot import its neighbours, and a
page from disk can load no modules at all. So each file becomes a plain
script, `vitlib.kit = (() => { ... })();`, and an import a look-up:
the page loads these scripts one by one, a notebook gets them in a row.
"""

import base64
import json
import re
from functools import cache
from pathlib import Path

from torch import Tensor

from vitlib.teach.data.digits import digits

TEACH = Path(__file__).parents[1]
IMPORT = re.compile(
    r'^import (\{[^}]*\}) from "\.[./\w]*/(\w+)\.js";$', re.M
)
EXPORT = re.compile(
    r"^export (?=(?:async )?(?:function|class|const)\b)", re.M
)
NAME = re.compile(
    r"^export (?:async )?(?:function|class|const) (\w+)", re.M
)


@cache
def web_files() -> dict[str, Path]:
    """Find all scripts and styles of the classroom, by their names."""
    found = (*TEACH.rglob("*.js"), *TEACH.rglob("*.css"))
    return {path.name: path for path in sorted(found)}


def has_script(name: str) -> bool:
    """Tell if there is a figure, or a part of one, of this name."""
    return f"{name}.js" in web_files()


def read_web(name: str) -> str:
    """Read a script or style by its name; the samples are made here.

    live.css brings the styles of the figures with it: each has its own in
    a file of its name, after what all of them share.
    """
    if name == "samples.js":
        coded = [base64.b64encode(as_bytes(s)).decode() for s in samples()]
        return f"export const samples = {json.dumps(coded, indent=0)};\n"
    names = [name]
    if name == "live.css":
        every = sorted(web_files().keys() - {name})
        names += [other for other in every if other.endswith(".css")]
    return "\n".join(
        web_files()[n].read_text(encoding="utf-8") for n in names
    )


@cache
def samples() -> list[Tensor]:
    """Give a handwritten digit of each kind, 0 to 9, each (1, 28, 28)."""
    images, labels = digits("validation")
    return [images[labels == label][0] for label in range(10)]


def as_bytes(image: Tensor) -> bytes:
    """(1, 28, 28) from 0 to 1 -> 784 bytes."""
    return (image * 255).round().byte().numpy().tobytes()


@cache
def needs(name: str) -> tuple[str, ...]:
    """Name the module and all that it imports, these first."""
    found: list[str] = []
    for _, imported in IMPORT.findall(read_web(f"{name}.js")):
        found += [n for n in needs(imported) if n not in found]
    return (*found, name)


@cache
def script(name: str) -> str:
    """Give a module as a plain script; `vitlib` holds what it exports."""
    source = read_web(f"{name}.js")
    exports = ", ".join(NAME.findall(source))
    source = IMPORT.sub(r"const \1 = vitlib.\2;", source)
    source = EXPORT.sub("", source)
    return (
        "var vitlib = vitlib || {};\n"
        f'vitlib.{name} = (() => {{\n"use strict";\n'
        f"{source}\nreturn {{ {exports} }};\n}})();\n"
    )


@cache
def module(name: str) -> str:
    """Give a figure as one module, with all that it imports."""
    scripts = "\n".join(map(script, needs(name)))
    return (
        f"{scripts}\nexport default {{ render: vitlib.{name}.render }};\n"
    )
