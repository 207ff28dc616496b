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

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Take the module that was given where the answer gives none."""
        output = super().call(runner, case, given)
        if output is None and not is_empty(runner.answer):
            return next(iter(given.values()))
        return output

    def examine_modules(self, runner: Runner, case: Case) -> None:
        """It is given to be changed."""


def as_module(output: object) -> nn.Module:
    """Refuse everything that is no module."""
    if output is None or output is ...:
        raise Unwritten
    if not isinstance(output, nn.Module):
        raise Finding(
            f"Your code gives {kind_of(output)}. Wanted is the module, "
            "changed; or nothing, if you have changed the one you got.",
            "no_module",
        )
    return output
