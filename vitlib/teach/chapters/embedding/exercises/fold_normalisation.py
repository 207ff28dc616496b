"""Check your `fold_normalisation(weight, bias, mean, std)`."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Unwritten
from vitlib.teach.checking.compare import (
    agrees,
    as_tensor,
    first_difference,
    kind_of,
)
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
        old = case.inputs
        shapes = old["bias"].shape, old["weight"].shape
        if (weight.shape, bias.shape) == shapes:
            raise Finding(
                "You give the bias first and the weight after it: "
                f"{shape_of(weight)}, {shape_of(bias)}. Who takes them "
                "expects the weight first.",
                "bias_first",
            )
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

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Say where the weights differ, by their own four indices."""
        words = super().words(mistake, case, wanted, found)
        return words | {"seen": seen_in_weights(case, found, wanted)}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Say which of the two is wrong, and where."""
        about = f"I asked about {case.words}."
        if not agrees(yours[:, :-1], right[:, :-1]):
            return Finding(
                f"{about} The new weights are not right. "
                f"{seen_in_weights(case, yours, right)} By which number "
                "is a weight of this channel to be divided or multiplied, "
                "so that it does to the raw pixel what it did to the "
                "normalised one?",
                "other_weights",
            )
        return Finding(
            f"{about} The new weights are right, the biases are not. "
            f"{biases(case, yours)['biases']} Put pixels of 0 into both "
            "models: what does the old one say of them, after it has "
            "normalised them?",
            "other_biases",
        )


def seen_in_weights(case: Case, yours: Tensor, right: Tensor) -> str:
    """Say where the new weights first differ, and what stands there."""
    shape = case.inputs["weight"].shape
    mine, good = (t[:, :-1].reshape(shape) for t in (yours, right))
    if agrees(mine, good):
        return ""
    return f"In the weight: {first_difference(mine, good)['seen']}"


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
            "old_bias_lost",
            lambda weight, bias, mean, std: (
                weight / std[:, None, None],
                fold_normalisation(weight, 0 * bias, mean, std)[1],
            ),
            "The weights are right, and of the biases only the shift is "
            "left. {biases} What did the filter add before?",
            biases,
        ),
        Mistake(
            "deviation_twice",
            folded(shift=lambda new, old, mean: new * new / old * mean),
            "The weights are right. For the biases you divide by the "
            "deviation twice. {biases} Your new weights are divided "
            "already."
            " Where does the second division come in?",
            biases,
        ),
        Mistake(
            "mean_taken_from_the_weights",
            lambda weight, bias, mean, std: (
                (weight - mean[:, None, None]) / std[:, None, None],
                bias,
            ),
            "Your weights are normalised like pixels. {seen} It is x from "
            "which the mean is taken: multiply the bracket out, and look "
            "what stands beside x and what stands alone."
            " Which of these is the weight?",
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
            "each filter. {biases} A filter sums over its places."
            " What does it do with their products?",
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
            "each filter, as if the mean were 1. {biases}"
            " By what is each weight multiplied, where a pixel is the "
            "mean of its channel?",
            biases,
        ),
    ),
)
