"""check.pair_share: every way to count, and wrong shares."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check
from vitlib.teach.chapters.vit import sizes


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


@wrong(
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


def test_a_share_is_said_in_per_cent():
    said = str(check.pair_share(lambda size: 0.01))
    assert "yours is 1.0 %, too small. Write down for one block" in said
    said = str(check.pair_share(share(depth=24, products=3)))
    assert "%, too large. Write down for one block" in said
