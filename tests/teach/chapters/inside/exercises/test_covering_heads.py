"""check.covering_heads: the two heads as they are counted, and others."""

from functools import cache
from itertools import combinations

import numpy as np
import torch
from answers import is_named, is_right, right, wrong

from vitlib.inside import without_head
from vitlib.teach import check, digit_reader, digits


@cache
def lost():
    """Answers lost of 500, without a head of layer 1, or two."""
    model = digit_reader()
    images, labels = (part[:500] for part in digits("validation"))

    def known():
        return int((model(images).argmax(dim=1) == labels).sum())

    with torch.no_grad():
        whole, found = known(), {}
        for one, two in combinations((0, 1, 2, 3, 3), 2):
            with without_head(model, 1, one), without_head(model, 1, two):
                found[one, two] = whole - known()
        for head in range(3):
            with without_head(model, 1, head):
                found[head, head] = whole - known()
    return whole, found


def test_the_two_heads_are_those_that_cost_most():
    whole, found = lost()
    assert whole == 493
    pair = max(found, key=found.get)
    is_right(check.covering_heads((*pair, found[pair])))
    assert [found[head, head] for head in range(4)] == [-2, 0, 2, 5]


def the_largest():
    _, found = lost()
    pair = max(found, key=found.get)
    return *pair, found[pair]


def from_a_table():
    """The losses of the pairs as a square, and its largest place."""
    table = torch.full((4, 4), -500)
    for pair, answers in lost()[1].items():
        table[pair] = answers
    place = table.argmax()
    return *torch.unravel_index(place, table.shape), table.max()


def by_sorting():
    answers, pair = sorted((n, pair) for pair, n in lost()[1].items())[-1]
    return [*pair, answers]


@right(
    [2, 3, 11],
    (2.0, 3.0, 11.0),
    torch.tensor([2, 3, 11]),
    np.array([2, 3, 11]),
    (torch.tensor(2), torch.tensor([3]), np.int64(11)),
    (2, 3, 493 - 482),
    (2, 3, 500 * (torch.tensor(0.986) - torch.tensor(0.964))),
    the_largest,
    from_a_table,
    by_sorting,
)
def test_every_style_is_right(answer):
    given = answer() if callable(answer) else answer
    is_right(check.covering_heads(given))


@wrong(
    ("gain_for_loss", (2, 3, -11)),
    ("beyond_the_sum", (2, 3, 4)),
    ("share_for_count", (2, 3, 0.022)),
    ("percent_for_count", (2, 3, 2.2)),
    ("largest_gain", (0, 3, -2)),
    ("higher_head_first", (3, 2, 11)),
    ("costs_added", (2, 3, 7)),
    ("right_answers_counted", (2, 3, 482)),
    ("wrong_answers_counted", [2, 3, 18]),
    ("other_pair", (1, 3, 5)),
    ("counted_from_one", (3, 4, 11)),
    ("cheapest_pair", (0, 1, 0)),
    ("unknown", (0, 3, 3)),
    ("other_count", (2, 3)),
    ("no_numbers", {2, 3}),
    ("no_numbers", (2, 3, None)),
    ("no_numbers", torch.zeros(2, 2)),
    ("no_numbers", torch.zeros(3, device="meta")),
    ("no_numbers", torch.zeros(3, dtype=torch.complex64)),
)
def test_another_pair_is_told_what_it_is(mistake, answer):
    is_named(mistake, check.covering_heads(answer))


def test_a_wrong_number_gets_the_question_that_finds_it():
    said = str(check.covering_heads((1, 2, 13)))
    assert "for each of the six pairs" in said
    assert "How many of 500 are right with all heads" in said
