"""check.prepend_cls: right answers of any style, and wrong ones."""

import pytest
import torch
from answers import is_named, is_right, right, wrong
from einops import repeat
from torch import nn

from vitlib.teach import check


def by_repeat(tokens, cls_token):
    front = repeat(cls_token, "1 1 d -> b 1 d", b=len(tokens))
    return torch.cat((front, tokens), dim=1)


def by_assignment(tokens, cls_token):
    b, n, d = tokens.shape
    result = tokens.new_empty(b, n + 1, d)
    result[:, 0] = cls_token[0, 0]
    result[:, 1:] = tokens
    return result


def by_loop(tokens, cls_token):
    rows = [torch.vstack([cls_token[0], sequence]) for sequence in tokens]
    return torch.stack(rows)


def by_padding(tokens, cls_token):
    padded = nn.functional.pad(tokens, (0, 0, 1, 0))
    first = torch.zeros_like(padded)
    first[:, 0] = 1
    return padded + first * cls_token


@right(by_repeat, by_assignment, by_loop, by_padding)
def test_every_style_is_right(answer):
    is_right(check.prepend_cls(answer))


def appended(tokens, cls_token):
    return torch.hstack([tokens, cls_token.repeat(len(tokens), 1, 1)])


def overwritten(tokens, cls_token):
    front = cls_token.repeat(len(tokens), 1, 1)
    return torch.cat([front, tokens[:, 1:]], dim=1)


def overwritten_in_place(tokens, cls_token):
    tokens[:, :1] = cls_token
    return tokens


def drawn_anew(tokens, cls_token):
    front = torch.randn(len(tokens), 1, tokens.shape[2])
    return torch.cat([front.to(tokens), tokens], dim=1)


def one_each(tokens, cls_token):
    front = nn.Parameter(torch.zeros(len(tokens), 1, tokens.shape[2]))
    return torch.cat([front.to(tokens), tokens], dim=1)


def no_thread(tokens, cls_token):
    front = torch.tensor(cls_token.tolist(), dtype=tokens.dtype)
    return by_repeat(tokens, front)


def not_expanded(tokens, cls_token):
    return torch.cat([cls_token, tokens], dim=1)


def along_the_batch(tokens, cls_token):
    rows = cls_token.repeat(1, tokens.shape[1], 1)
    return torch.cat([rows, tokens])


def for_one_image(tokens, cls_token):
    front = torch.zeros(len(tokens), 1, tokens.shape[2]).to(tokens)
    front[0] += cls_token[0]
    return torch.cat([front, tokens], dim=1)


def before_each(tokens, cls_token):
    found = [torch.zeros_like(tokens[:, :0])]
    for token in tokens.split(1, dim=1):
        found += [cls_token.repeat(len(tokens), 1, 1), token]
    return torch.cat(found, dim=1)


def beside_each(tokens, cls_token):
    beside = cls_token.repeat(*tokens.shape[:2], 1)
    return torch.cat([beside, tokens], dim=-1)


@wrong(
    (
        "all_ones",
        lambda t, c: torch.cat([torch.ones_like(t[:, :1]), t], 1),
    ),
    ("mean_in_front", lambda t, c: torch.hstack([t.mean(1)[:, None], t])),
    ("first_patch_in_front", lambda t, c: torch.hstack([t[:, :1], t])),
    ("first_image_only", for_one_image),
    ("one_for_every_token", before_each),
    ("joined_along_width", beside_each),
    ("at_the_end", appended),
    ("added_to_every_token", lambda t, c: t + c),
    ("stops", lambda t, c: c.repeat(len(t))),
    ("stops", lambda t, c: c.expand(len(t))),
    ("in_place_of_a_patch", overwritten),
    ("in_place_of_a_patch", overwritten_in_place),
    ("random", drawn_anew),
    ("all_zeros", one_each),
    ("no_gradient", no_thread),
    ("no_gradient", lambda t, c: by_repeat(t, c.detach())),
    ("stops", not_expanded),
    ("joined_along_batch", along_the_batch),
    ("shared_among_images", lambda t, c: by_repeat(t, c / len(t))),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.prepend_cls(answer))


@pytest.mark.parametrize(
    "answer",
    [lambda t, c: c.repeat(len(t)), lambda t, c: c.expand(len(t))],
)
def test_a_size_for_one_axis_alone_is_explained(answer):
    assert "a number for every axis" in str(check.prepend_cls(answer))


def test_the_argument_without_a_gradient_is_named():
    said = str(check.prepend_cls(no_thread))
    assert "no gradient comes back to `cls_token`" in said
