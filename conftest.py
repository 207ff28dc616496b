"""Which tests go together, and which first, where several run abreast."""

import gc
import os
import re

import pytest

FIRST = (  # others would wait for them
    "08_training.ipynb",
    "11_pretrained.ipynb",
    "09_data.ipynb",
    "test_lab.py",
    "test_engines.py",
    "test_types.py",
    "test_piece.py",
)
PAGE = re.compile(
    r"\[(?:\w+-)?((?:book|_modules)/[\w/]+|genindex|search)]$"
)


def shared(nodeid):
    """Name what a test shares with others: a kernel, a page, a file."""
    path, _, name = nodeid.partition("::")
    page = path.startswith("tests/site/") and PAGE.search(name)
    return page[1] if page else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Run one more than there are cores: some wait for their browser."""
    return min((os.cpu_count() or 1) + 1, 4)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep in one process what shares something.

    pytest-xdist 3.8 has marks for it, which pytest 9.2 no longer sees.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return shared(nodeid)

    return Rooms(config, log)


def pytest_collection_modifyitems(config, items):
    """Put first what takes long, where several run abreast."""
    if not hasattr(config, "workerinput"):
        return
    places = {name: place for place, name in enumerate(FIRST)}

    def place(item):
        long = item.path.suffix == ".ipynb"
        return places.get(item.path.name, len(FIRST) + (not long))

    items.sort(key=place)


def pytest_collection_finish():
    """Spare the collector what was collected: none of it is garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
