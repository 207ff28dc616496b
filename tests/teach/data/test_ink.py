"""What is ink on a paper is told from shadows and from printed lines."""

import numpy as np
import pytest

from vitlib.teach.data.ink import filled, ink_on, largest


def test_the_largest_of_a_window_is_that_of_a_plain_loop():
    numbers = np.random.default_rng(0).random((7, 11))
    for size in (1, 3, 5, 9, 61):
        reach = size // 2
        wanted = [
            [
                row[max(0, i - reach) : i + reach + 1].max()
                for i in range(11)
            ]
            for row in numbers
        ]
        assert np.array_equal(largest(numbers, size, 1), wanted)
        found = largest(numbers.T, size, 0).T
        assert np.array_equal(found, wanted)


def test_what_is_narrow_and_dark_is_filled_and_an_edge_stays():
    light = np.ones((40, 60), dtype=np.float32)
    light[:, 30:] = 0.4  # half in the shadow
    wanted = light.copy()
    light[10:20, 5:9] = 0.1
    light[15:35, 40:44] = 0.05
    assert np.array_equal(filled(light, 11), wanted)


@pytest.mark.parametrize("upright", [False, True])
def test_printed_lines_as_dark_as_ink_are_taken_out(upright):
    """They rise a little; a thick stroke crosses two of them."""
    y, x = np.mgrid[:192, :256]
    light = np.full((192, 256), 0.9, dtype=np.float32)
    line = (y + 0.04 * x) % 30 < 2
    stroke = (abs(x - 120) < 7) & (abs(y - 100) < 40)
    light[line | stroke] = 0.25
    light[:, 180:] *= 0.4
    if upright:
        light, line, stroke = light.T, line.T, stroke.T
    ink = ink_on(light)
    assert np.median(ink[stroke]) > 0.6
    assert (ink[stroke] > 0.35).mean() > 0.9
    around = line & ~stroke
    assert (ink[around] > 0.35).mean() < 0.03  # the picture cuts one
