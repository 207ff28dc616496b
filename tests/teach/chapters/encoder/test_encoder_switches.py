"""The encoder's switches, driven in a browser, held to vitlib."""

import copy
from functools import cache

import pytest
import torch
from live_page import (
    PHONE,
    draw_one,
    give_to_python,
    hold_the_clock,
    state,
)
from torch import nn
from traitlets import TraitError

from vitlib import add_positions, prepend_cls
from vitlib.teach import digit_reader
from vitlib.teach.alive.bundle import samples
from vitlib.teach.chapters.encoder.encoder_switches import NAMES
from vitlib.teach.live import EncoderSwitches

PRESSED = ("text=no MLPs", "Enter", "off[1]", "blocks.1.mlp")

ROOT = "[data-figure=encoder_switches]"


def five():
    return samples()[5][None]


@torch.no_grad()
def through(image, off=()):
    """The stream after each layer and the scores, in vitlib's parts."""
    model = copy.deepcopy(digit_reader())
    tokens = prepend_cls(model.patch_embed(image), model.cls_token)
    tokens = add_positions(tokens, model.pos_embed)
    stream = [tokens]
    for index, block in enumerate(model.blocks):
        gone = {n.split(".", 2)[2] for n in off if n[7] == str(index)}
        for head in range(4):
            if f"head.{head}" in gone:
                rows = slice(16 * head, 16 * head + 16)
                block.attn.proj.weight[:, rows] = 0
        layers = (
            ("norm1", "attn", "residual1"),
            ("norm2", "mlp", "residual2"),
        )
        for norm, layer, residual in layers:
            before = (
                nn.Identity() if norm in gone else getattr(block, norm)
            )
            update = getattr(block, layer)(before(tokens))
            if layer not in gone:
                tokens = update if residual in gone else tokens + update
            stream.append(tokens)
    return stream, model.head(model.norm(tokens)[:, 0])[0]


def length(tokens):
    return tokens.norm(dim=-1).mean().item()


def apart(tokens):
    mean = tokens.mean(dim=1, keepdim=True)
    return ((tokens - mean).norm() / tokens.norm()).item()


@cache
def vital():
    best = through(five())[1].argmax()
    return [n for n in NAMES if through(five(), [n])[1].argmax() != best]


def numbers(text):
    return [float(part) for part in text.split()]


def holds(tab, *off, image=None):
    """Answer, lengths and differences must be what vitlib computes."""
    image = five() if image is None else image
    shown = state(tab)
    assert sorted(shown["off"].split()) == sorted(off)
    stream, scores = through(image, off)
    shares = scores.softmax(dim=0)
    assert int(shown["answer"]) == scores.argmax()
    assert float(shown["share"]) == pytest.approx(
        shares.max().item(), abs=1e-4
    )
    for name, measure in (("lengths", length), ("aparts", apart)):
        wanted = [measure(step) for step in stream]
        assert numbers(shown[name]) == pytest.approx(
            wanted, rel=1e-3, abs=1e-5
        )
    moved = (scores - through(image)[1]).abs().max().item()
    assert float(shown["moved"]) == pytest.approx(moved, abs=1e-3)
    said = tab.locator(f"{ROOT} .vit-verdict").inner_text()
    assert f"The model reads {scores.argmax()}, " in said
    along = tab.locator(f"{ROOT} .vit-block .vit-along").all_inner_texts()
    for block in range(4):
        printed = numbers(along[2 * block])
        pair = [length(s) for s in stream[2 * block + 1 : 2 * block + 3]]
        assert printed == pytest.approx(
            pair, abs=0.51 if max(pair) > 99 else 0.051
        )


def part(tab, name):
    return tab.get_by_role("button", name=f"{name},")


def test_the_first_frame_is_the_whole_model(open_figure):
    tab = open_figure(EncoderSwitches())
    holds(tab)
    assert tab.locator(f"{ROOT} .vit-part").count() == len(NAMES) == 40
    assert "Every part is in place" in tab.locator(ROOT).inner_text()


def test_each_part_is_tried_alone(open_figure):
    tab = open_figure(EncoderSwitches())
    tab.wait_for_selector(f"{ROOT}[data-tried='40']")
    assert state(tab)["vital"].split() == vital()
    assert 0 < len(vital()) < 40
    thick = tab.locator(f"{ROOT} .vit-vital").evaluate_all(
        "(parts) => parts.map((e) => e.ariaLabel.split(',')[0])"
    )
    assert sorted(thick) == sorted(vital())
    told = tab.locator(f"{ROOT} .vit-told").inner_text()
    assert f"{len(vital())} of 40 parts" in told
    name = vital()[0]
    part(tab, name).hover()
    _, scores = through(five(), [name])
    shown = tab.locator(f"{ROOT} .vit-told").inner_text()
    assert shown.startswith(name)
    assert f"the model reads {scores.argmax()}, " in shown


def test_a_bar_is_the_answer_and_its_mark_that_of_the_whole(open_figure):
    off = ["blocks.0.attn"]
    tab = open_figure(EncoderSwitches(off=off))
    drawn = tab.locator(f"{ROOT} .vit-bar").evaluate_all(
        """(bars) => ["--share", "--before"].map((name) => bars.map(
          (bar) => Number(bar.style.getPropertyValue(name))))"""
    )
    for bars, without in zip(drawn, (off, []), strict=True):
        shares = through(five(), without)[1].softmax(dim=0)
        assert bars == pytest.approx(shares.tolist(), abs=1e-4)


