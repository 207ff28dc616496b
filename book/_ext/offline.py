"""Keep the theme from loading what the book does not use.

sphinx-thebe puts its scripts on every page, twice, even when it is off;
the browser then complains that THEBE_JS_URL has already been declared.
"""

UNUSED = ("sphinx-thebe", "THEBE_JS_URL")


def is_used(file: object) -> bool:
    """Say whether a page needs this script or style sheet."""
    name = str(getattr(file, "filename", None) or file)
    body = str(getattr(file, "attributes", {}).get("body", ""))
    return not any(word in name or word in body for word in UNUSED)


def drop_unused(app, pagename, templatename, context, doctree) -> None:
    """Take unused files out of one page, after all else put theirs in."""
    for key in ("script_files", "css_files"):
        context[key] = [file for file in context[key] if is_used(file)]


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("html-page-context", drop_unused, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
