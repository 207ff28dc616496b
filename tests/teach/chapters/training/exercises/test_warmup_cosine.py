"""check.warmup_cosine: right curves of any style, and wrong ones."""

import math

import numpy as np
import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def in_numpy(step, steps, warmup):
    rising = int(warmup * steps)
    up = (np.arange(rising) + 1) / (rising + 1)
    share = np.arange(steps - rising) / (steps - rising)
    down = 0.5 + 0.5 * np.cos(np.pi * share)
    return float(np.concatenate([up, down])[step])


def squared(step, steps, warmup):
    rising = math.floor(steps * warmup)
    if step >= rising:
        angle = math.pi / 2 * (step - rising) / (steps - rising)
        return torch.tensor(math.cos(angle) ** 2)
    return 1 - (rising - step) / (rising + 1)


@right(in_numpy, squared)
def test_every_style_is_right(answer):
    is_right(check.warmup_cosine(answer))


def only_cosine(step, steps, warmup):
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def from_zero(step, steps, warmup):
    rising = int(warmup * steps)
    return step / rising if step < rising else squared(step, steps, warmup)


def straight(step, steps, warmup):
    rising = int(warmup * steps)
    if step < rising:
        return squared(step, steps, warmup)
    return (steps - step) / (steps - rising)


def counted_in_steps(step, steps, warmup):
    if step < warmup:
        return step / warmup
    angle = math.pi * (step - warmup) / (steps - warmup)
    return 0.5 + 0.5 * math.cos(angle)


def with_fall(share_of):
    def answer(step, steps, warmup):
        rising = int(warmup * steps)
        if step < rising:
            return (step + 1) / (rising + 1)
        angle = math.pi * share_of(step, steps, rising)
        return 0.5 + 0.5 * math.cos(angle)

    return answer


half_way = with_fall(lambda step, steps, rising: (step - rising) / steps)
from_one = with_fall(
    lambda step, steps, rising: (step + 1 - rising) / (steps - rising)
)


def to_minus_one(step, steps, warmup):
    rising = int(warmup * steps)
    share = (step - rising) / (steps - rising)
    rate = squared(step, steps, warmup)
    return rate if step < rising else math.cos(math.pi * share)


def with_rise(rate_of):
    def answer(step, steps, warmup):
        rising = int(warmup * steps)
        if step >= rising:
            return squared(step, steps, warmup)
        return rate_of(step, rising)

    return answer


def with_curve(bend):
    """Give the fall by `bend`, of the share that is over."""

    def answer(step, steps, warmup):
        rising = int(warmup * steps)
        if step < rising:
            return squared(step, steps, warmup)
        return bend((step - rising) / (steps - rising))

    return answer


last_is_zero = with_fall(
    lambda step, steps, rising: (step - rising) / (steps - 1 - rising)
)


def too_small(step, steps, warmup):
    return 0.9 * squared(step, steps, warmup)


def a_little_off(step, steps, warmup):
    return in_numpy(step, steps, warmup) + 5e-7


def lower_peak(step, steps, warmup):
    rate = in_numpy(step, steps, warmup)
    return 0.95 if step == int(warmup * steps) else rate


def falls_to_a_tenth(step, steps, warmup):
    rate = in_numpy(step, steps, warmup)
    return rate if step < warmup * steps else max(rate, 0.1)


@wrong(
    ("no_warmup", only_cosine),
    ("starts_at_zero", from_zero),
    ("straight_fall", straight),
    ("warmup_as_steps", counted_in_steps),
    ("does_not_reach_zero", half_way),
    ("no_peak", from_one),
    ("below_zero", to_minus_one),
    ("peak_twice", with_rise(lambda step, rising: (1 + step) / rising)),
    ("no_rise", with_rise(lambda step, rising: 1)),
    ("no_fall", with_curve(lambda over: 1)),
    (
        "quarter_of_a_cosine",
        with_curve(lambda over: math.sin(math.pi * (1 - over) / 2)),
    ),
    ("whole_cosine", with_curve(lambda x: math.cos(math.pi * x) ** 2)),
    ("upside_down", with_curve(lambda x: math.sin(math.pi * x / 2) ** 2)),
    (
        "fall_begins_with_the_run",
        with_fall(lambda step, steps, rising: step / steps),
    ),
    ("zero_in_the_last_step", last_is_zero),
    ("other_rise", too_small),
    ("other_rise", a_little_off),
    ("other_fall", falls_to_a_tenth),
    ("other_fall", lower_peak),
    ("other_rise", lambda step, steps, warmup: float("nan")),
    ("no_number", lambda step, steps, warmup: "0.5"),
    ("no_number", lambda step, steps, warmup: 0.5j),
    ("no_number", lambda step, steps, warmup: torch.zeros(2)),
    ("stops", lambda step, steps, warmup: step / 0),
    ("other_arguments", lambda step, steps: step / steps),
)
def test_a_wrong_curve_is_named(mistake, answer):
    is_named(mistake, check.warmup_cosine(answer))


def test_the_first_step_that_is_wrong_is_said():
    said = str(check.warmup_cosine(too_small))
    part = "In the rise, step 0 has a share of 0.15 in yours, wanted is"
    assert f"{part} 0.17" in said
    said = str(check.warmup_cosine(falls_to_a_tenth))
    assert "The rise is right. In the fall, step 17 has" in said
