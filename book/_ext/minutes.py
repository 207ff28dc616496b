"""Say at the top of each chapter how long it takes.

Words are read at 220 a minute, and lines of code at 20. What is folded,
solutions among it, is left out: nobody has to open it to go on. How long
the cells run was measured (see scripts/notebooks.py) and stands in
seconds.json.
"""

import json
import math
import re
from pathlib import Path

WORDS = 220  # a minute
LINES = 20
SECONDS = Path(__file__).with_name("seconds.json")
NO_CODE = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
NO_OUTPUT = {"hide-cell", "hide-output", "remove-cell", "remove-output"}
FOLD = re.compile(r"(<details\b[^>]*>|</details>)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINE = '<p class="vit-minutes">{}</p>'


def unfolded(cells: list[dict]) -> list[tuple[str, str]]:
    """Give what stands outside of all folds, each with its kind."""
    depth, found = 0, []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for part in FOLD.split(source):
                if FOLD.fullmatch(part):
                    depth += -1 if part.startswith("</") else 1
                elif depth == 0:
                    found.append(("text", part))
        elif depth == 0:
            tags = set(cell["metadata"].get("tags", []))
            if not tags & NO_CODE:
                found.append(("code", source))
            if not tags & NO_OUTPUT:
                found += [("text", text) for text in listings(cell)]
    return found


def listings(cell: dict) -> list[str]:
    """Give the Markdown that a cell has shown: vitlib's own source."""
    data = [output.get("data", {}) for output in cell["outputs"]]
    return ["".join(one.get("text/markdown", [])) for one in data]


def to_read(cells: list[dict]) -> int:
    """Count the minutes of a chapter's main line, rounded up."""
    words = lines = 0
    for kind, text in unfolded(cells):
        blocks = [text] if kind == "code" else CODE.findall(text)
        lines += sum(map(count_lines, blocks))
        words += 0 if kind == "code" else count_words(text)
    return math.ceil(words / WORDS + lines / LINES)


def count_lines(code: str) -> int:
    """Count the lines with something on them, without fences."""
    lines = (line.strip() for line in code.splitlines())
    return sum(bool(line) and not line.startswith("```") for line in lines)


def count_words(text: str) -> int:
    """Count the words; addresses, tags and code are none."""
    text = CODE.sub("", text)
    text = re.sub(r"<[^>]+>", "", text)
    return len(re.sub(r"\]\([^)]*\)", "]", text).split())


def to_run(name: str) -> str:
    """Say how long the cells of a chapter run."""
    seconds = json.loads(SECONDS.read_text())[name]
    if seconds <= 15:
        return "seconds to run"
    return f"{seconds} seconds to run"


def put_minutes(app, docname: str, source: list[str]) -> None:
    """Add the line below the title of a chapter."""
    name = docname.split("/")[-1]
    if not re.match(r"\d\d_", name):
        return
    notebook = json.loads(source[0])
    minutes = to_read(notebook["cells"])
    line = LINE.format(f"{minutes} minutes to read, {to_run(name)}")
    first = notebook["cells"][0]
    title, _, rest = "".join(first["source"]).partition("\n")
    first["source"] = f"{title}\n\n{line}\n{rest}"
    source[0] = json.dumps(notebook)


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("source-read", put_minutes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
