"""What all live figures share: a widget, its page, its still picture.

A figure is a class, with a script and a style beside it:

    class PatchExplorer(LiveFigure):
        patch_size = Int(7).tag(sync=True)

        def still(self) -> tuple[Figure, str]:
            ...  # drawn by vitlib.teach.draw.canvas; the words

The figure has the name of its file: patch_explorer.py is the class,
patch_explorer.js exports `render` (see kit.js), and `data-figure` says it
on the page. `_reader = True` gives it the trained digit reader,
`readerOf(model)` there; `_brings` names large files that it may ask for
(see bring.py).
Traits with `sync=True` are the figure's state: in a notebook they go back
and forth between Python and browser; on the page they have the values
that they had when the notebook was run. Bytes are DataViews there.

`still` gives the figure's first frame as a matplotlib figure and as
words: they serve print, GitHub and readers without JavaScript, and the
words are what the tests of the notebooks compare. A cell shows the
figure by naming it in its last line.
"""

import base64

import anywidget
from matplotlib.figure import Figure
from traitlets import Bytes

from vitlib.teach.alive.bring import answer
from vitlib.teach.alive.bundle import has_script, module, styles
from vitlib.teach.data.checked import read_checked
from vitlib.teach.data.reader import FILE, SHA256
from vitlib.teach.draw.canvas import bundle


class LiveFigure(anywidget.AnyWidget):
    """A figure that is alive in a notebook and on the page."""

    _figure = ""
    _reader = False
    _brings: tuple[str, ...] = ()
    _ipython_display_ = None  # ipywidgets 7 would show no still picture
    weights = Bytes().tag(sync=True)

    def __init_subclass__(cls, **kwargs) -> None:
        name = cls.__module__.rpartition(".")[2]
        if not cls._figure and has_script(name):
            cls._figure = name
            cls._esm = module(name)
            cls._css = styles()
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits) -> None:
        if self._reader:
            traits["weights"] = read_checked(FILE, SHA256)
        super().__init__(**traits)
        if self._brings:
            self.on_msg(answer)

    def still(self) -> tuple[Figure, str]:
        """Draw the first frame, and say what is to be seen."""
        raise NotImplementedError

    def pictures(self) -> tuple[dict, dict]:
        """Give what stands in the figure's place: data, and metadata.

        A phone shows the figure itself; the picture is for paper, and
        scrolls where there are no scripts.
        """
        return bundle(*self.still(), whole=True)

    def state(self) -> dict:
        """Give the traits that are the figure's own, ready for JSON."""
        shared = {"weights", *anywidget.AnyWidget.class_trait_names()}
        own = type(self).class_trait_names(sync=True)
        names = (n for n in own if n not in shared and n[0] != "_")
        return {name: _plain(getattr(self, name)) for name in names}

    def set_state(self, sync_data: dict) -> None:
        """Take what the browser sends; bytes arrive as views of memory."""
        super().set_state(
            {
                name: bytes(v) if isinstance(v, memoryview) else v
                for name, v in sync_data.items()
            }
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """Give the widget, and for readers without one the picture."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        pictures, about = self.pictures()
        about["vitlib"]["live"] = {
            "figure": self._figure,
            "reader": self._reader,
            **({"brings": list(self._brings)} if self._brings else {}),
            "state": self.state(),
        }
        return {**data, **pictures}, {**metadata, **about}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value
