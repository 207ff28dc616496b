"""check.neighbour_votes: the k most alike, by cosine, vote."""

import numpy as np
import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def by_argsort(known, labels, asked, k, num_classes):
    alike = F.cosine_similarity(asked[:, None], known[None], dim=-1)
    nearest = alike.argsort(dim=1, descending=True)[:, :k]
    found = labels[nearest][..., None] == torch.arange(num_classes)
    return found.to(known.dtype).mean(dim=1)


def by_loop(known, labels, asked, k, num_classes):
    unit = known / known.norm(dim=1, keepdim=True)
    votes = torch.zeros(len(asked), num_classes, dtype=known.dtype)
    for row, picture in zip(votes, asked, strict=True):
        for index in (unit @ picture).topk(k).indices:
            row[labels[index]] += 1 / k
    return votes


def by_distance_of_directions(known, labels, asked, k, num_classes):
    """On a ball the nearest in distance are the most alike."""
    one, two = F.normalize(asked, dim=1), F.normalize(known, dim=1)
    nearest = torch.cdist(one, two).topk(k, largest=False).indices
    return F.one_hot(labels[nearest], num_classes).to(one).sum(1) / k


def by_numpy(known, labels, asked, k, num_classes):
    known, asked = known.numpy(), asked.numpy()
    lengths = np.linalg.norm(known, axis=1)
    nearest = np.argsort(-(asked @ known.T) / lengths, axis=1)[:, :k]
    votes = [
        np.bincount(row, minlength=num_classes) / k
        for row in labels.numpy()[nearest]
    ]
    return torch.tensor(
        np.array(votes), dtype=torch.from_numpy(known).dtype
    )


@right(by_argsort, by_loop, by_distance_of_directions, by_numpy)
def test_every_style_is_right(answer):
    is_right(check.neighbour_votes(answer))


def by(alike):
    def answer(known, labels, asked, k, num_classes):
        nearest = alike(known, asked).topk(k, dim=1).indices
        votes = F.one_hot(labels[nearest], num_classes)
        return votes.to(known.dtype).mean(dim=1)

    return answer


def cosine(known, asked):
    return F.cosine_similarity(asked[:, None], known[None], dim=-1)


def after(change):
    def answer(known, labels, asked, k, num_classes):
        return change(by_argsort(known, labels, asked, k, num_classes), k)

    return answer


def with_k(change):
    def answer(known, labels, asked, k, num_classes):
        count = change(k, len(known))
        return by_argsort(known, labels, asked, count, num_classes)

    return answer


def without_the_first(known, labels, asked, k, num_classes):
    order = cosine(known, asked).argsort(dim=1, descending=True)
    votes = F.one_hot(labels[order[:, 1 : k + 1]], num_classes)
    return votes.to(known.dtype).mean(dim=1)


def weighed(weigh):
    def answer(known, labels, asked, k, num_classes):
        top = cosine(known, asked).topk(k, dim=1)
        votes = F.one_hot(labels[top.indices], num_classes)
        return (votes * weigh(top.values).unsqueeze(2)).sum(dim=1)

    return answer


def mean_of_the_wrong_axis(known, labels, asked, k, num_classes):
    nearest = cosine(known, asked).topk(k).indices
    votes = F.one_hot(labels[nearest], num_classes)
    return votes.to(known.dtype).mean(dim=2)


def winner(votes, k):
    return F.one_hot(votes.argmax(dim=1), votes.shape[1]).to(votes)


@wrong(
    ("euclidean", by(lambda known, asked: -torch.cdist(asked, known))),
    ("dot_products", by(lambda known, asked: asked @ known.mT)),
    ("least_alike", by(lambda known, asked: -cosine(known, asked))),
    (
        "scaled_by_column",
        by(
            lambda known, asked: (
                (asked / asked.norm(dim=0)) @ (known / known.norm(dim=0)).T
            )
        ),
    ),
    ("counts", after(lambda votes, k: votes * k)),
    ("softmax_of_votes", after(lambda votes, k: (votes * k).softmax(1))),
    ("winner_alone", after(winner)),
    ("nearest_left_out", without_the_first),
    ("nearest_alone", with_k(lambda k, n: 1)),
    ("all_vote", with_k(lambda k, n: n)),
    ("weighted_by_cosine", weighed(lambda cosine: cosine)),
    (
        "weighted_shares",
        weighed(lambda cosine: cosine / cosine.sum(dim=1)[:, None]),
    ),
    (
        "weighted_with_a_temperature",
        weighed(lambda cosine: (cosine / 0.07).softmax(dim=1)),
    ),
    ("softmax_of_shares", after(lambda votes, k: votes.softmax(dim=1))),
    ("other_shape", mean_of_the_wrong_axis),
    ("no_floats", after(lambda votes, k: votes.argmax(dim=1))),
    ("other_dtype", lambda *given: by_argsort(*given).float()),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.neighbour_votes(answer))
