"""The house keeps its order: one module a chapter, arrows one way."""

import ast
import importlib
import inspect
import json
import math
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import vitlib
from vitlib.teach import _extra
from vitlib.teach.chapters import CHAPTERS, ROOMS

ROOT = Path(__file__).resolve().parents[1]
PRIVATE = {"_checks", "_checkpoint", "_data", "_eager", "_randomness"}
PRIVATE |= {"_recomputing", "_recording", "_settings"}
LOADING = {  # what `pretrained` is made of, from the bottom up
    "published": 11,
    "_preprocess": 11,
    "_names": 11,
    "_files": 11,
    "_families": 11,
    "_plan": 11,
    "pretrained": 11,
}
NUMBERED = [chapter for chapter in CHAPTERS if chapter.number]
CORE = sorted((ROOT / "vitlib").glob("*.py"))
MODULES = {  # the chapter that each module belongs to
    chapter.name: chapter.number
    for chapter in NUMBERED
    if ROOT / f"vitlib/{chapter.name}.py" in CORE
}
BESIDE = {  # no chapter's: what they import, and the extra that brings it
    "photos": ({"PIL"}, "photos"),
    "photo_folder": (set(), "photos"),
}
BARE = {"packed"}  # no chapter's, and they need no extra
CLASSROOM = {"matplotlib", "IPython", "ipywidgets", "PIL", "numpy"}
LINES = {  # the first four are promises, the others serve them
    "the model": 700,
    "_checks": 550,
    "training": 350,
    "inside": 300,
    "_data": 220,
    "pretrained": 290,
    "published": 280,
    "_preprocess": 150,
    "_names": 270,
    "_files": 230,
    "_families": 280,
    "_plan": 290,
    "_checkpoint": 110,
    "_eager": 70,
    "_randomness": 40,
    "_recomputing": 50,
    "_recording": 160,
    "_settings": 120,
    "photos": 170,
    "photo_folder": 170,
    "packed": 90,
}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by dots"
            names.add(node.module)
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


def used_modules(path: Path) -> set[str]:
    names = imports(path)
    used = {n.split(".")[1] for n in names if n.startswith("vitlib.")}
    return used | ({"__init__"} if "vitlib" in names else set())


def test_a_page_of_reference_has_its_own_name_in_the_menu():
    text = (ROOT / "_toc.yml").read_text()
    listed = re.findall(r"file: book/([a-z]\w+)\n +title: (.*)", text)
    assert len(listed) >= 7
    for page, title in listed:
        stem = page.replace("_", " ").removesuffix("ions")
        assert page == "api" or stem in title.lower()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_chapter_and_its_tests(module):
    number = MODULES[module]
    assert (ROOT / f"book/{number:02d}_{module}.ipynb").is_file()
    assert (ROOT / f"vitlib/{module}.py").is_file()
    assert (ROOT / f"tests/core/test_{module}.py").is_file()


def test_every_chapter_has_its_notebook_and_its_room():
    pages = {p.stem for p in (ROOT / "book").glob("[0-9][0-9]_*.ipynb")}
    assert pages == {chapter.page for chapter in NUMBERED}
    for chapter in CHAPTERS:
        assert (ROOT / f"book/{chapter.page}.ipynb").is_file()
    rooms = {path.parent for path in ROOMS.glob("*/__init__.py")}
    assert rooms == {chapter.room for chapter in CHAPTERS}


def test_the_table_of_contents_names_the_chapters_in_their_order():
    text = (ROOT / "_toc.yml").read_text()
    listed = re.findall(r"file: book/(\d\d_\w+)\n +title: (.*)", text)
    assert [(page, title.strip('"')) for page, title in listed] == [
        (chapter.page, f"{chapter.number}. {chapter.title}")
        for chapter in NUMBERED
    ]


def first_line(page: str) -> str:
    cells = json.loads((ROOT / f"book/{page}.ipynb").read_text())["cells"]
    return cells[0]["source"][0].strip().removeprefix("# ")


def test_the_table_of_the_index_has_a_row_for_each_chapter():
    cells = json.loads((ROOT / "book/index.ipynb").read_text())["cells"]
    text = "".join(line for cell in cells for line in cell["source"])
    for chapter in NUMBERED:
        page, number = chapter.page, chapter.number
        row = f"| {number} | [{first_line(page)}]({page}.ipynb) |"
        assert row in text, f"book/index.ipynb lacks the row {row}"


