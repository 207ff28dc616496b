"""check.streaming_attention: right answers, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def running(q, blocks):
    top, total, mixed = None, 0, 0
    for k, v in blocks:
        scores = (
            torch.einsum("bhik,bhjk->bhij", q, k) * q.shape[-1] ** -0.5
        )
        new = scores.max(dim=-1, keepdim=True).values
        new = new if top is None else torch.max(new, top)
        fade = 0 if top is None else torch.exp(top - new)
        weights = torch.exp(scores - new)
        total = total * fade + weights.sum(-1, keepdim=True)
        mixed = mixed * fade + weights @ v
        top = new
    return mixed / total


def normed_on_the_way(q, blocks):
    """Keeps a finished answer, and the logarithm of its weight."""
    answer, weight = torch.zeros_like(q), None
    for k, v in blocks:
        scores = q @ k.mT / math.sqrt(q.size(-1))
        here = scores.logsumexp(dim=-1, keepdim=True)
        both = here if weight is None else torch.logaddexp(weight, here)
        old = 0 if weight is None else (weight - both).exp()
        answer = old * answer + (scores - both).exp() @ v
        weight = both
    return answer


def by_iterator(q, blocks):
    """Takes the first block by itself."""
    blocks = iter(blocks)
    k, v = next(blocks)
    scores = scores_of(q, k)
    top = scores.amax(-1, keepdim=True)
    weights = (scores - top).exp()
    total, mixed = weights.sum(-1, keepdim=True), weights @ v
    for k, v in blocks:
        scores = scores_of(q, k)
        new = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = (scores - new).exp()
        total = total * (top - new).exp() + weights.sum(-1, keepdim=True)
        mixed = mixed * (top - new).exp() + weights @ v
        top = new
    return mixed / total


def in_two_passes(q, blocks):
    q = q / q.shape[-1] ** 0.5
    blocks = list(blocks)
    top = torch.stack([(q @ k.mT).amax(-1) for k, _ in blocks]).amax(0)
    weights = [((q @ k.mT) - top[..., None]).exp() for k, _ in blocks]
    total = sum(w.sum(-1, keepdim=True) for w in weights)
    pairs = zip(weights, blocks, strict=True)
    return sum(w @ v for w, (_, v) in pairs) / total


@right(running, normed_on_the_way, by_iterator)
def test_every_style_is_right(answer):
    is_right(check.streaming_attention(answer))


def scores_of(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def joined(q, blocks, mix):
    keys, values = (
        torch.cat(parts, dim=-2) for parts in zip(*blocks, strict=True)
    )
    return mix(q, keys, values)


def whole_table(q, k, v):
    return scores_of(q, k).softmax(-1) @ v


def overflowing(q, blocks):
    blocks = list(blocks)
    weights = [scores_of(q, k).exp() for k, _ in blocks]
    total = sum(w.sum(-1, keepdim=True) for w in weights)
    pairs = zip(weights, blocks, strict=True)
    return sum(w @ v for w, (_, v) in pairs) / total


def uncorrected(q, blocks):
    top, total, mixed = torch.tensor(-torch.inf), 0, 0
    for k, v in blocks:
        scores = scores_of(q, k)
        top = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = (scores - top).exp()
        total = total + weights.sum(-1, keepdim=True)
        mixed = mixed + weights @ v
    return mixed / total


def half_corrected(which):
    def answer(q, blocks):
        top, sums = None, [0, 0]
        for k, v in blocks:
            scores = scores_of(q, k)
            new = scores.amax(-1, keepdim=True)
            new = new if top is None else torch.maximum(top, new)
            if top is not None:
                sums[which] = sums[which] * (top - new).exp()
            weights = (scores - new).exp()
            sums[0] = sums[0] + weights @ v
            sums[1] = sums[1] + weights.sum(-1, keepdim=True)
            top = new
        return sums[0] / sums[1]

    return answer


def softmax_in_each(q, blocks):
    top, mixed, total = torch.tensor(-torch.inf), 0, 0
    for k, v in blocks:
        scores = scores_of(q, k)
        new = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = scores.softmax(-1)
        mixed = mixed * (top - new).exp() + weights @ v
        total = total * (top - new).exp() + weights.sum(-1, keepdim=True)
        top = new
    return mixed / total


def undivided(q, blocks):
    blocks = list(blocks)
    keys = [scores_of(q, k).amax(-1, keepdim=True) for k, _ in blocks]
    top = torch.stack(keys).amax(0)
    return sum((scores_of(q, k) - top).exp() @ v for k, v in blocks)


def twice_along(q, blocks):
    top = torch.tensor(-torch.inf)
    for k, _ in blocks:
        top = torch.maximum(top, scores_of(q, k).amax(-1, keepdim=True))
    total, mixed = 0, 0
    for k, v in blocks:
        weights = (scores_of(q, k) - top).exp()
        total = total + weights.sum(-1, keepdim=True)
        mixed = mixed + weights @ v
    return mixed / total


def with_top(top_of, old=False, early=False):
    def answer(q, blocks):
        top = torch.full_like(q[..., :1], -torch.inf)
        total, mixed = 0, 0
        for k, v in blocks:
            scores = scores_of(q, k)
            new = top_of(top, scores)
            fade = (top - new).exp()
            weights = (scores - (top if old else new)).exp()
            total = total * fade + weights.sum(-1, keepdim=True)
            mixed = mixed * fade + weights @ v
            mixed = mixed / total if early else mixed
            top = new
        return mixed if early else mixed / total

    return answer


def highest(top, scores):
    return torch.maximum(top, scores.amax(-1, keepdim=True))


from_the_old = with_top(highest, old=True)
divided_early = with_top(highest, early=True)


def each_alone(q, blocks):
    return [scores_of(q, k).softmax(-1) @ v for k, v in blocks]


def of_torch(q, blocks):
    return joined(q, blocks, F.scaled_dot_product_attention)


def from_one_table(q, blocks):
    return joined(q, blocks, whole_table)


@wrong(
    ("sums_not_corrected", uncorrected),
    ("mixture_not_corrected", half_corrected(1)),
    ("total_not_corrected", half_corrected(0)),
    ("softmax_of_each_block", softmax_in_each),
    ("not_divided_by_sum", undivided),
    ("no_maximum", overflowing),
    (
        "no_scale",
        lambda q, blocks: running(q * q.shape[-1] ** 0.5, blocks),
    ),
    (
        "mean_of_blocks",
        lambda q, blocks: torch.stack(each_alone(q, blocks)).mean(0),
    ),
    ("sum_of_blocks", lambda q, blocks: sum(each_alone(q, blocks))),
    ("last_block_only", lambda q, blocks: each_alone(q, blocks)[-1]),
    ("holds_the_table", from_one_table),
    ("holds_the_blocks", in_two_passes),
    ("second_pass", twice_along),
    ("asks_by_number", lambda q, blocks: whole_table(q, *blocks[0])),
    ("highest_of_the_block", with_top(lambda t, s: s.amax(-1, True))),
    (
        "one_maximum_for_all",
        with_top(lambda top, s: torch.maximum(top, s.max())),
    ),
    ("weights_from_the_old_maximum", from_the_old),
    ("divided_each_time", divided_early),
    ("kernel_of_torch", of_torch),
    ("stops", lambda q, blocks: q @ blocks),
    ("other_arguments", lambda q, k, v: q),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.streaming_attention(answer))


def test_the_tensor_that_is_too_large_is_shown():
    said = str(check.streaming_attention(from_one_table))
    assert "a tensor of the shape (2, 1, 64, 64), no smaller than" in said


def test_the_blocks_that_are_held_are_counted():
    said = str(check.streaming_attention(in_two_passes))
    assert "still holds 14 of those before it" in said
