"""Chapter 8: parameter_groups, warmup_cosine and evaluate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitlib import training
from vitlib.teach.check._answer import Finding, Runner, Unwritten
from vitlib.teach.check._compare import kind_of
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._piece import Case, Mistake, Piece
from vitlib.teach.check._words import listed
from vitlib.vit import ViT

MISSING = -1.0  # the decay of a parameter that is in no group


def as_number(output: object) -> Tensor:
    """Take a number, or a tensor of one."""
    if output is None or output is ...:
        raise Unwritten
    if isinstance(output, Tensor) and output.numel() == 1:
        output = output.detach().double().item()
    if isinstance(output, bool) or not isinstance(output, int | float):
        raise Finding(
            f"Your code gives {kind_of(output)}. Wanted is a number."
        )
    return torch.tensor([float(output)], dtype=torch.float64)


# parameter_groups


@dataclass(frozen=True)
class GroupsPiece(Piece):
    """The answer is read as the decay of every parameter."""

    def ask(
        self,
        runner: Runner,
        case: Case,
        given: dict[str, object] | None = None,
        seed: int = 0,
    ) -> object:
        """Keep the model, to know its parameters again."""
        given = case.copies() if given is None else given
        output = super().ask(runner, case, given, seed)
        return output, given["model"]

    def read(self, output: object, case: Case) -> Tensor:
        """Give the decay of each parameter, in the model's order."""
        groups, model = output
        if groups is None or groups is ...:
            raise Unwritten
        if not isinstance(groups, tuple | list) or not all(
            isinstance(g, dict) and "params" in g for g in groups
        ):
            raise Finding(
                f"Your code gives {kind_of(groups)}. Wanted is what "
                "torch's optimisers take: a list of dictionaries, each "
                "with `params` and `weight_decay`."
            )
        decays: dict[int, float] = {}
        for group in groups:
            for part in group["params"]:
                if id(part) in decays:
                    raise Finding(
                        "One parameter is in two of your groups: it would "
                        "be moved twice in a step."
                    )
                decay = group.get("weight_decay")
                as_number(decay if decay is not None else "nothing")
                decays[id(part)] = decay
        lost = [
            name
            for name, part in model.named_parameters()
            if part.requires_grad and id(part) not in decays
        ]
        if lost:
            raise Finding(
                f"{some(lost)}: in none of your groups. An optimiser "
                "would never move them. Where does what is left go?"
            )
        found = [decays.get(id(p), MISSING) for p in model.parameters()]
        return torch.tensor(found, dtype=torch.float64)


def group_cases() -> list[Case]:
    """Make small models, one with frozen parameters."""
    found = []
    for decay, positions, frozen in [
        (0.05, "learned", False),
        (0.3, "sincos", False),
        (0.1, "learned", True),
    ]:
        model = ViT(
            image_size=8,
            patch_size=4,
            embed_dim=8,
            depth=1,
            num_heads=2,
            num_classes=3,
            positions=positions,
        )
        if frozen:
            model.patch_embed.requires_grad_(False)
        words = f"a small ViT with {positions} positions"
        if frozen:
            words += " and a frozen patch embedding"
        found.append(Case(words, {"model": model, "weight_decay": decay}))
    return found


def sorted_by(decays: Callable[[str, nn.Parameter], bool | None]):
    """Give parameter_groups by another rule; None leaves one out."""

    def wrong(model: nn.Module, weight_decay: float) -> list[dict]:
        groups = {True: [], False: []}
        for name, part in model.named_parameters():
            rule = decays(name, part)
            if rule is not None:
                groups[rule].append(part)
        return [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ]

    return wrong


def is_token(name: str) -> bool:
    """Tell if it is the class token or the positions."""
    return name in ("cls_token", "pos_embed")


def learning(decays: Callable[[str, nn.Parameter], bool]):
    """Leave the frozen out."""
    return sorted_by(
        lambda name, part: (
            decays(name, part) if part.requires_grad else None
        )
    )


