"""Chapter 8's other exercises: right answers of any style, wrong ones."""

import pytest
import torch
from torch.nn import functional as F

from vitlib.teach import check

# smooth_loss, right


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


@pytest.mark.parametrize("answer", [by_indexing, by_target, by_loop])
def test_every_style_of_smooth_loss_is_right(answer):
    result = check.smooth_loss(answer)
    assert result, str(result)


# smooth_loss, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, y, s: F.cross_entropy(x, y), "without smoothing"),
        (among_others, "among the other classes"),
        (truth_left_out, "do not sum to 1"),
        (
            lambda x, y, s: -(1 - s) * of_truth(x, y).mean(),
            "nobody gets what is left",
        ),
        (summed, "a sum, or a mean?"),
        (tenths, "Right for ten classes, and here are 4"),
        (lambda x, y, s: by_indexing(x, y, 1 - s), "have changed places"),
        (lambda x, y, s: -by_indexing(x, y, s), "Right but for the sign"),
        (
            lambda x, y, s: by_indexing(x, y, s) * len(y),
            "Yours is the sum over the batch",
        ),
        (all_at_once, "Yours is 10 times too small"),
        (log_of_softmax, "with scores in the thousands"),
        (columns_only, "for each image the labels of all"),
        (of_images, "Whose shares have to sum to 1?"),
        (
            lambda x, y, s: by_indexing(x.softmax(1), y, s),
            "takes the softmax twice",
        ),
        (
            lambda x, y, s: F.cross_entropy(
                x, y, label_smoothing=s, reduction="none"
            ),
            "A loss for each image, (6,)",
        ),
        (
            lambda x, y, s: torch.tensor(by_indexing(x, y, s).item()),
            "yours answers in float32",
        ),
        (
            lambda x, y, s: by_indexing(x.detach(), y, s),
            "no gradient comes back to `scores`",
        ),
    ],
)
def test_a_wrong_smooth_loss_is_understood(answer, words):
    result = check.smooth_loss(answer)
    assert not result
    assert words in str(result)


# accumulate, right


def by_split(model, images, labels, size):
    model.zero_grad()
    parts = zip(images.split(size), labels.split(size), strict=True)
    for some, truth in parts:
        loss = F.cross_entropy(model(some), truth)
        (loss * len(some) / len(images)).backward()


def by_sums(model, images, labels, size):
    for part in model.parameters():
        part.grad = None
    for start in range(0, len(images), size):
        scores = model(images[start : start + size])
        truth = labels[start : start + size]
        loss = F.cross_entropy(scores, truth, reduction="sum")
        (loss / len(images)).backward()


def afterwards(model, images, labels, size):
    model.zero_grad()
    for picked in torch.arange(len(images)).split(size):
        scores = model(images[picked])
        F.cross_entropy(scores, labels[picked], reduction="sum").backward()
    for part in model.parameters():
        part.grad /= len(images)
    return model


def by_autograd(model, images, labels, size):
    parts = list(model.parameters())
    totals = [torch.zeros_like(part) for part in parts]
    for image, label in zip(images, labels, strict=True):
        loss = F.cross_entropy(model(image[None]), label[None])
        for total, one in zip(
            totals, torch.autograd.grad(loss, parts), strict=True
        ):
            total += one / len(images)
    for part, total in zip(parts, totals, strict=True):
        part.grad = total


@pytest.mark.parametrize(
    "answer", [by_split, by_sums, afterwards, by_autograd]
)
def test_every_style_of_accumulate_is_right(answer):
    result = check.accumulate(answer)
    assert result, str(result)


# accumulate, wrong


def weighed(weigh, clear=True, inside=False):
    def answer(model, images, labels, size):
        if clear:
            model.zero_grad()
        for some, truth in zip(
            images.split(size), labels.split(size), strict=True
        ):
            if inside:
                model.zero_grad()
            loss = F.cross_entropy(model(some), truth)
            (loss * weigh(len(some), len(images), size)).backward()

    return answer


def at_once(model, images, labels, size):
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()


def whole_parts(model, images, labels, size):
    model.zero_grad()
    for i in range(len(images) // size):
        some = slice(i * size, (i + 1) * size)
        loss = F.cross_entropy(model(images[some]), labels[some])
        (loss * size / len(images)).backward()


def first_part(model, images, labels, size):
    model.zero_grad()
    loss = F.cross_entropy(model(images[:size]), labels[:size])
    (loss * len(labels[:size]) / len(images)).backward()


def only_cleared(model, images, labels, size):
    model.zero_grad()


def last_backward(model, images, labels, size):
    model.zero_grad()
    parts = zip(images.split(size), labels.split(size), strict=True)
    for some, truth in parts:
        loss = F.cross_entropy(model(some), truth)
    loss.backward()


def one_backward(model, images, labels, size):
    model.zero_grad()
    total = 0
    parts = zip(images.split(size), labels.split(size), strict=True)
    for some, truth in parts:
        loss = F.cross_entropy(model(some), truth, reduction="sum")
        total = total + loss / len(images)
    total.backward()


def with_a_step(model, images, labels, size):
    by_split(model, images, labels, size)
    with torch.no_grad():
        for part in model.parameters():
            part -= 0.1 * part.grad


def no_backward(model, images, labels, size):
    for some, truth in zip(
        images.split(size), labels.split(size), strict=True
    ):
        F.cross_entropy(model(some), truth)
    model.zero_grad()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (weighed(lambda k, n, s: 1), "means, added up"),
        (
            weighed(lambda k, n, s: 1 / -(-n // s)),
            "Of 10 images, 4 at a time, the last part has 2",
        ),
        (weighed(lambda k, n, s: s / n), "and yours weighs it like 4"),
        (weighed(lambda k, n, s: k), "of the sum over 10 images"),
        (weighed(lambda k, n, s: 1 / n), "divides by 10 what is a mean"),
        (weighed(lambda k, n, s: 1 / s), "divides by 4 what is a mean"),
        (
            weighed(lambda k, n, s: k / n, inside=True),
            "of the last part only",
        ),
        (
            weighed(lambda k, n, s: k / n, clear=False),
            "came with gradients of an earlier step",
        ),
        (
            last_backward,
            "the gradient of the last part's mean",
        ),
        (
            one_backward,
            "3 parts wait for one `backward`, and until it comes",
        ),
        (with_a_step, "your code has changed the weights"),
        (at_once, "shown 10 images at once, and no more than 4 fit"),
        (whole_parts, "The last 2 of 10 images are left out"),
        (first_part, "of the first part only"),
        (no_backward, "without a gradient in the end"),
        (
            only_cleared,
            "the model was never shown an image",
        ),
    ],
)
def test_a_wrong_accumulate_is_understood(answer, words):
    result = check.accumulate(answer)
    assert not result
    assert words in str(result)
