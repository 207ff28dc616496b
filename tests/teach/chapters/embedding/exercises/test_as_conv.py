"""check.as_conv: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange
from torch import nn

from vitlib.teach import check


def assigned(linear, patch_size):
    weight = rearrange(
        linear.weight, "d (y x c) -> d c y x", y=patch_size, x=patch_size
    )
    d, c, _, _ = weight.shape
    conv = nn.Conv2d(c, d, patch_size, stride=patch_size)
    conv.weight.data, conv.bias.data = weight, linear.bias
    return conv


def copied(linear, patch_size):
    p = patch_size
    d, m = linear.weight.shape
    conv = nn.Conv2d(m // p**2, d, (p, p), (p, p))
    parts = linear.weight.unflatten(1, (p, p, -1)).permute(0, 3, 1, 2)
    with torch.no_grad():
        conv.weight.copy_(parts)
        conv.bias.copy_(linear.bias)
    return conv


def number_by_number(linear, patch_size):
    d, m = linear.weight.shape
    c = m // patch_size**2
    conv = nn.Conv2d(c, d, patch_size, stride=patch_size).double()
    state = conv.state_dict()
    for i in range(m):
        y, rest = divmod(i, patch_size * c)
        x, channel = divmod(rest, c)
        state["weight"][:, channel, y, x] = linear.weight.detach()[:, i]
    state["bias"] = linear.bias.detach()
    conv.load_state_dict(state)
    return conv


def new_parameters(linear, p):
    weight = linear.weight.reshape(len(linear.bias), p, p, -1)
    weight = weight.movedim(3, 1)
    conv = nn.Conv2d(weight.shape[1], len(weight), p, p)
    conv.weight = nn.Parameter(weight.contiguous())
    conv.bias = linear.bias
    return conv


@right(assigned, copied, number_by_number, new_parameters)
def test_every_style_is_right(answer):
    is_right(check.as_conv(answer))


def conv_from(weight, bias, stride):
    d, c, p, _ = weight.shape
    conv = nn.Conv2d(c, d, p, stride=stride, bias=bias is not None)
    conv.weight.data = weight
    if bias is not None:
        conv.bias.data = bias
    return conv


def only_reshaped(linear, p):
    weight = linear.weight.reshape(len(linear.bias), -1, p, p)
    return conv_from(weight, linear.bias, p)


def mirrored(linear, p):
    weight = linear.weight.unflatten(1, (p, p, -1)).permute(0, 3, 2, 1)
    return conv_from(weight, linear.bias, p)


def no_bias(linear, p):
    conv = assigned(linear, p)
    return conv_from(conv.weight.data, None, p)


def zero_bias(linear, p):
    conv = assigned(linear, p)
    conv.bias.data = torch.zeros_like(conv.bias)
    return conv


def one_pixel(linear, p):
    conv = assigned(linear, p)
    return conv_from(conv.weight.data, conv.bias.data, 1)


def nothing_copied(linear, p):
    d, m = linear.weight.shape
    return nn.Conv2d(m // p**2, d, p, stride=p)


def bias_of_its_own(linear, p):
    conv = nothing_copied(linear, p)
    conv.weight.data = assigned(linear, p).weight.data
    return conv


def weights_of_its_own(linear, p):
    conv = nothing_copied(linear, p)
    conv.bias.data = linear.bias.data
    return conv


def wiped_out(linear, p):
    conv = copied(linear, p)
    with torch.no_grad():
        linear.weight.zero_()
    return conv


def scrambled_twice(linear, p):
    weight = linear.weight.reshape(len(linear.bias), -1, p, p).mT
    return conv_from(weight, linear.bias, p)


def zero_weight(linear, p):
    conv = assigned(linear, p)
    return conv_from(0 * conv.weight.data, conv.bias.data, p)


@wrong(
    ("channels_first", only_reshaped),
    ("pixels_column_by_column", mirrored),
    ("channels_first_column_by_column", scrambled_twice),
    ("no_bias", zero_bias),
    ("no_weights", zero_weight),
    ("every_pixel", one_pixel),
    ("no_parameters", no_bias),
    ("no_parameters", lambda linear, p: nn.Identity()),
    ("nothing_copied", nothing_copied),
    ("other_bias", bias_of_its_own),
    ("other_weights", weights_of_its_own),
    ("changes_the_weights", wiped_out),
    ("no_module", lambda linear, p: assigned(linear, p).weight),
    ("stops", lambda linear, p: linear),
    (
        "other_shape",
        lambda linear, p: nn.Sequential(
            assigned(linear, p), nn.Flatten(2)
        ),
    ),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.as_conv(answer))


def test_the_biases_are_told_beside_the_wanted_ones():
    linear = check.as_conv.cases()[0].inputs["linear"]
    wanted = ", ".join(f"{x:.2f}" for x in linear.bias[:3])
    assert f"wanted is {wanted}. A new" in str(
        check.as_conv(bias_of_its_own)
    )