def which(case: Case, found: Tensor) -> dict[str, object]:
    """Name the parameters that are in the wrong group."""
    model = case.inputs["model"]
    groups = training.parameter_groups(model, case.inputs["weight_decay"])
    wanted = GROUPS.read((groups, model), case)
    names = [name for name, _ in model.named_parameters()]
    off = [
        name
        for name, a, b in zip(names, found, wanted, strict=True)
        if a != b
    ]
    return {"names": some(off)}


def some(names: list[str]) -> str:
    """Name three of them."""
    if len(names) <= 3:
        return listed(names)
    first = ", ".join(f"`{name}`" for name in names[:3])
    return f"{first} and {len(names) - 3} more"


GROUPS = GroupsPiece(
    name="parameter_groups",
    chapter=8,
    reference=training.parameter_groups,
    cases=group_cases,
    differentiable=False,
    next="An optimiser takes these groups as they are: AdamW pulls the "
    "first towards zero in every step, and lets the second alone.",
    mistakes=(
        Mistake(
            learning(lambda name, part: True),
            "Everything decays. {names} should not: pulling a norm's "
            "weight or a position towards zero says nothing about the "
            "pictures. Which parameters multiply what they are given?",
            which,
        ),
        Mistake(
            learning(lambda name, part: part.ndim >= 2),
            "Nearly: {names} should not decay. The shape is that of a "
            "matrix, and nothing is multiplied by it. What tells it from "
            "one?",
            which,
        ),
        Mistake(
            learning(
                lambda name, part: (
                    not name.endswith("bias") and not is_token(name)
                )
            ),
            "Biases, class token and positions are left alone; the norms "
            "are not. {names}: they have no bias in their name, and only "
            "one axis.",
            which,
        ),
        Mistake(
            learning(lambda name, part: not name.endswith("bias")),
            "Only the biases are left alone. {names} should be, too: what "
            "is no matrix does not decay.",
            which,
        ),
        Mistake(
            learning(lambda name, part: part.ndim == 2),
            "{names}: the filters of the patch embedding do not decay. "
            "They multiply pixels like any matrix, and have four axes.",
            which,
        ),
        Mistake(
            learning(lambda name, part: part.ndim < 2 or is_token(name)),
            "The two groups have changed places: biases and norms decay, "
            "matrices do not. Which of the two is to be kept small?",
        ),
        Mistake(
            learning(lambda name, part: False),
            "Nothing decays: all parameters have a decay of 0. Where does "
            "`weight_decay` go?",
        ),
        Mistake(
            sorted_by(
                lambda name, part: part.ndim >= 2 and not is_token(name)
            ),
            "Right, but frozen parameters are in your groups: {names}. "
            "They do not learn, and an optimiser has no use for them. By "
            "what can you tell?",
            which,
        ),
        Mistake(
            learning(
                lambda name, part: (
                    part.ndim >= 2
                    and not is_token(name)
                    and not name.startswith("head")
                )
            ),
            "The head is left alone: {names} does not decay. It is a "
            "matrix like the others.",
            which,
        ),
    ),
)

# warmup_cosine


@dataclass(frozen=True)
class CurvePiece(Piece):
    """The answer is asked for every step of a run."""

    def ask(
        self,
        runner: Runner,
        case: Case,
        given: dict[str, object] | None = None,
        seed: int = 0,
    ) -> object:
        """Ask for the steps one after the other."""
        _, steps, warmup = case.inputs.values()
        return [
            as_number(runner.run(runner.answer, step, steps, warmup))
            for step in range(steps)
        ]

    def read(self, output: object, case: Case) -> Tensor:
        """Give the curve."""
        return torch.cat(output)


