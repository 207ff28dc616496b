"""Check your `evaluate(model, images, labels, batch_size)`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitlib import training
from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.compare import as_number
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece


class Moody(nn.Module):
    """Scores that are the images; in training mode they are turned round.

    It remembers how many images it was shown at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.most = 0

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c * h * w)."""
        self.most = max(self.most, len(images))
        scores = self.scale * images.flatten(1)
        return scores.flip(1) if self.training else scores


class EvaluatePiece(Piece):
    """The answer is a number, and the model stays as it came."""

    def read(self, output: object, case: Case) -> Tensor:
        """Take the number."""
        return as_number(output)

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Ask, and look how many images the model had to hold at once."""
        output = super().call(runner, case, given)
        most, size = given["model"].most, given["batch_size"]
        if most > size and isinstance(output, float | int | Tensor):
            share = as_number(output).item()
            if abs(share - case.tells["share"]) < 1e-6:
                raise Finding(
                    f"The share is right. But the model was shown {most} "
                    f"images at once, and at most {size} are to be asked "
                    "for at a time: more may not fit into memory. How are "
                    f"{case.tells['n']} images cut into parts of {size}?",
                    "too_many_at_once",
                )
        return output

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Look in which mode the model is afterwards."""
        for mode in (True, False):
            given = case.copies()
            given["model"].train(mode)
            self.ask(runner, case, given)
            if given["model"].training != mode:
                modes = (
                    ("training", "eval") if mode else ("eval", "training")
                )
                raise Finding(
                    f"The share is right. But the model came in "
                    f"{modes[0]} mode and is now in {modes[1]} mode: who "
                    "trains it would go on without dropout, or test with "
                    "it. What do you remember before you change it?",
                    "mode_not_restored",
                )


def cases() -> list[Case]:
    """Draw images that are scores, and batches that do not fit."""
    draw, found = Draw(8), []
    for count, classes, batch_size in [
        (10, 4, 4),
        (7, 3, 7),
        (9, 5, 2),
        (12, 3, 3),
    ]:
        images = draw.normal(count, 1, 1, classes)
        labels = images.flatten(1).argmax(dim=1)
        labels[: count // 3] = (labels[: count // 3] + 1) % classes
        labels[-1] = (labels[-1] + 1) % classes
        found.append(
            Case(
                f"{count} images in batches of {batch_size}",
                {
                    "model": Moody(),
                    "images": images,
                    "labels": labels,
                    "batch_size": batch_size,
                },
                tells={
                    "n": count,
                    "batch": batch_size,
                    "share": 1 - (count // 3 + 1) / count,
                    "rest": count % batch_size or batch_size,
                    "batches": -(-count // batch_size),
                },
            )
        )
    return found


def in_batches(
    model: nn.Module, images: Tensor, labels: Tensor, batch_size: int
) -> list[Tensor]:
    """Say for each batch which of its images are named rightly."""
    model.eval()
    batches = zip(
        images.split(batch_size), labels.split(batch_size), strict=True
    )
    return [
        (model(some).argmax(1) == wanted).double()
        for some, wanted in batches
    ]


def of_batches(make: Callable[[list[Tensor]], Tensor]) -> Callable:
    """Give an answer that puts its batches together in another way."""

    def wrong(*given: object) -> float:
        return make(in_batches(*given)).item()

    return wrong


def whole_batches(
    model: nn.Module, images: Tensor, labels: Tensor, batch_size: int
) -> float:
    """Leave out what does not fill a batch."""
    whole = len(images) // batch_size * batch_size
    some = in_batches(model, images[:whole], labels[:whole], batch_size)
    return torch.cat(some).sum().item() / len(images)


def divided_by_whole_batches(
    model: nn.Module, images: Tensor, labels: Tensor, batch_size: int
) -> float:
    """Divide by as many images as fill batches."""
    found = in_batches(model, images, labels, batch_size)
    whole = len(images) // batch_size * batch_size
    return torch.cat(found).sum().item() / (whole or len(images))


def in_training_mode(
    model: nn.Module, images: Tensor, labels: Tensor, batch_size: int
) -> float:
    """Forget eval mode."""
    model.train()
    return (model(images).argmax(1) == labels).double().mean().item()


PIECE = EvaluatePiece(
    module=__name__,
    number=3,
    reference=training.evaluate,
    cases=cases,
    differentiable=False,
    next="This number, on pictures that the model never saw, is the only "
    "one that says whether it has learned to read.",
    mistakes=(
        Mistake(
            "mean_of_means",
            of_batches(
                lambda b: torch.stack([x.mean() for x in b]).mean()
            ),
            "You take the mean of the batches' means, and the last batch "
            "is smaller than the others: its images count more. Yours is "
            "{yours}, wanted is {wanted}. What could you add up instead?",
        ),
        Mistake(
            "in_training_mode",
            in_training_mode,
            "The model answers in training mode, with dropout at work: "
            "yours is {yours}, wanted is {wanted}. Who puts it to rest "
            "before the test?",
        ),
        Mistake(
            "lowest_score",
            lambda model, images, labels, batch_size: (
                (images.flatten(1).argmin(1) == labels).double().mean()
            ).item(),
            "You take the class with the lowest score: yours is {yours}, "
            "wanted is {wanted}. Which one does the model mean?",
        ),
        Mistake(
            "divided_by_batch_size",
            of_batches(
                lambda b: torch.cat(b).sum() / max(len(x) for x in b)
            ),
            "You divide by the size of a batch, and the images of all "
            "batches are counted above: {yours}, wanted is {wanted}. How "
            "many images are there?",
        ),
        Mistake(
            "divided_by_whole_batches",
            divided_by_whole_batches,
            "You divide by the images of the full batches, and the rest "
            "is counted above: {yours}, wanted is {wanted}. How many "
            "images are there?",
        ),
        Mistake(
            "leaves_after_the_first_batch",
            of_batches(lambda b: b[0].sum() / sum(len(x) for x in b)),
            "Your code leaves its loop after the first batch: {yours}, "
            "wanted is {wanted}. How far is the `return` to be moved in?",
        ),
        Mistake(
            "count_of_right",
            of_batches(lambda b: torch.cat(b).sum()),
            "That is how many are right, {yours}. Wanted is their share, "
            "{wanted}."
            " By what is it to be divided?",
        ),
        Mistake(
            "in_percent",
            of_batches(lambda b: 100 * torch.cat(b).mean()),
            "That is in percent, {yours}. Wanted is a share from 0 to 1, "
            "{wanted}."
            " Where does the hundred come in?",
        ),
        Mistake(
            "share_of_wrong",
            of_batches(lambda b: 1 - torch.cat(b).mean()),
            "That is the share of what is wrong, {yours}; wanted is that "
            "of what is right, {wanted}."
            " Which comparison counts what is right?",
        ),
        Mistake(
            "first_batch_only",
            of_batches(lambda b: b[0].mean()),
            "Only the first batch counts: {yours}, wanted is {wanted}. "
            "Where does your code leave the loop?",
        ),
        Mistake(
            "last_batch_only",
            of_batches(lambda b: b[-1].mean()),
            "Only the last batch counts: {yours}, wanted is {wanted}. "
            "What is written over in your loop?",
        ),
        Mistake(
            "rest_left_out",
            whole_batches,
            "The last images are left out: {n}, in batches of {batch}, "
            "leave a smaller batch at the end. Yours is {yours}, wanted "
            "is {wanted}."
            " Where does your loop end?",
        ),
        Mistake(
            "divided_by_batches",
            of_batches(lambda b: torch.cat(b).sum() / len(b)),
            "You divide by the number of batches, not of images: {yours}, "
            "wanted is {wanted}."
            " How many images are there?",
        ),
    ),
)
