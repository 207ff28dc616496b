"""check.evaluate: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


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


@right(at_once, one_by_one)
def test_every_style_is_right(answer):
    is_right(check.evaluate(answer))


def whole_batches(model, images, labels, batch_size):
    whole = len(images) // batch_size * batch_size
    share = at_once(model, images[:whole], labels[:whole], batch_size)
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
    model.eval()
    return no_eval(model, images, labels, batch_size)


def goes_to_training(model, images, labels, batch_size):
    share = stays_in_eval(model, images, labels, batch_size)
    model.train()
    return share


def takes_train_away(*given):
    share = at_once(*given)
    given[0].train = None
    return share


@wrong(
    ("mean_of_means", mean_of_means),
    ("rest_left_out", whole_batches),
    ("in_training_mode", no_eval),
    ("mode_not_restored", stays_in_eval),
    ("mode_not_restored", goes_to_training),
    ("no_number", lambda *given: given[1]),
    ("no_number", lambda *given: at_once(*given) + 0j),
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
