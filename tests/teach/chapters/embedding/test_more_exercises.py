"""Chapter 3's other exercises: right answers of any style, wrong ones."""

import pytest
import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F

from vitlib.teach import check


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((256, 1280, 752640), "besides its weights"),
        ((257, 1280, 753920), "one comes in the next chapter"),
        ((196, 1280, 753920), "for patches of 16"),
        ((256, 588, 753920), "it is the number of filters"),
        ((256, 1280, 753920 * 256), "a layer of its own for each place"),
        ((256, 1280, 752640 * 256), "once for each place"),
        ((256, 1280, 252160), "right for grey pictures"),
        ((256, 1280, 753228), "a bias belongs to a filter"),
        ((256, 1280, 984320), "for patches of 16. The 14"),
        ((1280, 256, 753920), "not in their places"),
        ((256, 1280, 7), "Not yet right: 7 for numbers to learn"),
        ((256, 1280), "one number for each of these"),
        ((1, 256, 1280), "is the shape of the tokens of one image"),
    ],
)
def test_wrong_sizes_are_understood(answer, words):
    result = check.embedding_sizes(answer)
    assert not result
    assert words in str(result)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (74, "the pupil itself"),
        (162, "asks for darkness first of all"),
        (94, "one there is louder"),
        (76, "the quietest answer"),
        (109, "109 is next to it"),
        (torch.tensor([74, 108]), "a tensor of the shape (2,)"),
    ],
)
def test_a_wrong_patch_is_understood(answer, words):
    result = check.loudest_patch(answer)
    assert not result
    assert words in str(result)


# as_conv, right


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


@pytest.mark.parametrize(
    "answer", [assigned, copied, number_by_number, new_parameters]
)
def test_every_style_of_as_conv_is_right(answer):
    result = check.as_conv(answer)
    assert result, str(result)
    assert "In three sizes your convolution" in str(result)


# as_conv, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (only_reshaped, "Which axis has to be parted off first?"),
        (mirrored, "mirrored along its diagonal"),
        (no_bias, "no weight or no bias of its own"),
        (zero_bias, "the bias is missing"),
        (one_pixel, "How long is the step from patch to patch?"),
        (nothing_copied, "gives two answers"),
        (bias_of_its_own, "gives two answers"),
        (lambda linear, p: assigned(linear, p).weight, "the layer itself"),
        (lambda linear, p: nn.Identity(), "of its own"),
        (lambda linear, p: linear, "Your code stopped"),
        (
            lambda linear, p: nn.Sequential(
                assigned(linear, p), nn.Flatten(2)
            ),
            "Yours has the shape (2, 5, 6), wanted is (2, 5, 2, 3)",
        ),
    ],
)
def test_a_wrong_as_conv_is_understood(answer, words):
    result = check.as_conv(answer)
    assert not result
    assert words in str(result)


# fold_normalisation, right


def by_steps(weight, bias, mean, std):
    new = weight / std.reshape(1, -1, 1, 1)
    shift = (new * mean.reshape(1, -1, 1, 1)).flatten(1).sum(dim=1)
    return new, bias - shift


def by_asking(weight, bias, mean, std):
    p = weight.shape[-1]
    new = weight / std[:, None, None]
    picture = mean[:, None, None].expand(-1, p, p)[None]
    return [new, bias - F.conv2d(picture, new).flatten()]


def by_loops(weight, bias, mean, std):
    filters, biases = [], []
    for one, offset in zip(weight, bias, strict=True):
        channels = []
        for channel, m, s in zip(one, mean, std, strict=True):
            channels.append(channel / s)
            offset = offset - channel.sum() * m / s
        filters.append(torch.stack(channels))
        biases.append(offset)
    return torch.stack(filters), torch.stack(biases)


@pytest.mark.parametrize("answer", [by_steps, by_asking, by_loops])
def test_every_style_of_folding_is_right(answer):
    result = check.fold_normalisation(answer)
    assert result, str(result)


# fold_normalisation, wrong


def with_bias(change):
    def answer(weight, bias, mean, std):
        new, _ = by_steps(weight, bias, mean, std)
        return new, change(weight, new, bias, mean[:, None, None])

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda w, b, m, s: by_steps(w, b, m, 1 / s),
            "multiplied by the deviations",
        ),
        (
            lambda w, b, m, s: by_steps(w, b, m, torch.ones_like(s)),
            "Your weights are the old ones",
        ),
        (lambda w, b, m, s: by_steps(w, b, -m, s), "to the wrong side"),
        (with_bias(lambda w, new, b, m: b), "the biases are the old ones"),
        (
            with_bias(lambda w, new, b, m: b - (w * m).sum((1, 2, 3))),
            "Which weights did you sum?",
        ),
        (
            with_bias(lambda w, new, b, m: b - (new * m).mean((1, 2, 3))),
            "A filter sums over its places",
        ),
        (
            with_bias(lambda w, new, b, m: b - m.sum()),
            "moved by the same amount. They begin with",
        ),
        (
            with_bias(lambda w, new, b, m: b - new.sum((1, 2, 3))),
            "as if the mean were 1",
        ),
        (
            with_bias(lambda w, new, b, m: b - (new * m).sum()),
            "The shape is right, and",
        ),
        (lambda w, b, m, s: by_steps(w, b, m, s)[0], "Wanted are two"),
        (
            with_bias(lambda w, new, b, m: b - (new * m).sum((2, 3))),
            "Your code stopped",
        ),
        (
            with_bias(lambda w, new, b, m: b[None]),
            "Your new bias has the shape (1, 4), the old one (4,)",
        ),
        (
            lambda w, b, m, s: [x.detach() for x in by_steps(w, b, m, s)],
            "no gradient comes back to `weight`, `bias`",
        ),
    ],
)
def test_a_wrong_fold_is_understood(answer, words):
    result = check.fold_normalisation(answer)
    assert not result
    assert words in str(result)
