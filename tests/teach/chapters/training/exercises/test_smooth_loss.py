"""check.smooth_loss: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def by_indexing(scores, labels, smoothing):
    log = scores.log_softmax(dim=1)
    of_truth = log[torch.arange(len(labels)), labels]
    return -((1 - smoothing) * of_truth + smoothing * log.mean(1)).mean()


def by_target(scores, labels, smoothing):
    target = torch.full_like(scores, smoothing / scores.shape[1])
    target[torch.arange(len(labels)), labels] += 1 - smoothing
    shares = scores - scores.logsumexp(dim=1, keepdim=True)
    return -torch.einsum("bk,bk->", target, shares) / len(labels)


def by_loop(scores, labels, smoothing):
    total = 0
    for row, truth in zip(scores, labels, strict=True):
        row = row - row.max()
        log = row - row.exp().sum().log()
        for k, value in enumerate(log):
            share = smoothing / len(row) + (1 - smoothing) * (k == truth)
            total = total - share * value
    return total / len(labels)


@right(by_indexing, by_target, by_loop)
def test_every_style_is_right(answer):
    is_right(check.smooth_loss(answer))


def of_truth(scores, labels):
    return scores.log_softmax(1).gather(1, labels[:, None])[:, 0]


def among_others(scores, labels, s):
    log, truth = scores.log_softmax(1), of_truth(scores, labels)
    others = (log.sum(1) - truth) / (scores.shape[1] - 1)
    return -((1 - s) * truth + s * others).mean()


def truth_left_out(scores, labels, s):
    log, truth = scores.log_softmax(1), of_truth(scores, labels)
    others = (log.sum(1) - truth) / scores.shape[1]
    return -((1 - s) * truth + s * others).mean()


def log_of_softmax(scores, labels, s):
    log = scores.softmax(dim=1).log()
    truth = log[torch.arange(len(labels)), labels]
    return -((1 - s) * truth + s * log.mean(dim=1)).mean()


def bare_scores(scores, labels, s):
    truth = scores[torch.arange(len(labels)), labels]
    return -((1 - s) * truth + s * scores.mean(dim=1)).mean()


def bare_shares(scores, labels, s):
    shares = scores.softmax(dim=1)
    truth = shares.gather(1, labels[:, None])[:, 0]
    return -((1 - s) * truth + s * shares.mean(dim=1)).mean()


def of_images(scores, labels, s):
    log = scores.log_softmax(dim=0)
    truth = log[torch.arange(len(labels)), labels]
    return -((1 - s) * truth + s * log.mean(dim=1)).mean()


def summed(scores, labels, s):
    log = scores.log_softmax(1)
    return -((1 - s) * of_truth(scores, labels) + s * log.sum(1)).mean()


def tenths(scores, labels, s):
    log = scores.log_softmax(1)
    parts = (1 - s) * of_truth(scores, labels) + s * log.sum(1) / 10
    return -parts.mean()


def columns_only(scores, labels, s):
    log = scores.log_softmax(1)
    return -((1 - s) * log[:, labels] + s * log.mean(1)).mean()


def all_at_once(scores, labels, s):
    log = scores.log_softmax(1)
    target = (1 - s) * F.one_hot(labels, scores.shape[1])
    return -((target + s / scores.shape[1]) * log).mean()


def unsmoothed(scores, labels, s):
    return F.cross_entropy(scores, labels)


def one_each(scores, labels, s):
    return F.cross_entropy(
        scores, labels, label_smoothing=s, reduction="none"
    )


def a_new_tensor(scores, labels, s):
    return torch.tensor(by_indexing(scores, labels, s).item())


def goes_back_itself(scores, labels, s):
    loss = by_indexing(scores, labels, s)
    if loss.requires_grad:
        loss.backward()
    return loss


@wrong(
    (
        "truth_keeps_all",
        lambda x, y, s: (
            -(of_truth(x, y) + s * x.log_softmax(1).mean(1)).mean()
        ),
    ),
    ("always_smoothed_by_a_tenth", lambda x, y, s: by_indexing(x, y, 0.1)),
    ("no_smoothing", unsmoothed),
    ("shared_among_the_others", among_others),
    ("truth_without_its_part", truth_left_out),
    (
        "nothing_shared_out",
        lambda x, y, s: -(1 - s) * of_truth(x, y).mean(),
    ),
    ("not_divided_by_classes", summed),
    ("ten_classes_assumed", tenths),
    ("shares_swapped", lambda x, y, s: by_indexing(x, y, 1 - s)),
    ("no_minus", lambda x, y, s: -by_indexing(x, y, s)),
    ("sum_over_batch", lambda x, y, s: by_indexing(x, y, s) * len(y)),
    ("divided_by_classes_again", all_at_once),
    ("no_log_softmax", bare_scores),
    ("no_logarithm", bare_shares),
    ("not_finite", log_of_softmax),
    ("labels_of_all_images", columns_only),
    ("softmax_over_batch", of_images),
    ("softmax_twice", lambda x, y, s: by_indexing(x.softmax(1), y, s)),
    ("one_loss_each", one_each),
    ("other_dtype", a_new_tensor),
    ("no_tensor", lambda x, y, s: by_indexing(x, y, s).item()),
    ("no_gradient", lambda x, y, s: by_indexing(x.detach(), y, s)),
    ("no_gradient", torch.no_grad()(by_indexing)),
    ("stops_backwards", goes_back_itself),
)
def test_a_wrong_loss_is_named(mistake, answer):
    is_named(mistake, check.smooth_loss(answer))


def test_scores_in_the_thousands_are_named():
    said = str(check.smooth_loss(log_of_softmax))
    assert "with scores in the thousands" in said


def test_the_classes_of_the_question_are_counted():
    said = str(check.smooth_loss(tenths))
    assert "Right for ten classes, and here are 4" in said
    assert "Yours is 10 times" in str(check.smooth_loss(all_at_once))
