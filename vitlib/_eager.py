"""Let compiled code rest while one looks inside a model.

Compiled code neither calls the hooks that were set after it was made nor
notes anything: one would look at a model and see nothing change.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

_lock = threading.Lock()
_looking = 0  # how many look inside, in all threads
_rest = ExitStack()


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Run all as it is written while the block runs, in every thread."""
    if "torch._dynamo" not in sys.modules:  # nothing can be compiled
        yield
    elif hasattr(torch.compiler, "set_stance"):
        _enter()
        try:
            yield
        finally:
            _leave()
    else:
        check_not_compiled(model)
        yield


def _enter() -> None:
    """The first who looks inside stops the compiled code."""
    global _looking
    with _lock:
        _looking += 1
        if _looking == 1:
            _rest.enter_context(torch.compiler.set_stance("force_eager"))


def _leave() -> None:
    """The last one, whichever thread it is, lets it go on."""
    global _looking
    with _lock:
        _looking -= 1
        if _looking == 0:
            _rest.close()


def check_not_compiled(model: nn.Module) -> None:
    """Refuse a compiled model where torch cannot let it rest."""
    for module in model.modules():
        if (
            hasattr(module, "_orig_mod")
            or module._compiled_call_impl is not None
        ):
            raise ValueError(
                "a compiled model shows nothing of its inside, and torch "
                f"{torch.__version__} cannot run it uncompiled: look into "
                "the model before you compile it, or take torch 2.6"
            )
