"""Check your `as_conv(linear, patch_size)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from vitlib.teach.checking.answer import Finding, Runner, Unwritten
from vitlib.teach.checking.compare import as_tensor, kind_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, shape_of


def as_conv(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Give the convolution that is this layer for patches (y x c)."""
    return conv_of(linear, patch_size)


def conv_of(
    linear: nn.Linear,
    patch_size: int,
    pattern: str = "d (y x c) -> d c y x",
    stride: int | None = None,
    bias: bool = True,
    weight: bool = True,
) -> nn.Conv2d:
    """Make a convolution, rightly or not."""
    p = patch_size
    weights = rearrange(linear.weight.detach(), pattern, y=p, x=p)
    width, channels, *_ = weights.shape
    conv = nn.Conv2d(channels, width, p, stride=stride or p)
    with torch.no_grad():
        if weight:
            conv.weight.copy_(weights)
        if bias:
            conv.bias.copy_(linear.bias)
        else:
            conv.bias.zero_()
    return conv


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
                "`nn.Conv2d` that one can call with pictures."
            )
        if len(list(conv.parameters())) < 2:
            raise Finding(
                "Your layer has no weight or no bias of its own. A "
                "convolution keeps both, as the linear layer does."
            )
        runner.run(conv.double)
        return runner.run(conv, case.weights["images"].double())

    def read(self, output: object, case: Case) -> Tensor:
        """Compare in float32: the weights may have been copied to it."""
        return as_tensor(output).float()


def conv_cases() -> list[Case]:
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
        images = draw.uniform(2, channels, rows * p, cols * p)
        found.append(
            Case(
                words,
                {"linear": linear, "patch_size": p},
                weights={"images": images},
                tells={"p": p, "d": width},
            )
        )
    return found


def conv_with(**settings: object) -> Callable:
    """Give an as_conv that goes wrong in this."""

    def wrong(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
        return conv_of(linear, patch_size, **settings)

    return wrong


def zero_weights(linear: nn.Linear, patch_size: int) -> nn.Conv2d:
    """Put in the bias and no weight."""
    conv = conv_of(linear, patch_size)
    nn.init.zeros_(conv.weight)
    return conv


SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


PIECE = ConvPiece(
    module=__name__,
    number=4,
    reference=as_conv,
    cases=conv_cases,
    axes="images, width, rows, columns",
    differentiable=False,
    shown="In three sizes your convolution makes of pictures what the "
    "linear layer makes of their patches.",
    next="Weights that somebody has trained for one of the two can so be "
    "used in the other. Published models nearly always hold the "
    "convolution.",
    mistakes=(
        Mistake(
            "conv_with",
            conv_with(pattern="d (c y x) -> d c y x"),
            "The shape is right, and the filters are scrambled. "
            + SEEN
            + "A plain `reshape` takes the numbers as (channel, row, "
            "column), and the linear layer has learned them as (row, "
            "column, channel). Which axis has to be parted off first?",
        ),
        Mistake(
            "conv_with_too",
            conv_with(pattern="d (x y c) -> d c y x"),
            "Every filter is mirrored along its diagonal. "
            + SEEN
            + "Inside a patch, which comes first, x or y?",
        ),
        Mistake(
            "conv_with_too_too",
            conv_with(pattern="d (c x y) -> d c y x"),
            "The filters are scrambled twice. " + SEEN + "The linear "
            "layer has learned its numbers as (row, column, channel).",
        ),
        Mistake(
            "conv_with_too_too_too",
            conv_with(bias=False),
            "The weights are right, and the bias is missing. "
            + SEEN
            + "What else has the linear layer learned?",
        ),
        Mistake(
            "conv_with_too_too_too_too",
            conv_with(stride=1),
            "The filters are right, and move on by one pixel at a time: "
            "your shape is {shape}, wanted is {right}. How long is the "
            "step from patch to patch?",
        ),
        Mistake(
            "zero_weights",
            zero_weights,
            "The bias is right, and your weights are all zero. " + SEEN,
        ),
    ),
)
