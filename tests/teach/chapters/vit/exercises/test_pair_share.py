"""check.pair_share: every way to count, and wrong shares."""

import re

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check
from vitlib.teach.data import sizes


def by_parts(image_size):
    parts = sizes.multiply_adds(image_size=image_size)
    return (parts["scores"] + parts["mixing"]) / sum(parts.values())


def price(image_size, token=1, products=2, depth=12, ends=True):
    n, d = (image_size // 16) ** 2, 768
    tokens = n + token
    pairs = products * depth * tokens**2 * d
    rest = 12 * tokens * (3 + 1 + 4 + 4) * d * d
    rest += (n * 3 * 256 * d + 1000 * d) * ends
    return pairs, rest


def share(**changes):
    def answer(image_size):
        pairs, rest = price(image_size, **changes)
        return pairs / (pairs + rest)

    return answer


@right(
    by_parts, share(), lambda size: torch.tensor(share()(size)).double()
)
def test_every_way_to_count_the_pairs_is_right(answer):
    is_right(check.pair_share(answer))


def ratio(image_size):
    pairs, rest = price(image_size)
    return pairs / rest


def counted(tokens=1, blocks=12, weights=12, pairs=1, all_pairs=12):
    """Count with other parts than the right ones."""

    def answer(image_size):
        n, d = (image_size // 16) ** 2, 768
        both = all_pairs * 2 * d * (n + pairs) ** 2
        rest = blocks * weights * d * d * (n + tokens)
        return both / (both + rest + n * 3 * 256 * d + 1000 * d)

    return answer


def once(image_size):
    pairs, _ = price(image_size)
    ends = (image_size // 16) ** 2 * 768 * 768 + 768_000
    return pairs / (pairs + 144 * 768 * 768 + ends)


def unsquared(image_size):
    pairs, rest = price(image_size)
    pairs /= (image_size // 16) ** 2 + 1
    return pairs / (pairs + rest)


def against_the_tokens(image_size):
    n = (image_size // 16) ** 2 + 1
    return 2 * n * n * 768 / (n * 12 * 768 * 768)


@wrong(
    ("share_of_the_rest", lambda size: 1 - by_parts(size)),
    ("one_block_of_both", counted(blocks=1, all_pairs=1)),
    ("tokens_of_one_block", counted(blocks=1)),
    ("class_token_in_no_pair", counted(pairs=0)),
    ("class_token_without_weights", counted(tokens=0)),
    ("mlp_only", counted(weights=8)),
    ("attention_only", counted(weights=4)),
    ("weights_of_one_token", once),
    ("pairs_not_squared", unsquared),
    ("ratio_to_the_tokens", against_the_tokens),
    ("rounded", lambda size: round(by_parts(size), 3)),
    ("whole_number", lambda size: by_parts(size) // 1),
    ("ratio_to_the_rest", ratio),
    ("in_percent", lambda size: 100 * by_parts(size)),
    ("no_class_token", share(token=0)),
    ("scores_only", share(products=1)),
    ("pairs_of_one_block", share(depth=1)),
    ("blocks_only", share(ends=False)),
    ("pairs_for_every_head", share(depth=144)),
    ("pairs_twice", share(products=4)),
    ("unknown", share(depth=24, products=3)),
    ("unknown", lambda size: 0.01),
    ("no_share", lambda size: -7),
    ("no_share", lambda size: float("nan")),
    ("no_number", lambda size: "47 %"),
    ("no_number", lambda size: torch.zeros(2)),
    ("other_arguments", lambda: 0.04),
    ("stops", lambda size: 0.04 / (size - size)),
)
def test_a_wrong_share_is_understood(mistake, answer):
    is_named(mistake, check.pair_share(answer))


def test_both_shares_are_said_with_digits_enough_to_differ():
    said = str(check.pair_share(lambda size: 0.01))
    assert "For 224 pixels yours is 1.00 %, wanted is 4.07 %" in said
    said = str(check.pair_share(lambda size: by_parts(size) * 0.99999))
    mine, wanted = re.findall(r"[\d.]+(?= %)", said)
    assert mine != wanted


def test_the_weight_of_the_pairs_and_a_cause_are_said():
    said = str(check.pair_share(share(depth=24, products=3)))
    assert "the pairs weigh 3 times what they should" in said
    assert "Are pairs counted too often" in said
