"""The bug clinic: every planted error is what it says, and only that."""

import json
from pathlib import Path

import nbformat
import pytest
import torch
from experiments_of import constants
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from vitlib import record_attention
from vitlib.attention import attention
from vitlib.teach import digit_reader, digits, quiz
from vitlib.teach.asking.questions import questions
from vitlib.teach.chapters.clinic import patients as clinic
from vitlib.teach.chapters.clinic.patients import (
    first_attention,
    planted,
    shares_of,
)
from vitlib.teach.data.experiments import stored

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "book" / "clinic.ipynb"
MODELS = (1, 2, 3, 4)


@pytest.fixture(autouse=True)
def _asked_only():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def images():
    return digits("validation")[0][:40]


def patient(case):
    return planted(case)(digit_reader())


@pytest.mark.parametrize("case", MODELS)
def test_a_patient_has_all_the_trained_weights_and_another_answer(
    case, images
):
    healthy, model = digit_reader(), patient(case)
    own, theirs = (list(m.parameters()) for m in (healthy, model))
    for one, other in zip(own, theirs, strict=True):
        assert torch.equal(one, other)
    scores = model(images)
    assert scores.shape == (40, 10)
    assert not model.training
    assert (scores - healthy(images)).abs().max() > 0.1


def test_case_1_moves_whole_patches_over_the_diagonal(images):
    before = digit_reader().patch_embed(images).reshape(40, 4, 4, 64)
    after = patient(1).patch_embed(images).reshape(40, 4, 4, 64)
    assert_close(after, before.transpose(1, 2))


def test_case_2_is_the_right_attention_but_for_its_axis():
    q, k, v = torch.randn(3, 2, 4, 5, 8)
    asked = clinic.softmax_over_queries(q, k, v)
    scores = q @ k.mT / 8**0.5
    shares = scores.exp() / scores.exp().sum(dim=2, keepdim=True)
    assert_close(asked, shares @ v)
    assert (asked - attention(q, k, v)).abs().max() > 0.1


def test_case_2_shares_out_the_keys_and_not_the_queries(images):
    for block in range(4):
        shares = shares_of(patient(2), images, block)
        assert shares.shape == (40, 4, 17, 17)
        assert_close(shares.sum(dim=2), torch.ones(40, 4, 17))
        assert (shares.sum(dim=3) - 1).abs().max() > 0.5


def test_case_3_is_healthy_again_when_the_weights_are_cut_its_way(images):
    model = patient(3)
    for block in model.blocks:
        layer = block.attn.qkv
        for weight in (layer.weight, layer.bias):
            rows = weight.reshape(3, 4, 16, -1).permute(1, 2, 0, 3)
            weight.copy_(rows.reshape(weight.shape))
    assert_close(model(images), digit_reader()(images), atol=1e-4, rtol=0)


def test_case_3_differs_first_at_the_cut(images):
    healthy, model = (
        first_attention(m, images) for m in (digit_reader(), patient(3))
    )
    assert_close(model["norm1"], healthy["norm1"])
    assert_close(model["qkv"], healthy["qkv"])
    for name in ("q", "scores", "output"):
        step = healthy[name]
        assert (model[name] - step).norm() > 0.5 * step.norm(), name


def test_case_4_reads_the_token_behind_the_class_token(images):
    healthy, model = digit_reader(), patient(4)
    tokens = healthy.forward_features(images)
    assert_close(model.forward_features(images), tokens)
    assert_close(model(images), healthy.head(tokens[:, 1]))


def test_case_5_sorts_and_keeps_the_pairs():
    images, labels = digits("validation")
    own, sorted_labels = planted(5)(images, labels)
    assert (sorted_labels.diff() >= 0).all()
    sums = [own[sorted_labels == k].sum() for k in range(10)]
    assert_close(
        torch.stack(sums),
        torch.stack([images[labels == k].sum() for k in range(10)]),
    )


def test_case_6_parts_the_labels_from_the_images():
    labels = digits("train")[1]
    others = planted(6)(labels, seed=0)
    assert torch.equal(labels.bincount(), others.bincount())
    assert (labels == others).float().mean() < 0.12


def test_case_7_cannot_go_below_its_floor():
    scores = torch.full((1, 10), -1e4)
    scores[0, 3] = 1e4
    floor = planted(7)(scores, torch.tensor([3])).item()
    sure = torch.e / (torch.e + 9)
    assert floor == pytest.approx(-torch.log(torch.tensor(sure)).item())
    assert F.cross_entropy(scores, torch.tensor([3])) == 0


def test_case_8_answers_at_random_until_it_is_told_eval(images):
    model = patient(8)
    rates = {m.p for m in model.modules() if isinstance(m, nn.Dropout)}
    assert model.training
    assert rates == {0.35}
    assert not torch.equal(model(images), model(images))
    assert_close(model.eval()(images), digit_reader()(images))


