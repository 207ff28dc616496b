"""check.accumulate: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


def parts_of(images, labels, size):
    return zip(images.split(size), labels.split(size), strict=True)


def by_split(model, images, labels, size):
    model.zero_grad()
    for some, truth in parts_of(images, labels, size):
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


@right(by_split, by_sums, afterwards, by_autograd)
def test_every_style_is_right(answer):
    is_right(check.accumulate(answer))


def weighed(weigh, clear=True, inside=False):
    def answer(model, images, labels, size):
        if clear:
            model.zero_grad()
        for some, truth in parts_of(images, labels, size):
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
    for some, truth in parts_of(images, labels, size):
        loss = F.cross_entropy(model(some), truth)
    loss.backward()


def one_backward(model, images, labels, size):
    model.zero_grad()
    total = 0
    for some, truth in parts_of(images, labels, size):
        loss = F.cross_entropy(model(some), truth, reduction="sum")
        total = total + loss / len(images)
    total.backward()


def with_a_step(model, images, labels, size):
    by_split(model, images, labels, size)
    with torch.no_grad():
        for part in model.parameters():
            part -= 0.1 * part.grad


def no_backward(model, images, labels, size):
    for some, truth in parts_of(images, labels, size):
        F.cross_entropy(model(some), truth)
    model.zero_grad()


def backward_twice(model, images, labels, size):
    for some, truth in parts_of(images, labels, size):
        loss = F.cross_entropy(model(some), truth)
        loss.backward()
        loss.backward()


def written_over(model, images, labels, size):
    for some, truth in parts_of(images, labels, size):
        scores = model(some).exp()
        loss = F.cross_entropy(scores, truth)
        scores += 1
        loss.backward()


def in_inference_mode(model, images, labels, size):
    with torch.inference_mode():
        by_split(model, images, labels, size)


def frozen(model, images, labels, size):
    by_split(model.requires_grad_(False), images, labels, size)


def in_eval_mode(model, images, labels, size):
    by_split(model.eval(), images, labels, size)


def raises_in_a_hook(model, images, labels, size):
    model.head.register_full_backward_hook(lambda *_: 1 / 0)
    by_split(model, images, labels, size)


@wrong(
    ("divided_by_full_parts", weighed(lambda k, n, s: 1 / max(1, n // s))),
    ("mode_not_restored", in_eval_mode),
    ("means_added", weighed(lambda k, n, s: 1)),
    ("parts_weigh_alike", weighed(lambda k, n, s: 1 / -(-n // s))),
    ("last_part_weighs_as_a_full_one", weighed(lambda k, n, s: s / n)),
    ("gradient_of_the_sum", weighed(lambda k, n, s: k)),
    ("means_divided_by_all", weighed(lambda k, n, s: 1 / n)),
    ("means_divided_by_a_part", weighed(lambda k, n, s: 1 / s)),
    ("last_part_only", weighed(lambda k, n, s: k / n, inside=True)),
    ("old_gradients_left", weighed(lambda k, n, s: k / n, clear=False)),
    ("mean_of_the_last_part", last_backward),
    ("parts_wait_for_one_backward", one_backward),
    ("changes_the_weights", with_a_step),
    ("too_many_at_once", at_once),
    ("rest_left_out", whole_parts),
    ("first_part_only", first_part),
    ("no_gradient", no_backward),
    ("no_image_shown", only_cleared),
    ("stops", backward_twice),
    ("stops", written_over),
    ("stops", in_inference_mode),
    ("stops", frozen),
    ("stops", raises_in_a_hook),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.accumulate(answer))


def test_the_parts_are_counted():
    said = str(check.accumulate(weighed(lambda k, n, s: s / n)))
    assert "Of 10 images, 4 at a time, the last part has 2" in said
    assert "and yours weighs it like 4" in said
    said = str(check.accumulate(one_backward))
    assert "3 parts wait for one `backward`, and until it comes" in said
    said = str(check.accumulate(at_once))
    assert "shown 10 images at once, and no more than 4 fit" in said