def test_chapters_have_rising_numbers():
    numbers = [chapter.number for chapter in NUMBERED]
    assert numbers == sorted(set(numbers))


def test_every_public_module_has_a_chapter():
    public = {p.stem for p in CORE if not p.stem.startswith("_")}
    public -= LOADING.keys()
    assert (
        public == (MODULES.keys() - LOADING.keys()) | BESIDE.keys() | BARE
    )


@pytest.mark.parametrize("module", sorted(BARE))
def test_a_module_beside_the_chapters_needs_none_of_them(module):
    assert (ROOT / f"tests/core/test_{module}.py").is_file()
    assert used_modules(ROOT / f"vitlib/{module}.py") <= PRIVATE


@pytest.mark.parametrize("module", BESIDE)
def test_a_module_beside_the_chapters_has_its_tests_and_its_extra(module):
    assert (ROOT / f"tests/core/test_{module}.py").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    imported, name = BESIDE[module]
    extra = project["project"]["optional-dependencies"][name]
    owners = metadata.packages_distributions()
    wanted = {owners[module][0].lower() for module in imported}
    assert wanted <= {Requirement(need).name for need in extra}
    assert not used_modules(ROOT / f"vitlib/{module}.py") & set(MODULES)
    said = complaints_with_torch_and_einops_alone()[
        f"import vitlib.{module}"
    ]
    assert f'pip install "vitlib[{name}]"' in said


def test_what_loads_weights_imports_only_what_is_below_it():
    below = {name for name in MODULES if MODULES[name] < 11} | PRIVATE
    for module in LOADING:
        assert used_modules(ROOT / f"vitlib/{module}.py") <= below
        below.add(module)


def test_every_notebook_is_in_the_table_of_contents():
    listed = re.findall(
        r"(?:root|file): *(\S+)", (ROOT / "_toc.yml").read_text()
    )
    pages = {
        f"book/{path.stem}"
        for kind in ("*.ipynb", "*.md")
        for path in (ROOT / "book").glob(kind)
    }
    assert set(listed) == pages


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_earlier_chapters(module):
    used = used_modules(ROOT / f"vitlib/{module}.py")
    places = MODULES | LOADING
    earlier = {m for m in places if places[m] < MODULES[module]}
    parts = LOADING.keys() if module == "pretrained" else set()
    assert used <= earlier | PRIVATE | parts


@pytest.mark.parametrize("module", sorted(PRIVATE))
def test_a_private_module_imports_no_chapter(module):
    assert used_modules(ROOT / f"vitlib/{module}.py") <= PRIVATE


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_torch_and_einops_only(path):
    roots = {name.split(".")[0] for name in imports(path)}
    allowed = {"torch", "einops", "vitlib"} | sys.stdlib_module_names
    allowed |= BESIDE.get(path.stem, [set()])[0]
    assert roots <= allowed
    assert not {"teach", "train"} & used_modules(path)


def closure(*roots: str) -> set[str]:
    """Names of the installed packages that these need, and of these."""
    found, todo = set(), list(roots)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for need in map(Requirement, needs):
            if not need.marker or need.marker.evaluate({"extra": ""}):
                todo.append(need.name)
    return found


MODEL_ALONE = """
import sys, torch, vitlib
model = vitlib.ViT(image_size=8, patch_size=4, embed_dim=12, depth=1,
                   num_heads=2, num_classes=5)
assert model(torch.rand(2, 3, 8, 8)).shape == (2, 5)
assert not [name for name in sys.modules if "vitlib.teach" in name]
"""
ALONE = (
    MODEL_ALONE,
    *(f"import vitlib.{m}" for m in (*BESIDE, "teach", "train")),
)
RUN_ALL = """
import json, sys, traceback
sys.modules |= dict.fromkeys({hidden})
complaints = {{}}
for program in {programs}:
    try:
        exec(program, {{}})
    except BaseException:
        complaints[program] = traceback.format_exc()
print(json.dumps(complaints))
"""


@cache
def complaints_with_torch_and_einops_alone() -> dict[str, str]:
    """Hide whatever these two do not need; run each of ALONE there."""
    present = closure("torch", "einops")
    hidden = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not {o.lower().replace("_", "-") for o in owners} & present
    }
    hidden -= {"vitlib"}
    assert hidden >= CLASSROOM
    program = RUN_ALL.format(hidden=sorted(hidden), programs=ALONE)
    command = [sys.executable, "-W", "ignore", "-c", program]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.stderr == ""
    return json.loads(said.stdout)


