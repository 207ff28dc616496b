"""Check your `smooth_loss(scores, labels, smoothing)`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def smooth_loss(
    scores: Tensor, labels: Tensor, smoothing: float
) -> Tensor:
    """(b, k), (b) -> the mean loss."""
    return F.cross_entropy(scores, labels, label_smoothing=smoothing)


def cases() -> list[Case]:
    """Draw scores for ten classes and for others, and very large ones."""
    draw, found = Draw(81), []
    for batch, classes, smoothing, size in [
        (6, 10, 0.1, 1.0),
        (1, 4, 0.3, 2.0),
        (5, 7, 0.0, 1.0),
        (4, 3, 0.2, 3.0),
        (3, 10, 0.1, 2000.0),
    ]:
        labels = [draw.size(0, classes - 1) for _ in range(batch)]
        words = (
            f"{count_of(batch, 'image')} and {classes} classes, smoothed "
            f"by {smoothing:g}"
        )
        if size > 100:
            words += ", with scores in the thousands"
        found.append(
            Case(
                words,
                {
                    "scores": draw.normal(batch, classes, std=size),
                    "labels": torch.tensor(labels),
                    "smoothing": smoothing,
                },
                tells={"k": classes, "s": smoothing, "b": batch},
            )
        )
    return found


def mixed(
    target: Callable,
    log: Callable = lambda scores: scores.log_softmax(dim=1),
) -> Callable:
    """Give an answer with another target, or other logarithms."""

    def wrong(scores: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        k = scores.shape[1]
        truth = F.one_hot(labels, k).to(scores.dtype)
        shares = target(truth, smoothing, k)
        return -(shares * log(scores)).sum(dim=1).mean()

    return wrong


def smooth(truth: Tensor, s: float, k: int) -> Tensor:
    """Give the target of the text."""
    return (1 - s) * truth + s / k


def changed(change: Callable) -> Callable:
    """Give an answer that is changed afterwards."""

    def wrong(scores: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        return change(smooth_loss(scores, labels, smoothing), scores)

    return wrong


def one_loss_each(
    scores: Tensor, labels: Tensor, smoothing: float
) -> Tensor:
    """Forget the mean."""
    return F.cross_entropy(
        scores, labels, label_smoothing=smoothing, reduction="none"
    )


def labels_of_all_images(
    scores: Tensor, labels: Tensor, smoothing: float
) -> Tensor:
    """Index by columns only."""
    log = scores.log_softmax(dim=1)
    of_truth = (1 - smoothing) * log[:, labels].mean()
    return -(of_truth + smoothing * log.mean())


PIECE = Piece(
    module=__name__,
    number=2,
    reference=smooth_loss,
    cases=cases,
    axes="one number for all images",
    shown="On five batches your loss and its gradient are those of "
    "torch's `cross_entropy`, and stay so where scores are in the "
    "thousands.",
    next="This is the number that the training of this chapter makes "
    "smaller, and the reason why it does not come below 0.5.",
    mistakes=(
        Mistake(
            "no_smoothing",
            mixed(lambda truth, s, k: truth),
            "This is the loss without smoothing. {seen} Where does "
            "`smoothing` go in?",
        ),
        Mistake(
            "shared_among_the_others",
            mixed(
                lambda truth, s, k: (
                    (1 - s) * truth + s * (1 - truth) / (k - 1)
                )
            ),
            "Yours shares the {s:g} among the other classes. {seen} It is "
            "shared among all {k}, and the truth gets a part of it back."
            " By what is it divided then?",
        ),
        Mistake(
            "truth_without_its_part",
            mixed(
                lambda truth, s, k: (1 - s) * truth + s / k * (1 - truth)
            ),
            "The shares of your target do not sum to 1. {seen} The truth, "
            "too, gets its part of what is shared out."
            " How large is its part?",
        ),
        Mistake(
            "nothing_shared_out",
            mixed(lambda truth, s, k: (1 - s) * truth),
            "The truth gets its {s:g} less, and nobody gets what is left. "
            "{seen}"
            " Who gets it?",
        ),
        Mistake(
            "not_divided_by_classes",
            mixed(lambda truth, s, k: (1 - s) * truth + s),
            "Each class gets all of the {s:g}. {seen} It is shared among "
            "{k}: a sum, or a mean?",
        ),
        Mistake(
            "ten_classes_assumed",
            mixed(lambda truth, s, k: (1 - s) * truth + s / 10),
            "Right for ten classes, and here are {k}. {seen} Where does "
            "your code say 10?",
        ),
        Mistake(
            "truth_keeps_all",
            mixed(lambda truth, s, k: truth + s / k),
            "Your target gives the truth all of 1, and the rest something "
            "besides: its shares sum to more than 1. {seen} What does the "
            "truth keep, where {s:g} is shared out?",
        ),
        Mistake(
            "always_smoothed_by_a_tenth",
            mixed(lambda truth, s, k: 0.9 * truth + 0.1 / k),
            "Right where `smoothing` is 0.1, and here it is {s:g}. {seen} "
            "Where does your code say 0.1, or 0.9?",
        ),
        Mistake(
            "shares_swapped",
            mixed(lambda truth, s, k: s * truth + (1 - s) / k),
            "The two shares have changed places: the truth gets {s:g}. "
            "{seen}"
            " Which of the two stands beside the truth?",
        ),
        Mistake(
            "no_minus",
            changed(lambda loss, scores: -loss),
            "Right but for the sign. {seen} A logarithm of a share is "
            "negative, a loss is not."
            " Which sign has a logarithm of a share?",
        ),
        Mistake(
            "sum_over_batch",
            changed(lambda loss, scores: loss * len(scores)),
            "Yours is the sum over the batch. {seen} With a sum, twice "
            "the batch would be twice the step."
            " What makes a mean of it?",
        ),
        Mistake(
            "divided_by_classes_again",
            changed(lambda loss, scores: loss / scores.shape[1]),
            "Yours is {k} times too small. {seen} Did you take a mean "
            "over classes where the target has weighed them already?",
        ),
        Mistake(
            "no_log_softmax",
            mixed(smooth, lambda scores: scores),
            "The scores go in as they are. {seen} First they have to "
            "become logarithms of shares that sum to 1."
            " What makes logarithms of shares of scores?",
        ),
        Mistake(
            "no_logarithm",
            mixed(smooth, lambda scores: scores.softmax(dim=1)),
            "Yours weighs the shares, not their logarithms. {seen}"
            " Which function gives both at once?",
        ),
        Mistake(
            "softmax_over_batch",
            mixed(smooth, lambda scores: scores.log_softmax(dim=0)),
            "Your softmax runs over the images of the batch. {seen} Whose "
            "shares have to sum to 1?",
        ),
        Mistake(
            "softmax_twice",
            mixed(
                smooth, lambda scores: scores.softmax(1).log_softmax(dim=1)
            ),
            "Yours takes the softmax twice. {seen}"
            " Which of the two is too many?",
        ),
        Mistake(
            "labels_of_all_images",
            labels_of_all_images,
            "`log[:, labels]` takes for each image the labels of all: a "
            "table, whose mean is taken. {seen} Each image goes with its "
            "own label, the first with the first. What says so?",
        ),
        Mistake(
            "one_loss_each",
            one_loss_each,
            "A loss for each image, {shape}. Wanted is one number for "
            "all, their mean."
            " What makes one number of them?",
        ),
    ),
)
