"""Let captions and predictions be seen as such; part no comma.

Notebooks hold plain Markdown, so that Jupyter, GitHub and Colab show
them too; what a paragraph is, it says by how it begins.
"""

import re

from docutils import nodes

PREDICTION = "Before you"
BEHIND = re.compile(  # but not in a number
    r"(?<=[^\W\d][._/])(?=\w)|(?<=\d[._/])(?=[^\W\d])"
)
CLOSING = re.compile(r"[,.;:?)]+")


def paragraph_class(paragraph: nodes.paragraph) -> str | None:
    """Name what the paragraph is, or give None for ordinary text.

    A prediction begins with "Before you run the cell" in emphasis; a
    caption is all emphasis and follows a cell.
    """
    first = paragraph.next_node()
    if not isinstance(first, nodes.emphasis):
        return None
    if first.astext().startswith(PREDICTION):
        return "vit-prediction"
    place = paragraph.parent.index(paragraph)
    before = paragraph.parent[place - 1]
    after_cell = place > 0 and "cell" in before.attributes["classes"]
    if after_cell and len(paragraph) == 1:
        return "vit-caption"
    return None


def mark_paragraphs(app, doctree) -> None:
    """Give the paragraphs of one page their classes."""
    for paragraph in doctree.findall(nodes.paragraph):
        if name := paragraph_class(paragraph):
            paragraph["classes"].append(name)


def keep_together(app, doctree) -> None:
    """Let no line begin with the comma behind a formula."""
    for formula in list(doctree.findall(nodes.math)):
        line, place = formula.parent, formula.parent.index(formula)
        after = line[place + 1] if place + 1 < len(line) else None
        if not isinstance(after, nodes.Text):
            continue
        if found := CLOSING.match(after):
            line[place + 1] = nodes.Text(after[found.end() :])
            line[place] = nodes.inline(classes=["vit-together"])
            line[place] += [formula, nodes.Text(found[0])]


def may_break(app, doctree, docname: str) -> None:
    """Let a long word of code break behind its dots and strokes."""
    if app.builder.format != "html":
        return
    for literal in list(doctree.findall(nodes.literal)):
        if len(literal) == 1 and isinstance(literal[0], nodes.Text):
            first, *rest = BEHIND.split(literal[0])
            pieces = [nodes.Text(first)]
            for piece in rest:
                pieces += [
                    nodes.raw("", "<wbr>", format="html"),
                    nodes.Text(piece),
                ]
            literal.children = []
            literal += pieces


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("doctree-read", keep_together)
    app.connect("doctree-read", mark_paragraphs)
    app.connect("doctree-resolved", may_break)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
