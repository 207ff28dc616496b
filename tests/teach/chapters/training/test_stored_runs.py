"""What chapter 8 shows of longer runs says where it comes from."""

from pathlib import Path

import pytest
from experiments_of import constants

from vitlib.teach.data.experiments import provenance, stored

ROOT = Path(__file__).resolve().parents[4]
RESULTS = pytest.mark.parametrize("name", ["learning_rate", "mistakes"])


@RESULTS
def test_a_result_names_the_script_that_would_make_it_again(name):
    record = stored(name)
    script = ROOT / f"experiments/{name}.py"
    assert record["command"] == f"python experiments/{name}.py"
    made = constants(script)
    assert record["seeds"] == list(made["SEEDS"])
    assert record["recipe"] == made["RECIPE"]
    assert record["threads"] == made["THREADS"]
    assert record["torch"].count(".") == 2
    assert record["judged_by"] == "1,000 validation digits"


@RESULTS
def test_accuracies_are_counts_of_a_thousand(name):
    for row in stored(name)["rows"]:
        shares = row["accuracy"]
        for share in shares if isinstance(shares, list) else [shares]:
            assert 0 <= share <= 1
            assert round(1000 * share) == pytest.approx(1000 * share)


def test_every_mistake_was_made_with_every_seed():
    made = constants(ROOT / "experiments/mistakes.py")
    rows = stored("mistakes")["rows"]
    pairs = [(row["mistake"], row["seed"]) for row in rows]
    wanted = [(m, s) for m in made["MISTAKES"] for s in made["SEEDS"]]
    assert pairs == wanted


def test_every_rate_was_tried_with_warm_up_and_without():
    made = constants(ROOT / "experiments/learning_rate.py")
    record = stored("learning_rate")
    pairs = [(r["learning_rate"], r["warmup"]) for r in record["rows"]]
    assert pairs == [
        (r, w) for r in made["RATES"] for w in made["WARMUPS"]
    ]
    counts = {len(row["accuracy"]) for row in record["rows"]}
    assert counts == {len(made["SEEDS"])}


@RESULTS
def test_provenance_is_printed(name, capsys):
    provenance(name)
    said = capsys.readouterr().out
    assert f"python experiments/{name}.py" in said
    assert "one thread, seeds 0, 1, 2" in said
