"""The benchmark: what it counts and how it judges, not the times."""

import json

import bench
import pytest
import torch
from checks import noted_checks
from measuring import noise, peak_bytes, ratio, training_call
from products import matrix_products
from tables import Setting, fastest_peer, memory_ratio, tell_goals
from torch.utils.flop_counter import FlopCounterMode

from vitlib import ViT
from vitlib.attention import attention

TIMES = {
    "vitlib": [11.0, 22.0, 9.0],
    "slow": [20.0, 40.0, 20.0],
    "quick": [10.0, 20.0, 10.0],
    "quick again": [10.0, 20.0, 10.0],
    "products": [5.0, 10.0, 6.0],
}
EAGER = {
    "setting": Setting("Ti/16", 1, 224, False),
    "times": TIMES,
    "held": {"vitlib": 3, "quick": 4, "slow": 5},
    "peak": {"vitlib": 3, "quick": 1, "slow": 5},
}


@pytest.mark.parametrize("training", [False, True])
def test_the_floor_has_the_products_that_torch_counts(training):
    """With attention written out, whose products torch's counter sees."""
    model = ViT.from_name("Ti/16", image_size=32).train(training)
    for block in model.blocks:
        block.attn.attention = attention
    images = torch.randn(2, 3, 32, 32)
    with FlopCounterMode(display=False) as counted:
        scores = model(images)
        if training:
            scores.sum().backward()
    call, flops = matrix_products("Ti/16", 2, 32, training, images)
    assert flops == counted.get_total_flops()
    with FlopCounterMode(display=False) as done:
        call()
    assert done.get_total_flops() == flops


def test_a_ratio_is_of_the_same_rounds():
    assert ratio(TIMES, "vitlib", "quick") == pytest.approx(1.1)
    assert fastest_peer(TIMES) == "quick"


def test_two_that_are_alike_have_no_noise_and_others_theirs():
    assert noise(TIMES, "quick", "quick again") == 0
    apart = {"a": [1.0] * 9, "b": [0.8] * 4 + [1.3] * 5}
    assert noise(apart, "a", "b") == pytest.approx(0.3)
    below = {"a": [1.0] * 9, "b": [0.7] * 5 + [1.2] * 4}
    assert noise(below, "a", "b") == pytest.approx(0.3)


def test_memory_is_held_against_the_smallest_peer():
    assert memory_ratio(EAGER) == pytest.approx(6 / 5)


def test_goals_say_what_is_met_and_what_is_missed(capsys):
    options = {
        "setting": EAGER["setting"]._replace(kind="options"),
        "times": {"quick": [10.0], "vitlib": [10.0], "compiled": [8.0]},
    }
    checks = {
        "setting": EAGER["setting"]._replace(kind="checks"),
        "times": {"vitlib": [10.0], "checks alone": [1.0]},
        "repeats": 50,
    }
    tell_goals([EAGER, options, checks])
    lines = capsys.readouterr().out.strip().splitlines()[1:]
    told = [(line.split()[0], line.split(": ")[1]) for line in lines]
    assert told == [
        ("missed", "time by the fastest peer 1.100, allowed 1.000"),
        ("missed", "memory by the smallest peer 1.200, allowed 1.000"),
        ("met", "'compiled' by the fastest peer 0.800, allowed 0.850"),
        ("met", "share of the checks 0.0020, allowed 0.0050"),
    ]


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(11.5, "met     B/16"), (11.51, "missed  B/16")],
)
def test_the_larger_model_is_held_to_the_floor(milliseconds, told, capsys):
    """15 % above it is allowed, no more."""
    times = {"products": [10.0], "compiled": [milliseconds]}
    setting = Setting("B/16", 1, 224, False, "options")
    tell_goals([{"setting": setting, "times": times}])
    said = capsys.readouterr().out
    assert told in said
    assert "by the floor 1.15" in said


def test_a_stopped_run_goes_on_behind_the_tables_that_it_stored(
    tmp_path, monkeypatch
):
    """But measures anew what another state has measured."""
    monkeypatch.setattr(bench, "STORE", tmp_path)
    first, second, *_ = bench.all_settings()
    run = bench.Run("cpu", None, ["timm"], "now", None)
    bench.save(first, {"setting": first, "times": TIMES, "state": "now"})
    assert bench.load(first, run)["setting"] == first
    assert bench.load(first, run)["times"] == TIMES
    assert bench.load(second, run) is None
    assert bench.load(first, run._replace(state="then")) is None
    (stored,) = tmp_path.iterdir()
    assert json.loads(stored.read_text())["times"] == TIMES


def test_every_table_has_a_file_of_its_own():
    settings = bench.all_settings()
    assert len({bench.path_of(one) for one in settings}) == len(settings)


def test_all_checks_of_a_forward_pass_are_noted():
    """Three of each block's layers, two of its attention, three before."""
    model = ViT.from_name("Ti/16", image_size=32).eval()
    found = noted_checks(lambda: model(torch.zeros(1, 3, 32, 32)))
    assert len(found) == 3 + 12 * (3 + 2)
    model(torch.zeros(1, 3, 32, 32))
    assert len(found) == 3 + 12 * (3 + 2)  # nothing is noted any more
    assert noted_checks(lambda: None) == []


def test_a_training_step_changes_the_weights_and_knows_what_it_holds():
    """AdamW holds two numbers for each weight, and counts its steps."""
    model = ViT.from_name("Ti/16", image_size=32)
    before = [p.clone() for p in model.parameters()]
    _, held = training_call(model, torch.randn(2, 3, 32, 32))
    numbers = sum(p.numel() for p in before)
    assert held == 4 * (3 * numbers + len(before))
    changed = zip(before, model.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in changed)


def test_the_peak_is_what_is_held_at_once():
    """Three tensors of 4,000 bytes, two at a time."""

    def call():
        first = torch.empty(1000)
        second = first.neg()
        del first
        return second.neg()

    assert peak_bytes(call, "cpu") == 8000


def test_what_was_compiled_for_tables_before_is_forgotten(monkeypatch):
    """Torch compiles one function for eight models, then for no more."""
    done = []

    def compiled(model):
        done.append("compile")
        return model

    monkeypatch.setattr(
        torch.compiler, "reset", lambda: done.append("reset")
    )
    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(
        bench, "build", lambda *_: ViT.from_name("Ti/16", image_size=32)
    )
    setting = Setting("Ti/16", 1, 32, False, "options")
    run = bench.Run("cpu", 1, ["another"], "", None)
    assert "compiled" in bench.option_calls(setting, run)["calls"]
    assert done == ["reset", "compile"]
