"""The logit lens, driven in a browser, its numbers vitlib's."""

import re

import pytest
import torch
from live_page import PHONE, draw_one, faults, give_to_python, state

from vitlib.inside import logit_lens
from vitlib.teach import digit_reader
from vitlib.teach.alive.bundle import samples
from vitlib.teach.live import LensExplorer

PRESSED = ("[aria-label^='patch 6']", "Enter", "token", 7)

FIGURE = "[data-figure=lens_explorer]"
CELLS = f"{FIGURE} .vit-lens-cell"
STEPS = f"{FIGURE} .vit-lens-press"
TOKENS = ["the class token", *(f"patch {i}" for i in range(16))]
LAYERS = ["embedded", *(f"layer {i}" for i in range(4))]


def shares_of(image):
    return logit_lens(digit_reader(), image)[:, 0].softmax(dim=-1)


def labels(tab, buttons):
    every = "(all) => all.map((e) => e.ariaLabel)"
    return tab.locator(buttons).evaluate_all(every)


def near(text, share):
    """Is this how a share is printed?"""
    if text == "> 99 %":
        return share > 0.994
    if text == "< 1 %":
        return share < 0.006
    return abs(float(text.removesuffix(" %")) / 100 - share) <= 0.00501


def holds(tab, step, token, digit=5, image=None):
    """All that is shown must be the lens of vitlib at this place."""
    shares = shares_of(samples()[digit][None] if image is None else image)
    sure, answers = shares.max(dim=-1)
    final = answers[-1, 0].item()
    shown = state(tab)
    assert [shown["step"], shown["token"]] == [str(step), str(token)]
    assert shown["answer"] == str(final)
    found = torch.tensor([float(s) for s in shown["shares"].split()])
    torch.testing.assert_close(
        found, shares[step, token], atol=1e-4, rtol=0
    )

    cells = tab.locator(CELLS).evaluate_all(
        "(all) => all.map((e) => [e.querySelector('b').textContent,"
        " e.querySelector('span').textContent])"
    )
    for place, (answer, share) in enumerate(cells):
        assert int(answer) == answers[step, place]
        assert near(share, sure[step, place].item())
    tiles = tab.locator(f"{FIGURE} .vit-lens-tile").all_text_contents()
    assert [int(tile) for tile in tiles] == answers.flatten().tolist()
    agree = (answers[:, 1:] == final).sum(dim=1).tolist()
    counts = tab.locator(f"{FIGURE} .vit-lens-tiles > .vit-hint")
    assert counts.all_text_contents() == [f"{n} of 16" for n in agree]

    table = tab.locator(f"{FIGURE} [role=cell]").all_text_contents()
    for text, share in zip(
        table, shares[:, token].T.flatten().tolist(), strict=True
    ):
        assert near(text, share)
    said = tab.locator(f"{FIGURE} .vit-lens-said").inner_text()
    when = f"After layer {step - 1}" if step else "Before the first layer"
    best = answers[step, token].item()
    assert f"{when} {TOKENS[token]} would answer {best}, " in said
    return answers


def test_the_first_frame_shows_where_the_answer_begins(open_figure):
    figure = LensExplorer()
    tab = open_figure(figure)
    answers = holds(tab, figure.step, figure.token)
    assert answers[:, 0].tolist()[1:3] == [4, 5]
    said = tab.locator(f"{FIGURE} .vit-lens-said").inner_text()
    assert (
        "From layer 1 on it says 5, which is the model's answer." in said
    )
    names = tab.locator(f"{FIGURE} code").all_inner_texts()
    assert names == [
        "scores[2, 0].softmax(-1) (17, 10)",
        "scores[:, 0, 0].softmax(-1) (5, 10)",
    ]


def test_since_when_the_class_token_knows(open_figure):
    tab = open_figure(LensExplorer(step=4))
    for digit in (1, 2, 7):
        tab.get_by_title(f"A sample {digit}").click()
        answers = holds(tab, 4, 0, digit)[:, 0].tolist()
        last = max(i for i in range(5) if answers[i] != digit)
        said = tab.locator(f"{FIGURE} .vit-lens-said").inner_text()
        assert f"From layer {last} on it says {digit}," in said
    tab.get_by_title("A sample 0").click()
    answers = holds(tab, 4, 0, 0)[:, 0].tolist()
    assert [answers[0], answers[-1]] == [0, 0]


def test_it_opens_where_python_says(open_figure):
    figure = LensExplorer(step=4, token=7)
    figure.image = samples()[2][None]
    tab = open_figure(figure)
    holds(tab, 4, 7, digit=2)
    assert figure.scores.shape == (5, 1, 17, 10)
    shares = figure.scores[:, 0].softmax(dim=-1)
    torch.testing.assert_close(shares, shares_of(figure.image))


def test_a_token_that_never_says_it(open_figure):
    answers = shares_of(samples()[5][None]).argmax(dim=-1)[-1]
    token = int((answers != 5).nonzero()[0])
    tab = open_figure(LensExplorer(token=token))
    holds(tab, 2, token)
    said = tab.locator(f"{FIGURE} .vit-lens-said").inner_text()
    assert "Even in the end it does not say 5" in said


def test_a_click_follows_a_token_and_a_glance_shows_it(open_figure):
    tab = open_figure(LensExplorer())
    tab.locator(CELLS).nth(10).hover()
    holds(tab, 2, 10)
    tab.mouse.move(1, 1)
    holds(tab, 2, 0)
    tab.locator(CELLS).nth(10).click()
    tab.locator(STEPS).nth(4).click()
    holds(tab, 4, 10)
    tab.locator(CELLS).nth(0).click()
    tab.mouse.move(1, 1)
    holds(tab, 4, 0)


