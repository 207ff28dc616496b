"""What is pinned fits together; the install looks where it was told."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import install
import machine
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = next(p for p in Path(__file__).parents if (p / "Makefile").exists())
TORCH = "torch==2.13.0"
PLAIN = "requirements.txt"
WITH_HASHES = [
    f"requirements/{name}.txt"
    for name in ("book", "lab", "test", "colab", "uv")
]
ENVIRONMENT = [PLAIN, *WITH_HASHES[:3]]
WANTED = [*(path.replace("txt", "in") for path in WITH_HASHES)]


def requirements(name: str) -> list[Requirement]:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [
        re.split(r" #|#| --hash", line)[0] for line in text.split("\n")
    ]
    return [Requirement(line) for line in lines if line and line[0] != "-"]


def pins(*names: str) -> dict[str, str]:
    found = {}
    for requirement in [r for name in names for r in requirements(name)]:
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        name = canonicalize_name(requirement.name)
        assert found.setdefault(name, pin.version) == pin.version, name
    return found


@pytest.mark.parametrize("name", [PLAIN, *WITH_HASHES])
def test_every_package_is_pinned_once(name):
    assert len(pins(name)) == len(requirements(name))


@pytest.mark.parametrize("name", WITH_HASHES)
def test_every_file_of_a_pinned_package_is_known_by_its_hash(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line[0] != "#"]
    hashed = re.compile(r"\S+==[^\\]*?( +--hash=sha256:[0-9a-f]{64})+")
    assert all(hashed.fullmatch(line) for line in lines)


def test_no_two_lists_disagree():
    assert pins(*ENVIRONMENT)


def test_plain_pip_takes_what_the_install_takes_and_torch():
    name, version = TORCH.split("==")
    assert pins(PLAIN) == pins("requirements/book.txt") | {name: version}


@pytest.mark.parametrize("name", WANTED)
def test_what_is_wanted_is_pinned_in_a_version_that_is_wanted(name):
    file = PLAIN if "book" in name else name.replace(".in", ".txt")
    pinned = pins(file)
    for wanted in requirements(name):
        assert pinned[wanted.name] in wanted.specifier, wanted


@pytest.mark.parametrize("name", [PLAIN, *WITH_HASHES])
def test_a_list_names_no_address(name):
    assert "://" not in (ROOT / name).read_text()


def test_what_is_pinned_needs_nothing_besides():
    check = [sys.executable, "-m", "pip", "check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_pinned_package_runs_on_debian_12():
    for path in ENVIRONMENT:
        for pin in requirements(path):
            if not pin.marker or pin.marker.evaluate():
                about = metadata.metadata(pin.name)
                pythons = about.get("Requires-Python") or ""
                assert "3.11.2" in SpecifierSet(pythons), pin


def test_binder_takes_the_versions_of_the_book_and_no_cuda():
    text = (ROOT / "binder/requirements.txt").read_text()
    assert "-c ../requirements.txt\n" in text
    wanted = {
        str(need) for need in requirements("binder/requirements.txt")
    }
    assert f"{TORCH}+cpu" in wanted
    assert wanted - {f"{TORCH}+cpu"} < set(pins(PLAIN))


def test_binder_has_what_the_classroom_needs_and_no_more():
    named = {r.name for r in requirements("binder/requirements.txt")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())[
        "project"
    ]
    needs = (
        project["dependencies"] + project["optional-dependencies"]["teach"]
    )
    needed = {Requirement(need).name for need in needs}
    brought = {
        Requirement(need).name.lower()
        for name in named - {"torch"}
        for need in metadata.requires(name) or []
        if not Requirement(need).marker
    }
    assert named <= needed <= named | brought


@pytest.fixture
def _told(monkeypatch):
    """pip was told nothing but what a test tells it."""
    for name in (*install.UV_NAMES.values(), "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    install.settings.cache_clear()
    yield
    install.settings.cache_clear()


@pytest.mark.usefixtures("_told")
def test_uv_is_told_what_pip_was_told(monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels /more")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv(
        "PIP_EXTRA_INDEX_URL", "https://a.example https://b"
    )
    settings = install.settings()
    assert settings["UV_FIND_LINKS"] == "/some/wheels,/more"
    assert settings["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert settings["UV_INDEX"] == "https://a.example https://b"


@pytest.mark.usefixtures("_told")
def test_what_uv_was_told_itself_counts_more(monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/for/pip")
    monkeypatch.setenv("UV_FIND_LINKS", "/for/uv")
    assert install.settings()["UV_FIND_LINKS"] == "/for/uv"


@pytest.mark.usefixtures("_told")
def test_uv_keeps_its_files_in_the_environment_where_home_is_closed(
    monkeypatch,
):
    monkeypatch.setenv("HOME", "/nonexistent")
    cache = install.settings()["UV_CACHE_DIR"]
    assert Path(cache).parent == install.VENV


@pytest.mark.parametrize(
    ("system", "gpu", "build"),
    [
        ("Linux", False, f"{TORCH}+cpu"),
        ("Linux", True, TORCH),
        ("Darwin", False, TORCH),
    ],
)
def test_only_an_nvidia_card_asks_for_cuda(
    monkeypatch, system, gpu, build
):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(install, "has_gpu", lambda: gpu)
    monkeypatch.setattr(install.platform, "system", lambda: system)
    assert install.build_of_torch() == build
    assert install.is_for_nvidia(build) == gpu


@pytest.fixture
def commands(monkeypatch):
    """Nothing is found anywhere; see what was tried."""
    tried = []

    def run(title, command, *more):
        tried.append(command)
        return 1, "No matching distribution found"

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "settings", dict)
    monkeypatch.setattr(install, "uv", lambda *more: ["false", *more])
    return tried


def test_without_the_build_for_the_cpu_the_install_stops(commands):
    with pytest.raises(SystemExit) as stopped:
        install.install_torch(f"{TORCH}+cpu", "https://cpu.example")
    (said,) = str(stopped.value).splitlines()
    for word in ("https://cpu.example", "TORCH=FILE", f"TORCH={TORCH}`"):
        assert word in said
    assert "3 GB to download, 6 GB on the disk" in said
    assert all(f"{TORCH}+cpu" in command for command in commands)
    assert all("https://cpu.example" in command for command in commands)
    assert len(commands) == 2  # uv, and pip after it


def test_without_a_browser_the_install_says_which_to_install(monkeypatch):
    monkeypatch.setattr(machine, "has_browser", lambda: False)
    monkeypatch.setattr(machine, "can_use_apt", lambda: False)
    monkeypatch.setattr(machine, "run", lambda *more, **given: (1, ""))
    with pytest.raises(
        SystemExit, match="need a browser: install Chromium"
    ):
        machine.install_browser()


def test_a_failed_install_says_whether_the_network_is_missing(capsys):
    with pytest.raises(SystemExit, match="check the network"):
        install.give_up("NewConnectionError: ... name resolution")
    with pytest.raises(SystemExit, match="disk is full"):
        install.give_up("OSError: [Errno 28] No space left on device")
    with pytest.raises(SystemExit, match="see above"):
        install.give_up("something else")
    assert "something else" in capsys.readouterr().out


def test_what_an_interrupted_install_began_is_dropped(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(install, "VENV", tmp_path)
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    whole, half = (packages / f"{n}.dist-info" for n in ("whole", "half"))
    for notes in (whole, half):
        notes.mkdir(parents=True)
        (notes / "RECORD").touch()
    (whole / "INSTALLER").touch()
    install.drop_halves()
    assert list(packages.iterdir()) == [whole]
