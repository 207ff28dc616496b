"""Show the very code that the package runs."""

import inspect

from IPython.display import Markdown


def show_source(thing: object) -> Markdown:
    """Give a function or class of vitlib as a listing under its file."""
    file = f"{inspect.getmodule(thing).__name__.replace('.', '/')}.py"
    listing = inspect.getsource(thing).rstrip()
    return Markdown(f"`{file}`\n\n```python\n{listing}\n```")
