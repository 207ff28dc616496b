"""Let captions and predictions be seen as such.

Notebooks hold plain Markdown, so that Jupyter, GitHub and Colab show
them too; what a paragraph is, it says by how it begins.
"""

from docutils import nodes

PREDICTION = "Before you"


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


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("doctree-read", mark_paragraphs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
