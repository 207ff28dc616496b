"""Batches parted among processes: all pictures, each once."""

from collections import Counter
from fractions import Fraction
from itertools import product

import pytest
import torch

from vitlib.train.shares import Shares

CASES = list(product((1, 7, 16, 33), (1, 4, 8), (1, 2, 3, 5), (1, 2, 3)))


class Numbers:
    """Pictures that are their own numbers."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        epoch, index = key
        return torch.tensor([epoch, index]), index


def parts_of(count, size, ranks, accumulate, **settings):
    """Ask every process for its pieces of an epoch: [step][rank]."""
    each = [
        Shares(
            Numbers(count),
            size,
            rank=rank,
            ranks=ranks,
            accumulate=accumulate,
            **settings,
        ).by_chance(torch.Generator())
        for rank in range(ranks)
    ]
    return [list(step) for step in zip(*each, strict=True)]


@pytest.mark.parametrize(("count", "size", "ranks", "accumulate"), CASES)
def test_each_picture_comes_once_and_a_batch_adds_up(
    count, size, ranks, accumulate
):
    steps = parts_of(count, size, ranks, accumulate)
    assert len(steps) == -(-count // size)
    seen = Counter()
    for number, ranks_of_step in enumerate(steps):
        due = min(size, count - number * size)
        taken = 0
        for pieces in ranks_of_step:
            assert 1 <= len(pieces) <= accumulate
            for piece in pieces:
                share = Fraction(piece.share).limit_denominator(100)
                assert share in (0, Fraction(len(piece.labels), due))
                if share:
                    seen.update(piece.labels.tolist())
                    taken += len(piece.labels)
        assert taken == due
    assert seen == Counter(range(count))


@pytest.mark.parametrize("ranks", [1, 2, 5])
def test_a_batch_is_the_same_for_any_number_of_processes(ranks):
    def batches(steps):
        return [
            sorted(
                index
                for pieces in step
                for piece in pieces
                if piece.share
                for index in piece.labels.tolist()
            )
            for step in steps
        ]

    alone = batches(parts_of(33, 8, 1, 1, seed=4))
    assert batches(parts_of(33, 8, ranks, 2, seed=4)) == alone
    assert batches(parts_of(33, 8, 1, 1, seed=5)) != alone


def test_what_is_done_is_left_out_and_the_next_epoch_has_its_own_order():
    def labels(shares):
        steps = shares.by_chance(torch.Generator())
        return [piece.labels.tolist() for (piece,) in steps]

    shares = Shares(Numbers(20), 8, seed=1)
    first, second = labels(shares), labels(shares)
    assert shares.done == 6
    assert first != second
    assert labels(Shares(Numbers(20), 8, seed=1, done=2)) == first[2:]
    assert labels(Shares(Numbers(20), 8, seed=1, done=4)) == second[1:]


def test_who_is_asked_in_order_is_asked_about_each_picture_once():
    found = [
        index
        for rank in range(3)
        for pieces in Shares(Numbers(13), 4, rank=rank, ranks=3).in_order()
        for piece in pieces
        if piece.share
        for index in piece.labels.tolist()
    ]
    assert sorted(found) == list(range(13))