def test_case_9_compares_two_sizes_of_one_model():
    large, small = planted(9)()
    assert (large.pixels, small.pixels) == (384, 224)
    assert (large.name, large.data) == (small.name, small.data)
    assert abs(large.millions - small.millions) < 0.1


def test_case_10_puts_unlike_units_side_by_side():
    assert list(planted(10)(4e9, 2e9).values()) == [4, 2]


def test_case_11_lets_half_of_the_asked_slip_in():
    known, asked = (
        (torch.zeros(8, 1), torch.zeros(8)),
        digits("validation"),
    )
    images = torch.arange(6.0).reshape(6, 1)
    more, labels = planted(11)(known, (images, images[:, 0]))
    assert more[8:, 0].tolist() == labels[8:].tolist() == [0, 1, 2]
    assert len(more) == 11
    assert len(asked[0]) == 1000


def test_case_12_takes_the_best_and_another_of_the_same_runs():
    runs = stored("one_minute")["runs"]
    shares = [run["accuracy"] for run in runs]
    compared = planted(12)(shares)
    assert compared["A"] == max(shares)
    assert compared["B"] in shares
    assert compared["B"] < compared["A"]


@pytest.mark.parametrize("case", [0, 13, "1"])
def test_a_case_that_is_not_there_is_refused(case, refuses):
    refuses(lambda: planted(case), case, 12)


@pytest.mark.parametrize("block", [0, 3])
def test_the_shares_of_a_healthy_model_are_those_of_its_record(
    block, images
):
    model = digit_reader()
    shares = shares_of(model, images, block)
    before = model.blocks[block].attn.attention
    with record_attention(model) as maps:
        scores = model(images)
    assert_close(shares, maps[block])
    assert model.blocks[block].attn.attention is before
    first_attention(model, images)
    assert_close(model(images), scores)
    assert not any(part._forward_hooks for part in model.modules())


def test_the_runs_were_made_by_the_script_that_is_here():
    record = stored("clinic")
    made = constants(ROOT / "experiments/clinic.py")
    assert record["command"] == "python experiments/clinic.py"
    assert record["seeds"] == list(made["SEEDS"])
    assert record["recipe"] == made["RECIPE"]
    assert record["threads"] == made["THREADS"]
    errors = [run["error"] for run in record["runs"]]
    assert errors == list(made["ERRORS"])
    assert errors[1:] == [planted(case).__name__ for case in (5, 6, 7)]
    for run in record["runs"]:
        assert len(run["losses"]) == 250
        assert sum(run["answers"]) == 1000
    assert record["by_heart"] == [64]


def test_a_run_with_an_error_shows_what_its_case_says():
    healthy, teeth, guess, floor = stored("clinic")["runs"]
    rises = [
        b - a
        for a, b in zip(teeth["losses"], teeth["losses"][3:], strict=False)
    ]
    assert sum(rise > 0.7 for rise in rises) >= 16  # two epochs of classes
    assert teeth["answers"][7] == 1000
    assert max(abs(loss - 2.303) for loss in guess["losses"]) < 0.06
    assert min(floor["losses"]) > 1.461
    assert floor["answers"][5] == 0
    assert floor["accuracy"] > 0.8
    assert healthy["losses"][-1] < 0.5


def test_every_case_has_its_heading_its_findings_and_its_question():
    cells = nbformat.read(PAGE, 4).cells
    places = []
    for case in range(1, 13):
        (heading,) = (
            i
            for i, cell in enumerate(cells)
            if cell.source.startswith(f"### Case {case}: ")
        )
        shown, asked = cells[heading + 1 : heading + 3]
        assert shown.cell_type == "code"
        assert shown.outputs
        assert asked.source == f'quiz("clinic", {case})'
        assert questions("clinic")[case - 1].text.startswith(
            f"Case {case}: "
        )
        places.append(heading)
    assert places == sorted(places)
    assert len(questions("clinic")) == 12 == len(clinic.PLANTED)


def test_no_case_gives_its_error_away():
    """What is planted has its name in the last section only."""
    cells = nbformat.read(PAGE, 4).cells
    names = {function.__name__ for function in clinic.PLANTED.values()}
    names |= {"ColumnByColumn", "HeadsFirst", "ReadsTokenOne"}
    end = next(
        i
        for i, cell in enumerate(cells)
        if cell.source.startswith("## What was planted")
    )
    for cell in cells[:end]:
        assert not [name for name in names if name in cell.source]
    for function in [*clinic.PLANTED.values()][4:]:
        shown = f"show_source(clinic.{function.__name__})"
        assert any(shown in cell.source for cell in cells[end:])


def test_all_questions_together_are_small():
    quizzes = [quiz("clinic", case).state() for case in range(1, 13)]
    assert len(json.dumps(quizzes)) < 30_000
