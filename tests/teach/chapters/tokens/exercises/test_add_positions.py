"""check.add_positions: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def loop_over_places(tokens, pos_embed):
    places = zip(tokens.unbind(1), pos_embed[0], strict=True)
    return torch.stack([token + place for token, place in places], dim=1)


def into_a_copy(tokens, pos_embed):
    result = tokens.clone()
    result += pos_embed
    return result


@right(
    loop_over_places,
    into_a_copy,
    lambda tokens, pos_embed: torch.add(pos_embed, tokens),
)
def test_every_style_is_right(answer):
    is_right(check.add_positions(answer))


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


def side_by_side(tokens, pos_embed):
    return torch.cat([tokens, pos_embed.expand_as(tokens)], -1)


def one_after_the_other(tokens, pos_embed):
    return torch.hstack([tokens, pos_embed.repeat(len(tokens), 1, 1)])


def louder_tokens(tokens, pos_embed):
    return tokens * tokens.size(-1) ** 0.5 + pos_embed


@wrong(
    ("joined_along_sequence", one_after_the_other),
    ("position_of_the_one_after", lambda t, p: t + torch.roll(p, -1, 1)),
    (
        "one_number_for_each_position",
        lambda t, p: t + p.sum(-1, keepdim=True) / p.shape[-1],
    ),
    ("tokens_times_root_of_width", louder_tokens),
    ("subtracted", lambda t, p: t - p),
    ("positions_only", lambda t, p: p.repeat(len(t), 1, 1)),
    ("added_twice", lambda t, p: t + p + p),
    ("mean_of_both", lambda t, p: (t + p) / 2),
    ("in_reverse_order", lambda t, p: t + p.flip(1)),
    (
        "numbers_of_places",
        lambda t, p: t + torch.arange(t.shape[1], dtype=t.dtype)[:, None],
    ),
    ("changes_its_input", in_place),
    ("class_token_without_position", patches_only),
    ("late_after_class_token", one_late),
    ("class_token_lost", class_token_dropped),
    ("joined_along_width", side_by_side),
    ("multiplied", lambda t, p: t * p),
    ("one_position_for_all", lambda t, p: t + p[:, 0:1]),
    ("no_positions", lambda t, p: t),
    ("no_gradient", lambda t, p: t + p.data),
    ("position_of_the_one_before", lambda t, p: t + torch.roll(p, 1, 1)),
    ("unknown", lambda t, p: t + 3 * p),
    ("other_shape", lambda t, p: p),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.add_positions(answer))


def test_what_was_changed_is_shown():
    said = str(check.add_positions(in_place))
    assert "your code has changed its input: `tokens[0, 0, 0]`" in said


def test_a_picture_shows_which_tokens_differ():
    picture = check.add_positions(patches_only).picture
    assert "not zero in 1 of the rows" in picture
    assert picture.count("<rect") == 3 * (3 * 5 + 1)