def curve_cases() -> list[Case]:
    """Runs of several lengths, with and without a warm-up."""
    found = []
    for steps, warmup in [(20, 0.25), (10, 0.0), (12, 0.5), (37, 0.1)]:
        words = f"{steps} steps with a warm-up of {warmup:g}"
        inputs = {"step": 0, "steps": steps, "warmup": warmup}
        tells = {"rising": int(warmup * steps), "steps": steps}
        found.append(Case(words, inputs, tells=tells))
    return found


def curve(
    rise: Callable[[int, int], float] | None = None,
    fall: Callable[[float], float] | None = None,
):
    """Give a schedule that rises or falls in another way."""

    def wrong(step: int, steps: int, warmup: float) -> float:
        rising = int(warmup * steps)
        if step < rising:
            return (
                rise(step, rising) if rise else (step + 1) / (rising + 1)
            )
        share = (step - rising) / (steps - rising)
        return fall(share) if fall else (1 + math.cos(math.pi * share)) / 2

    return wrong


def jumping(step: int, steps: int, warmup: float) -> float:
    """Let the cosine begin with the run, not behind the warm-up."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (1 + math.cos(math.pi * step / steps)) / 2


def to_the_last(step: int, steps: int, warmup: float) -> float:
    """Reach zero with the last step, not behind it."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    share = (step - rising) / max(steps - rising - 1, 1)
    return (1 + math.cos(math.pi * share)) / 2


SEEN = "At {where} yours has {yours}, wanted is {wanted}. "
CURVE = CurvePiece(
    name="warmup_cosine",
    chapter=8,
    reference=training.warmup_cosine,
    cases=curve_cases,
    differentiable=False,
    next="The learning rate of every step is this share of its peak: "
    "small while the weights are random, small again when they are good.",
    mistakes=(
        Mistake(
            lambda step, steps, warmup: (
                (1 + math.cos(math.pi * step / steps)) / 2
            ),
            "The fall is right; the warm-up is missing. With {steps} "
            "steps of which {rising} should rise, yours begins with "
            "{yours}, wanted is {wanted}.",
        ),
        Mistake(
            curve(rise=lambda step, rising: step / rising),
            "The very first step has a learning rate of 0: nothing is "
            "learned in it. " + SEEN + "Steps count from 0; which share "
            "belongs to the first?",
        ),
        Mistake(
            curve(rise=lambda step, rising: (step + 1) / rising),
            "Your warm-up reaches the peak one step early, and stays "
            "there for two. "
            + SEEN
            + "The peak is the first step of the fall.",
        ),
        Mistake(
            curve(rise=lambda step, rising: 1.0),
            "There is no rise: the first {rising} steps have the full "
            "learning rate. " + SEEN,
        ),
        Mistake(
            curve(fall=lambda share: 1 - share),
            "The warm-up is right, and the fall is a straight line. "
            + SEEN
            + "A cosine stays long near the peak, and long near zero.",
        ),
        Mistake(
            curve(fall=lambda share: 1.0),
            "The warm-up is right, and then nothing falls. "
            + SEEN
            + "Which curve goes from 1 to 0?",
        ),
        Mistake(
            curve(fall=lambda share: math.cos(math.pi * share / 2)),
            "Your fall is a quarter of a cosine: it comes to zero at full "
            "speed. " + SEEN + "Half a cosine goes from 1 to -1. What "
            "makes 1 to 0 of it?",
        ),
        Mistake(
            curve(fall=lambda share: math.cos(math.pi * share)),
            "Your fall goes on below zero, to -1. "
            + SEEN
            + "What brings a "
            "cosine between 0 and 1?",
        ),
        Mistake(
            curve(
                fall=lambda share: (1 + math.cos(2 * math.pi * share)) / 2
            ),
            "Your fall is a whole cosine: it comes up again. "
            + SEEN
            + "How far does the angle go?",
        ),
        Mistake(
            curve(fall=lambda share: (1 - math.cos(math.pi * share)) / 2),
            "Your cosine is upside down: after the warm-up it starts at 0 "
            "and rises. " + SEEN + "Which sign has it?",
        ),
        Mistake(
            jumping,
            "Rise and fall are right, and do not fit together: your "
            "cosine began with the run, and where the warm-up ends the "
            "rate jumps. "
            + SEEN
            + "From which step on does the fall count?",
        ),
        Mistake(
            to_the_last,
            "Your last step has a learning rate of 0, and learns nothing. "
            + SEEN
            + "Zero would come right after it. By how many steps "
            "do you divide?",
        ),
    ),
)

