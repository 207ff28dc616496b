"""Check your `accumulate(model, images, labels, size)`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib.teach.checking.answer import (
    Finding,
    Runner,
    Unwritten,
    is_empty,
)
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, listed


def accumulate(
    model: nn.Module, images: Tensor, labels: Tensor, size: int
) -> None:
    """Give each parameter the gradient of the mean loss over all."""
    gather(model, images, labels, size)


def gather(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    size: int,
    weigh: Callable = lambda part, size, whole: part / whole,
    clear: str = "before",
    stop: Callable = lambda whole, size: whole,
) -> None:
    """Do it, rightly or not."""
    if clear == "before":
        model.zero_grad()
    for start in range(0, stop(len(images), size), size):
        if clear == "inside":
            model.zero_grad()
        some = images[start : start + size]
        loss = F.cross_entropy(model(some), labels[start : start + size])
        (loss * weigh(len(some), size, len(images))).backward()


class Counting(nn.Module):
    """A small classifier that remembers what it was shown, and held.

    Until `backward` has gone through a part's scores, torch keeps all
    that it needs for it: such parts are waiting.
    """

    def __init__(self, numbers: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Linear(numbers, 5)
        self.head = nn.Linear(5, classes)
        self.shown: list[int] = []
        self.waiting = self.held = 0

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, classes)."""
        self.shown.append(len(images))
        scores = self.head(self.inner(images.flatten(1)).tanh())
        if scores.requires_grad:
            scores.register_hook(self.let_go)
            self.waiting += 1
            self.held = max(self.held, self.waiting)
        return scores

    def let_go(self, gradient: Tensor) -> None:
        """Note that a part has had its backward."""
        self.waiting -= 1


class GradientPiece(Piece):
    """What the answer leaves in the parameters is compared."""

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Call it on a model that holds old gradients."""
        model, size = given["model"], given["size"]
        for part in model.parameters():
            part.grad = torch.ones_like(part)
        output = super().call(runner, case, given)
        if output is ...:
            raise Unwritten
        if not model.shown:
            if is_empty(runner.answer):
                raise Unwritten
            raise Finding(
                "Your code runs to its end, and the model was never shown "
                "an image.",
                "no_image_shown",
            )
        if max(model.shown) > size:
            raise Finding(
                f"Your model was shown {max(model.shown)} images at once, "
                f"and no more than {size} fit into memory. "
                "`images.split(size)` gives parts.",
                "too_many_at_once",
            )
        return model

    def read(self, output: object, case: Case) -> Tensor:
        """Join all gradients."""
        named = list(output.named_parameters())
        lost = [name for name, part in named if part.grad is None]
        if lost:
            raise Finding(
                f"{listed(lost[:2])}: without a gradient in the end. Who "
                "asks for it, and is it still there when you are done?",
                "no_gradient",
            )
        return torch.cat([part.grad.flatten() for _, part in named])

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Look at what is kept in memory, and at the weights."""
        given = case.copies()
        model = given["model"]
        before = [part.detach().clone() for part in model.parameters()]
        self.ask(runner, case, given)
        if model.held > 1:
            raise Finding(
                f"The gradients are right. But {model.held} parts wait "
                "for one `backward`, and until it comes torch keeps all "
                "that it needs for each of them: nothing is saved. How "
                "soon after its loss can a part have its own?",
                "parts_wait_for_one_backward",
            )
        after = list(model.parameters())
        if not all(map(torch.equal, before, after)):
            raise Finding(
                "The gradients are right, but your code has changed the "
                "weights. The step comes later, and is not asked for.",
                "changes_the_weights",
            )


