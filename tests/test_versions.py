"""What other versions are tried with, and what the workflows call."""

import doctest
import re
from pathlib import Path

import pytest
import versions
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LISTING = """\
accelerate==1.14.0
anywidget==0.9.21
ipykernel==6.17.1
ipython==7.34.0
ipython-sql==0.5.0
numpy==2.1.3
torch @ https://some.example/whl/cpu/torch-2.11.0%2Bcpu-cp313-cp313.whl
torchvision @ https://some.example/whl/torchvision-0.26.0-cp313.whl
traitlets==5.7.1
"""


def test_torch_is_the_first_that_is_wanted_and_every_floor_is_named():
    needs = [Requirement(need) for need in versions.wanted()]
    assert needs[0].name == "torch"
    for need in needs:
        assert [s.operator for s in need.specifier] == [">="], need
    names = {need.name for need in needs}
    assert {"einops", "numpy", "matplotlib", "ipython"} <= names
    assert {"ipywidgets", "traitlets", "anywidget", "pillow"} <= names


def test_a_list_of_colab_gives_what_vitlib_meets_there():
    pins = versions.pins_of(LISTING)
    assert [pin.partition("==")[0] for pin in pins] == [
        *("anywidget", "ipykernel", "ipython", "numpy", "traitlets"),
    ]
    assert versions.torch_of(LISTING) == "torch==2.11.0"
    assert versions.python_of(LISTING) == "3.13"


def test_its_examples_are_true():
    assert doctest.testmod(versions).failed == 0


def test_what_colab_has_is_nowhere_below_a_floor():
    """Else its first cell would replace what the kernel has loaded."""
    text = (ROOT / "requirements/colab.txt").read_text()
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    needs = [Requirement(need) for need in versions.wanted()]
    met = [need for need in needs if need.name in pinned]
    assert {need.name for need in met} >= {"ipython", "traitlets"}
    for need in met:
        assert pinned[need.name] in need.specifier, need


def steps():
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            yield from job["steps"]


def test_there_are_workflows_that_test_and_publish():
    assert {path.stem for path in WORKFLOWS} == {
        *("test", "pages", "release", "weekly"),
    }


def test_what_a_workflow_calls_is_there():
    makefile = (ROOT / "Makefile").read_text()
    commands = "\n".join(step.get("run", "") for step in steps())
    targets = re.findall(r"\bmake ([\w-]+)", commands)
    assert {"test", "book", "test-versions"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"(?:scripts|requirements)/[\w./]+", commands):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_action_is_held_to_its_commit_and_its_version_is_named(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses or "run:" in path.read_text()
    for action in uses:
        assert re.fullmatch(
            r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action
        )
