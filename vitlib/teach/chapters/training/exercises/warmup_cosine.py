"""Check your `warmup_cosine(step, steps, warmup)`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vitlib import training
from vitlib.teach.checking.answer import Runner
from vitlib.teach.checking.compare import as_number
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import pair


class CurvePiece(Piece):
    """The answer is asked for every step of a run."""

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
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

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Name the first step that is wrong, and the part it is in."""
        off = ~((yours - right).abs() <= 1e-6)  # nan is off, too
        step = int(off.nonzero()[0])
        rising = case.tells["rising"]
        said = pair([yours[step]], [right[step]])
        where = "rise" if step < rising else "fall"
        good = "The rise is right. " if step >= rising > 0 else ""
        return (
            f"I asked about {case.words}. {good}In the {where}, step "
            f"{step} has a share of {said[0]} in yours, wanted is "
            f"{said[1]}. The first step of the fall is number {rising}, "
            f"the last of the run {case.tells['steps'] - 1}."
        )


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


def in_steps(step: int, steps: int, warmup: float) -> float:
    """Take the share for a number of steps."""
    if step < warmup:
        return step / warmup
    share = (step - warmup) / (steps - warmup)
    return (1 + math.cos(math.pi * share)) / 2


def not_to_zero(step: int, steps: int, warmup: float) -> float:
    """Divide the steps of the fall by all steps."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (1 + math.cos(math.pi * (step - rising) / steps)) / 2


def one_early(step: int, steps: int, warmup: float) -> float:
    """Count the steps of the fall from 1."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    share = (step + 1 - rising) / (steps - rising)
    return (1 + math.cos(math.pi * share)) / 2


def to_the_last(step: int, steps: int, warmup: float) -> float:
    """Reach zero with the last step, not behind it."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    share = (step - rising) / max(steps - rising - 1, 1)
    return (1 + math.cos(math.pi * share)) / 2


SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


PIECE = CurvePiece(
    module=__name__,
    number=1,
    reference=training.warmup_cosine,
    cases=curve_cases,
    differentiable=False,
    next="The learning rate of every step is this share of its peak: "
    "small while the weights are random, small again when they are good.",
    mistakes=(
        Mistake(
            "mistake_0",
            lambda step, steps, warmup: (
                (1 + math.cos(math.pi * step / steps)) / 2
            ),
            "The fall is right; the warm-up is missing. With {steps} "
            "steps of which {rising} should rise, yours begins with "
            "{yours}, wanted is {wanted}.",
        ),
        Mistake(
            "curve",
            curve(rise=lambda step, rising: step / rising),
            "The very first step has a learning rate of 0: nothing is "
            "learned in it. " + SEEN + "Steps count from 0; which share "
            "belongs to the first?",
        ),
        Mistake(
            "curve_too",
            curve(rise=lambda step, rising: (step + 1) / rising),
            "Your warm-up reaches the peak one step early, and stays "
            "there for two. "
            + SEEN
            + "The peak is the first step of the fall.",
        ),
        Mistake(
            "curve_too_too",
            curve(rise=lambda step, rising: 1.0),
            "There is no rise: the first {rising} steps have the full "
            "learning rate. " + SEEN,
        ),
        Mistake(
            "curve_too_too_too",
            curve(fall=lambda share: 1 - share),
            "The warm-up is right, and the fall is a straight line. "
            + SEEN
            + "A cosine stays long near the peak, and long near zero.",
        ),
        Mistake(
            "curve_too_too_too_too",
            curve(fall=lambda share: 1.0),
            "The warm-up is right, and then nothing falls. "
            + SEEN
            + "Which curve goes from 1 to 0?",
        ),
        Mistake(
            "curve_too_too_too_too_too",
            curve(fall=lambda share: math.cos(math.pi * share / 2)),
            "Your fall is a quarter of a cosine: it comes to zero at full "
            "speed. " + SEEN + "Half a cosine goes from 1 to -1. What "
            "makes 1 to 0 of it?",
        ),
        Mistake(
            "curve_too_too_too_too_too_too",
            curve(fall=lambda share: math.cos(math.pi * share)),
            "Your fall goes on below zero, to -1. "
            + SEEN
            + "What brings a "
            "cosine between 0 and 1?",
        ),
        Mistake(
            "curve_too_too_too_too_too_too_too",
            curve(
                fall=lambda share: (1 + math.cos(2 * math.pi * share)) / 2
            ),
            "Your fall is a whole cosine: it comes up again. "
            + SEEN
            + "How far does the angle go?",
        ),
        Mistake(
            "curve_too_too_too_too_too_too_too_too",
            curve(fall=lambda share: (1 - math.cos(math.pi * share)) / 2),
            "Your cosine is upside down: after the warm-up it starts at 0 "
            "and rises. " + SEEN + "Which sign has it?",
        ),
        Mistake(
            "jumping",
            jumping,
            "Rise and fall are right, and do not fit together: your "
            "cosine began with the run, and where the warm-up ends the "
            "rate jumps. "
            + SEEN
            + "From which step on does the fall count?",
        ),
        Mistake(
            "in_steps",
            in_steps,
            "Yours takes `warmup` for a number of steps. It is a share of "
            "them: of {steps} steps {rising} rise. " + SEEN,
        ),
        Mistake(
            "not_to_zero",
            not_to_zero,
            "Rise and fall fit together, but yours does not come down to "
            "zero. " + SEEN + "How many of the {steps} steps does the "
            "fall have, where {rising} rise?",
        ),
        Mistake(
            "one_early",
            one_early,
            "Your fall begins one step early: no step has the peak. "
            + SEEN
            + "Which share of the fall is over in its first step?",
        ),
        Mistake(
            "to_the_last",
            to_the_last,
            "Your last step has a learning rate of 0, and learns nothing. "
            + SEEN
            + "Zero would come right after it. By how many steps "
            "do you divide?",
        ),
    ),
)
