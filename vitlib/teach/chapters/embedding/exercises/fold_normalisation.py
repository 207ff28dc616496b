"""Check your `fold_normalisation(weight, bias, mean, std)`."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Unwritten
from vitlib.teach.checking.compare import as_tensor, kind_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, pair, shape_of


def fold_normalisation(
    weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor
) -> tuple[Tensor, Tensor]:
    """(d, c, y, x), (d,), (c,), (c,) -> the same for raw pixels."""
    new = weight / std[:, None, None]
    shift = torch.einsum("dcyx,c->d", new, mean)
    return new, bias - shift


class FoldPiece(Piece):
    """The answer is a pair; the bias is compared as a last column."""

    def read(self, output: object, case: Case) -> Tensor:
        """Lay the bias beside the filters, (d, c * y * x + 1)."""
        if output is None or output is ...:
            raise Unwritten
        if not isinstance(output, tuple | list) or len(output) != 2:
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted are two "
                "tensors, the new weight and the new bias: `return "
                "new_weight, new_bias`.",
                "no_pair",
            )
        weight, bias = map(as_tensor, output)
        for name, new in ("weight", weight), ("bias", bias):
            old = case.inputs[name]
            if new.shape != old.shape:
                raise Finding(
                    f"Your new {name} has the shape {shape_of(new)}, the "
                    f"old one {shape_of(old)}. The layer keeps its sizes: "
                    "a filter has a weight for each number of a patch, "
                    "and one bias.",
                    "other_shape",
                )
        return torch.cat([weight.flatten(1), bias[:, None]], dim=1)


def cases() -> list[Case]:
    """Draw filters, and a mean and deviation for each channel."""
    draw, found = Draw(34), []
    for width, channels, p in [(4, 3, 2), (5, 1, 3), (3, 2, 1), (2, 4, 2)]:
        inputs = {
            "weight": draw.normal(width, channels, p, p),
            "bias": draw.normal(width),
            "mean": 0.2 + 0.6 * draw.uniform(channels),
            "std": 0.2 + 0.3 * draw.uniform(channels),
        }
        words = (
            f"{count_of(width, 'filter')} of {p} by {p} pixels with "
            f"{count_of(channels, 'channel')}"
        )
        found.append(Case(words, inputs))
    return found


def folded(
    scale: Callable[..., Tensor] = torch.div,
    shift: Callable[..., Tensor] = lambda new, old, mean: new * mean,
    sign: int = -1,
) -> Callable:
    """Give a fold that scales or shifts in another way."""

    def wrong(
        weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor
    ) -> tuple[Tensor, Tensor]:
        mean, std = mean[:, None, None], std[:, None, None]
        new = scale(weight, std)
        moved = shift(new, weight, mean).sum((1, 2, 3))
        return new, bias + sign * moved

    return wrong


def biases(case: Case, found: Tensor) -> dict[str, object]:
    """Say the first three of both in a sentence."""
    wanted = fold_normalisation(**case.inputs)[1][:3]
    mine, good = pair(found[:3, -1], wanted)
    return {"biases": f"They begin with {mine}, wanted is {good}."}


PIECE = FoldPiece(
    module=__name__,
    number=5,
    reference=fold_normalisation,
    cases=cases,
    shown="For filters of four sizes, with a mean and a deviation for "
    "each channel, weights and biases are what they should be.",
    next="A model so changed takes raw pixels: nobody can forget to "
    "normalise them, or do it twice.",
    mistakes=(
        Mistake(
            "multiplied_by_deviations",
            folded(scale=torch.mul),
            "Your weights are multiplied by the deviations. {seen} In "
            "(x - mean) / std, what happens to x?",
        ),
        Mistake(
            "weights_unchanged",
            folded(scale=lambda weight, std: weight),
            "Your weights are the old ones. {seen} In (x - mean) / std, x "
            "is divided. Where does the divisor go?",
        ),
        Mistake(
            "shifted_the_wrong_way",
            folded(sign=1),
            "The weights are right, and the biases are moved to the wrong "
            "side. {biases} What does the filter answer to pixels that "
            "are all as bright as the mean?",
            biases,
        ),
        Mistake(
            "biases_unchanged",
            folded(shift=lambda new, old, mean: 0 * new),
            "The weights are right, and the biases are the old ones. "
            "{biases} Where all pixels are the mean, the filter used to "
            "answer with its bias. Does it still?",
            biases,
        ),
        Mistake(
            "shifted_by_old_weights",
            folded(shift=lambda new, old, mean: old * mean),
            "The weights are right, and the biases are moved by the wrong "
            "amount. {biases} The mean, too, is divided by the deviation. "
            "Which weights did you sum?",
            biases,
        ),
        Mistake(
            "mean_over_the_filter",
            folded(
                shift=lambda new, old, mean: new * mean / new[0].numel()
            ),
            "The weights are right. For the biases you take a mean over "
            "each filter. {biases} A filter sums over its places.",
            biases,
        ),
        Mistake(
            "shifted_alike",
            folded(
                shift=lambda new, old, mean: mean + 0 * new[..., :1, :1]
            ),
            "The weights are right, and all biases are moved by the same "
            "amount. {biases} Through what does the mean go before it "
            "reaches a bias?",
            biases,
        ),
        Mistake(
            "mean_of_one",
            folded(shift=lambda new, old, mean: new),
            "The weights are right. The biases are moved by the sum of "
            "each filter, as if the mean were 1. {biases}",
            biases,
        ),
    ),
)
