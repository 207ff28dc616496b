"""Chapter 5's checkers: right answers of any style, and wrong ones."""

import math

import pytest
import torch
from einops import einsum
from torch.nn import functional as F

from vitlib.teach import check

# attention, right


def one_pair_after_the_other(q, k, v):
    b, heads, n, head_dim = q.shape
    result = torch.zeros_like(v)
    for image in range(b):
        for head in range(heads):
            for i in range(n):
                shares = [
                    torch.exp(q[image, head, i] @ key / head_dim**0.5)
                    for key in k[image, head]
                ]
                mixed = sum(
                    share / sum(shares) * value
                    for share, value in zip(
                        shares, v[image, head], strict=True
                    )
                )
                result[image, head, i] = mixed
    return result


def by_einsum(q, k, v):
    scores = einsum(q, k, "b h i d, b h j d -> b h i j")
    weights = torch.softmax(scores * q.shape[-1] ** -0.5, dim=-1)
    return einsum(weights, v, "b h i j, b h j d -> b h i d"), weights


def scaled_queries(q, k, v):
    q = q / math.sqrt(q.size(-1))
    weights = (q @ k.transpose(-2, -1)).exp()
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return [weights @ v, weights]


def keys_first(q, k, v, mask=None):
    table = k @ q.transpose(2, 3) / q.shape[3] ** 0.5
    return table.softmax(dim=2).transpose(2, 3) @ v


@pytest.mark.parametrize(
    "answer",
    [
        one_pair_after_the_other,
        by_einsum,
        scaled_queries,
        keys_first,
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
    ],
)
def test_every_style_of_attention_is_right(answer):
    result = check.attention(answer)
    assert result, str(result)


# attention, wrong


def table(q, k, power=-0.5):
    return (
        einsum(q, k, "b h i d, b h j d -> b h i j") * q.shape[-1] ** power
    )


def article(q, k, v):
    energy = torch.einsum("bhqd, bhkd -> bhqk", q, k)
    att = F.softmax(energy, dim=-1) / (q.shape[-1] ** (1 / 2))
    return torch.einsum("bhal, bhlv -> bhav", att, v)


def emb_size(q, k, v):
    scale = q.shape[1] * q.shape[3]
    return F.scaled_dot_product_attention(q, k, v, scale=scale**-0.5)


def over(dim):
    return lambda q, k, v: torch.softmax(table(q, k), dim=dim) @ v


def view_of_keys(q, k, v):
    b, heads, n, d = k.shape
    keys = k.contiguous().view(b, heads, d, n)
    return torch.softmax(q @ keys / d**0.5, -1) @ v


def wrong_weights(q, k, v):
    scores = table(q, k)
    return scores.softmax(-1) @ v, scores


def weights_first(q, k, v):
    weights = table(q, k).softmax(-1)
    return weights, weights @ v


def merged(q, k, v):
    mixed = F.scaled_dot_product_attention(q, k, v)
    return mixed.permute(0, 2, 1, 3).flatten(2)


def mixed_in_no_grad(q, k, v):
    with torch.no_grad():
        weights = table(q, k).softmax(-1)
    return weights @ v


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (article, "Your weights of a query sum to 0.50"),
        (emb_size, "the root of 12, the width of the whole model"),
        (lambda q, k, v: table(q, k, 0).softmax(-1) @ v, "are not scaled"),
        (lambda q, k, v: table(q, k, -1).softmax(-1) @ v, "all of the"),
        (
            lambda q, k, v: table(q, k, 0.5).softmax(-1) @ v,
            "multiplied by",
        ),
        (over(2), "The softmax is over the queries"),
        (over(1), "Heads do not compete"),
        (over(0), "what one image sees depends on the others"),
        (lambda q, k, v: table(q, k) @ v, "some are below zero"),
        (lambda q, k, v: table(q, k).exp() @ v, "What makes shares"),
        (lambda q, k, v: v @ table(q, k).softmax(-1), "needs as many"),
        (lambda q, k, v: table(k, q).softmax(-1) @ v, "changed places"),
        (lambda q, k, v: table(q, k).softmax(-2).mT @ v, "each key asks"),
        (lambda q, k, v: table(q, k).softmax(-1).mT @ v, "turned over"),
        (lambda q, k, v: table(q, v).softmax(-1) @ v, "with the values"),
        (lambda q, k, v: table(q, v).softmax(-1) @ k, "take home keys"),
        (
            view_of_keys,
            "The keys are reshaped where they should be turned",
        ),
        (lambda q, k, v: table(q, k).softmax(-1), "These are the weights"),
        (merged, "the heads are put together already"),
        (weights_first, "the other way round"),
        (wrong_weights, "The weights beside them are not those"),
        (mixed_in_no_grad, "no gradient comes back to `q` and `k`"),
        (lambda q, k, v: q @ k @ v, "Your code stopped at line"),
    ],
)
def test_a_wrong_attention_is_understood(answer, words):
    result = check.attention(answer)
    assert not result
    assert words in str(result)
