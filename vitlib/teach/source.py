"""Show the very code that the package runs."""

import inspect

from IPython.display import Markdown


def show_source(thing: object) -> Markdown:
    """Give the source of a function or class of vitlib as a listing."""
    return Markdown(f"```python\n{inspect.getsource(thing).rstrip()}\n```")