def cases() -> list[Case]:
    """Batches that part evenly, and that do not."""
    draw, found = Draw(82), []
    for whole, size in [(10, 4), (8, 4), (7, 3), (3, 5), (5, 1)]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(whole)
            model = Counting(8, 4)
        inputs = {
            "model": model,
            "images": draw.uniform(whole, 2, 2, 2),
            "labels": torch.tensor([i * i % 4 for i in range(whole)]),
            "size": size,
        }
        parts = -(-whole // size)
        words = f"{whole} images, {count_of(size, 'image')} at a time"
        tells = {
            "whole": whole,
            "size": size,
            "parts": parts,
            "full": whole // size,
            "rest": whole - size * (parts - 1),
        }
        found.append(Case(words, inputs, tells=tells))
    return found


def gathered(**settings: object) -> Callable:
    """Give an answer that goes wrong in this."""

    def wrong(
        model: nn.Module, images: Tensor, labels: Tensor, size: int
    ) -> None:
        gather(model, images, labels, size, **settings)

    return wrong


GRADIENTS = "The first gradients are {yours}, wanted are {wanted}. "


PIECE = GradientPiece(
    module=__name__,
    number=5,
    reference=accumulate,
    cases=cases,
    differentiable=False,
    shown="In five batches, even and uneven, every parameter has the "
    "gradient of the whole batch.",
    next="So people train with batches of thousands on a card that holds "
    "a few dozen. Clip and step once, after the last part.",
    mistakes=(
        Mistake(
            "means_added",
            gathered(weigh=lambda part, size, whole: 1),
            "Your gradients are those of {parts} means, added up. "
            + GRADIENTS
            + "What is the mean over {whole} images, made of the means "
            "over its parts?",
        ),
        Mistake(
            "parts_weigh_alike",
            gathered(
                weigh=lambda part, size, whole: 1 / -(-whole // size)
            ),
            "Right where all parts are of one size. Of {whole} images, "
            "{size} at a time, the last part has {rest}, and counts in "
            "yours as much as the others. "
            + GRADIENTS
            + "How much should it count?",
        ),
        Mistake(
            "last_part_weighs_as_a_full_one",
            gathered(weigh=lambda part, size, whole: size / whole),
            "Right where all parts are of one size. Of {whole} images, "
            "{size} at a time, the last part has {rest}, and yours weighs "
            "it like {size}. " + GRADIENTS + "How much does it weigh?",
        ),
        Mistake(
            "divided_by_full_parts",
            gathered(
                weigh=lambda part, size, whole: 1 / max(1, whole // size)
            ),
            "Yours divides by the number of full parts, {full}. "
            + GRADIENTS
            + "Of {whole} images, {size} at a time, the last part has "
            "{rest}: how much does it weigh?",
        ),
        Mistake(
            "gradient_of_the_sum",
            gathered(weigh=lambda part, size, whole: part),
            "Your gradients are those of the sum over {whole} images. "
            + GRADIENTS
            + "Wanted is the mean."
            " By what is each part to be divided?",
        ),
        Mistake(
            "means_divided_by_all",
            gathered(weigh=lambda part, size, whole: 1 / whole),
            "Yours divides by {whole} what is a mean over its part "
            "already. "
            + GRADIENTS
            + "How much does a part of {size} weigh among {whole}?",
        ),
        Mistake(
            "means_divided_by_a_part",
            gathered(weigh=lambda part, size, whole: 1 / size),
            "Yours divides by {size} what is a mean over its part "
            "already. "
            + GRADIENTS
            + "How much does a part of {size} weigh among {whole}?",
        ),
        Mistake(
            "last_part_only",
            gathered(clear="inside"),
            "What is left are the gradients of the last part only. "
            + GRADIENTS
            + "When may gradients be set to zero, and when not?",
        ),
        Mistake(
            "mean_of_the_last_part",
            gathered(clear="inside", weigh=lambda part, size, whole: 1),
            "What is left is the gradient of the last part's mean. "
            + GRADIENTS
            + "How often does `backward` run, and when may gradients be "
            "set to zero?",
        ),
        Mistake(
            "old_gradients_left",
            gathered(clear="never"),
            "The model came with gradients of an earlier step, and they "
            "are still in yours. "
            + GRADIENTS
            + "What does `backward` do with what is there already?",
        ),
        Mistake(
            "rest_left_out",
            gathered(stop=lambda whole, size: whole - whole % size),
            "The last {rest} of {whole} images are left out: they do not "
            "fill a part. " + GRADIENTS + "Where does your loop end?",
        ),
        Mistake(
            "first_part_only",
            gathered(stop=lambda whole, size: size),
            "What is left are the gradients of the first part only. "
            + GRADIENTS
            + "Does your loop end too soon?",
        ),
    ),
)
