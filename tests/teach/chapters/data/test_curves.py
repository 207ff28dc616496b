"""The measured curves: complete, and chosen by what is not reported."""

from itertools import product

import pytest

from vitlib.teach.chapters.data.curves import TABLES, Band, band, bands

SIZES = {
    "few_to_many": (100, 500, 2000, 8000),
    "relation": (2000,),
}
PLACES = {"few_to_many": {""}, "relation": {"aligned", "anywhere"}}
MODELS = {
    "few_to_many": {"ViT", "CNN"},
    "relation": {"ViT", "CNN", "one cell, hidden layer"},
}


@pytest.mark.parametrize("table", TABLES)
def test_every_point_of_a_curve_has_three_seeds(table):
    found = bands(table)
    strengths = {one.strength for one in found}
    count = len(SIZES[table]) * len(MODELS[table]) * len(strengths)
    assert len(found) == count * len(PLACES[table])
    assert {one.model for one in found} == MODELS[table]
    assert {one.place for one in found} == PLACES[table]
    assert tuple(sorted({one.images for one in found})) == SIZES[table]
    assert all(len(one.accuracies) >= 3 for one in found)


def test_a_band_has_a_mean_between_its_ends():
    one = Band("ViT", 100, 0.0, 1000, 1e-3, (0.9, 0.5, 0.6, 0.8))
    assert (one.low, one.high) == (0.5, 0.9)
    assert one.mean == pytest.approx(0.7)


@pytest.mark.parametrize("table", TABLES)
def test_all_points_of_a_curve_took_the_same_steps(table):
    assert len({one.steps for one in bands(table)}) == 1


def searched(table):
    """Each search with its model, its place and the rate it liked best."""
    for model, place in product(MODELS[table], PLACES[table]):
        tried = [
            one
            for one in bands(table, "search")
            if (one.model, one.place) == (model, place)
        ]
        yield model, place, tried, max(tried, key=lambda one: one.mean)


@pytest.mark.parametrize("table", TABLES)
def test_each_model_runs_with_the_rate_that_its_search_liked_best(table):
    for model, place, _, best in searched(table):
        used = {
            one.learning_rate
            for one in bands(table)
            if (one.model, one.place) == (model, place)
        }
        assert used == {best.learning_rate}


def test_scrambled_digits_are_learned_with_the_rates_of_the_search():
    for model, _, _, best in searched("few_to_many"):
        line = bands("few_to_many", "scrambled")
        assert band(line, model=model).learning_rate == best.learning_rate


def test_the_longer_run_takes_the_rate_of_a_vit_that_learned():
    (longer,) = bands("relation", "longer")
    assert (longer.model, longer.place) == ("ViT", "anywhere")
    assert len(longer.accuracies) >= 3
    on_the_grid = [one for one in bands("relation") if one.mean > 0.9]
    rates = {o.learning_rate for o in on_the_grid if o.model == "ViT"}
    assert rates == {longer.learning_rate}


@pytest.mark.parametrize("table", TABLES)
def test_every_rate_of_a_search_was_tried_with_three_seeds(table):
    for _, _, tried, _ in searched(table):
        assert len(tried) >= 4
        assert all(len(one.accuracies) >= 3 for one in tried)


@pytest.mark.parametrize("table", TABLES)
def test_no_model_that_learns_chose_the_edge_of_its_rates(table):
    """Where all rates leave it at a guess, the best of them is chance."""
    for _, _, tried, best in searched(table):
        rates = sorted(one.learning_rate for one in tried)
        if best.mean > 0.4:
            assert best.learning_rate not in (rates[0], rates[-1])


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
