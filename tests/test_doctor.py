"""The doctor says what is missing, too old or broken, and starts itself.

It is run in a Python that sees nothing but a folder of made packages, so
that even torch can be missing there.
"""

import doctest
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TORCH = """
class Cuda:
    def device_count(): return {gpus}
    def get_device_name(number): return f"GPU {{number}}"
class Backend:
    def is_available(): return False
class Backends:
    mps = Backend
class Version:
    cuda = {cuda!r}
cuda, backends, version = Cuda, Backends, Version
def get_num_threads(): return {threads}
"""
NEEDS = (
    "torch>=2.5",
    "einops>=0.8",
    'pillow>=10.3; extra == "photos"',
    'pillow>=10.3; extra == "teach"',
)


class Machine:
    """A folder of packages, and what the doctor says of it."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, name, version, source="", needs=()):
        notes = self.folder / f"{name}-{version}.dist-info"
        notes.mkdir()
        lines = [f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        text = "Metadata-Version: 2.4\n" + "\n".join(lines) + "\n"
        (notes / "METADATA").write_text(text)
        module = {"pillow": "PIL"}.get(name, name)
        (self.folder / f"{module}.py").write_text(source)
        return self

    def torch(self, threads=1, gpus=0, cuda=None):
        source = TORCH.format(threads=threads, gpus=gpus, cuda=cuda)
        return self.add("torch", "2.13.0+cpu", source)

    def ask(self):
        doctor = f"import sys; sys.path.insert(0, {str(self.folder)!r})\n"
        doctor += (ROOT / "vitlib_doctor.py").read_text()
        (self.folder / "doctor.py").write_text(doctor)
        done = subprocess.run(
            [sys.executable, "-S", self.folder / "doctor.py"],
            env={"PYTHONPATH": str(self.folder), "PYTHONNOUSERSITE": "1"},
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        return {line.split()[0]: line for line in lines}, done.returncode


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def with_vitlib(machine):
    return machine.add("vitlib", "0.1.0", needs=NEEDS)


def test_where_torch_is_missing_it_runs_and_says_how_to_get_it(
    with_vitlib,
):
    said, code = with_vitlib.add("einops", "0.8.2").ask()
    assert code == 1
    assert said["torch"].endswith('missing  <- pip install "torch>=2.5"')
    assert "<-" not in said["einops"]


def test_without_vitlib_itself_it_says_so(machine):
    said, code = machine.ask()
    assert code == 1
    assert "missing" in said["vitlib"]


def test_what_is_there_and_well_has_a_line_without_a_complaint(
    with_vitlib,
):
    said, code = (
        with_vitlib.torch()
        .add("einops", "0.8")
        .add("pillow", "13.0")
        .ask()
    )
    assert code == 0
    assert not [line for line in said.values() if "<-" in line]
    assert said["pillow"].split() == ["pillow", "13.0"]
    assert said["threads"].startswith("threads          1 for ")
    assert said["devices"].endswith(" CPU")
    assert said["memory"].endswith(" GB")
    assert said["Python"].split()[1].startswith("3.")


def test_a_package_that_is_too_old_is_called_so(with_vitlib):
    said, code = with_vitlib.torch().add("einops", "0.7.9").ask()
    assert code == 1
    assert 'older than 0.8: pip install "einops>=0.8"' in said["einops"]


def test_what_only_an_extra_needs_stops_nobody(with_vitlib):
    said, code = with_vitlib.torch().add("einops", "0.8.2").ask()
    assert code == 0
    assert 'pip install "vitlib[photos]"' in said["pillow"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            'raise OSError("/somebody/lib/libc10.so: gone")',
            "libc10.so: gone",
        ),
        ("import os; os._exit(139)", "crashes"),
    ],
)
def test_a_torch_that_does_not_start_is_found_and_no_path_is_told(
    source, words, with_vitlib
):
    machine = with_vitlib.add("torch", "2.13.0", source)
    said, code = machine.add("einops", "0.8.2").ask()
    assert code == 1
    assert words in said["torch"]
    assert "somebody" not in "".join(said.values())
    assert "threads" not in said


def test_more_threads_than_processors_and_cuda_for_nothing_are_named(
    with_vitlib,
):
    with_vitlib.torch(threads=999, cuda="13.0").add("einops", "0.8.2")
    said, _ = with_vitlib.ask()
    assert "more than processors" in said["threads"]
    assert "CUDA 13.0, and no GPU is found" in said["devices"]


def test_a_gpu_is_named(with_vitlib):
    with_vitlib.torch(gpus=2, cuda="13.0").add("einops", "0.8.2")
    said, _ = with_vitlib.ask()
    assert said["devices"].endswith("CPU, GPU 0, GPU 1")


def test_the_command_and_its_module_are_packed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    command = project["project"]["scripts"]["vitlib-doctor"]
    module, function = command.split(":")
    assert callable(getattr(import_module(module), function))
    assert module in project["tool"]["setuptools"]["py-modules"]


def test_its_examples_are_true():
    assert doctest.testmod(import_module("vitlib_doctor")).failed == 0


@pytest.mark.long
def test_here_it_finds_nothing_wrong_with_vitlib(capfd):
    doctor = [sys.executable, ROOT / "vitlib_doctor.py"]
    done = subprocess.run(doctor, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("vitlib ")
    assert "missing" not in done.stdout
