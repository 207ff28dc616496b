"""check.evaluate: right answers of any style, and wrong ones."""

from fractions import Fraction

import numpy as np
import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def in_parts(model, images, labels, batch_size):
    """Go in parts, and remember in which mode the model was."""
    before, right = model.training, 0
    model.eval()
    with torch.no_grad():
        for some, truth in zip(
            images.split(batch_size), labels.split(batch_size), strict=True
        ):
            right += (model(some).argmax(1) == truth).sum()
    model.train(before)
    return right / len(images)


def at_once(model, images, labels, batch_size=250):
    before = model.training
    model.eval()
    with torch.no_grad():
        found = model(images).max(dim=1).indices
    model.train(before)
    return (found == labels).double().mean()


def one_by_one(model, images, labels, batch_size):
    mode, right = model.training, 0
    model.eval()
    for image, label in zip(images, labels, strict=True):
        right += int(model(image[None]).argmax()) == int(label)
    model.train(mode)
    return right / len(labels)


@right(
    in_parts,
    one_by_one,
    lambda *given: np.float32(in_parts(*given)),
    lambda *given: Fraction(one_by_one(*given)).limit_denominator(100),
)
def test_every_style_is_right(answer):
    is_right(check.evaluate(answer))


def whole_batches(model, images, labels, batch_size):
    whole = len(images) // batch_size * batch_size
    share = in_parts(model, images[:whole], labels[:whole], batch_size)
    return share * whole / len(images)


def mean_of_means(model, images, labels, batch_size):
    before = model.training
    model.eval()
    shares = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        found = model(images[part]).argmax(dim=-1)
        shares.append((found == labels[part]).float().mean().item())
    model.train(before)
    return sum(shares) / len(shares)


def no_eval(model, images, labels, batch_size):
    return (model(images).argmax(1) == labels).double().mean().item()


def stays_in_eval(model, images, labels, batch_size):
    share = in_parts(model, images, labels, batch_size)
    model.eval()
    return share


def goes_to_training(model, images, labels, batch_size):
    share = stays_in_eval(model, images, labels, batch_size)
    model.train()
    return share


def takes_train_away(*given):
    share = in_parts(*given)
    given[0].train = None
    return share


def in_so_many_chunks(model, images, labels, batch_size):
    before, right = model.training, 0
    model.eval()
    parts = zip(
        images.chunk(batch_size), labels.chunk(batch_size), strict=True
    )
    for some, truth in parts:
        right += (model(some).argmax(1) == truth).sum().item()
    model.train(before)
    return right / len(images)


def gradients_off(model, images, labels, batch_size):
    torch.set_grad_enabled(False)
    return in_parts(model, images, labels, batch_size)


def freezes(model, images, labels, batch_size):
    model.requires_grad_(False)
    return in_parts(model, images, labels, batch_size)


def learns(model, images, labels, batch_size):
    share = in_parts(model, images, labels, batch_size)
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    loss = torch.nn.functional.cross_entropy(model(images[:1]), labels[:1])
    loss.backward()
    optimiser.step()
    return share


class Turned(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return -self.model(images)


def leaves_too_soon(model, images, labels, batch_size):
    before = model.training
    model.eval()
    for some, truth in zip(
        images.split(batch_size), labels.split(batch_size), strict=True
    ):
        right = (model(some).argmax(1) == truth).sum().item()
        model.train(before)
        return right / len(images)


def over_whole_batches(model, images, labels, batch_size):
    share = in_parts(model, images, labels, batch_size)
    whole = len(images) // batch_size * batch_size or len(images)
    return share * len(images) / whole


def first_or_last(which):
    """Look at one batch alone."""

    def answer(model, images, labels, batch_size):
        parts = images.split(batch_size), labels.split(batch_size)
        some, truth = (part[which] for part in parts)
        return in_parts(model, some, truth, batch_size)

    return answer


def by_count_of_batches(model, images, labels, batch_size):
    count = len(images.split(batch_size))
    share = in_parts(model, images, labels, batch_size)
    return share * len(images) / count


@wrong(
    ("count_of_right", lambda m, x, y, n: in_parts(m, x, y, n) * len(x)),
    ("in_percent", lambda *given: 100 * one_by_one(*given)),
    ("share_of_wrong", lambda *given: 1 - one_by_one(*given)),
    ("first_batch_only", first_or_last(0)),
    ("last_batch_only", first_or_last(-1)),
    ("divided_by_batches", by_count_of_batches),
    ("mean_of_means", mean_of_means),
    ("rest_left_out", whole_batches),
    ("in_training_mode", no_eval),
    ("mode_not_restored", stays_in_eval),
    ("mode_not_restored", goes_to_training),
    ("no_number", lambda *given: given[1]),
    ("no_number", lambda *given: in_parts(*given) + 0j),
    ("too_many_at_once", at_once),
    ("too_many_at_once", lambda m, x, y, n: in_parts(m, x, y, 250)),
    ("too_many_at_once", in_so_many_chunks),
    ("gradients_left_off", gradients_off),
    ("changes_who_learns", freezes),
    ("changes_the_weights", learns),
    ("lowest_score", lambda m, x, y, n: in_parts(Turned(m), x, y, n)),
    (
        "divided_by_batch_size",
        lambda m, x, y, n: in_parts(m, x, y, n) * len(x) / min(n, len(x)),
    ),
    ("leaves_after_the_first_batch", leaves_too_soon),
    ("divided_by_whole_batches", over_whole_batches),
    ("no_number", lambda *given: given[0]),
    ("stops", lambda *given: given[0].head(given[1])),
    ("not_finite", lambda *given: float("nan")),
)
def test_a_wrong_share_is_named(mistake, answer):
    is_named(mistake, check.evaluate(answer))


def test_the_mode_that_is_left_is_said():
    said = str(check.evaluate(stays_in_eval))
    assert "came in training mode and is now in eval mode" in said
    said = str(check.evaluate(goes_to_training))
    assert "came in eval mode and is now in training mode" in said


def test_the_images_left_out_are_counted():
    said = str(check.evaluate(whole_batches))
    assert "10, in batches of 4, leave a smaller batch" in said
