"""Small convolutional networks, for chapter 9 to compare with."""

from torch import nn


def small_cnn(
    in_channels: int, num_classes: int, widths: tuple[int, ...]
) -> nn.Sequential:
    """Make a plain CNN: each stage halves the sides, then looks once more.

    (b, c, h, w) -> (b, num_classes). Two 3 x 3 convolutions a stage, each
    with batch norm and ReLU, and the mean over all places before the
    head. With three stages a place of the last map sees a square of the
    image that is 43 pixels wide.

    >>> import torch
    >>> small_cnn(1, 10, (32, 64, 96))(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    layers = []
    for before, width in zip((in_channels, *widths), widths, strict=False):
        layers += convolution(before, width, 3, stride=2, padding=1)
        layers += convolution(width, width, 3, padding=1)
    return classifier(layers, widths[-1], num_classes)


def one_cell_cnn(
    in_channels: int,
    num_classes: int,
    width: int,
    depth: int,
    side: int,
    hidden: int = 0,
) -> nn.Sequential:
    """Make a CNN that sees one square of `side` pixels at a time.

    (b, c, h, w) -> (b, num_classes). The first convolution cuts the image
    into squares as a ViT does, the others are 1 x 1: what it knows of
    different squares meets for the first time in the mean before the
    head. With `hidden` the head has one layer more, so wide.
    """
    layers = convolution(in_channels, width, side, stride=side)
    for _ in range(depth):
        layers += convolution(width, width, 1)
    model = classifier(layers, width, num_classes)
    if hidden:
        more = [nn.Linear(width, hidden), nn.ReLU()]
        model[-1] = nn.Sequential(*more, nn.Linear(hidden, num_classes))
    return model


def convolution(
    before: int, after: int, side: int, **settings: int
) -> list[nn.Module]:
    """Convolution, batch norm, ReLU; the norm has the bias."""
    return [
        nn.Conv2d(before, after, side, bias=False, **settings),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


def classifier(
    layers: list[nn.Module], width: int, num_classes: int
) -> nn.Sequential:
    """Put the mean over all places and a linear head on top."""
    mean = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, *mean, nn.Linear(width, num_classes))
