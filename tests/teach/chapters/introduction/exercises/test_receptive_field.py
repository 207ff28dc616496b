"""check.receptive_field: right answers of any style, and wrong ones."""

import math

import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib.teach import check


def from_above(layers):
    """Ask the output what it sees, layer by layer down to the pixels."""
    side = 1
    for kernel, step in reversed(layers):
        side = (side - 1) * step + kernel
    return side


def by_products(layers):
    kernels = [kernel for kernel, _ in layers]
    steps = torch.tensor([1, *[step for _, step in layers]])
    apart = steps.cumprod(dim=0)
    return 1 + sum(
        (k - 1) * d for k, d in zip(kernels, apart, strict=False)
    )


def by_recursion(layers):
    if not layers:
        return 1
    (kernel, step), *rest = layers
    return (by_recursion(rest) - 1) * step + kernel


def by_sets(layers):
    seen = {0}
    for kernel, step in layers[::-1]:
        seen = {i * step + k for i in seen for k in range(kernel)}
    return len(range(min(seen), max(seen) + 1))


@right(from_above, by_products, by_recursion, by_sets)
def test_every_style_is_right(answer):
    is_right(check.receptive_field(answer))


def test_a_window_is_where_the_gradient_is_not_zero():
    layers = [(7, 2), (3, 3), (5, 1)]
    stack = nn.Sequential(
        *[nn.Conv1d(1, 1, k, stride=s, bias=False) for k, s in layers]
    ).double()
    for layer in stack:
        nn.init.ones_(layer.weight)
    pixels = torch.zeros(1, 1, 99, dtype=torch.float64)
    pixels.requires_grad_()
    stack(pixels)[0, 0, 3].backward()
    assert (pixels.grad != 0).sum() == from_above(layers) == 35


def stack(rule, side=1, distance=1):
    """Go through the layers and change side and distance by a rule."""

    def answer(layers):
        now = side, distance
        for kernel, step in layers:
            now = rule(*now, kernel, step)
        return now[0]

    return answer


def no_return(layers):
    side = 1
    for kernel, _ in layers:
        side += kernel - 1


@wrong(
    ("no_steps", stack(lambda a, d, k, s: (a + k - 1, d))),
    (
        "step_too_early",
        stack(lambda a, d, k, s: (a + (k - 1) * d * s, d * s)),
    ),
    ("own_step_only", stack(lambda a, d, k, s: (a + (k - 1) * s, d))),
    ("last_step_only", stack(lambda a, d, k, s: (a + (k - 1) * d, s))),
    ("steps_added", stack(lambda a, d, k, s: (a + (k - 1) * d, d + s))),
    ("whole_kernels", stack(lambda a, d, k, s: (a + k * d, d * s))),
    (
        "starts_at_zero",
        stack(lambda a, d, k, s: (a + (k - 1) * d, d * s), side=0),
    ),
    ("one_side", stack(lambda a, d, k, s: (a + k // 2 * d, d * s))),
    ("last_layer_first", stack(lambda a, d, k, s: ((a - 1) * s + k, d))),
    ("pixels_counted", lambda layers: from_above(layers) ** 2),
    ("distance_only", lambda layers: math.prod(s for _, s in layers)),
    ("unknown", lambda layers: 7),
    ("unknown", lambda layers: math.nan),
    ("unknown", lambda layers: layers[0][0]),
    ("stops", lambda layers: layers.kernel),
    ("no_number", lambda layers: str(from_above(layers))),
    ("no_number", lambda layers: (from_above(layers), 1)),
    ("gives_nothing", no_return),
    ("no_function", from_above([(3, 1)])),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.receptive_field(answer))


def test_the_windows_are_told():
    said = str(check.receptive_field(lambda layers: 7))
    assert "one layer of 3 x 3. Yours gives 7, the window is 3" in said
    wider = stack(lambda a, d, k, s: (a + k * d, d * s))
    said = str(check.receptive_field(wider))
    assert "For one layer of 3 x 3 yours gives 4, wanted is 3." in said
