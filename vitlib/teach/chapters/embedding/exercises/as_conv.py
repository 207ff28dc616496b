"""Check your `as_conv(linear, patch_size)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from vitlib.teach.checking.answer import Finding, Runner, Unwritten
from vitlib.teach.checking.compare import (
    agrees,
    as_tensor,
    first_difference,
    kind_of,
)
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, pair, shape_of


def as_conv(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Give the convolution that is this layer for patches (y x c)."""
    return ordered("d (y x c) -> d c y x")(linear, patch_size)


def ordered(pattern: str) -> Callable:
    """Give an as_conv that takes the numbers of a patch in this order."""

    def make(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
        p = patch_size
        weight = rearrange(linear.weight.detach(), pattern, y=p, x=p)
        width, channels, *_ = weight.shape
        conv = nn.Conv2d(channels, width, p, stride=p)
        with torch.no_grad():
            conv.weight.copy_(weight)
            conv.bias.copy_(linear.bias)
        return conv

    return make


class ConvPiece(Piece):
    """The answer is a layer; what it makes of pictures is compared.

    The pictures are with the weights of a case: the answer's function is
    not given them.
    """

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Make the layer and call it."""
        conv = super().call(runner, case, given)
        if conv is None or conv is ...:
            raise Unwritten
        if not isinstance(conv, nn.Module):
            thing = kind_of(conv)
            if isinstance(conv, Tensor):
                thing = f"a tensor of the shape {shape_of(conv)}"
            raise Finding(
                f"Your code gives {thing}. Wanted is the layer itself, an "
                "`nn.Conv2d` that one can call with pictures.",
                "no_module",
            )
        if len(list(conv.parameters())) < 2:
            raise Finding(
                "Your layer has no weight or no bias of its own. A "
                "convolution keeps both, as the linear layer does.",
                "no_parameters",
            )
        runner.run(conv.double)
        return runner.run(conv, case.weights["images"].double())

    def tell(
        self, case: Case, yours: Tensor, right: Tensor
    ) -> Finding | str:
        """Part what is wrong with the bias from what is with the weights.

        The last picture is all zeros, so that of it nothing is said but
        the bias.
        """
        if yours.shape != right.shape:
            return ""
        off = yours - right
        mine, good = pair(yours[-1, :3, 0, 0], right[-1, :3, 0, 0])
        biases = f"The first biases are {mine}, wanted is {good}."
        if agrees(yours - off[-1:, :, :1, :1], right):
            return Finding(
                f"The weights are right, and the biases are others. "
                f"{biases} A new layer has random ones. What is to be put "
                "in their place?",
                "other_bias",
            )
        if agrees(yours[-1], right[-1]):
            seen = first_difference(yours, right)["seen"]
            return Finding(
                "The biases are right, and the weights are others. "
                f"{seen} A new layer has random ones. Does the line that "
                "changes them write into `conv.weight`, or only give a "
                "tensor a name?",
                "other_weights",
            )
        return Finding(
            "Neither weights nor biases are those of the linear layer. "
            f"{biases} A new layer has random numbers in both. Which "
            "lines of yours write into them?",
            "nothing_copied",
        )

    def read(self, output: object, case: Case) -> Tensor:
        """Compare in float32: the weights may have been copied to it."""
        return as_tensor(output).float()


def cases() -> list[Case]:
    """Draw linear layers, and pictures with as many channels."""
    draw, found = Draw(33), []
    for channels, p, width, rows, cols in [
        (3, 4, 5, 2, 3),
        (1, 2, 6, 3, 2),
        (2, 3, 4, 1, 2),
    ]:
        linear = nn.Linear(p * p * channels, width)
        linear.weight.data = draw.normal(*linear.weight.shape, std=0.2)
        linear.bias.data = draw.normal(width)
        words = (
            f"patches of {p} with {count_of(channels, 'channel')} and a "
            f"width of {width}"
        )
        images = draw.normal(3, channels, rows * p, cols * p)
        images[-1] = 0  # what a layer says of it is its bias
        found.append(
            Case(
                words,
                {"linear": linear, "patch_size": p},
                weights={"images": images},
            )
        )
    return found


def no_bias(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Put in the weights alone."""
    conv = as_conv(linear, patch_size)
    nn.init.zeros_(conv.bias)
    return conv


def no_weights(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Put in the bias alone."""
    conv = as_conv(linear, patch_size)
    nn.init.zeros_(conv.weight)
    return conv


def every_pixel(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Forget the step."""
    conv = as_conv(linear, patch_size)
    conv.stride = (1, 1)
    return conv


PIECE = ConvPiece(
    module=__name__,
    number=4,
    reference=as_conv,
    cases=cases,
    axes="images, width, rows, columns",
    differentiable=False,
    shown="In three sizes your convolution makes of pictures what the "
    "linear layer makes of their patches.",
    next="Weights that somebody has trained for one of the two can so be "
    "used in the other. Published models nearly always hold the "
    "convolution.",
    mistakes=(
        Mistake(
            "channels_first",
            ordered("d (c y x) -> d c y x"),
            "The shape is right, and the filters are scrambled. {seen} A "
            "plain `reshape` takes the numbers as (channel, row, column), "
            "and the linear layer has learned them as (row, column, "
            "channel). Which axis has to be parted off first?",
        ),
        Mistake(
            "pixels_column_by_column",
            ordered("d (x y c) -> d c y x"),
            "Every filter is mirrored along its diagonal. {seen} Inside a "
            "patch, which comes first, x or y?",
        ),
        Mistake(
            "channels_first_column_by_column",
            ordered("d (c x y) -> d c y x"),
            "The filters are scrambled twice. {seen} The linear layer has "
            "learned its numbers as (row, column, channel)."
            " Which axis of it goes where in (d, c, y, x)?",
        ),
        Mistake(
            "no_bias",
            no_bias,
            "The weights are right, and the bias is missing. {seen} What "
            "else has the linear layer learned?",
        ),
        Mistake(
            "every_pixel",
            every_pixel,
            "The filters are right, and move on by one pixel at a time: "
            "your shape is {shape}, wanted is {right}. How long is the "
            "step from patch to patch?",
        ),
        Mistake(
            "no_weights",
            no_weights,
            "The bias is right, and your weights are all zero. {seen}"
            " What is to be written into them?",
        ),
    ),
)
