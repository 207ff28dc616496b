"""The replay of a run: what the page shows is what the run recorded."""

import json
import math

import numpy as np
import pytest
import torch
from live_page import (
    PHONE,
    faults,
    give_to_python,
    hold_the_clock,
    keys_at_once,
    pixels,
    settle,
)
from traitlets import TraitError

from vitlib.teach import digits
from vitlib.teach.chapters.training.training_replay import film
from vitlib.teach.data.experiments import stored
from vitlib.teach.draw.canvas import SIGNED
from vitlib.teach.live import TrainingReplay

PRESSED = ("[type=range]", "ArrowRight", "moment", 2)

FIGURE = "[data-figure=training_replay]"
LABELS = digits("validation")[1][:100]
RUN = stored("one_minute")["runs"][0]
MOMENTS = range(13)
# Milliseconds of the page's clock. A step lasts 600, then it is drawn.
FRAME, STEP, LONG = 20, 650, 10_000


def text(tab, selector, index=0):
    return tab.locator(f"{FIGURE} {selector}").nth(index).inner_text()


def number(words):
    return float(words.strip(" %").replace("\u2212", "-"))


def moment(tab):
    return int(tab.get_by_role("slider", name="epoch").input_value())


def go(tab, epoch):
    tab.get_by_role("slider", name="epoch").fill(str(epoch))
    settle(tab)


def marked(tab):
    """The digits in their order, each with what it is marked with."""
    return tab.evaluate(
        """() => [...document.querySelectorAll(".vit-replay-digit")]
          .map((one) => [one.digit, one.lastChild.textContent])"""
    )


def holds(tab, replay):
    """Everything that is written on the page, number by number."""
    now, digit = replay.moment, replay.digit
    assert moment(tab) == now
    loss, share = (number(text(tab, ".vit-head b", i)) for i in (0, 1))
    losses = [math.log(10), *RUN["loss_every_25_steps"]]
    assert loss == pytest.approx(losses[5 * now], abs=0.0051)
    if now:
        reached = 100 * RUN["accuracy_by_epoch"][now - 1]
        assert share == pytest.approx(reached, abs=0.051)
    answers = film()["shares"][now].argmax(dim=1)
    wrong = (answers != LABELS).nonzero().flatten().tolist()
    found = {i: int(mark) for i, mark in marked(tab) if mark}
    assert found == {i: answers[i].item() for i in wrong}
    assert text(tab, ".vit-head b", 2) == f"{len(wrong)} of 100 misread"
    shown = (
        tab.locator(".vit-replay-names").nth(1).inner_text().split("\n")
    )
    of_digit = film()["shares"][now, digit]
    for words, p in zip(shown, of_digit.tolist(), strict=True):
        if words == "< 1 %":
            assert p < 0.0051
        else:
            assert number(words) == pytest.approx(100 * p, abs=0.52)
    said = text(tab, ".vit-replay-said")
    if now:
        assert said.startswith(f"A {LABELS[digit]}, ")
        assert ("right with" in said) == (digit not in wrong)
    added, likeness = (text(tab, ".vit-replay-said", i) for i in (1, 2))
    first, then = film()["filters"][0], film()["filters"][now]
    share = ((then - first).norm() / first.norm()).item()
    assert number(added.split()[1]) == pytest.approx(100 * share, abs=1)
    near, far = likeness.removeprefix("mean: neighbours ").split(
        ", others "
    )
    for words, mean in zip((near, far), nearness(now), strict=True):
        assert number(words) == pytest.approx(mean, abs=0.0052)
        assert words != "\u22120.00"


