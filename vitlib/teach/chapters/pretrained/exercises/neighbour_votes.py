"""Check your `neighbour_votes(known, labels, asked, k, num_classes)`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def neighbour_votes(
    known: Tensor, labels: Tensor, asked: Tensor, k: int, num_classes: int
) -> Tensor:
    """(n, d), (n,), (m, d) -> (m, num_classes), shares of the k."""
    return shares(cosines(known, asked), labels, k, num_classes)


def cosines(known: Tensor, asked: Tensor) -> Tensor:
    """(n, d), (m, d) -> (m, n)."""
    return F.normalize(asked, dim=1) @ F.normalize(known, dim=1).T


def shares(
    alike: Tensor, labels: Tensor, k: int, num_classes: int
) -> Tensor:
    """Let the k most alike vote: (m, n), (n,) -> (m, num_classes)."""
    nearest = alike.topk(k, dim=1).indices
    votes = F.one_hot(labels[nearest], num_classes)
    return votes.to(alike.dtype).mean(dim=1)


def cases() -> list[Case]:
    """Draw features of very different lengths, so that cosines count."""
    draw, found = Draw(114), []
    for n, m, d, k, classes in [
        (12, 5, 4, 3, 4),
        (9, 4, 3, 1, 4),
        (20, 6, 5, 7, 2),
        (7, 1, 3, 4, 5),
    ]:
        lengths = 0.2 + 3 * draw.uniform(n, 1)
        labels = [draw.size(0, classes - 1) for _ in range(n)]
        inputs = {
            "known": draw.normal(n, d) * lengths + 0.4,
            "labels": torch.tensor(labels),
            "asked": draw.normal(m, d) + 0.4,
            "k": k,
            "num_classes": classes,
        }
        words = (
            f"{count_of(m, 'picture')} among {n} known ones of {classes} "
            f"classes, with k = {k}"
        )
        found.append(Case(words, inputs, tells={"k": k, "n": n, "m": m}))
    return found


def by(alike: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """Give an answer that calls other features alike."""

    def wrong(
        known: Tensor,
        labels: Tensor,
        asked: Tensor,
        k: int,
        num_classes: int,
    ) -> Tensor:
        return shares(alike(known, asked), labels, k, num_classes)

    return wrong


def changed(change: Callable) -> Callable:
    """Give an answer that is changed afterwards."""

    def wrong(
        known: Tensor,
        labels: Tensor,
        asked: Tensor,
        k: int,
        num_classes: int,
    ) -> Tensor:
        votes = neighbour_votes(known, labels, asked, k, num_classes)
        return change(votes, k)

    return wrong


def known_scaled_by_column(known: Tensor, asked: Tensor) -> Tensor:
    """Normalise each feature over the pictures, not each picture."""
    return F.normalize(asked, dim=0) @ F.normalize(known, dim=0).T


def one_more(
    known: Tensor, labels: Tensor, asked: Tensor, k: int, num_classes: int
) -> Tensor:
    """Leave the nearest out, as if it were the picture itself."""
    nearest = cosines(known, asked).topk(k + 1, dim=1).indices[:, 1:]
    votes = F.one_hot(labels[nearest], num_classes)
    return votes.to(known.dtype).mean(dim=1)


def nearest_alone(
    known: Tensor, labels: Tensor, asked: Tensor, k: int, num_classes: int
) -> Tensor:
    """Ask the nearest alone."""
    return neighbour_votes(known, labels, asked, 1, num_classes)


def all_vote(
    known: Tensor, labels: Tensor, asked: Tensor, k: int, num_classes: int
) -> Tensor:
    """Let all the known ones vote."""
    return neighbour_votes(known, labels, asked, len(known), num_classes)


def weighted(weigh: Callable[[Tensor], Tensor]) -> Callable:
    """Give an answer whose votes have weights, made of their cosines."""

    def wrong(
        known: Tensor,
        labels: Tensor,
        asked: Tensor,
        k: int,
        num_classes: int,
    ) -> Tensor:
        top = cosines(known, asked).topk(k, dim=1)
        votes = F.one_hot(labels[top.indices], num_classes)
        return (votes * weigh(top.values)[..., None]).sum(dim=1)

    return wrong


TEMPERATURE = 0.07  # of the weighted votes of DINO's authors


PIECE = Piece(
    module=__name__,
    number=4,
    reference=neighbour_votes,
    cases=cases,
    axes="pictures, classes",
    differentiable=False,
    shown="On four sets of features the k most alike vote, and the shares "
    "are those of ours.",
    next="The class with the largest share is the answer. Nothing was "
    "trained: where such votes are good, the features are.",
    mistakes=(
        Mistake(
            "euclidean",
            by(lambda known, asked: -torch.cdist(asked, known)),
            "Yours takes those that are nearest in distance. {seen} A "
            "cosine asks for the direction alone: what has to become of "
            "the lengths first?",
        ),
        Mistake(
            "dot_products",
            by(lambda known, asked: asked @ known.T),
            "These are dot products, in which a long vector beats a near "
            "one. {seen} What has to become of the lengths first?",
        ),
        Mistake(
            "least_alike",
            by(lambda known, asked: -cosines(known, asked)),
            "The votes are those of the k that are least alike. {seen} "
            "Are you sorting similarities, or distances?",
        ),
        Mistake(
            "scaled_by_column",
            by(known_scaled_by_column),
            "You bring each feature to length 1 over all pictures, and "
            "wanted is each picture over its features. {seen} Which `dim` "
            "is that?",
        ),
        Mistake(
            "counts",
            changed(lambda votes, k: votes * k),
            "You count votes, and wanted are shares. {seen} By what is a "
            "count to be divided?",
        ),
        Mistake(
            "softmax_of_votes",
            changed(lambda votes, k: (votes * k).softmax(dim=1)),
            "You take a softmax of the counts. {seen} The shares are "
            "there already: what do three votes of four say?",
        ),
        Mistake(
            "softmax_of_shares",
            changed(lambda votes, k: votes.softmax(dim=1)),
            "You take a softmax of the shares. {seen} They sum to 1 "
            "already: what has a class that nobody voted for?",
        ),
        Mistake(
            "winner_alone",
            changed(
                lambda votes, k: F.one_hot(
                    votes.argmax(1), votes.shape[1]
                ).to(votes.dtype)
            ),
            "The winner gets everything. {seen} Wanted are the shares of "
            "all classes: where are the votes of the others?",
        ),
        Mistake(
            "nearest_left_out",
            one_more,
            "The most alike is left out, as if it were the picture "
            "itself. {seen} Is any of the asked among the known?",
        ),
        Mistake(
            "nearest_alone",
            nearest_alone,
            "Only the most alike has a vote. {seen} How many are asked?",
        ),
        Mistake(
            "all_vote",
            all_vote,
            "All {n} known ones vote, so that every picture gets the same "
            "answer. {seen} How many are asked?",
        ),
        Mistake(
            "weighted_by_cosine",
            weighted(lambda cosine: cosine),
            "Your votes are weighed by their cosines. {seen} Here each of "
            "the k has one vote: what do the shares sum to?",
        ),
        Mistake(
            "weighted_shares",
            weighted(lambda cosine: cosine / cosine.sum(1, keepdim=True)),
            "Your shares sum to 1, and each vote weighs as much as its "
            "cosine. {seen} Here each of the k has one vote: how much "
            "does it weigh?",
        ),
        Mistake(
            "weighted_with_a_temperature",
            weighted(lambda cosine: (cosine / TEMPERATURE).softmax(1)),
            "This is the weighted vote of the papers, a softmax of the "
            "cosines with a temperature. {seen} Here each of the k has "
            "one vote: how much does it weigh?",
        ),
    ),
)
