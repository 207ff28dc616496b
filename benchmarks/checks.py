"""What vitlib's checks of input cost in a forward pass.

One pass is run with every check noted, with what it was given; then all
of them are called again with nothing in between.
"""

import sys

import torch
from measuring import Call

import vitlib
from vitlib import _checks


def noted_checks(run: Call) -> list[tuple]:
    """Run something, and list the checks that it called: what, of what."""
    found: list[tuple] = []

    def noting(check):
        def call(*given):
            found.append((check, given))
            return check(*given)

        return call

    modules = [m for name, m in sys.modules.items() if is_of_vitlib(name)]
    places = [
        (module, name, thing)
        for module in modules
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", None) == _checks.__name__
        and name.startswith("check_")
    ]
    for module, name, check in places:
        setattr(module, name, noting(check))
    try:
        run()
    finally:
        for module, name, check in places:
            setattr(module, name, check)
    return found


def is_of_vitlib(name: str) -> bool:
    return name.startswith("vitlib.") and name != _checks.__name__


def checks_alone(size: str, repeats: int) -> Call:
    """Give all the checks of a forward pass to call, many times over."""
    model = vitlib.ViT.from_name(size).eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        found = noted_checks(lambda: model(images))

    @torch.inference_mode()
    def call() -> None:
        for _ in range(repeats):
            for check, given in found:
                check(*given)

    return call
