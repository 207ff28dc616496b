"""Check your `prepare(pixels, side, mean, std)`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece


def prepare(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """(c, h, w), 0 to 255 -> (1, c, side, side), normalised."""
    return normalised(middle(pixels, side) / 255, mean, std)


def middle(pixels: Tensor, side: int) -> Tensor:
    """Cut the middle out."""
    top, left = ((length - side) // 2 for length in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side]


def normalised(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Bring each channel to its mean and deviation, as a batch of one."""
    return ((pixels - per_channel(mean)) / per_channel(std))[None]


def per_channel(numbers: Tensor) -> Tensor:
    """(c,) -> (c, 1, 1)."""
    return numbers[:, None, None]


def cases() -> list[Case]:
    """Draw pictures of even margins, wide and high, of 3 and 4 channels.

    Odd margins are rounded differently by different libraries. No side
    is as long as there are channels, so that the two cannot be mixed up.
    """
    draw, found = Draw(113), []
    for channels, height, width, side in [
        (3, 7, 11, 5),
        (3, 8, 4, 4),
        (4, 9, 5, 3),
        (3, 2, 6, 2),
    ]:
        pixels = 255 * draw.uniform(channels, height, width)
        inputs = {
            "pixels": pixels.round(),
            "side": side,
            "mean": 0.3 + 0.3 * draw.uniform(channels),
            "std": 0.2 + 0.1 * draw.uniform(channels),
        }
        words = (
            f"a picture of {height} by {width} pixels with {channels} "
            f"channels, cut to {side} by {side}"
        )
        found.append(Case(words, inputs, tells={"side": side}))
    return found


def with_order(order: Callable) -> Callable:
    """Give an answer that normalises the middle in another way."""

    def wrong(
        pixels: Tensor, side: int, mean: Tensor, std: Tensor
    ) -> Tensor:
        m, s = per_channel(mean), per_channel(std)
        return order(middle(pixels, side), m, s)[None]

    return wrong


