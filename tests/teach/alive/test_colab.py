"""Figures and quizzes run with the versions that Colab has.

They lie in .venv/colab, where `make install-test` has put them, and are
found first by a Python that is told so.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import made
import pytest

from vitlib.teach import live, quiz
from vitlib.teach.asking.questions import QUIZZES
from vitlib.teach.chapters.training.training_lab import TrainingLab

ROOT = Path(__file__).resolve().parents[3]
COLAB = Path(sys.prefix) / "colab"
PINS = (ROOT / "requirements" / "colab.txt").read_text()
PROGRAM = """
import json

import IPython
import ipykernel
import ipywidgets
import made
import traitlets
from IPython.core.interactiveshell import InteractiveShell

from vitlib.teach import live, quiz
from vitlib.teach.asking.questions import QUIZZES
from vitlib.teach.chapters.training.training_lab import TrainingLab

show, found = InteractiveShell.instance().display_formatter.format, {}
for name in live.__all__:
    found[name] = show(made.figure(name))
for name in QUIZZES:
    found[name] = show(quiz(name))
found["TrainingLab"] = show(TrainingLab())
modules = IPython, ipykernel, ipywidgets, traitlets
versions = {m.__name__.lower(): m.__version__ for m in modules}
print("FOUND" + json.dumps([versions, found]))
"""


@pytest.fixture(scope="module")
def colab():
    """Give the versions that ran, and what each figure showed there."""
    path = os.pathsep.join([str(COLAB), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("FOUND")[2])


def test_what_runs_there_are_the_versions_of_colab(colab):
    versions, _ = colab
    for name, version in versions.items():
        assert re.search(rf"^{name}=={re.escape(version)} ", PINS, re.M)
    assert versions["traitlets"].startswith("5.7.")
    assert versions["ipywidgets"].startswith("7.7.")


def shown(name):
    """Make a figure, a quiz or the sliders of chapter 8."""
    if name == "TrainingLab":
        return TrainingLab()
    return quiz(name) if name in QUIZZES else made.figure(name)


@pytest.mark.parametrize("name", [*live.__all__, *QUIZZES, "TrainingLab"])
def test_it_shows_there_what_it_shows_here(colab, name):
    _, found = colab
    there, about = found[name]
    here, metadata = json.loads(
        json.dumps(shown(name)._repr_mimebundle_())
    )
    widget = "application/vnd.jupyter.widget-view+json"
    assert there.pop(widget)["version_major"] == 2
    del here[widget]
    assert there == here
    assert about == metadata
