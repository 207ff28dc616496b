"""What the tests share: a seed, a small model, a browser, refusals."""

import asyncio
import re

import pytest
import torch
from headless import chromium
from live_page import Tabs, page_of
from torch import nn

from vitlib import ViT

pytest.register_assert_rewrite("drawn")

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
    # For all devices it would write down the stack, three times.
    torch.default_generator.manual_seed(0)


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


@pytest.fixture(autouse=True)
def _no_loop(request):
    """Hide the loop that drives the browser from whoever needs none."""
    loop = asyncio._get_running_loop()
    hidden = loop and "browser" not in request.fixturenames
    if hidden:
        asyncio._set_running_loop(None)
    yield
    if hidden:
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def tabs(browser):
    return Tabs(browser)


@pytest.fixture
def open_figure(tabs, tmp_path):
    """Open figures, or what `page_of` made of them.

    `settings` are those of `Tabs.take`.
    """

    def go(*figures, theme="light", **settings):
        text = figures[0]
        if not isinstance(text, str):
            text = page_of(*figures, theme=theme)
        path = tmp_path / f"page{len(tabs.taken)}.html"
        path.write_text(text, encoding="utf-8")
        tab = tabs.take(**settings)
        tab.goto(path.as_uri())
        return tab

    yield go
    assert tabs.give_back() == []