def nearness(now):
    """Both means over all places, pair by pair."""
    found = {True: [], False: []}
    unit = film()["positions"][now, 1:]
    unit = unit / unit.norm(dim=1, keepdim=True)
    for a in range(16):
        for b in range(16):
            steps = abs(a // 4 - b // 4) + abs(a % 4 - b % 4)
            if steps:
                found[steps == 1].append((unit[a] @ unit[b]).item())
    return [sum(found[k]) / len(found[k]) for k in (True, False)]


def test_the_first_frame_says_what_python_says(open_figure):
    replay = TrainingReplay()
    tab = open_figure(replay)
    tab.locator(f"{FIGURE}[data-ready]").wait_for()
    holds(tab, replay)
    assert len(replay.wrong) == 26
    assert [i for i, _ in marked(tab)] == replay.order()
    said = text(tab, ".vit-replay-said")
    assert said == "A 6, taken for 4 with 38 %; the 6 gets 17 %."


@pytest.mark.parametrize(
    "digit", [61, pytest.param(93, marks=pytest.mark.long)]
)
def test_every_moment_is_what_was_recorded(open_figure, digit):
    tab = open_figure(TrainingReplay(digit=digit, moment=12))
    for now in MOMENTS:
        go(tab, now)
        holds(tab, TrainingReplay(moment=now, digit=digit))


def test_the_film_ends_where_the_stored_run_ended():
    shares = film()["shares"]
    assert tuple(shares.shape) == (13, 100, 10)
    torch.testing.assert_close(
        shares.sum(dim=2), torch.ones(13, 100), atol=2e-3, rtol=0
    )
    right = (shares.argmax(dim=2) == LABELS).float().mean(dim=1)
    reached = torch.tensor(RUN["accuracy_by_epoch"])
    # A hundred of a thousand digits: within three standard deviations.
    room = 3 * (reached * (1 - reached) / 100).sqrt()
    assert ((right[1:] - reached).abs() < room).all()


def test_the_first_of_the_wall_is_the_digit_that_is_learned_first(
    open_figure,
):
    tab = open_figure(TrainingReplay())
    shown = pixels(tab, ".vit-replay-digit canvas >> nth=0")[..., 3] / 255
    image = digits("validation")[0][TrainingReplay().order()[0], 0]
    assert np.abs(shown - image.numpy()).max() < 0.04  # sixteen greys


def test_untrained_it_gives_no_answer(open_figure):
    replay = TrainingReplay(moment=0)
    tab = open_figure(replay)
    holds(tab, replay)
    assert text(tab, ".vit-replay-said").startswith("Untrained: 10 % each")
    assert tab.locator(".vit-replay-answer").count() == 0
    zeros = 100 * (digits("validation")[1] == 0).float().mean().item()
    assert number(text(tab, ".vit-head b", 1)) == pytest.approx(zeros)


def test_order_is_that_in_which_digits_are_learned_for_good():
    right = film()["shares"].argmax(dim=2) == LABELS
    since = [
        next(m for m in range(14) if right[m:, i].all())
        for i in range(100)
    ]
    order = TrainingReplay().order()
    assert sorted(order) == list(range(100))
    assert [since[i] for i in order] == sorted(since)


def test_the_digit_that_stands_last_is_read_for_two_epochs_and_then_lost():
    """The chapter tells of a 1 that becomes a 2."""
    last = TrainingReplay().order()[-1]
    answers = film()["shares"][:, last].argmax(dim=1).tolist()
    assert LABELS[last] == 1
    assert answers[1:] == [1, 1] + 10 * [2]


def test_a_digit_is_chosen_by_mouse(open_figure):
    tab = open_figure(TrainingReplay(moment=12))
    place = TrainingReplay().order().index(82)
    tab.locator(".vit-replay-digit").nth(place).click()
    settle(tab)
    holds(tab, TrainingReplay(moment=12, digit=82))
    said = text(tab, ".vit-replay-said")
    assert said.startswith("A 5, taken for 3 with 84 %")


def click_at(tab, selector, x, y=0.5, index=0, tap=False):
    view = tab.locator(selector).nth(index)
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    spot = {"x": x * box["width"], "y": y * box["height"]}
    (view.tap if tap else view.click)(position=spot)
    settle(tab)


def test_a_moment_is_chosen_on_curves_and_table(open_figure):
    tab = open_figure(TrainingReplay())
    click_at(tab, ".vit-replay-chart", 0.999)
    assert moment(tab) == 12
    along = (28 + 294 * 3 / 12) / 330
    click_at(tab, ".vit-replay-chart", along, index=1)
    holds(tab, TrainingReplay(moment=3))
    click_at(tab, ".vit-replay-cells", 7.5 / 13)
    holds(tab, TrainingReplay(moment=7))


def test_everything_is_reached_by_keyboard(open_figure):
    tab = open_figure(TrainingReplay(moment=2))
    for _ in range(2):  # Play, the slider
        tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")
    settle(tab)
    assert moment(tab) == 3
    tab.keyboard.press("Tab")  # the chosen digit
    order = TrainingReplay().order()
    at = order.index(61)
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowLeft")
    settle(tab)
    digit = order[at - 11]
    holds(tab, TrainingReplay(moment=3, digit=digit))
    pressed = tab.locator(".vit-replay-digit[aria-pressed=true]")
    assert pressed.count() == 1
    assert pressed.evaluate("(e) => e === document.activeElement")
    ground = tab.locator(".vit-replay-places")
    ground.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    tab.keyboard.press("ArrowRight")
    settle(tab)
    label = ground.get_attribute("aria-label")
    assert label == "Position of row 0, column 3"


def test_two_keys_within_a_frame_are_two_steps(open_figure):
    tab = open_figure(TrainingReplay(place=(1, 1)))
    ground = tab.locator(".vit-replay-places")
    keys_at_once(ground, "ArrowDown", "ArrowRight", "ArrowDown")
    settle(tab)
    label = ground.get_attribute("aria-label")
    assert label == "Position of row 3, column 2"


def test_fingers_choose_on_a_phone(open_figure):
    tab = open_figure(TrainingReplay(), **PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    click_at(tab, ".vit-replay-chart", 0.999, tap=True)
    assert moment(tab) == 12
    tab.locator(".vit-replay-digit").nth(3).tap()
    settle(tab)
    digit = TrainingReplay().order()[3]
    holds(tab, TrainingReplay(moment=12, digit=digit))
    click_at(tab, ".vit-replay-places", 0.9, 0.9, tap=True)
    label = tab.locator(".vit-replay-places").get_attribute("aria-label")
    assert label == "Position of row 3, column 3"


def test_it_plays_when_asked_and_stops_at_the_end(open_figure):
    tab = open_figure(TrainingReplay(moment=10), own=True)
    hold_the_clock(tab)
    tab.clock.run_for(LONG)
    assert moment(tab) == 10  # never by itself
    play = tab.locator(".vit-replay-play")
    play.click()
    assert play.inner_text() == "Pause"
    tab.clock.run_for(STEP)
    assert moment(tab) == 11
    assert play.inner_text() == "Pause"
    tab.clock.run_for(STEP)
    assert "12 of 12, step 1,500" in tab.locator(FIGURE).inner_text()
    assert play.inner_text() == "Play"
    holds(tab, TrainingReplay(moment=12))
    play.click()  # and from the start again
    tab.clock.run_for(FRAME)
    assert moment(tab) == 0
    play.click()
    tab.clock.run_for(LONG)
    assert moment(tab) == 0
    play.click()
    tab.get_by_role("slider", name="epoch").fill("6")
    tab.clock.run_for(LONG)  # a hand on the slider stops it
    assert moment(tab) == 6
    assert play.inner_text() == "Play"


def test_less_motion_takes_the_fading_away(open_figure):
    tab = open_figure(TrainingReplay())
    ink = tab.locator(".vit-replay-digit .vit-heat").first
    fade = "(e) => getComputedStyle(e).transitionDuration"
    assert ink.evaluate(fade) == "0s"
    tab.emulate_media(reduced_motion="no-preference")
    assert ink.evaluate(fade) == "0.25s"


def squares(tab):
    """The 64 tables of 7 by 7 colours, (64, 49, 3)."""
    sheet = pixels(tab, ".vit-replay-view canvas")[..., :3]
    return np.array(
        [
            sheet[8 * (i // 8) :, 8 * (i % 8) :][:7, :7].reshape(49, 3)
            for i in range(64)
        ]
    )


@pytest.mark.parametrize("now", [0, 1, 12])
def test_filters_have_the_colours_of_their_numbers(open_figure, now):
    tab = open_figure(TrainingReplay(moment=now))
    filters = film()["filters"].flatten(2)
    added = filters - filters[0]
    top = added.abs().max().item()
    looks = {"added": (added[now], top), "now": (filters[now], 2.5 * top)}
    for look, (values, most) in looks.items():
        tab.get_by_text(look, exact=True).click()
        settle(tab)
        share = (values / most).clamp(-1, 1).numpy()
        expected = 255 * SIGNED((share + 1) / 2)[..., :3]
        assert np.abs(squares(tab) - expected).max() < 8
        ends = tab.locator(".vit-replay-weights .vit-scale").first
        assert ends.inner_text().split()[-1] == f"{most:.2f}"


def test_python_sets_and_the_page_follows(open_figure):
    tab = open_figure(TrainingReplay(), own=True)
    give_to_python(tab)
    tab.evaluate("python.set('moment', 9); python.set('digit', 10)")
    tab.evaluate("python.set('place', [2, 0])")
    settle(tab)
    holds(tab, TrainingReplay(moment=9, digit=10))
    tab.locator(".vit-replay-digit").first.click()
    assert (
        tab.evaluate("python.saved.at(-1).digit")
        == TrainingReplay().order()[0]
    )
    go(tab, 5)
    assert tab.evaluate("python.saved.at(-1).moment") == 5
    hold_the_clock(tab)
    tab.locator(".vit-replay-play").click()
    tab.evaluate("end()")  # the figure goes while it plays
    tab.clock.run_for(LONG)
    assert tab.evaluate("python.saved.at(-1).moment") == 5


def test_a_page_of_it_is_light():
    state = json.dumps(TrainingReplay()._repr_mimebundle_()[1])
    assert len(state) < 400_000


@pytest.mark.parametrize(
    ("trait", "value", "said"),
    [
        ("moment", 13, "13"),
        ("moment", -1, "-1"),
        ("digit", 100, "100"),
        ("place", [4, 0], r"\(4, 0\); there are 4 rows and 4 columns"),
        ("place", [0, -1], r"\(0, -1\)"),
    ],
)
def test_what_is_not_there_is_refused(trait, value, said):
    replay = TrainingReplay()
    before = getattr(replay, trait)
    with pytest.raises(TraitError, match=said):
        setattr(replay, trait, value)
    assert getattr(replay, trait) == before


def test_python_reads_what_the_page_shows():
    replay = TrainingReplay(moment=12)
    assert tuple(replay.probabilities.shape) == (100, 10)
    assert tuple(replay.filters.shape) == (64, 7, 7)
    assert replay.wrong == [10, 82, 87, 93]
    assert replay.answers[82].item() == 3
    assert replay.nearness() == pytest.approx(nearness(12), abs=1e-5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_hides_nothing_from_a_screen_reader(open_figure, theme):
    tab = open_figure(TrainingReplay(), theme=theme)
    assert faults(tab) == []
    output = tab.locator(".vit-spoken").filter(
        has_text="26 of 100 misread"
    )
    output.wait_for(state="attached")


def test_the_still_picture_tells_the_same():
    alt = TrainingReplay().still()[1]
    assert "26 of them misread" in alt
    assert "the 6 that is outlined for 4, with 38%" in alt
    assert "rises to 96.8%" in alt