# evaluate


class Moody(nn.Module):
    """Scores that are the images; in training mode they are negated."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c * h * w)."""
        scores = images.flatten(1)
        return -scores if self.training else scores


@dataclass(frozen=True)
class EvaluatePiece(Piece):
    """The answer is a number, and the model stays as it came."""

    def read(self, output: object, case: Case) -> Tensor:
        """Take the number."""
        return as_number(output)

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
                    "it. What do you remember before you change it?"
                )


def evaluate_cases() -> list[Case]:
    """Draw images that are scores, and batches that do not fit."""
    draw, found = Draw(8), []
    for count, classes, batch_size in [(10, 4, 4), (7, 3, 7), (9, 5, 2)]:
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
                tells={"n": count, "batch": batch_size},
            )
        )
    return found


def in_batches(model, images, labels, batch_size) -> list[Tensor]:
    """Say for each batch which of its images are named rightly."""
    model.eval()
    batches = zip(
        images.split(batch_size), labels.split(batch_size), strict=True
    )
    return [
        (model(some).argmax(1) == wanted).double()
        for some, wanted in batches
    ]


def of_batches(make: Callable[[list[Tensor]], Tensor]):
    """Give an evaluate which puts its batches together in another way."""

    def wrong(model, images, labels, batch_size) -> float:
        return make(in_batches(model, images, labels, batch_size)).item()

    return wrong


def in_training_mode(model, images, labels, batch_size) -> float:
    """Forget eval mode."""
    model.train()
    return (model(images).argmax(1) == labels).double().mean().item()


EVALUATE = EvaluatePiece(
    name="evaluate",
    chapter=8,
    reference=training.evaluate,
    cases=evaluate_cases,
    differentiable=False,
    next="This number, on pictures that the model never saw, is the only "
    "one that says whether it has learned to read.",
    mistakes=(
        Mistake(
            of_batches(
                lambda b: torch.stack([x.mean() for x in b]).mean()
            ),
            "You take the mean of the batches' means, and the last batch "
            "is smaller than the others: its images count more. Yours is "
            "{yours}, wanted is {wanted}. What could you add up instead?",
        ),
        Mistake(
            in_training_mode,
            "The model answers in training mode, with dropout at work: "
            "yours is {yours}, wanted is {wanted}. Who puts it to rest "
            "before the test?",
        ),
        Mistake(
            of_batches(lambda b: torch.cat(b).sum()),
            "That is how many are right, {yours}. Wanted is their share, "
            "{wanted}.",
        ),
        Mistake(
            of_batches(lambda b: 100 * torch.cat(b).mean()),
            "That is in percent, {yours}. Wanted is a share from 0 to 1, "
            "{wanted}.",
        ),
        Mistake(
            of_batches(lambda b: 1 - torch.cat(b).mean()),
            "That is the share of what is wrong, {yours}; wanted is that "
            "of what is right, {wanted}.",
        ),
        Mistake(
            of_batches(lambda b: b[0].mean()),
            "Only the first batch counts: {yours}, wanted is {wanted}. "
            "Where does your code leave the loop?",
        ),
        Mistake(
            of_batches(lambda b: b[-1].mean()),
            "Only the last batch counts: {yours}, wanted is {wanted}. "
            "What is written over in your loop?",
        ),
        Mistake(
            of_batches(lambda b: torch.cat(b).sum() / len(b)),
            "You divide by the number of batches, not of images: {yours}, "
            "wanted is {wanted}.",
        ),
    ),
)