def test_keys_alone_are_enough(open_figure):
    tab = open_figure(LensExplorer(token=6))
    tab.get_by_role("slider", name="after").focus()
    tab.keyboard.press("ArrowRight")
    holds(tab, 3, 6)
    tab.locator(CELLS).nth(6).focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowLeft")
    holds(tab, 3, 9)
    tab.locator(STEPS).nth(3).focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    holds(tab, 1, 9)
    slider = tab.get_by_role("slider", name="after")
    assert slider.get_attribute("aria-valuetext") == "layer 0"


def test_each_step_and_token_says_what_it_shows(open_figure):
    tab = open_figure(LensExplorer(step=3))
    answers = shares_of(samples()[5][None]).argmax(dim=-1)
    labels = tab.locator(STEPS).evaluate_all(
        "(m) => m.map((e) => e.ariaLabel)"
    )
    for step, label in enumerate(labels):
        agree = (answers[step, 1:] == 5).sum().item()
        assert label.startswith(f"{LAYERS[step]}: ")
        assert f"says {answers[step, 0].item()}, " in label
        assert label.endswith(f"{agree} of 16 patches say 5")
    labels = tab.locator(CELLS).evaluate_all(
        "(m) => m.map((e) => e.ariaLabel)"
    )
    for token, label in enumerate(labels):
        says = f"{TOKENS[token]} says {answers[3, token].item()} "
        assert label.startswith(says)


def test_violet_is_for_the_models_own_answer_alone(open_figure):
    tab = open_figure(LensExplorer(step=4))
    answers = shares_of(samples()[5][None]).argmax(dim=-1)[4]
    fills = tab.locator(CELLS).evaluate_all(
        "(all) => all.map((e) => getComputedStyle(e).backgroundColor)"
    )
    for fill, answer in zip(fills, answers.tolist(), strict=True):
        red, green, _ = (int(v) for v in re.findall(r"\d+", fill))
        assert (red > green) == (answer == 5)


def test_what_is_drawn_runs_through_the_layers(open_figure):
    tab = open_figure(LensExplorer(step=4))
    tab.get_by_role("button", name="draw your own").click()
    assert not tab.locator(CELLS).first.is_visible()
    tab.get_by_role("button", name="clear the drawing").click()
    tab.locator(FIGURE).filter(has_text="Nothing is drawn").wait_for()
    assert state(tab)["answer"] == ""
    draw_one(tab)
    tab.wait_for_selector(f"{FIGURE}[data-answer='1']")
    tab.get_by_role("button", name="back to the tokens").click()
    drawn = tab.evaluate("[...vitlib.drawing.drawing.image.data]")
    image = torch.tensor(drawn).reshape(1, 1, 28, 28)
    holds(tab, 4, 0, image=image)


def test_a_finger_on_a_phone(open_figure):
    tab = open_figure(LensExplorer(), **PHONE)
    tab.locator(CELLS).nth(13).tap()
    holds(tab, 2, 13)
    tab.locator(STEPS).nth(3).tap()
    holds(tab, 3, 13)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    sizes = tab.locator(f"{CELLS}, {STEPS}").evaluate_all(
        "(all) => all.map((e) => Math.min(e.offsetWidth, e.offsetHeight))"
    )
    assert min(sizes) >= 44


def test_a_tensors_name_lights_what_shows_it(open_figure):
    tab = open_figure(LensExplorer())
    lit = f"{FIGURE} .vit-panel-lit"
    names = tab.locator(f"{FIGURE} code")
    assert not tab.locator(lit).count()
    names.first.hover()
    assert tab.locator(f"{lit} .vit-lens-cells").count() == 1
    names.last.focus()
    assert tab.locator(f"{lit}[role=table]").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "step", [4, pytest.param(2, marks=pytest.mark.long)]
)
def test_every_number_can_be_read(theme, step, open_figure):
    tab = open_figure(LensExplorer(step=step), theme=theme)
    assert faults(tab) == []


def test_a_kernel_moves_the_figure_and_hears_of_it(open_figure):
    tab = open_figure(LensExplorer())
    give_to_python(tab)
    tab.evaluate("python.set('step', 3); python.set('token', 12)")
    holds(tab, 3, 12)
    tab.locator(STEPS).nth(0).click()
    assert tab.evaluate("python.saved.at(-1).step") == 0
    holds(tab, 0, 12)


@pytest.mark.parametrize(
    ("trait", "value", "last"), [("step", 5, 4), ("token", 17, 16)]
)
def test_a_place_that_is_not_there_is_refused(refuses, trait, value, last):
    figure = LensExplorer()
    refuses(lambda: LensExplorer(**{trait: value}), trait, value, last)
    refuses(lambda: setattr(figure, trait, -1), trait, -1, last)
    assert (figure.step, figure.token) == (2, 0)


def test_the_still_picture_tells_what_the_tokens_say():
    figure = LensExplorer()
    _, alt = figure.still()
    answers = shares_of(figure.image).argmax(dim=-1)
    said = ", ".join(map(str, answers[:, 0].tolist()))
    agree = (answers[:, 1:] == 5).sum(dim=1).tolist()
    assert f"The class token says in turn: {said}." in alt
    assert f"Squares that say 5: {', '.join(map(str, agree))} of 16" in alt
