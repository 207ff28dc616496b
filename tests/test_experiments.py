"""The experiments behind the book: nothing is tuned on held-out digits."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCORING = ROOT / "experiments" / "score_reader.py"
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
TRAINING = [p for p in EXPERIMENTS if p != SCORING]
TRAINING += [ROOT / "vitlib/training.py", ROOT / "vitlib/_checkpoint.py"]


def words(path):
    """Every string and name in the code, docstrings left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(
            node.value, ast.Constant
        ):
            node.value.value = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, (ast.Name, ast.Attribute)):
            yield getattr(node, "id", None) or node.attr


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_search_or_training_asks_for_held_out_digits(path):
    """Nor for the file with all digits, nor for what a score found."""
    banned = ("held_out", "PARTS", "digits.npz", "read_checked")
    for word in words(path):
        assert not any(name in word for name in banned), word


def test_the_score_asks_for_held_out_digits():
    """The test above would see it."""
    assert "held_out" in set(words(SCORING))


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_training_uses_what_the_score_found(path):
    assert "digit_reader.json" not in path.read_text()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_says_how_to_run_it(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert f"experiments/{path.name}" in docstring
