"""check.average_shards: a picture weighs the same wherever it lies."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def by_loop(gradients, counts):
    total = torch.zeros_like(gradients[0])
    for gradient, count in zip(gradients, counts.tolist(), strict=True):
        total += gradient * count
    return total / counts.sum()


def by_repeating(gradients, counts):
    """A row for each picture, then the mean."""
    return gradients.repeat_interleave(counts, dim=0).mean(dim=0)


def by_broadcast(gradients, counts):
    return (gradients * counts[:, None]).sum(dim=0) / counts.sum()


@right(by_loop, by_repeating, by_broadcast)
def test_every_style_is_right(answer):
    is_right(check.average_shards(answer))


def by_the_largest(gradients, counts):
    shares = counts / counts.max()
    return (gradients * shares[:, None]).sum(dim=0)


def by_softmax(gradients, counts):
    shares = torch.softmax(counts.to(gradients.dtype), dim=0)
    return (gradients * shares[:, None]).sum(dim=0)


@wrong(
    ("plain_mean", lambda gradients, counts: gradients.mean(dim=0)),
    ("plain_sum", lambda gradients, counts: gradients.sum(dim=0)),
    ("weighed_sum", lambda gradients, counts: counts.double() @ gradients),
    (
        "divided_by_the_processes",
        lambda gradients, counts: (gradients * counts[:, None]).mean(0),
    ),
    (
        "divided_by_its_own",
        lambda gradients, counts: (gradients / counts[:, None]).sum(0),
    ),
    (
        "fewer_count_more",
        lambda gradients, counts: (
            (gradients / counts[:, None]).sum(0) / (1 / counts).sum()
        ),
    ),
    ("by_the_largest", by_the_largest),
    ("softmax_of_the_counts", by_softmax),
    ("first_process_alone", lambda gradients, counts: gradients[0]),
    ("other_shape", lambda gradients, counts: gradients),
    ("no_gradient", lambda *given: by_loop(*given).detach()),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.average_shards(answer))


def test_processes_are_counted_in_english():
    said = str(check.average_shards(lambda g, n: by_loop(g, n.flip(0))))
    assert "Right for two processes with [4, 4] pictures, but not" in said
    assert "for three processes with [5, 4, 4] pictures" in said


def test_the_reference_is_the_gradient_of_all_pictures_together():
    """By autograd, for a linear model and shards of three sizes."""
    torch.manual_seed(0)
    pictures = torch.randn(9, 4, dtype=torch.float64)
    weight = torch.randn(4, dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([5, 3, 1])

    def gradient(some):
        loss = (some @ weight).square().mean()
        return torch.autograd.grad(loss, weight)[0]

    shards = torch.stack([gradient(s) for s in pictures.split([5, 3, 1])])
    found = check.average_shards.reference(shards, counts)
    torch.testing.assert_close(found, gradient(pictures))
