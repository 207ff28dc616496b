"""check.exponent: the slope of the best line through the logarithms."""

import numpy as np
import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def fit(x, y):
    return np.polyfit(x.numpy(), y.numpy(), 1)


def by_polyfit(sizes, values):
    return float(fit(sizes.log(), values.log())[0])


def by_sums(sizes, values):
    n, x, y = len(sizes), sizes.log2(), values.log2()
    above = n * (x @ y) - x.sum() * y.sum()
    return above / (n * (x @ x) - x.sum() ** 2)


def by_covariance(sizes, values):
    table = torch.cov(torch.stack([sizes.log10(), values.log10()]))
    return table[0, 1] / table[0, 0]


@right(by_polyfit, by_sums, by_covariance)
def test_every_style_is_right(answer):
    is_right(check.exponent(answer))


def without_a_constant(sizes, values):
    """Solve with one column, where a line has two."""
    x, y = sizes.log()[:, None], values.log()[:, None]
    return torch.linalg.lstsq(x, y).solution.item()


@wrong(
    ("no_logarithms", lambda s, v: fit(s, v)[0]),
    ("sizes_without_logarithm", lambda s, v: fit(s, v.log())[0]),
    ("values_without_logarithm", lambda s, v: fit(s.log(), v)[0]),
    ("upside_down", lambda s, v: fit(v.log(), s.log())[0]),
    ("two_ends", lambda s, v: (v[-1] / v[0]).log() / (s[-1] / s[0]).log()),
    (
        "last_two",
        lambda s, v: (v[-1] / v[-2]).log() / (s[-1] / s[-2]).log(),
    ),
    ("the_constant", lambda s, v: fit(s.log(), v.log())[1]),
    ("through_the_origin", without_a_constant),
    ("other_base_below", lambda s, v: fit(s.log2(), v.log())[0]),
    ("unknown", lambda s, v: 2.5),
    ("no_number", lambda s, v: fit(s.log(), v.log())),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.exponent(answer))