def cut_at(place: Callable[[int, int], tuple[int, int]]) -> Callable:
    """Give an answer that cuts elsewhere, by the middle's top and left."""

    def wrong(
        pixels: Tensor, side: int, mean: Tensor, std: Tensor
    ) -> Tensor:
        top, left = place(
            *((length - side) // 2 for length in pixels.shape[1:])
        )
        cut = pixels[:, top : top + side, left : left + side]
        return normalised(cut / 255, mean, std)

    return wrong


def resized(mode: str) -> Callable:
    """Give an answer that makes the picture small in place of cutting."""

    def wrong(
        pixels: Tensor, side: int, mean: Tensor, std: Tensor
    ) -> Tensor:
        small = F.interpolate(pixels[None], (side, side), mode=mode)[0]
        return normalised(small / 255, mean, std)

    return wrong


def corner(pixels: Tensor, side: int, mean: Tensor, std: Tensor) -> Tensor:
    """Cut the upper left corner out."""
    return normalised(pixels[:, :side, :side] / 255, mean, std)


def no_batch(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Give one picture, not a batch of one."""
    return prepare(pixels, side, mean, std)[0]


def whole(pixels: Tensor, side: int, mean: Tensor, std: Tensor) -> Tensor:
    """Cut nothing."""
    return normalised(pixels / 255, mean, std)


def turned_round(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Normalise the channels in reverse order, as if it were BGR."""
    return prepare(pixels, side, mean.flip(0), std.flip(0))


def own_numbers(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Take the picture's own mean and deviation."""
    cut = middle(pixels, side) / 255
    return normalised(cut, cut.mean(dim=(1, 2)), cut.std(dim=(1, 2)))


def first_for_all(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Take the first mean and deviation for all channels."""
    return prepare(
        pixels, side, mean[:1].expand_as(mean), std[:1].expand_as(std)
    )


def one_for_all(
    pixels: Tensor, side: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Take one mean and one deviation for all channels."""
    ones = torch.ones_like(mean)
    return prepare(pixels, side, mean.mean() * ones, std.mean() * ones)


PIECE = Piece(
    module=__name__,
    number=3,
    reference=prepare,
    cases=cases,
    axes="pictures, channels, rows, columns",
    differentiable=False,
    shown="Four pictures come out as ours do.",
    next="Before it stands the resizing; the `preprocess` that `load` "
    "gives does both, with the numbers of the family.",
    mistakes=(
        Mistake(
            "not_divided_by_255",
            with_order(lambda x, m, s: (x - m) / s),
            "Mean and deviation belong to pixels from 0 to 1, and yours "
            "still go to 255. {seen} What is to be done first?",
        ),
        Mistake(
            "divided_by_256",
            with_order(lambda x, m, s: (x / 256 - m) / s),
            "You divide by 256. {seen} Eight bits count from 0: which is "
            "the lightest pixel, and what should become of it?",
        ),
        Mistake(
            "from_minus_one_to_one",
            with_order(lambda x, m, s: (x / 127.5 - 1 - m) / s),
            "You bring the pixels to -1 to 1 first, and the mean belongs "
            "to pixels from 0 to 1. {seen} How many times are they "
            "normalised?",
        ),
        Mistake(
            "not_normalised",
            with_order(lambda x, m, s: x / 255),
            "The middle, from 0 to 1, and there you stop. {seen} Which of "
            "what you were given have you not used?",
        ),
        Mistake(
            "divided_at_the_end",
            with_order(lambda x, m, s: (x - m) / s / 255),
            "You divide by 255 after the mean is taken off. {seen} The "
            "mean is that of pixels from 0 to 1. Which step comes first?",
        ),
        Mistake(
            "mean_not_taken_off",
            with_order(lambda x, m, s: x / 255 / s),
            "Divided by the deviation, and the mean is still in it. "
            "{seen} What becomes of a pixel that is as bright as the "
            "mean?",
        ),
        Mistake(
            "not_divided_by_std",
            with_order(lambda x, m, s: x / 255 - m),
            "The mean is taken off, and the deviation is not used. {seen} "
            "By what is the rest to be divided?",
        ),
        Mistake(
            "multiplied_by_std",
            with_order(lambda x, m, s: (x / 255 - m) * s),
            "You multiply by the deviation. {seen} What brings numbers of "
            "deviation 0.2 to deviation 1?",
        ),
        Mistake(
            "std_before_mean",
            with_order(lambda x, m, s: x / 255 / s - m),
            "You divide first and take the mean off afterwards. {seen} "
            "The mean is one of pixels, not of what they become. Which "
            "step comes first?",
        ),
        Mistake(
            "divided_by_variance",
            with_order(lambda x, m, s: (x / 255 - m) / s**2),
            "You divide by the square of the deviation. {seen} Which of "
            "the two does `std` name?",
        ),
        Mistake(
            "corner_cut_out",
            corner,
            "Normalised rightly, and cut out of the upper left corner. "
            "{seen} How many rows are to be left out above the middle?",
        ),
        Mistake(
            "rows_for_columns",
            cut_at(lambda top, left: (left, top)),
            "Normalised rightly, and the two margins are exchanged, so "
            "that your shape is {shape} where {right} is wanted. Which "
            "axis of (c, h, w) are the rows?",
        ),
        Mistake(
            "one_margin_for_both",
            cut_at(lambda top, left: (top, top)),
            "Normalised rightly; you leave out as many columns on the "
            "left as rows above. {seen} Of what is `left` the half?",
        ),
        Mistake(
            "other_margin_for_both",
            cut_at(lambda top, left: (left, left)),
            "Normalised rightly; you leave out as many rows above as "
            "columns on the left: your shape is {shape}, wanted is "
            "{right}. Of what is `top` the half?",
        ),
        Mistake(
            "resized",
            resized("bilinear"),
            "Normalised rightly, and the whole picture is made small, in "
            "place of a part cut out. {seen} How many pixels of the "
            "picture are to be left as they are?",
        ),
        Mistake(
            "resized_by_the_nearest",
            resized("nearest"),
            "Normalised rightly, and pixels are left out all over the "
            "picture, in place of its edge. {seen} Which rows are to "
            "stay?",
        ),
        Mistake(
            "nothing_cut_out",
            whole,
            "Normalised rightly, and nothing is cut: your shape is "
            "{shape}, wanted is {right}. Where does the middle begin?",
        ),
        Mistake(
            "no_batch",
            no_batch,
            "The picture is right. A model takes a batch of pictures: "
            "your shape is {shape}, wanted is {right}. Which axis is "
            "missing in front?",
        ),
        Mistake(
            "channels_in_reverse",
            turned_round,
            "The numbers of the last channel are used for the first, as "
            "if the colours came as blue, green, red. {seen} In which "
            "order do they come?",
        ),
        Mistake(
            "own_mean_and_std",
            own_numbers,
            "You take the mean and the deviation of this picture. {seen} "
            "So a dark picture and a bright one become alike. Whose "
            "numbers did the model learn with?",
        ),
        Mistake(
            "first_for_all_channels",
            first_for_all,
            "All channels get the numbers of the first. {seen} Each has "
            "its own. Which axis of the picture do they belong to?",
        ),
        Mistake(
            "one_for_all_channels",
            one_for_all,
            "All channels get one mean and one deviation. {seen} Each has "
            "its own. Which axis of the picture do they belong to?",
        ),
    ),
)
