"""A plan: page and arithmetic agree, and memory is what torch keeps."""

from itertools import product

import pytest
import torch
from live_page import PHONE, give_to_python, settle
from traitlets import TraitError

from vitlib import SIZES, ViT
from vitlib.teach.chapters.scaling import plan
from vitlib.teach.chapters.scaling.run_planner import RunPlanner

PRESSED = ("[type=range]", "ArrowRight", "image_size", 288)

GRID = {
    "model": ("Ti/16", "B/32", "L/14", "H/14"),
    "image_size": (224, 448),
    "batch": (1, 64),
    "devices": (1, 8),
    "bf16": (False, True),
    "checkpoints": (False, True),
    "sharded": (False, True),
}
REST = {"images": 1000, "epochs": 3, "device": "A100", "peak": 1.0}
REST |= {"utilisation": 40, "price": 2.0}
FOUND = """(all) => all.map((run) => {
  const page = vitlib.run_planner;
  const [flops, peak] = [page.work(run), page.teraflops(run)];
  return {
    flops, peak,
    device_hours: page.deviceHours(
      flops, peak, run.utilisation / 100, run.checkpoints),
    ...page.memory(run),
  };
})"""


def every_plan():
    for values in product(*GRID.values()):
        yield dict(zip(GRID, values, strict=True)) | REST


def results(tab):
    return tab.locator(".vit-plan-result b").all_inner_texts()


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()
    settle(tab)


def test_page_and_arithmetic_agree_on_the_whole_grid(open_figure):
    tab = open_figure(RunPlanner())
    plans = list(every_plan())
    for one, found in zip(plans, tab.evaluate(FOUND, plans), strict=True):
        planner = RunPlanner(**one)
        counts = planner.counts()
        assert found["peak"] == planner.teraflops
        for name in ("flops", "device_hours", "state", "activations"):
            assert found[name] == pytest.approx(counts[name], rel=1e-12)


