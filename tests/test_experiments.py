"""The experiments behind the book: nothing is tuned on held-out digits."""

import ast
import importlib.util
import json
from importlib import metadata
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
SCORING = sorted((ROOT / "experiments").glob("score_*.py"))
STORING = ROOT / "experiments" / "storing.py"
EXPERIMENTS = sorted(set((ROOT / "experiments").glob("*.py")) - {STORING})
TRAINING = [p for p in EXPERIMENTS if p not in SCORING]
TRAINING += [ROOT / "vitlib/training.py", ROOT / "vitlib/_checkpoint.py"]
TRAINING.append(STORING)


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


@pytest.mark.parametrize("path", SCORING, ids=lambda path: path.name)
def test_a_score_asks_for_held_out_digits(path):
    """The test above would see it."""
    assert "held_out" in set(words(path))


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_training_uses_what_the_score_found(path):
    assert "digit_reader.json" not in path.read_text()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_says_how_to_run_it(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert f"experiments/{path.name}" in docstring


@pytest.fixture
def storing(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("storing", STORING)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    path = "some/where/rates.py"
    monkeypatch.setattr(module.main, "__file__", path, raising=False)
    return module


def test_a_result_is_stored_with_what_made_it(storing, tmp_path):
    storing.store("found", seeds=(0, 1), best=0.5)
    version = metadata.version("torch").split("+")[0]
    assert json.loads((tmp_path / "found.json").read_text()) == {
        "command": "python experiments/rates.py",
        "torch": version,
        "threads": torch.get_num_threads(),
        "seeds": [0, 1],
        "best": 0.5,
    }


def test_a_run_that_stands_in_the_table_is_not_run_again(storing):
    table, asked = storing.Table("runs"), []

    def find():
        asked.append(len(asked))
        return {"accuracy": f"{0.5 + asked[-1]:.3f}"}

    for seed in (0, 1, 0):
        table.add({"change": "none", "seed": seed}, find)
    assert asked == [0, 1]
    found = [(row["seed"], row["accuracy"]) for row in table.rows()]
    assert found == [("0", "0.500"), ("1", "1.500")]
    assert {row["threads"] for row in table.rows()} == {
        str(torch.get_num_threads())
    }


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_stores_by_the_one_way_that_there_is(path):
    names = set(words(path))
    if path.name != "score_reader.py":
        assert {"store", "Table"} & names
    assert not {"DictWriter", "__version__"} & names


@pytest.fixture
def few_to_many(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "experiments")
    return importlib.import_module("few_to_many")


def test_a_rate_is_chosen_by_digits_that_are_neither_learned_nor_reported(
    few_to_many,
):
    """Told by their pixels, for they have no names."""

    def pictures(data):
        return {image.numpy().tobytes() for image in data[0]}

    for seed in (0, 1):
        learned = pictures(
            few_to_many.some_of(few_to_many.digits("train"), 1000, seed)
        )
        chosen_by = pictures(few_to_many.asked("search", seed))
        reported = pictures(few_to_many.asked("curve", seed))
        assert len(learned) == len(chosen_by) == len(reported) == 1000
        assert not chosen_by & (learned | reported)


def test_the_best_rate_is_the_best_for_all_seeds_together(few_to_many):
    class Runs:
        def rows(self):
            found = [
                ("0.1", 0.9),
                ("0.1", 0.5),
                ("0.2", 0.8),
                ("0.2", 0.8),
            ]
            for rate, share in found:
                yield {
                    "stage": "search",
                    "model": "ViT",
                    "learning_rate": rate,
                    "accuracy": str(share),
                }
            yield {"stage": "curve", "model": "ViT"}

    assert few_to_many.best_rate(Runs(), model="ViT") == 0.2


@pytest.fixture
def digits_to_clothes(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "experiments")
    return importlib.import_module("digits_to_clothes")


def test_the_rates_for_clothes_are_chosen_by_pictures_of_their_own(
    digits_to_clothes,
):
    """Neither learned from, at the sizes of the search, nor reported."""

    def pictures(data):
        return {image.numpy().tobytes() for image in data[0]}

    largest = max(digits_to_clothes.SEARCHED.values())
    for seed in digits_to_clothes.SEARCH_SEEDS:
        learned = pictures(
            digits_to_clothes.some_of(
                digits_to_clothes.clothes("train"), largest, seed
            )
        )
        chosen_by = pictures(digits_to_clothes.asked("search", seed))
        reported = pictures(digits_to_clothes.asked("curve", seed))
        assert len(chosen_by) == digits_to_clothes.CHOOSING
        assert not chosen_by & (learned | reported)


def test_a_frozen_body_gives_the_head_what_the_model_would(
    digits_to_clothes,
):
    """The features are computed once: no score may change by that."""
    model = digits_to_clothes.model_for("frozen").eval()
    torch.nn.init.normal_(model.head.weight)
    images, _ = digits_to_clothes.some_of(
        digits_to_clothes.clothes("train"), 7, 0
    )
    found = digits_to_clothes.features(model, images)
    with torch.no_grad():
        scores = model.head(found.flatten(1))
        torch.testing.assert_close(scores, model(images))


def test_no_stored_rate_was_the_highest_or_lowest_that_was_tried(
    digits_to_clothes,
):
    """Beyond the end of a search there might be a better one."""
    module = digits_to_clothes
    for way in module.WAYS:
        rates = module.RATES[module.learns_whole(way)]
        for images in module.SEARCHED.values():
            best = module.best_rate(module.TABLE, way, images)
            assert rates[0] < best < rates[-1]
