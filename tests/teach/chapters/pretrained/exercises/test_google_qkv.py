"""check.google_qkv: kernels of any heads become one matrix."""

import numpy as np
import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange
from torch import nn

from vitlib.teach import check


def by_flatten(query, key, value):
    return torch.cat([x.flatten(1).T for x in (query, key, value)])


def by_permute(query, key, value):
    d = query.shape[0]
    parts = [
        x.permute(1, 2, 0).reshape(-1, d) for x in (query, key, value)
    ]
    return torch.cat(parts, dim=0)


def by_rows(query, key, value):
    rows = [
        x[:, head, i]
        for x in (query, key, value)
        for head in range(x.shape[1])
        for i in range(x.shape[2])
    ]
    return torch.stack(rows)


def by_numpy(query, key, value):
    """As the file has them, arrays: a loader needs no gradients."""
    parts = [
        np.transpose(x.detach().numpy(), (1, 2, 0)).reshape(-1, len(x))
        for x in (query, key, value)
    ]
    return torch.from_numpy(np.concatenate(parts))


def by_a_layer(query, key, value):
    found = by_flatten(query, key, value)
    layer = nn.Linear(found.shape[1], len(found)).to(found)
    with torch.no_grad():
        layer.weight.copy_(found)
    return layer.weight


@right(by_flatten, by_permute, by_rows, by_numpy, by_a_layer)
def test_every_style_is_right(answer):
    is_right(check.google_qkv(answer))


def laid(pattern):
    return lambda *kernels: torch.cat(
        [rearrange(x, pattern) for x in kernels]
    )


def in_order(order):
    def answer(*kernels):
        return by_flatten(*[kernels[i] for i in order])

    return answer


def stacked(pattern):
    return lambda *kernels: rearrange(torch.stack(kernels), pattern)


@wrong(
    (
        "on_its_side",
        lambda q, k, v: torch.cat([q, k, v], 1).reshape(len(q), -1),
    ),
    (
        "only_reshaped",
        lambda q, k, v: torch.cat([q, k, v]).reshape(-1, len(q)),
    ),
    ("heads_interleaved", laid("d heads k -> (k heads) d")),
    ("head_by_head", stacked("x d heads k -> (heads x k) d")),
    ("row_by_row", stacked("x d heads k -> (heads k x) d")),
    ("queries_and_keys_swapped", in_order([1, 0, 2])),
    ("values_first", in_order([2, 0, 1])),
    ("in_reverse_order", in_order([2, 1, 0])),
    ("three_times_the_query", in_order([0, 0, 0])),
    ("other_shape", lambda q, k, v: by_flatten(q, k, v)[:-1]),
    ("no_tensor", lambda *given: list(given)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.google_qkv(answer))
