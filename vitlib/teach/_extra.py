"""Say what the classroom needs, before an import fails without a word."""

from importlib.util import find_spec

NEEDED = (
    "anywidget IPython ipywidgets matplotlib numpy PIL "
    "safetensors traitlets"
)

missing = [name for name in NEEDED.split() if find_spec(name) is None]
if missing:
    raise ModuleNotFoundError(
        f"vitlib.teach needs {', '.join(missing)}, unlike vitlib itself: "
        'pip install "vitlib[teach]", or in a clone pip install ".[teach]"'
    )
