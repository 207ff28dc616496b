"""check.attention: right answers of any style, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong
from einops import einsum
from torch.nn import functional as F

from vitlib.teach import check


def one_pair_after_the_other(q, k, v):
    b, heads, n, head_dim = q.shape
    result, weights = torch.zeros_like(v), torch.zeros_like(q @ k.mT)
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
                weights[image, head, i] = torch.stack(shares) / sum(shares)
    return result, weights


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
    weights = table.softmax(dim=2).transpose(2, 3)
    return weights @ v, weights


def of_torch_beside_a_map(q, k, v):
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    return F.scaled_dot_product_attention(q, k, v), weights


@right(
    one_pair_after_the_other,
    by_einsum,
    scaled_queries,
    keys_first,
    of_torch_beside_a_map,
)
def test_every_style_is_right(answer):
    is_right(check.attention(answer))


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


def weights_of_one_head(q, k, v):
    weights = table(q, k).softmax(-1)
    return weights @ v, weights[:, :1]


def shared_by_all(q, k, v):
    weights = table(q, k).exp()
    return weights / weights.sum((-2, -1), keepdim=True) @ v


def root_of_tokens(q, k, v):
    return (q @ k.mT / math.sqrt(q.shape[-2])).softmax(-1) @ v


def back_in_rows(q, k, v):
    mixed = F.scaled_dot_product_attention(q, k, v)
    return torch.stack(mixed.unbind(1), dim=2)


def merged(q, k, v):
    mixed = F.scaled_dot_product_attention(q, k, v)
    return mixed.permute(0, 2, 1, 3).flatten(2)


def mixed_in_no_grad(q, k, v):
    with torch.no_grad():
        weights = table(q, k).softmax(-1)
    return weights @ v


@wrong(
    ("scale_after_softmax", article),
    ("divided_by_root_of_embed_dim", emb_size),
    ("no_scale", lambda q, k, v: table(q, k, 0).softmax(-1) @ v),
    (
        "divided_by_head_dim",
        lambda q, k, v: table(q, k, -1).softmax(-1) @ v,
    ),
    (
        "multiplied_by_root",
        lambda q, k, v: table(q, k, 0.5).softmax(-1) @ v,
    ),
    ("softmax_over_queries", over(2)),
    ("softmax_over_heads", over(1)),
    ("softmax_over_batch", over(0)),
    ("no_softmax", lambda q, k, v: table(q, k) @ v),
    ("not_divided_by_sum", lambda q, k, v: table(q, k).exp() @ v),
    ("stops", lambda q, k, v: v @ table(q, k).softmax(-1)),
    (
        "queries_and_keys_swapped",
        lambda q, k, v: table(k, q).softmax(-1) @ v,
    ),
    (
        "queries_and_keys_swapped",
        lambda q, k, v: table(q, k).softmax(-2).mT @ v,
    ),
    ("weights_transposed", lambda q, k, v: table(q, k).softmax(-1).mT @ v),
    ("queries_meet_values", lambda q, k, v: table(q, v).softmax(-1) @ v),
    (
        "keys_and_values_swapped",
        lambda q, k, v: table(q, v).softmax(-1) @ k,
    ),
    ("divided_by_root_of_tokens", root_of_tokens),
    ("softmax_over_table", shared_by_all),
    ("sigmoid", lambda q, k, v: table(q, k).sigmoid() @ v),
    ("keys_mixed", lambda q, k, v: table(q, k).softmax(-1) @ k),
    ("queries_meet_queries", lambda q, k, v: table(q, q).softmax(-1) @ v),
    ("tokens_before_heads", back_in_rows),
    ("keys_reshaped", view_of_keys),
    ("weights_only", lambda q, k, v: table(q, k).softmax(-1)),
    ("heads_joined", merged),
    ("weights_first", weights_first),
    ("no_map", lambda q, k, v: F.scaled_dot_product_attention(q, k, v)),
    (
        "no_map",
        lambda q, k, v: (F.scaled_dot_product_attention(q, k, v), None),
    ),
    ("log_softmax", lambda q, k, v: table(q, k).log_softmax(-1) @ v),
    ("other_weights", wrong_weights),
    ("other_shape_of_weights", weights_of_one_head),
    ("no_gradient", mixed_in_no_grad),
    ("stops", lambda q, k, v: q @ k @ v),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.attention(answer))


def test_the_weights_and_sizes_of_the_answer_are_said():
    said = str(check.attention(article))
    assert "Your weights of a query sum to 0.50" in said
    said = str(check.attention(emb_size))
    assert "the root of 12, the width of the whole model" in said


def test_the_arguments_without_a_gradient_are_named():
    said = str(check.attention(mixed_in_no_grad))
    assert "no gradient comes back to `q` and `k`" in said


def test_a_product_the_wrong_way_round_is_explained():
    said = str(check.attention(lambda q, k, v: v @ table(q, k)))
    assert "needs as many columns on the left" in said
