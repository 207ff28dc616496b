"""check.prepend_registers: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def by_cat(tokens, registers):
    several = registers.repeat(len(tokens), 1, 1)
    return torch.cat([tokens[:, :1], several, tokens[:, 1:]], dim=1)


def by_assignment(tokens, registers):
    b, n, d = tokens.shape
    r = registers.shape[1]
    result = tokens.new_zeros(b, n + r, d)
    result[:, 0] = tokens[:, 0]
    result[:, 1 : 1 + r] = registers
    result[:, 1 + r :] = tokens[:, 1:]
    return result


def by_loop(tokens, registers):
    rows = [torch.vstack([t[:1], registers[0], t[1:]]) for t in tokens]
    return torch.stack(rows)


def by_insertion(tokens, registers):
    n, r = tokens.shape[1], registers.shape[1]
    every = torch.hstack([tokens, registers.expand(len(tokens), -1, -1)])
    order = [0, *range(n, n + r), *range(1, n)]
    return every[:, order]


@right(by_cat, by_assignment, by_loop, by_insertion)
def test_every_style_is_right(answer):
    is_right(check.prepend_registers(answer))


def joined(parts):
    def answer(tokens, registers):
        several = registers.repeat(len(tokens), 1, 1)
        return torch.cat(parts(tokens, several), dim=1)

    return answer


def around(parts):
    """Join these parts, the registers repeated for every image."""
    return lambda t, r: torch.cat(parts(t, r.repeat(len(t), 1, 1)), dim=1)


@wrong(
    (
        "in_reverse_order",
        around(lambda t, r: (t[:, :1], r.flip(1), t[:, 1:])),
    ),
    (
        "class_token_at_the_end",
        around(lambda t, r: (t[:, 1:], r, t[:, :1])),
    ),
    ("first_patch_lost", around(lambda t, r: (t[:, :1], r, t[:, 2:]))),
    ("before_the_class_token", joined(lambda t, r: [r, t])),
    ("at_the_end", joined(lambda t, r: [t, r])),
    ("in_place_of_the_class_token", joined(lambda t, r: [r, t[:, 1:]])),
    ("class_token_twice", joined(lambda t, r: [t[:, :1], r, t])),
    (
        "in_place_of_patches",
        joined(lambda t, r: [t[:, :1], r, t[:, 1 + r.shape[1] :]]),
    ),
    ("patches_lost", joined(lambda t, r: [t[:, :1], r])),
    ("all_zeros", lambda t, r: by_cat(t, torch.zeros_like(r))),
    ("one_register", lambda t, r: by_cat(t, r[:, :1])),
    ("no_gradient", lambda t, r: by_cat(t, r.data)),
    ("stops", lambda t, r: torch.cat([t[:, :1], r, t[:, 1:]], 1)),
    ("random", lambda t, r: by_cat(t, torch.randn(r.shape))),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.prepend_registers(answer))


def test_the_registers_that_were_given_are_counted():
    said = str(check.prepend_registers(lambda t, r: by_cat(t, r[:, :1])))
    assert "One register stands there where 3 were given" in said