def test_vitlib_works_with_nothing_but_torch_and_einops():
    assert MODEL_ALONE not in complaints_with_torch_and_einops_alone()


def test_the_classroom_says_which_extra_it_needs():
    said = complaints_with_torch_and_einops_alone()["import vitlib.teach"]
    last = said.splitlines()[-1]
    assert all(name in last for name in CLASSROOM)
    assert 'pip install "vitlib[teach]"' in last


def test_the_extra_brings_what_the_classroom_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["teach"]
    brought = {Requirement(need).name for need in extra}
    owners = metadata.packages_distributions()
    asked = {owners[name][0].lower() for name in _extra.NEEDED.split()}
    assert brought <= asked <= closure(*brought)


TRAIN = sorted((ROOT / "vitlib/train").glob("*.py"))


@pytest.mark.parametrize("path", TRAIN, ids=lambda path: path.stem)
def test_the_command_line_needs_its_extra_and_no_classroom(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["train"]
    brought = {Requirement(need).name.lower() for need in extra}
    roots = {name.split(".")[0] for name in imports(path)}
    roots -= {"vitlib"} | sys.stdlib_module_names
    owners = metadata.packages_distributions()
    assert {owners[root][0].lower() for root in roots} <= brought
    assert "teach" not in used_modules(path)


def test_the_command_line_says_which_extra_it_needs():
    said = complaints_with_torch_and_einops_alone()["import vitlib.train"]
    last = said.splitlines()[-1]
    assert "accelerate" in last
    assert 'pip install "vitlib[train]"' in last


def test_a_command_has_the_name_that_it_calls_itself():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    scripts = project["project"]["scripts"]
    assert set(scripts) == {"vitlib-train", "vitlib-doctor"}
    for name, place in scripts.items():
        module, function = place.split(":")
        path = ROOT / f"{module.replace('.', '/')}.py"
        tree = ast.parse(path.read_text())
        functions = [n.name for n in tree.body if hasattr(n, "name")]
        assert function in functions
        assert name in ast.unparse(tree)


def lines_of(module: str) -> int:
    return len((ROOT / f"vitlib/{module}.py").read_text().splitlines())


MODEL = [m for m in MODULES if MODULES[m] <= MODULES["vit"]]


@pytest.mark.parametrize(("part", "budget"), LINES.items())
def test_the_modules_keep_to_their_line_budget(part, budget):
    modules = MODEL if part == "the model" else [part]
    assert sum(map(lines_of, modules)) <= budget


def test_every_module_has_a_line_budget():
    counted = {*MODEL, *LINES, "__init__"} - {"the model"}
    assert {path.stem for path in CORE} == counted


def test_the_readme_counts_the_lines_of_the_model_and_its_checks():
    """To the next ten, so that the sentence is not edited every day."""
    text = " ".join((ROOT / "README.md").read_text().split())
    found = re.search(r"model is (\d+) lines, its checks (\d+)", text)
    actual = sum(map(lines_of, MODEL)), lines_of("_checks")
    for said, lines in zip(map(int, found.groups()), actual, strict=True):
        assert said == math.ceil(lines / 10) * 10


@pytest.mark.parametrize("name", vitlib.__all__)
def test_shapes_in_a_docstring_are_run_beside_it(name):
    doc = inspect.getdoc(getattr(vitlib, name))
    assert ") -> (" not in doc or ">>>" in doc


def test_attention_is_the_function_of_its_module():
    module = importlib.import_module("vitlib.attention")
    assert inspect.ismodule(vitlib.attention)
    assert inspect.isfunction(module.attention)


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    source = project["tool"]["setuptools"]["dynamic"]["version"]
    assert source == {"attr": "vitlib.__version__"}
    assert metadata.version("vitlib") == vitlib.__version__


def test_the_package_says_that_it_is_typed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packed = project["tool"]["setuptools"]["package-data"]["vitlib"]
    assert "py.typed" in packed
    assert (ROOT / "vitlib/py.typed").is_file()
    assert project["tool"]["mypy"]["files"] == ["vitlib/*.py"]
    assert project["tool"]["mypy"]["strict"]


def test_vitlib_asks_for_torch_and_einops_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = map(Requirement, project["project"]["dependencies"])
    assert {need.name for need in needs} == {"torch", "einops"}


def readme(language: str) -> str:
    text = (ROOT / "README.md").read_text()
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def test_the_readme_shows_the_tree_as_it_is():
    folder = ""
    for line in readme("text").splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else ""
        assert (ROOT / folder / name).exists(), line
        if not folder and name.endswith("/"):
            folder = name


def test_the_example_of_the_readme_prints_what_it_says(capsys):
    code, said = readme("python").split("\n# ")
    exec(code, {})
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("page", ["README", "CONTRIBUTING", "CHANGELOG"])
def test_every_command_that_a_page_names_exists(page):
    text = (ROOT / f"{page}.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for name in set(re.findall(r"(?:`|    )make ([a-z-]+)", text)):
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name


NAMED = re.compile(r"\bvitlib/[\w/]*\w\.(?:py|js|css|md)\b")


@pytest.mark.parametrize("kind", ["py", "js", "css"])
def test_every_path_that_a_comment_names_exists(kind):
    for folder in ("vitlib", "tests", "book", "experiments", "scripts"):
        files = (ROOT / folder).rglob(f"*.{kind}")
        for file in (f for f in files if "vendor" not in f.parts):
            for path in NAMED.findall(file.read_text()):
                assert (ROOT / path).exists(), f"{file} names {path}"


def test_the_book_can_be_cited_without_an_invented_name():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    (author,) = cited["authors"]
    assert author["name"] in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_every_exercise_has_its_test_and_every_test_its_exercise(chapter):
    tests = ROOT / f"tests/teach/chapters/{chapter.name}/exercises"
    files = {p.stem for p in chapter.room.glob("exercises/[!_]*.py")}
    tested = {p.stem.removeprefix("test_") for p in tests.glob("*.py")}
    for name in files - tested:
        pytest.fail(f"{name} needs {tests}/test_{name}.py")
    for name in tested - files:
        pytest.fail(
            f"test_{name}.py needs {chapter.room}/exercises/{name}.py"
        )


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_a_live_figure_has_its_three_files_its_cell_and_its_test(chapter):
    tests = ROOT / f"tests/teach/chapters/{chapter.name}"
    notebook = (ROOT / f"book/{chapter.page}.ipynb").read_text()
    files = [*chapter.room.glob("*.js"), *chapter.room.glob("*.css")]
    for stem in {path.stem for path in files}:
        wanted = [
            chapter.room / f"{stem}.{e}" for e in ("py", "js", "css")
        ]
        for path in (*wanted, tests / f"test_{stem}.py"):
            assert path.is_file(), f"{stem} needs {path}"
        name = stem.title().replace("_", "")
        assert f"{name}(" in notebook, f"no cell of {chapter.page} has it"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_what_a_chapter_draws_has_its_test(chapter):
    """Each function of figures.py is asked for there, see drawn.py."""
    path = ROOT / f"tests/teach/chapters/{chapter.name}/test_figures.py"
    live = [p.stem.title() for p in chapter.room.glob("*.js")]
    if live or (chapter.room / "figures.py").is_file():
        assert path.is_file(), f"{chapter.name} needs {path}"
        text = path.read_text()
        assert "(EveryFigure):" in text, f"{path} needs EveryFigure"
        for name in (stem.replace("_", "") for stem in live):
            assert f"still({name}(" in text or f'"{name}"' in text, (
                f"{path} needs the still picture of {name}"
            )


WALL = {"monotonic", "perf_counter", "sleep", "wait_for_timeout"}
WALL_IN_PAGES = re.compile(r"performance\.now|setTimeout|Date\.now")
RATIOS = {"tests/teach/alive/test_engine.py"}  # of two works in one run


def by_the_wall(text: str):
    """Lines that wait or measure by a clock; `sleep(0)` only yields."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if WALL_IN_PAGES.search(node.value):
                yield node.lineno
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in WALL and ast.unparse(node) != "asyncio.sleep(0)":
                yield node.lineno


def test_no_test_waits_or_measures_by_the_clock_on_the_wall():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__)
        for line in by_the_wall(path.read_text())
        if path.relative_to(ROOT).as_posix() not in RATIOS
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(1)",
        "sleep(0.1)",
        "tab.wait_for_timeout(900)",
        "start = time.monotonic()",
        "tab.evaluate('performance.now()')",
    ],
)
def test_a_wait_by_the_clock_would_be_found(line):
    assert list(by_the_wall(line)) == [1]
