"""check.prepare: the middle of a picture, normalised as a family does."""

import torch
from answers import is_named, is_right, right, wrong
from einops import rearrange
from torch.nn import functional as F

from vitlib.teach import check


def by_view(pixels, side, mean, std):
    c, h, w = pixels.shape
    top, left = (h - side) // 2, (w - side) // 2
    cut = pixels[None, :, top : top + side, left : left + side] / 255
    return (cut - mean.view(1, c, 1, 1)) / std.view(1, c, 1, 1)


def by_loop(pixels, side, mean, std):
    _, h, w = pixels.shape
    rows = slice((h - side) // 2, (h + side) // 2)
    cols = slice((w - side) // 2, (w + side) // 2)
    channels = [
        (channel[rows, cols] / 255 - m) / s
        for channel, m, s in zip(pixels, mean, std, strict=True)
    ]
    return torch.stack(channels).unsqueeze(0)


def with_larger_numbers(pixels, side, mean, std):
    """Bring mean and deviation to 255 in place of the pixels to 1."""
    for axis in (1, 2):
        start = (pixels.shape[axis] - side) // 2
        pixels = pixels.narrow(axis, start, side)
    last = rearrange(pixels, "c h w -> 1 h w c")
    last = (last - 255 * mean) / (255 * std)
    return rearrange(last, "1 h w c -> 1 c h w")


def by_margins(pixels, side, mean, std):
    """Round the half of an even margin up, and cut from both ends."""
    _, h, w = pixels.shape
    top, left = round((h - side) / 2), -(-(w - side) // 2)
    pixels = pixels.clone()
    pixels /= 255
    for channel, m, s in zip(pixels, mean, std, strict=True):
        channel -= m
        channel /= s
    return pixels[None, :, top : h - top, left : w - left]


def by_numpy(pixels, side, mean, std):
    pixels, mean, std = (x.numpy() for x in (pixels, mean, std))
    top, left = ((length - side) // 2 for length in pixels.shape[1:])
    cut = pixels[:, top : top + side, left : left + side] / 255
    moved = (cut - mean[:, None, None]) / std[:, None, None]
    return torch.from_numpy(moved)[None]


def by_batch_norm(pixels, side, mean, std):
    top, left = ((length - side) // 2 for length in pixels.shape[1:])
    cut = pixels[None, :, top : top + side, left : left + side] / 255
    return F.batch_norm(cut, mean, std.square(), eps=0.0)


@right(
    by_view,
    by_loop,
    with_larger_numbers,
    by_margins,
    by_numpy,
    by_batch_norm,
)
def test_every_style_is_right(answer):
    is_right(check.prepare(answer))


def then(change):
    """Cut the middle rightly, and do something else with it."""

    def answer(pixels, side, mean, std):
        for axis in (1, 2):
            start = (pixels.shape[axis] - side) // 2
            pixels = pixels.narrow(axis, start, side)
        m, s = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        return change(pixels, m, s).unsqueeze(0)

    return answer


def at_the_corner(pixels, side, mean, std):
    return by_view(pixels[:, :side, :side], side, mean, std)


def uncut(pixels, side, mean, std):
    c = len(pixels)
    return ((pixels / 255 - mean.view(c, 1, 1)) / std.view(c, 1, 1))[None]


def of_its_own(pixels, side, mean, std):
    cut = by_view(pixels, side, 0 * mean, 0 * std + 1)
    return (cut - cut.mean((2, 3), keepdim=True)) / cut.std(
        (2, 3), keepdim=True
    )


def elsewhere(margins):
    def answer(pixels, side, mean, std):
        _, h, w = pixels.shape
        top, left = margins((h - side) // 2, (w - side) // 2)
        cut = pixels[:, top : top + side, left : left + side]
        c = len(pixels)
        return (
            (cut / 255 - mean.view(c, 1, 1)) / std.view(c, 1, 1)
        ).unsqueeze(0)

    return answer


def made_small(mode):
    def answer(pixels, side, mean, std):
        small = F.interpolate(pixels[None], side, mode=mode)
        return by_view(small[0], side, mean, std)

    return answer


def averaged(pixels, side, mean, std):
    c = len(mean)
    return by_view(
        pixels, side, mean.mean().expand(c), std.mean().expand(c)
    )


@wrong(
    ("not_divided_by_255", then(lambda x, m, s: (x - m) / s)),
    ("divided_by_256", then(lambda x, m, s: (x / 256 - m) / s)),
    (
        "from_minus_one_to_one",
        then(lambda x, m, s: (2 * x / 255 - 1 - m) / s),
    ),
    ("not_normalised", then(lambda x, m, s: x / 255)),
    ("rows_for_columns", elsewhere(lambda top, left: (left, top))),
    ("one_margin_for_both", elsewhere(lambda top, left: (top, top))),
    ("other_margin_for_both", elsewhere(lambda top, left: (left, left))),
    ("resized", made_small("bilinear")),
    ("resized_by_the_nearest", made_small("nearest")),
    (
        "first_for_all_channels",
        lambda p, n, m, s: by_view(
            p, n, m[0].repeat(len(m)), s[0].repeat(len(m))
        ),
    ),
    ("divided_at_the_end", then(lambda x, m, s: (x - m) / s / 255)),
    ("mean_not_taken_off", then(lambda x, m, s: x / 255 / s)),
    ("not_divided_by_std", then(lambda x, m, s: x / 255 - m)),
    ("multiplied_by_std", then(lambda x, m, s: (x / 255 - m) * s)),
    ("std_before_mean", then(lambda x, m, s: x / 255 / s - m)),
    ("divided_by_variance", then(lambda x, m, s: (x / 255 - m) / s / s)),
    ("corner_cut_out", at_the_corner),
    ("nothing_cut_out", uncut),
    ("no_batch", lambda *given: by_view(*given)[0]),
    (
        "channels_in_reverse",
        lambda p, n, m, s: by_view(p, n, m.flip(0), s.flip(0)),
    ),
    ("own_mean_and_std", of_its_own),
    ("one_for_all_channels", averaged),
    ("other_dtype", lambda *given: by_view(*given).float()),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.prepare(answer))