def test_arrows_go_down_to_the_next_part_and_up_again(open_figure):
    tab = open_figure(EncoderSwitches())
    part(tab, "blocks.0.norm1").focus()
    for key, name in (("ArrowDown", "attn"), ("ArrowUp", "norm1")):
        tab.keyboard.press(key)
        label = tab.evaluate("document.activeElement.ariaLabel")
        assert label == f"blocks.0.{name}, in place"


def test_a_figure_that_is_gone_tries_no_parts(open_figure):
    tab = open_figure(EncoderSwitches(), own=True)
    hold_the_clock(tab)
    give_to_python(tab)
    tab.evaluate("end()")
    tab.clock.run_for(10_000)
    tried = "(e) => e.dataset.tried"
    assert tab.eval_on_selector(ROOT, tried) == "0"


def test_a_click_takes_a_part_away_and_puts_it_back(open_figure):
    tab = open_figure(EncoderSwitches())
    layers = "norm1", "attn", "head.2", "norm2", "mlp"
    for kind in (*layers, "residual1", "residual2"):
        name = f"blocks.1.{kind}"
        part(tab, name).click()
        holds(tab, name)
        assert part(tab, name).get_attribute("aria-pressed") == "false"
        part(tab, name).click()
        holds(tab)


def test_parts_of_several_blocks_go_together(open_figure):
    off = ["blocks.0.head.1", "blocks.2.residual2", "blocks.3.norm1"]
    tab = open_figure(EncoderSwitches(off=off))
    holds(tab, *off)
    assert "3 of 40 parts taken away" in tab.locator(ROOT).inner_text()


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("no sums", ("residual1", "residual2")),
        ("no norms", ("norm1", "norm2")),
        ("no attention", ("attn",)),
        ("no MLPs", ("mlp",)),
    ],
)
def test_all_of_a_kind_go_at_once(words, kinds, open_figure):
    tab = open_figure(EncoderSwitches())
    button = tab.get_by_role("button", name=words)
    button.click()
    holds(tab, *(n for n in NAMES if n.split(".")[2] in kinds))
    assert button.get_attribute("aria-pressed") == "true"
    tab.get_by_role("button", name="everything on").click()
    holds(tab)


def test_keys_alone_are_enough(open_figure):
    tab = open_figure(EncoderSwitches())
    part(tab, "blocks.0.norm1").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Space")
    holds(tab, "blocks.0.attn")
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    holds(tab, "blocks.0.attn", "blocks.1.residual2")
    told = tab.locator(f"{ROOT} .vit-told").inner_text()
    assert told.startswith("blocks.1.residual2")


def test_what_has_nothing_to_do_is_pale(open_figure):
    tab = open_figure(EncoderSwitches(off=["blocks.2.attn"]))
    pale = tab.locator(f"{ROOT} .vit-idle").evaluate_all(
        "(parts) => parts.map((e) => e.ariaLabel.split(',')[0])"
    )
    heads = [f"blocks.2.head.{head}" for head in range(4)]
    idle = ["blocks.2.norm1", "blocks.2.residual1", *heads]
    assert sorted(pale) == sorted(idle)


def test_it_reads_what_is_drawn(open_figure):
    tab = open_figure(EncoderSwitches(off=["blocks.3.mlp"]))
    tab.get_by_title("A sample 2").click()
    holds(tab, "blocks.3.mlp", image=samples()[2][None])
    tab.get_by_role("button", name="Clear the drawing").click()
    said = tab.locator(f"{ROOT} .vit-verdict")
    said.filter(has_text="Nothing is drawn").wait_for()
    draw_one(tab)
    said.filter(has_text="The model reads 1").wait_for()


def test_a_finger_on_a_phone(open_figure):
    tab = open_figure(EncoderSwitches(), **PHONE)
    part(tab, "blocks.3.head.3").tap()
    part(tab, "blocks.0.residual1").tap()
    holds(tab, "blocks.3.head.3", "blocks.0.residual1")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    small = tab.locator(f"{ROOT} .vit-part").evaluate_all(
        "(p) => Math.min(...p.map((e) => Math.min(e.offsetWidth,"
        " e.offsetHeight)))"
    )
    assert small >= 24


def test_it_is_readable_in_the_dark(open_figure):
    tab = open_figure(EncoderSwitches(), theme="dark")
    look = tab.locator(f"{ROOT} .vit-part-mlp").first.evaluate(
        "(e) => [getComputedStyle(e).color,"
        " getComputedStyle(e).backgroundColor]"
    )
    assert look == ["rgb(225, 229, 234)", "rgb(21, 24, 28)"]


@pytest.mark.parametrize(
    "name",
    [
        "blocks.4.norm1",
        "blocks.0.head.4",
        "norm",
        "pos_embed",
    ],
)
def test_a_part_that_is_not_there_is_refused(name):
    with pytest.raises(TraitError, match="off names"):
        EncoderSwitches(off=[name])


def test_the_still_picture_tells_the_streams_length():
    stream, scores = through(five())
    _, alt = EncoderSwitches().still()
    assert f"is {length(stream[0]):.0f} in front" in alt
    assert f"{length(stream[-1]):.0f} at the end" in alt
    assert f"reads {scores.argmax()}." in alt
