"""Chapter 4's checkers: right answers of any style, and wrong ones."""

import pytest
import torch
from einops import repeat
from torch import nn

from vitlib.teach import check

# prepend_cls, right


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


@pytest.mark.parametrize(
    "answer", [by_repeat, by_assignment, by_loop, by_padding]
)
def test_every_style_of_prepend_cls_is_right(answer):
    result = check.prepend_cls(answer)
    assert result, str(result)


# prepend_cls, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (appended, "the class token stands at the end"),
        (lambda t, c: t + c, "added to every token"),
        (lambda t, c: c.repeat(len(t)), "a number for every axis"),
        (lambda t, c: c.expand(len(t)), "a number for every axis"),
        (overwritten, "the first patch is gone"),
        (overwritten_in_place, "not in the place of one"),
        (drawn_anew, "gives two answers"),
        (one_each, "it is all zeros"),
        (no_thread, "no gradient comes back to `cls_token`"),
        (lambda t, c: by_repeat(t, c.detach()), "back to `cls_token`"),
        (not_expanded, "Your code stopped at line"),
        (along_the_batch, "became one more image"),
        (lambda t, c: by_repeat(t, c / len(t)), "is shared out"),
    ],
)
def test_a_wrong_prepend_cls_is_understood(answer, words):
    result = check.prepend_cls(answer)
    assert not result
    assert words in str(result)


# add_positions, right


def loop_over_places(tokens, pos_embed):
    places = zip(tokens.unbind(1), pos_embed[0], strict=True)
    return torch.stack([token + place for token, place in places], dim=1)


def into_a_copy(tokens, pos_embed):
    result = tokens.clone()
    result += pos_embed
    return result


@pytest.mark.parametrize(
    "answer",
    [
        loop_over_places,
        into_a_copy,
        lambda tokens, pos_embed: torch.add(pos_embed, tokens),
    ],
)
def test_every_style_of_add_positions_is_right(answer):
    result = check.add_positions(answer)
    assert result, str(result)


# add_positions, wrong


def in_place(tokens, pos_embed):
    tokens += pos_embed
    return tokens


def patches_only(tokens, pos_embed):
    result = tokens.clone()
    result[:, 1:] = result[:, 1:] + pos_embed[:, 1:]
    return result


def one_late(tokens, pos_embed):
    result = tokens.clone()
    n = tokens.shape[1]
    for place in range(1, n):
        result[:, place] = tokens[:, place] + pos_embed[:, place - 1]
    return result


def class_token_dropped(tokens, pos_embed):
    return (tokens + pos_embed)[:, 1:]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (in_place, "your code has changed its input: `tokens[0, 0, 0]`"),
        (patches_only, "Right for every token but the first"),
        (one_late, "Off by one after the class token"),
        (class_token_dropped, "The class token is gone"),
        (lambda t, p: torch.cat([t, p.expand_as(t)], -1), "twice as wide"),
        (lambda t, p: t * p, "multiplied by their positions"),
        (lambda t, p: t + p[:, 0:1], "the same position, the first"),
        (lambda t, p: t, "come back as they went in"),
        (lambda t, p: t + p.data, "no gradient comes back to `pos_embed`"),
        (lambda t, p: t + torch.roll(p, 1, 1), "of the one before it"),
        (lambda t, p: t + 2 * p, "the numbers are not"),
        (lambda t, p: p, "Yours has the shape (1, 3, 5)"),
    ],
)
def test_a_wrong_add_positions_is_understood(answer, words):
    result = check.add_positions(answer)
    assert not result
    assert words in str(result)


def test_a_picture_shows_which_tokens_differ():
    picture = check.add_positions(patches_only).picture
    assert "not zero in 1 of the rows" in picture
    assert picture.count("<rect") == 3 * (3 * 5 + 1)
