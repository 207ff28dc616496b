"""Leave out what the book does not use; add what the theme forgets."""

ICON = '<link rel="alternate icon" type="image/png" href="{}">'


def forget_thebe(app, config) -> None:
    """Unload sphinx-thebe, which jupyter-book always loads.

    Even switched off it puts a script on every page twice (the browser
    complains about THEBE_JS_URL), and the address of a foreign Binder.
    """
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith("sphinx_thebe")
        ]
    app.registry.css_files[:] = [
        file
        for file in app.registry.css_files
        if "sphinx-thebe" not in file[0]
    ]


def add_png_icon(app, pagename, templatename, context, doctree) -> None:
    """Offer the favicon as PNG to browsers that cannot show SVG."""
    address = context["pathto"]("_static/favicon.png", resource=True)
    tags = context.get("metatags", "")
    context["metatags"] = tags + ICON.format(address)


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("config-inited", forget_thebe)
    app.connect("html-page-context", add_png_icon)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
