"""Watch a training run while it goes, where somebody is there to watch."""

import os
import sys
import time
from collections.abc import Iterable

from IPython import get_ipython
from IPython.display import HTML, display

from vitlib.teach.draw.palette import LINE, WEIGHT
from vitlib.training import Progress

WIDTH, HEIGHT = 640, 130
PAUSE = 0.3  # seconds between two pictures


def watch(run: Iterable[Progress]) -> list[Progress]:
    """Take all the steps of a run and give them back in a list.

    In Jupyter, VS Code and Colab a picture below the cell shows how far
    it is. Where notebooks are built or tested nothing is shown: what is
    printed there must be the same each time.
    """
    history, seen = [], -PAUSE
    handle = display(HTML(""), display_id=True) if is_watched() else None
    for progress in run:
        history.append(progress)
        if handle and time.monotonic() - seen > PAUSE:
            handle.update(HTML(picture(history)))
            seen = time.monotonic()
    if handle and history:
        handle.update(HTML(picture(history)))
    return history


def is_watched() -> bool:
    """Tell if a person's notebook asks: these three leave their names."""
    shell = get_ipython()
    return shell is not None and (
        "JPY_SESSION_NAME" in os.environ
        or "google.colab" in sys.modules
        or "__vsc_ipynb_file__" in shell.user_ns
    )


def picture(history: list[Progress]) -> str:
    """Draw the losses so far, above a line that says where we are."""
    last = history[-1]
    losses = smooth([progress.loss for progress in history])
    highest = max(losses)
    points = " ".join(
        f"{WIDTH * (i + 1) / last.steps:.1f},"
        f"{HEIGHT * (1 - loss / highest):.1f}"
        for i, loss in enumerate(losses)
    )
    done = WIDTH * last.step / last.steps
    known = [p.accuracy for p in history if p.accuracy is not None]
    read = f", {known[-1]:.1%} of validation right" if known else ""
    return (
        '<div style="font: 13px sans-serif">'
        f'<svg viewBox="0 -4 {WIDTH} {HEIGHT + 10}" role="img"'
        ' style="width: 100%; max-width: 640px" fill="none"'
        ' aria-label="The loss so far">'
        f'<polyline points="{points}" stroke="{WEIGHT}" stroke-width="2"/>'
        f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="{LINE}"/>'
        f'<path d="M0 {HEIGHT}H{done:.1f}" stroke="{WEIGHT}"'
        ' stroke-width="4"/></svg>'
        f"<div>step {last.step:,} of {last.steps:,}, epoch {last.epoch}: "
        f"loss {losses[-1]:.2f}{read}</div></div>"
    )


def smooth(losses: list[float], memory: float = 0.9) -> list[float]:
    """Give the moving average: a batch is luckier than the next."""
    result, total, weight = [], 0.0, 0.0
    for loss in losses:
        total = memory * total + (1 - memory) * loss
        weight = memory * weight + (1 - memory)
        result.append(total / weight)
    return result
