"""Check your `warmup_cosine(step, steps, warmup)`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vitlib import training
from vitlib.teach.checking.answer import Finding, Runner
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

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Name the first step that is wrong, and the part it is in."""
        off = ~((yours - right).abs() <= 1e-7)  # nan is off, too
        step = int(off.nonzero()[0])
        rising = case.tells["rising"]
        said = pair([yours[step]], [right[step]])
        where = "rise" if step < rising else "fall"
        good = "The rise is right. " if step >= rising > 0 else ""
        return Finding(
            f"I asked about {case.words}. {good}In the {where}, step "
            f"{step} has a share of {said[0]} in yours, wanted is "
            f"{said[1]}. The first step of the fall is number {rising}, "
            f"the last of the run {case.tells['steps'] - 1}.",
            f"other_{where}",
        )


def cases() -> list[Case]:
    """Runs of several lengths, with and without a warm-up."""
    found = []
    for steps, warmup in [(20, 0.25), (10, 0.0), (12, 0.5), (37, 0.1)]:
        words = f"{steps} steps with a warm-up of {warmup:g}"
        inputs = {"step": 0, "steps": steps, "warmup": warmup}
        tells = {"rising": int(warmup * steps), "steps": steps}
        found.append(Case(words, inputs, tells=tells))
    return found


def cosine(share: float) -> float:
    """Fall from 1 to 0."""
    return (1 + math.cos(math.pi * share)) / 2


def curve(
    rise: Callable = lambda step, rising: (step + 1) / (rising + 1),
    fall: Callable = cosine,
    over: Callable = lambda step, steps, rising: (
        (step - rising) / (steps - rising)
    ),
) -> Callable[[int, int, float], float]:
    """Give an answer that rises or falls in another way.

    `over` says how much of the fall is over.
    """

    def wrong(step: int, steps: int, warmup: float) -> float:
        rising = int(warmup * steps)
        if step < rising:
            return rise(step, rising)
        return fall(over(step, steps, rising))

    return wrong


def no_warmup(step: int, steps: int, warmup: float) -> float:
    """Fall from the first step on."""
    return cosine(step / steps)


def warmup_as_steps(step: int, steps: int, warmup: float) -> float:
    """Take the share for a number of steps."""
    if step < warmup:
        return step / warmup
    return cosine((step - warmup) / (steps - warmup))


PIECE = CurvePiece(
    module=__name__,
    number=1,
    reference=training.warmup_cosine,
    cases=cases,
    differentiable=False,
    next="The learning rate of every step is this share of its peak: "
    "small while the weights are random, small again when they are good.",
    mistakes=(
        Mistake(
            "no_warmup",
            no_warmup,
            "The fall is right; the warm-up is missing. With {steps} "
            "steps of which {rising} should rise, yours begins with "
            "{yours}, wanted is {wanted}."
            " What does your code give while `step` is below `rising`?",
        ),
        Mistake(
            "starts_at_zero",
            curve(rise=lambda step, rising: step / rising),
            "The very first step has a learning rate of 0: nothing is "
            "learned in it. {seen} Steps count from 0; which share "
            "belongs to the first?",
        ),
        Mistake(
            "peak_twice",
            curve(rise=lambda step, rising: (step + 1) / rising),
            "Your warm-up reaches the peak one step early, and stays "
            "there for two. {seen} The peak is the first step of the "
            "fall."
            " By what is the rise to be divided?",
        ),
        Mistake(
            "no_rise",
            curve(rise=lambda step, rising: 1.0),
            "There is no rise: the first {rising} steps have the full "
            "learning rate. {seen}"
            " What grows from step to step?",
        ),
        Mistake(
            "straight_fall",
            curve(fall=lambda share: 1 - share),
            "The warm-up is right, and the fall is a straight line. "
            "{seen} A cosine stays long near the peak, and long near "
            "zero."
            " Which function bends it?",
        ),
        Mistake(
            "no_fall",
            curve(fall=lambda share: 1.0),
            "The warm-up is right, and then nothing falls. {seen} Which "
            "curve goes from 1 to 0?",
        ),
        Mistake(
            "quarter_of_a_cosine",
            curve(fall=lambda share: math.cos(math.pi * share / 2)),
            "Your fall is a quarter of a cosine: it comes to zero at full "
            "speed. {seen} Half a cosine goes from 1 to -1. What makes 1 "
            "to 0 of it?",
        ),
        Mistake(
            "below_zero",
            curve(fall=lambda share: math.cos(math.pi * share)),
            "Your fall goes on below zero, to -1. {seen} What brings a "
            "cosine between 0 and 1?",
        ),
        Mistake(
            "whole_cosine",
            curve(fall=lambda share: cosine(2 * share)),
            "Your fall is a whole cosine: it comes up again. {seen} How "
            "far does the angle go?",
        ),
        Mistake(
            "upside_down",
            curve(fall=lambda share: cosine(1 - share)),
            "Your cosine is upside down: after the warm-up it starts at 0 "
            "and rises. {seen} Which sign has it?",
        ),
        Mistake(
            "fall_begins_with_the_run",
            curve(over=lambda step, steps, rising: step / steps),
            "Rise and fall are right, and do not fit together: your "
            "cosine began with the run, and where the warm-up ends the "
            "rate jumps. {seen} From which step on does the fall count?",
        ),
        Mistake(
            "warmup_as_steps",
            warmup_as_steps,
            "Yours takes `warmup` for a number of steps. It is a share of "
            "them: of {steps} steps {rising} rise. {seen}"
            " How many steps is that share?",
        ),
        Mistake(
            "does_not_reach_zero",
            curve(
                over=lambda step, steps, rising: (step - rising) / steps
            ),
            "Rise and fall fit together, but yours does not come down to "
            "zero. {seen} How many of the {steps} steps does the fall "
            "have, where {rising} rise?",
        ),
        Mistake(
            "no_peak",
            curve(
                over=lambda step, steps, rising: (
                    (step + 1 - rising) / (steps - rising)
                )
            ),
            "Your fall begins one step early: no step has the peak. "
            "{seen} Which share of the fall is over in its first step?",
        ),
        Mistake(
            "zero_in_the_last_step",
            curve(
                over=lambda step, steps, rising: (
                    (step - rising) / max(steps - rising - 1, 1)
                )
            ),
            "Your last step has a learning rate of 0, and learns nothing. "
            "{seen} Zero would come right after it. By how many steps do "
            "you divide?",
        ),
    ),
)
