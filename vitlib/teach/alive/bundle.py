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

from vitlib.teach.data import first_look
from vitlib.teach.data.digits import digits
from vitlib.teach.draw import palette

TEACH = Path(__file__).parents[1]
# Where it is dark: on the page, in Jupyter, in VS Code.
DARK = """\
:is(html[data-theme="dark"], html[theme="dark"],
  body[data-jp-theme-light="false"],
  body[data-vscode-theme-kind="vscode-dark"])"""
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
    """Read a script by its name; some are made here, of Python's own."""
    if name == "samples.js":
        coded = [base64.b64encode(as_bytes(s)).decode() for s in samples()]
        return f"export const samples = {json.dumps(coded, indent=0)};\n"
    if name == "palette.js":
        return palette.script()
    if name == "first_look.js":
        return first_look.script()
    if name == "kernel_bytes.js":
        built = (TEACH / "alive" / "web" / "kernel.wasm").read_bytes()
        coded = base64.b64encode(built).decode()
        return f'export const wasm = "{coded}";\n'
    return web_files()[name].read_text(encoding="utf-8")


@cache
def styles() -> str:
    """Give the style of all figures: the palette, what is shared, each."""
    names = sorted(n for n in web_files() if n.endswith(".css"))
    names.remove("live.css")
    colours = palette.sheet(".vit-live-figure", f"{DARK} .vit-live-figure")
    return "\n".join([colours, *map(read_web, ["live.css", *names])])


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
def scripts(name: str) -> str:
    """Give a module and all that it imports as one plain script."""
    return "\n".join(map(script, needs(name)))


@cache
def module(name: str) -> str:
    """Give a figure as one module, with all that it imports."""
    text = scripts(name)
    return f"{text}\nexport default {{ render: vitlib.{name}.render }};\n"
