"""Check your own work: every piece of the ViT has a checker.

    from vitlib.teach import check

    check.patchify(my_patchify)

What comes back is true if your piece is right, and its `str()` says what
was found: in a notebook it is shown below the cell. A piece may be
written in any style. It is asked random inputs, and what it gives has to
be what vitlib's piece gives, with its gradients. Functions get their
weights as arguments; modules have vitlib's names for their parameters,
into which the check loads weights of its own.

The pieces lie in the rooms of their chapters, a file each: `check.NAME`
is the PIECE of vitlib/teach/chapters/*/exercises/NAME.py.
"""

from vitlib.teach.checking import done, library
from vitlib.teach.checking.done import Progress
from vitlib.teach.checking.piece import Piece
from vitlib.teach.checking.result import Result
from vitlib.teach.read_digits import read_digits

__all__ = ["Progress", "Result", "forget", "progress", "read_digits"]


def progress() -> Progress:
    """Show which pieces are done in this environment.

    What is done is kept in a small file in your home folder, and goes
    nowhere else. `forget()` empties it.
    """
    chapters = {n: piece.chapter for n, piece in library.pieces().items()}
    return Progress(chapters, frozenset(done.done()))


def forget() -> None:
    """Forget what is done."""
    done.clear()


def __getattr__(name: str) -> Piece:
    return library.piece(name)


def __dir__() -> list[str]:
    return [*__all__, *library.names()]