def kept(model, images, bf16):
    """Bytes that torch keeps, the weights and their copies left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    copies = {tuple(p.shape) for p in model.parameters() if p.ndim > 1}
    copies |= {shape[::-1] for shape in copies}
    found = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        cast = bf16 and tensor.dtype == torch.bfloat16
        if storage.data_ptr() not in own and not (
            cast and tuple(tensor.shape) in copies
        ):
            found[storage.data_ptr()] = storage
        return tensor.detach()

    cast = torch.autocast("cpu", torch.bfloat16, enabled=bf16)
    hooks = torch.autograd.graph.saved_tensors_hooks
    with cast, hooks(note, lambda tensor: tensor):
        model(images)
    return sum(storage.nbytes() for storage in found.values())


@pytest.mark.parametrize("bf16", [False, True])
def test_activations_are_what_torch_keeps(bf16):
    model = ViT.from_name("Ti/16")
    held = kept(model, torch.rand(1, 3, 224, 224), bf16)
    told = plan.activations("Ti/16", bf16=bf16)
    assert told == pytest.approx(held, rel=0.01)


def test_with_checkpoints_a_block_is_whole_and_the_others_are_inputs():
    model = ViT.from_name("Ti/16")
    images = torch.rand(1, 3, 224, 224)
    whole = kept(model, images, False)
    model.blocks.set_grad_checkpointing()
    inputs = kept(model, images, False)
    one = ViT.from_name("Ti/16")
    one.blocks = one.blocks[:11]
    block = whole - kept(one, images, False)
    told = plan.activations("Ti/16", checkpoints=True)
    assert told == pytest.approx(inputs + block - 4 * 197 * 192, rel=0.01)


def test_the_state_is_four_numbers_for_each_weight():
    for name in SIZES:
        with torch.device("meta"):
            model = ViT.from_name(name)
        count = sum(p.numel() for p in model.parameters())
        assert plan.memory(name)["state"] == 16 * count
        eight = plan.memory(name, devices=8, sharded=True)["state"]
        block = sum(p.nbytes for p in model.blocks[0].parameters())
        assert eight == pytest.approx(2 * count + block, rel=0.001)


def test_the_papers_own_count_of_its_runs_is_ours():
    """Exaflops of table 6 of arxiv.org/abs/2010.11929, JFT-300M."""
    published = {("B/32", 7): 55, ("L/16", 14): 1567, ("H/14", 14): 4262}
    for (name, epochs), exaflops in published.items():
        found = plan.work(name, 224, 303_000_000, epochs) / 1e18
        assert found == pytest.approx(exaflops, rel=0.025)


def test_every_published_run_has_hours_and_a_source():
    runs = plan.runs()
    assert len(runs) == 10
    for run in runs:
        assert run.hours > 0
        assert run.url.startswith("https://")
    for run in plan.planned():
        assert 0.15 < run.utilisation < 0.5


def test_a_name_of_the_table_plans_that_run(open_figure):
    tab = open_figure(RunPlanner(utilisation=43))
    press(tab, "plan ViT-L/16 as published")
    assert results(tab)[0] == "1,567 EFLOPs"
    press(tab, "plan CLIP ViT-L/14 as published")
    assert results(tab)[0] == "6,222 EFLOPs"
    press(tab, "plan DeiT-B as published")
    assert results(tab)[0] == "40.5 EFLOPs"


def test_eight_devices_take_an_eighth_of_the_time(open_figure):
    planner = RunPlanner(images=1_000_000, epochs=30, devices=8)
    time, unit = results(open_figure(planner))[1].split()
    hours = planner.counts()["device_hours"] / 8
    assert unit == "hours"
    assert float(time) == pytest.approx(hours, rel=0.01)


@pytest.mark.long
def test_the_ratios_follow_the_share_of_the_peak(open_figure):
    tab = open_figure(RunPlanner(utilisation=20))
    for share in (20, 40):
        tab.get_by_role("slider", name="share of the peak").fill(
            str(share - 1)
        )
        settle(tab)
        rows = tab.locator(".vit-plan-checks tbody tr").all_inner_texts()
        for words, run in zip(rows, plan.planned(), strict=True):
            told = run.utilisation / (share / 100)
            assert words.split("\t")[3] == f"{told:.2f}"


@pytest.mark.long
def test_a_price_makes_a_cost(open_figure):
    tab = open_figure(RunPlanner())
    assert results(tab)[4] == "enter a price"
    tab.get_by_label("price of a device hour").fill("2")
    tab.keyboard.press("Enter")
    settle(tab)
    hours = float(results(tab)[2].replace(",", ""))
    assert float(results(tab)[4].replace(",", "")) == pytest.approx(
        2 * hours, abs=1
    )


@pytest.mark.long
def test_another_device_has_the_peak_that_is_entered(open_figure):
    tab = open_figure(RunPlanner())
    give_to_python(tab)
    field = tab.get_by_label("TFLOP/s of the other")
    assert field.is_hidden()
    tab.get_by_text("other", exact=True).click()
    settle(tab)
    assert field.is_visible()
    field.fill("312")
    tab.keyboard.press("Enter")
    settle(tab)
    assert tab.evaluate("python.get('peak')") == 312


@pytest.mark.long
def test_a_size_that_cannot_be_cut_is_a_calm_case(open_figure):
    tab = open_figure(RunPlanner(model="H/14", image_size=320))
    assert (
        "320 x 320 pixels cannot be cut"
        in tab.locator(".vit-verdict").inner_text()
    )
    assert not tab.locator(".vit-plan-result:visible").count()


def test_a_plan_is_made_by_finger_on_a_phone(open_figure):
    tab = open_figure(RunPlanner(), **PHONE)
    tab.get_by_text("Ti/16", exact=True).tap()
    settle(tab)
    assert results(tab)[0] == "2.89 EFLOPs"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.long
def test_the_map_follows_the_page_into_the_dark(open_figure):
    fill = (
        'getComputedStyle(document.querySelector(".vit-plan-map text"))'
        ".fill"
    )
    day, night = (
        open_figure(RunPlanner(), theme=theme).evaluate(fill)
        for theme in ("light", "dark")
    )
    assert day != night


def test_what_is_no_size_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        RunPlanner(model="B/7")
    with pytest.raises(TraitError):
        RunPlanner(devices=0)


def test_the_still_picture_tells_the_plan():
    words = RunPlanner().still()[1]
    for run in plan.planned():
        assert f"{run.name} {run.utilisation:.0%}" in words
    assert "ViT-B/16, 40.5 exaFLOPs counted" in words
