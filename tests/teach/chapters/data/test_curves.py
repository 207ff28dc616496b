"""The measured curves: complete, and never tuned on held-out digits."""

import pytest

from vitlib.teach.chapters.data.curves import TABLES, Band, band, bands

SIZES = {
    "few_to_many": (100, 500, 2000, 8000),
    "relation": (500, 2000, 8000),
}
MODELS = {
    "few_to_many": {"ViT", "CNN"},
    "relation": {"ViT", "CNN", "one cell", "one cell, hidden layer"},
}


@pytest.mark.parametrize("table", TABLES)
def test_every_point_of_a_curve_has_three_seeds(table):
    found = bands(table)
    strengths = {one.strength for one in found}
    count = len(SIZES[table]) * len(MODELS[table]) * len(strengths)
    assert len(found) == count
    assert {one.model for one in found} == MODELS[table]
    assert tuple(sorted({one.images for one in found})) == SIZES[table]
    assert all(len(one.accuracies) >= 3 for one in found)


@pytest.mark.parametrize("table", TABLES)
def test_all_points_of_a_curve_took_the_same_steps(table):
    assert len({one.steps for one in bands(table)}) == 1


@pytest.mark.parametrize("table", TABLES)
def test_each_model_runs_with_the_rate_that_its_search_liked_best(table):
    for model in MODELS[table]:
        tried = [o for o in bands(table, "search") if o.model == model]
        best = max(tried, key=lambda one: one.mean).learning_rate
        used = {o.learning_rate for o in bands(table) if o.model == model}
        assert used == {best}


@pytest.mark.parametrize("table", TABLES)
def test_every_accuracy_is_a_share_of_a_thousand(table):
    for one in bands(table):
        for accuracy in one.accuracies:
            assert 0 < accuracy <= 1
            assert accuracy == round(accuracy, 3)


def test_a_band_knows_its_ends_and_its_mean():
    made = Band("ViT", 100, 0.0, 10, 1e-3, (0.5, 0.9, 0.7))
    assert (made.low, made.high) == (0.5, 0.9)
    assert made.mean == pytest.approx(0.7)


def test_one_band_is_picked_by_its_values():
    found = bands("few_to_many")
    one = band(found, model="ViT", images=500, strength=0.0)
    assert (one.model, one.images, one.strength) == ("ViT", 500, 0.0)


def test_a_question_with_many_answers_or_none_is_refused():
    with pytest.raises(ValueError, match="8 bands"):
        band(bands("few_to_many"), model="ViT")
    with pytest.raises(ValueError, match="0 bands"):
        band(bands("few_to_many"), model="ViT", images=7)


def test_an_unknown_table_or_stage_is_refused_by_name():
    with pytest.raises(ValueError, match="'digits'"):
        bands("digits")
    with pytest.raises(ValueError, match="'begin'"):
        bands("relation", "begin")
