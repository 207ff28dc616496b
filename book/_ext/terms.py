"""Link each term of the glossary where a page first uses it."""

import re

from docutils import nodes
from sphinx.addnodes import pending_xref

GLOSSARY = "book/glossary"
ENTRY = re.compile(r"^(?P<term>\S[^\n]*)\n  ", re.MULTILINE)
CHAPTER = re.compile(r"book/\d\d_")
CLOSED = (nodes.reference, nodes.title, nodes.literal, pending_xref)


def terms_of(text: str) -> list[str]:
    """Read the terms of the glossary, the longest first."""
    inside = text.split("```{glossary}\n")[1].split("```")[0]
    return sorted(ENTRY.findall(inside), key=len, reverse=True)


def pattern_of(term: str) -> re.Pattern:
    """Find a term as a whole word, also in the plural."""
    return re.compile(rf"\b{re.escape(term)}(?:s|es)?\b", re.IGNORECASE)


def link_first(app, doctree: nodes.document) -> None:
    """Turn the first mention of each term into a link."""
    if not CHAPTER.match(app.env.docname):
        return
    path = app.env.doc2path(GLOSSARY)
    with open(path, encoding="utf-8") as file:
        left = {term: pattern_of(term) for term in terms_of(file.read())}
    for text in list(doctree.findall(nodes.Text)):
        if any(isinstance(one, CLOSED) for one in above(text)):
            continue
        words = text.lower()
        for term in [t for t in left if t.lower() in words]:
            if found := left[term].search(text):
                text.parent.replace(text, linked(text, found, term))
                del left[term]
                break


def above(node: nodes.Node) -> list[nodes.Node]:
    """Give what a node stands in."""
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def linked(text: nodes.Text, found: re.Match, term: str) -> list:
    """Give the text with a link in the place of what was found."""
    link = pending_xref(
        "",
        nodes.inline("", found[0], classes=["vit-term"]),
        refdomain="std",
        reftype="term",
        reftarget=term,
        refexplicit=True,
        refwarn=True,
    )
    before, after = text[: found.start()], text[found.end() :]
    return [
        *([nodes.Text(before)] if before else []),
        link,
        *([nodes.Text(after)] if after else []),
    ]


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("doctree-read", link_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
