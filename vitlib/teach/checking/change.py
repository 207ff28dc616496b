"""Exercises whose answer changes a model that it is given."""

from torch import nn

from vitlib.teach.checking.answer import (
    Finding,
    Runner,
    Unwritten,
    is_empty,
)
from vitlib.teach.checking.compare import kind_of
from vitlib.teach.checking.piece import Case, Piece


class ChangePiece(Piece):
    """The answer may change the module in place, or give another."""

    def ask(
        self,
        runner: Runner,
        case: Case,
        given: dict[str, object] | None = None,
        seed: int = 0,
    ) -> object:
        """Take the module that was given where the answer gives none."""
        given = case.copies() if given is None else given
        output = super().ask(runner, case, given, seed)
        if output is None and not is_empty(runner.answer):
            return next(iter(given.values()))
        return output


def as_module(output: object) -> nn.Module:
    """Refuse everything that is no module."""
    if output is None or output is ...:
        raise Unwritten
    if not isinstance(output, nn.Module):
        raise Finding(
            f"Your code gives {kind_of(output)}. Wanted is the module, "
            "changed; or nothing, if you have changed the one you got."
        )
    return output
