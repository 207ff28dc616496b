"""The page of licences names what others have made, and nothing else."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "licences.md").read_text(encoding="utf-8")
FILES = ROOT / "vitlib" / "teach" / "data" / "files"
MATHJAX = ROOT / "book" / "_ext" / "mathjax"
VENDORED = [
    ROOT / "tests" / "vendor",
]
TAKEN = {"digits.npz", "clothes.npz", "backbone.packed"}
PICTURES = {
    p.name for p in FILES.iterdir() if p.suffix in (".png", ".jpg")
}


def named():
    return set(
        re.findall(r"`([\w.-]+\.(?:png|jpg|npz|packed|txt))`", PAGE)
    )


def test_every_picture_and_every_data_set_of_others_is_named():
    licences = {path.name for path in FILES.glob("*LICENSE*")}
    assert named() == PICTURES | TAKEN | licences
    assert all((FILES / name).is_file() for name in named())


def test_what_is_vendored_has_its_licence_beside_it_and_on_the_page():
    (folder,) = VENDORED
    texts = list(folder.glob("LICENSE-*"))
    assert len(texts) == len(list(folder.iterdir())) - len(texts)
    for text in texts:
        assert f"vendor/{text.name}`" in PAGE


def test_there_are_no_other_vendored_folders():
    found = {
        path
        for top in ("book", "tests", "vitlib", "scripts", "benchmarks")
        for path in (ROOT / top).rglob("vendor")
    }
    assert found == set(VENDORED)


def test_the_version_of_mathjax_is_the_one_that_is_named():
    (version,) = re.findall(r"MathJax (\d+\.\d+\.\d+)", PAGE)
    for script in MATHJAX.glob("*.js"):
        assert version in script.read_text(encoding="utf-8"), script.name
    assert "Apache License" in (MATHJAX / "LICENSE").read_text()
    assert "`_ext/mathjax/LICENSE`" in PAGE


def test_the_package_says_the_licences_that_the_page_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())[
        "project"
    ]
    for licence in project["license"].split(" AND "):
        words = licence.replace("-1.0", "").replace("Apache-", "Apache ")
        words = re.sub(r"CC-(\w+(?:-SA)?)-", r"CC \1 ", words)
        assert words.replace("CC BY-SA-", "CC BY-SA ") in PAGE, licence
