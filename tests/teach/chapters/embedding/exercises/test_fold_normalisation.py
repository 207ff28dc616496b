"""check.fold_normalisation: right answers of any style, wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def by_steps(weight, bias, mean, std):
    new = weight / std.reshape(1, -1, 1, 1)
    shift = (new * mean.reshape(1, -1, 1, 1)).flatten(1).sum(dim=1)
    return new, bias - shift


def by_asking(weight, bias, mean, std):
    p = weight.shape[-1]
    new = weight / std[:, None, None]
    picture = mean[:, None, None].expand(-1, p, p)[None]
    return [new, bias - F.conv2d(picture, new).flatten()]


def by_loops(weight, bias, mean, std):
    filters, biases = [], []
    for one, offset in zip(weight, bias, strict=True):
        channels = []
        for channel, m, s in zip(one, mean, std, strict=True):
            channels.append(channel / s)
            offset = offset - channel.sum() * m / s
        filters.append(torch.stack(channels))
        biases.append(offset)
    return torch.stack(filters), torch.stack(biases)


@right(by_steps, by_asking, by_loops)
def test_every_style_is_right(answer):
    is_right(check.fold_normalisation(answer))


def with_bias(change):
    def answer(weight, bias, mean, std):
        new, _ = by_steps(weight, bias, mean, std)
        return new, change(weight, new, bias, mean[:, None, None])

    return answer


@wrong(
    (
        "multiplied_by_deviations",
        lambda w, b, m, s: by_steps(w, b, m, 1 / s),
    ),
    (
        "weights_unchanged",
        lambda w, b, m, s: by_steps(w, b, m, torch.ones_like(s)),
    ),
    ("shifted_the_wrong_way", lambda w, b, m, s: by_steps(w, b, -m, s)),
    ("biases_unchanged", with_bias(lambda w, new, b, m: b)),
    (
        "shifted_by_old_weights",
        with_bias(lambda w, new, b, m: b - (w * m).sum((1, 2, 3))),
    ),
    (
        "mean_over_the_filter",
        with_bias(lambda w, new, b, m: b - (new * m).mean((1, 2, 3))),
    ),
    ("shifted_alike", with_bias(lambda w, new, b, m: b - m.sum())),
    (
        "mean_of_one",
        with_bias(lambda w, new, b, m: b - new.sum((1, 2, 3))),
    ),
    ("other_biases", with_bias(lambda w, new, b, m: b - (new * m).sum())),
    ("old_bias_lost", lambda w, b, m, s: by_steps(w, 0 * b, m, s)),
    (
        "deviation_twice",
        with_bias(
            lambda w, new, b, m: b - (new * new / w * m).sum((1, 2, 3))
        ),
    ),
    (
        "mean_taken_from_the_weights",
        lambda w, b, m, s: ((w - m[:, None, None]) / s[:, None, None], b),
    ),
    ("bias_first", lambda w, b, m, s: by_steps(w, b, m, s)[::-1]),
    ("other_weights", lambda w, b, m, s: by_steps(w, b, m, s + 1)),
    ("no_pair", lambda w, b, m, s: by_steps(w, b, m, s)[0]),
    ("stops", with_bias(lambda w, new, b, m: b - (new * m).sum((2, 3)))),
    ("other_shape", with_bias(lambda w, new, b, m: b[None])),
    (
        "no_gradient",
        lambda w, b, m, s: [x.detach() for x in by_steps(w, b, m, s)],
    ),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.fold_normalisation(answer))


def test_both_shapes_of_the_bias_are_told():
    said = str(
        check.fold_normalisation(with_bias(lambda w, new, b, m: b[None]))
    )
    assert "Your new bias has the shape (1, 4), the old one (4,)" in said


def test_the_first_biases_are_told():
    answer = with_bias(lambda w, new, b, m: b)
    w, b, m, s = check.fold_normalisation.cases()[0].inputs.values()
    yours, wanted = (
        ", ".join(f"{x:.2f}" for x in bias[:3])
        for bias in (b, by_steps(w, b, m, s)[1])
    )
    said = str(check.fold_normalisation(answer))
    assert f"They begin with {yours}, wanted is {wanted}." in said


def test_a_wrong_weight_is_told_by_its_own_index():
    said = str(check.fold_normalisation(lambda w, b, m, s: (w, b)))
    assert "In the weight: At `[0, 0, 0, :2]` yours has" in said
    answer = with_bias(lambda w, new, b, m: b - (new * m).sum())
    assert "`[" not in str(check.fold_normalisation(answer))
