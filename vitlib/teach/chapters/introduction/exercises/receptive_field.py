"""Check your `receptive_field(layers)`, the side of the window."""

import math

from torch import Tensor

from vitlib.teach.checking.number import NumberFrom, numeral
from vitlib.teach.checking.piece import Case, Mistake

Layers = list[tuple[int, int]]  # kernel and step, from the pixels on

RESNET = [(7, 2), (3, 2)]
RESNET += [(3, 2 if i in (4, 8, 14) else 1) for i in range(1, 17)]


def receptive_field(layers: Layers) -> int:
    """Give the side of the window which one output sees."""
    side, distance = 1, 1
    for kernel, step in layers:
        side += (kernel - 1) * distance
        distance *= step
    return side


class WindowPiece(NumberFrom):
    """The answer gives the side of a window."""

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell the two windows."""
        mine, good = numeral(found.item()), numeral(wanted.item())
        return case.tells | {"mine": mine, "good": good}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Say what came instead."""
        mine, good = numeral(yours.item()), right.item()
        return (
            f"I asked about {case.words}. Yours gives {mine}, the "
            f"window is {numeral(good)} wide. Draw it on paper: one dot, "
            "below it the dots that it sees, and what these see."
        )


def cases() -> list[Case]:
    """Ask about stacks with steps and without."""
    found = []
    for words, layers in [
        ("one layer of 3 x 3", [(3, 1)]),
        ("four layers of 3 x 3", [(3, 1)] * 4),
        ("a 5 x 5 and a 2 x 2, both with step 1", [(5, 1), (2, 1)]),
        ("a 3 x 3 with step 2 and one with step 1", [(3, 2), (3, 1)]),
        (
            "a 7 x 7 with step 2, a 3 x 3 with step 3 and a 5 x 5",
            [(7, 2), (3, 3), (5, 1)],
        ),
        ("one layer of 16 x 16 with step 16", [(16, 16)]),
        ("ResNet-50's 18 layers", RESNET),
        ("no layer at all", []),
    ]:
        tells = {"words": words}
        found.append(Case(words, {"layers": layers}, tells=tells))
    return found


def no_steps(layers: Layers) -> int:
    """Take every step for 1."""
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def step_too_early(layers: Layers) -> int:
    """Let a layer's step count for its own window."""
    side, distance = 1, 1
    for kernel, step in layers:
        distance *= step
        side += (kernel - 1) * distance
    return side


def own_step_only(layers: Layers) -> int:
    """Forget the steps of the layers before."""
    return 1 + sum((kernel - 1) * step for kernel, step in layers)


def last_step_only(layers: Layers) -> int:
    """Forget all steps but that of the layer before."""
    side, distance = 1, 1
    for kernel, step in layers:
        side += (kernel - 1) * distance
        distance = step
    return side


def steps_added(layers: Layers) -> int:
    """Add the steps up."""
    side, distance = 1, 1
    for kernel, step in layers:
        side += (kernel - 1) * distance
        distance += step
    return side


def whole_kernels(layers: Layers) -> int:
    """Widen by the kernel, and not by one less."""
    side, distance = 1, 1
    for kernel, step in layers:
        side += kernel * distance
        distance *= step
    return side


def one_side(layers: Layers) -> int:
    """Count what a layer adds on one side."""
    side, distance = 1, 1
    for kernel, step in layers:
        side += kernel // 2 * distance
        distance *= step
    return side


PIECE = WindowPiece(
    module=__name__,
    number=2,
    reference=receptive_field,
    cases=cases,
    differentiable=False,
    shown="Eight stacks have the windows that they should, and that of "
    "ResNet-50 is 427 pixels wide.",
    next="The first layer of a ViT is 16 x 16 with step 16: each token "
    "sees its own patch, a window of 16, and then attention sees "
    "everything.",
    mistakes=(
        Mistake(
            "no_steps",
            no_steps,
            "Right as long as every step is 1. For {words} yours gives "
            "{mine}, wanted is {good}: after a step of two, neighbours "
            "in the grid are two pixels apart. What does a 3 x 3 upon "
            "them add?",
        ),
        Mistake(
            "step_too_early",
            step_too_early,
            "For {words} yours gives {mine}, wanted is {good}. A step "
            "moves the outputs of its layer apart. Are its own inputs "
            "apart already?",
        ),
        Mistake(
            "own_step_only",
            own_step_only,
            "For {words} yours gives {mine}, wanted is {good}. Each layer "
            "counts with its own step. Whose steps decide how far apart "
            "its inputs are?",
        ),
        Mistake(
            "last_step_only",
            last_step_only,
            "Right after one step. For {words} yours gives {mine}, wanted "
            "is {good}: after two layers with a step, how far apart are "
            "two neighbours?",
        ),
        Mistake(
            "steps_added",
            steps_added,
            "For {words} yours gives {mine}, wanted is {good}. It adds "
            "the steps. Every third of every second pixel: how far apart "
            "are they?",
        ),
        Mistake(
            "whole_kernels",
            whole_kernels,
            "For {words} yours gives {mine}, wanted is {good}. A layer of "
            "3 x 3 makes a window of 1 a window of 3. By how much does it "
            "widen it?",
        ),
        Mistake(
            "starts_at_zero",
            lambda layers: receptive_field(layers) - 1,
            "One too small, each time: for {words} yours gives {mine}. "
            "How wide is the window before the first layer?",
        ),
        Mistake(
            "one_side",
            one_side,
            "For {words} yours gives {mine}, wanted is {good}. It counts "
            "what a layer adds on one side. A window has two."
            " What does it add on the other?",
        ),
        Mistake(
            "last_layer_first",
            lambda layers: receptive_field(layers[::-1]),
            "Yours goes through the layers in the wrong direction: for "
            "{words} it gives {mine}, wanted is {good}. Which of them "
            "lies on the pixels? Its inputs are one pixel apart.",
        ),
        Mistake(
            "pixels_counted",
            lambda layers: receptive_field(layers) ** 2,
            "For {words} yours gives {mine}: that many pixels are in the "
            "window. How wide is it?",
        ),
        Mistake(
            "distance_only",
            lambda layers: math.prod(step for _, step in layers),
            "For {words} yours gives {mine}, the distance of two "
            "neighbours after the last layer. And how wide is the window "
            "of one of them?",
        ),
    ),
)
