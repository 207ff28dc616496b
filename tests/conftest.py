"""What the tests share: a seed, a small model, a browser, refusals."""

import re

import pytest
import torch
from live_page import chromium, page_of
from torch import nn

from vitlib import ViT

# Small, not square, and 2 * 4 * 4 numbers a patch are not the 24 of a
# token: where two sizes agree by chance, a wrong shape passes.
SMALL = {
    "image_size": (8, 12),
    "patch_size": 4,
    "in_channels": 2,
    "num_classes": 5,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def _randomise(module):
    for name, parameter in module.named_parameters():
        one = "norm" in name and name.endswith("weight")
        nn.init.normal_(parameter, mean=float(one), std=0.3)
    return module


@pytest.fixture(scope="session")
def randomise():
    """Give every parameter random numbers: zeros would hide faults."""
    return _randomise


@pytest.fixture
def small_vit():
    """Make a small ViT, all of it randomised, ready for inference."""

    def make(**settings):
        return _randomise(ViT(**{**SMALL, **settings})).eval()

    return make


@pytest.fixture
def pictures():
    """Three pictures for the small ViT."""
    return torch.randn(3, 2, 8, 12)


@pytest.fixture
def refuses():
    """Call it; a ValueError must come that names each of the parts."""

    def check(call, *parts):
        words = (re.escape(str(part)) for part in parts)
        found = "".join(rf"(?=.*(?<!\w){word}(?!\w))" for word in words)
        with pytest.raises(ValueError, match=found) as caught:
            call()
        assert type(caught.value) is ValueError

    return check


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_figure(browser, tmp_path):
    """Open figures, or what `page_of` made of them.

    `settings` are those of the browser's context.
    """
    contexts, complaints = [], []

    def go(*figures, theme="light", **settings):
        context = browser.new_context(reduced_motion="reduce", **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "console",
            lambda m: m.type == "error" and complaints.append(m.text),
        )
        path = tmp_path / f"page{len(contexts)}.html"
        text = figures[0]
        if not isinstance(text, str):
            text = page_of(*figures, theme=theme)
        path.write_text(text, encoding="utf-8")
        tab.goto(path.as_uri())
        return tab

    yield go
    for context in contexts:
        context.close()
    assert complaints == []
