"""Gather the style sheets of a page into one, without what fits nothing.

The theme styles all that Sphinx and Bootstrap know. A selector that asks
for a class or an id which stands in no page and in no script of the site
can fit nothing: it is left out. The book's own sheets stay as they are.
"""

import hashlib
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from posixpath import relpath

import tinycss2

STATIC = "_static"
OURS = "palette.css", "book.css", "live.css"
LEFT_OUT = "fontawesome.js", "design-tabs.js"  # see light.py
LINK = re.compile(
    rf'[ \t]*<link [^>]*?href="(?:\.\./)*{STATIC}/([\w./-]+\.css)'
    r'[^"]*"[^>]*>\n?'
)
IMPORT = re.compile(r'@import "([^"]+)";')
URL = re.compile(r"url\((?![\"']?(?:data:|#))[\"']?([^\"')]+)[\"']?\)")
NAMED = re.compile(r'\b(?:class|id)="([^"]*)"')
WORD = re.compile(r"[\w-]+")


def words_of(out: Path) -> set[str]:
    """Collect every class and id of the site, and its scripts' words."""
    words = set()
    for path in out.rglob("*.html"):
        for names in NAMED.findall(path.read_text(encoding="utf-8")):
            words.update(names.split())
    for path in (out / STATIC).rglob("*.js"):
        if path.name not in LEFT_OUT:
            words.update(WORD.findall(path.read_text(encoding="utf-8")))
    return words


def asks_for(selector: list) -> set[str]:
    """Name the classes and ids that an element must have to fit."""
    names = {t.value for t in selector if t.type == "hash"}
    for before, token in pairwise(selector):
        if before == "." and token.type == "ident":
            names.add(token.value)
    return names


def split(tokens: list) -> list[list]:
    """Part a list of selectors at its commas."""
    parts = [[]]
    for token in tokens:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


class Sheets:
    """Style sheets of a site; `words` are the names that it knows."""

    def __init__(self, out: Path, words: set[str]) -> None:
        self.out, self.words = out, words

    def fits(self, rule) -> str:
        """Give a rule with the selectors that can fit something, or ''."""
        if rule.type == "at-rule" and rule.lower_at_keyword in (
            "media",
            "supports",
        ):
            return self.fits_within(rule)
        if rule.type != "qualified-rule":
            return rule.serialize()
        kept = [
            tinycss2.serialize(part)
            for part in split(rule.prelude)
            if asks_for(part) <= self.words
        ]
        body = tinycss2.serialize(rule.content)
        return f"{','.join(kept)}{{{body}}}" if kept else ""

    def fits_within(self, rule) -> str:
        """Give the rules of a medium that can fit something, or ''."""
        rules = tinycss2.parse_rule_list(
            rule.content, skip_comments=True, skip_whitespace=True
        )
        body = "".join(map(self.fits, rules))
        if not body:
            return ""
        what = tinycss2.serialize(rule.prelude)
        return f"@{rule.at_keyword}{what}{{{body}}}"

    @cache  # noqa: B019  one object a build
    def read(self, name: str) -> str:
        """Give a sheet, and what it imports, as read from _static."""
        path = self.out / STATIC / name

        def place(found: re.Match) -> str:
            return relpath(f"{Path(name).parent}/{found[1]}", ".")

        text = path.read_text(encoding="utf-8")
        text = URL.sub(lambda found: f'url("{place(found)}")', text)
        text = IMPORT.sub(lambda found: self.read(place(found)), text)
        if path.name in OURS:
            return text
        rules = tinycss2.parse_stylesheet(
            text, skip_comments=True, skip_whitespace=True
        )
        return "\n".join(filter(None, map(self.fits, rules)))

    def gather(self, page: str, home: str) -> str:
        """Let one link stand where the first of a page's links stood."""
        names = LINK.findall(page)
        text = "\n".join(map(self.read, names))
        version = hashlib.sha256(text.encode()).hexdigest()[:8]
        name = "figures.css" if "live/live.css" in names else "page.css"
        (self.out / STATIC / name).write_text(text, encoding="utf-8")
        address = f"{home}{STATIC}/{name}?v={version}"
        link = f'<link rel="stylesheet" href="{address}">\n'
        first, rest = LINK.split(page, maxsplit=1)[::2]
        return first + link + LINK.sub("", rest)


def gather_styles(app, exception) -> None:
    """Gather those of every page that was written now."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    sheets = Sheets(out, words_of(out))
    for path in sorted(out.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if len(LINK.findall(page)) > 1:
            home = relpath(str(out), str(path.parent)) + "/"
            path.write_text(
                sheets.gather(page, home.removeprefix("./")),
                encoding="utf-8",
            )


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("build-finished", gather_styles, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
