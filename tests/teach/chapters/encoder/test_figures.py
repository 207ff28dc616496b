"""Chapter 6 draws the stream, and what the layers add to it."""

import math
import re
from functools import cache

import numpy as np
import torch
from drawn import (
    EveryFigure,
    bars,
    draw,
    is_colour,
    line,
    still,
)
from matplotlib.patches import FancyBboxPatch, Polygon
from numpy.testing import assert_allclose, assert_array_equal

from vitlib import EncoderBlock
from vitlib.inside import residual_stream
from vitlib.teach import digit_reader
from vitlib.teach.chapters.encoder import figures
from vitlib.teach.chapters.encoder.encoder_switches import EncoderSwitches
from vitlib.teach.draw.palette import CLS, GREY, INK, LINE, STREAM, WEIGHT

NAMES = ["class token", "patch 0", "patch 49", "patch 104", "patch 195"]
DEPTH = 12
LENGTHS = [4.8 + 1.9 * step + 0.02 * (step % 2) for step in range(25)]
WRITES = [(9 + 0.5 * block, 7 - 0.1 * block) for block in range(DEPTH)]
SPREADS = {
    "everything": 0.1,
    "no residual": 1e-7,
    "no norm": 0.03,
    "no MLP": 0.08,
    "no attention": 0.6,
}
SIZES = {
    "everything": 51.0,
    "no residual": 7.0,
    "no norm": 572.0,
    "no MLP": 48.0,
    "no attention": 24.0,
}


def course(last, first, steps=DEPTH):
    """A curve that goes by the same factor in each block."""
    factor = (last / first) ** (1 / steps)
    return [first * factor**step for step in range(steps + 1)]


@cache
def layer_and_tokens():
    torch.manual_seed(0)
    layer = EncoderBlock(192, num_heads=3)
    return layer, 0.35 * torch.randn(1, 197, 192)


@cache
def strips():
    """(5, 192) twice: five tokens, and as torch normalises them."""
    torch.manual_seed(0)
    scales = torch.tensor([[0.07], [0.54], [0.3], [0.2], [0.45]])
    before = scales * torch.randn(5, 192) + scales / 3
    return before, torch.nn.functional.layer_norm(before, (192,))


@cache
def curves():
    spreads = {n: course(end, 0.7) for n, end in SPREADS.items()}
    sizes = {n: course(end, 4.8) for n, end in SIZES.items()}
    return spreads, sizes


@cache
def gradients():
    return {
        (place, depth): course(end, 3.0, depth - 1)
        for place, ends in (
            ("pre", {6: 0.63, 12: 0.46, 24: 0.33}),
            ("post", {6: 1.3, 12: 1.4, 24: 1.6}),
        )
        for depth, end in ends.items()
    }


@cache
def left_over():
    return {"pre": course(0.06, 1, 48), "post": course(1.1e-5, 1, 48)}


@cache
def block():
    return draw(figures.block, *layer_and_tokens())


@cache
def layer_norm():
    return draw(figures.layer_norm, *strips(), NAMES)


@cache
def inputs():
    torch.manual_seed(0)
    return torch.randn(1, 197, 768) * 0.8 - 0.2


@cache
def gelu():
    return draw(figures.gelu, inputs())


@cache
def stream():
    return draw(figures.stream, LENGTHS, WRITES)


@cache
def switched_off():
    return draw(figures.switched_off, *curves())


@cache
def before_and_after():
    return draw(figures.before_and_after, gradients(), left_over())


@cache
def switches():
    return still(EncoderSwitches())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        block,
        layer_norm,
        gelu,
        stream,
        switched_off,
        before_and_after,
        switches,
    )


def mean_length(tokens):
    squares = tokens.double().numpy() ** 2
    return np.sqrt(squares.sum(axis=-1)).mean()


def test_the_lengths_stand_where_they_are_measured_on_the_band():
    layer, tokens = layer_and_tokens()
    with torch.no_grad():
        gathered = layer.attn(layer.norm1(tokens))
        after = layer(tokens)
        made = after - tokens - gathered
    on_band = sorted(
        (text.get_position()[0], text.get_text())
        for text in block().panels[0].texts
        if text.get_position()[1] == 75
    )
    middle = mean_length(tokens + gathered)
    lengths = [mean_length(tokens), middle, mean_length(after)]
    assert [text for _, text in on_band] == [f"{v:.1f}" for v in lengths]
    added = sorted(
        (text.get_position()[0], text.get_text())
        for text in block().panels[0].texts
        if text.get_text().startswith("+ ")
    )
    pair = [mean_length(gathered), mean_length(made)]
    assert [text for _, text in added] == [f"+ {v:.1f}" for v in pair]
    places = [x for x, _ in on_band + added]
    assert places == [36, 347, 645, 313, 607]


def test_attention_joins_all_tokens_and_the_mlp_none():
    (axes,) = block().panels
    threads = {
        tuple(map(tuple, drawn.get_xydata()))
        for drawn in axes.lines
        if is_colour(drawn, WEIGHT)
    }
    rows = {y for thread in threads for _, y in thread}
    assert len(threads) == len(rows) ** 2 == 16
    lanes = [
        patch.get_xy()[:, 1]
        for patch in axes.patches
        if isinstance(patch, Polygon) and len(patch.get_xy()) > 6
    ]
    middles = sorted((lane.max() + lane.min()) / 2 for lane in lanes)
    assert middles == sorted(rows)
    assert max(np.ptp(lane) for lane in lanes) < 22  # below the next row


def test_the_block_names_its_parts_in_running_order():
    texts = {
        text.get_text(): text.get_position()
        for text in block().panels[0].texts
    }
    parts = ["norm1", "attention", "norm2", "MLP"]
    places = [texts[part][0] for part in parts]
    assert places == sorted(places)
    assert texts["192 -> 768 -> 192"][0] == texts["MLP"][0]
    assert texts["3 heads"][0] == texts["attention"][0]
    assert "(1, 197, 192) everywhere on the band" in texts


def test_a_wave_is_its_token_before_and_after_the_norm():
    """All on one scale: what is twice as strong is twice as high."""
    waves = [axes.lines for axes in layer_norm().panels]
    loudest = max(tokens.abs().max().item() for tokens in strips())
    found = []
    for lines, tokens in zip(waves, strips(), strict=True):
        for row, (drawn, token) in enumerate(
            zip(lines, tokens, strict=True)
        ):
            x, y = drawn.get_data()
            assert_array_equal(x, range(192))
            found.append([row - y, token.numpy()])  # y points down
            assert is_colour(drawn, CLS) == (row == 0)
    heights, numbers = np.transpose(found, (1, 0, 2))
    scale = np.abs(heights).max() / loudest
    assert_allclose(heights, scale * numbers, atol=1e-6)
    assert scale * loudest < 0.5  # no wave reaches the next


def test_mean_and_deviation_stand_above_their_wave():
    for axes, tokens in zip(layer_norm().panels, strips(), strict=True):
        texts = [text.get_text() for text in axes.texts]
        assert texts[::2] == NAMES
        for words, token in zip(texts[1::2], tokens.numpy(), strict=True):
            mean, std = map(float, re.findall(r"[-\d.]+", words))
            assert_allclose(mean, token.mean(), atol=0.0051)
            assert_allclose(std, token.std(), atol=0.0051)


def exact_gelu(x):
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


def tanh_gelu(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return x * (1 + math.tanh(inner)) / 2


def test_gelu_is_the_normal_distribution_times_its_input():
    left, right = gelu().panels
    relu, bend, _ = left.lines
    x, y = bend.get_data()
    assert_allclose(y, [exact_gelu(v) for v in x], atol=1e-7)
    assert relu.get_linestyle() == "--"
    assert_allclose(relu.get_ydata(), [max(v, 0) for v in x])
    x, y = right.lines[0].get_data()
    wanted = [tanh_gelu(v) - exact_gelu(v) for v in x]
    assert_allclose(y, wanted, atol=1e-7)
    peaks = [line(right, index) for index in (2, 3)]
    at = abs(x[np.argmax(wanted)])
    assert_allclose([x for (x,), _ in peaks], [-at, at], atol=0.011)
    assert_allclose([top for _, (top,) in peaks], max(wanted), atol=1e-7)


def test_the_grey_bars_count_the_inputs():
    left, _ = gelu().panels
    assert all(is_colour(bar, LINE) for bar in left.patches)
    shown = bars(left)
    counts, edges = np.histogram(inputs().numpy(), bins=64, range=(-4, 4))
    assert_allclose([x for x, *_ in shown], edges[:-1], atol=1e-6)
    heights = np.array([height for *_, height in shown])
    assert_allclose(
        heights / heights.max(), counts / counts.max(), atol=2e-3
    )


def test_the_area_is_the_stream_and_the_bars_are_what_is_written():
    (axes,) = stream().panels
    assert line(axes) == ([step / 2 for step in range(25)], LENGTHS)
    (area,) = axes.collections
    assert is_colour(area, STREAM)
    outline = area.get_paths()[0].vertices
    for step, length in enumerate(LENGTHS):
        at = outline[outline[:, 0] == step / 2, 1]
        assert {0.0, length} <= set(at)
    shown = bars(axes)
    for number, (gathered, made) in enumerate(WRITES):
        (left, _, _, attention), (right, _, _, mlp) = shown[
            2 * number : 2 * number + 2
        ]
        assert number < left < right < number + 1
        assert (attention, mlp) == (gathered, made)
    colours = [WEIGHT, INK] * DEPTH
    for bar, colour in zip(axes.patches, colours, strict=True):
        assert is_colour(bar, colour)
    assert is_colour(stream().text("attention writes"), WEIGHT)
    assert is_colour(stream().text("the MLP writes"), INK)
    words = stream().words
    assert "grows from 4.8 to 50 over 12 blocks" in words
    assert "attention writes 9 in the first block and 14 in the" in words
    assert "the MLP 7 and 6." in words
    assert axes.get_xlabel() == "blocks passed"
    assert axes.get_ylabel() == "mean length of a token"


def test_a_curve_ends_where_its_name_stands():
    for axes, drawn in zip(switched_off().panels, curves(), strict=True):
        assert axes.get_yscale() == "log"
        for shown, values in zip(axes.lines, drawn.values(), strict=True):
            assert_array_equal(shown.get_xdata(), range(DEPTH + 1))
            assert_array_equal(shown.get_ydata(), values)
        labels = {t.get_text(): t.xy[1] for t in axes.texts}
        by_end = sorted(drawn, key=lambda name: drawn[name][-1])
        assert sorted(labels, key=labels.get) == by_end
        for name, height in labels.items():
            low, high = axes.get_ylim()
            away = abs(math.log10(height / drawn[name][-1]))
            assert away < 0.2 * math.log10(high / low)
    dashes = [shown._linestyle for shown in axes.lines]
    assert axes.lines[0].get_linewidth() > axes.lines[1].get_linewidth()
    assert len({str(d) for d in dashes}) >= 4


def test_gradients_are_drawn_by_block_and_shares_by_layer():
    left, right = before_and_after().panels
    looks = {"pre": (INK, "-"), "post": (GREY, "--")}
    shown = [drawn for drawn in left.lines if len(drawn.get_xdata()) > 1]
    for drawn, ((place, depth), values) in zip(
        shown, gradients().items(), strict=True
    ):
        assert_array_equal(drawn.get_xdata(), range(1, depth + 1))
        assert_array_equal(drawn.get_ydata(), values)
        assert is_colour(drawn, looks[place][0])
        assert drawn.get_linestyle() == looks[place][1]
    for drawn, (place, values) in zip(
        right.lines, left_over().items(), strict=False
    ):
        assert_array_equal(drawn.get_ydata(), values)
        assert is_colour(drawn, looks[place][0])
    ends = {depth: gradients()["pre", depth][-1] for depth in (6, 12, 24)}
    said = ", ".join(
        f"{end:.1f} of {depth}" for depth, end in ends.items()
    )
    assert f"{said} blocks at the last" in before_and_after().words
    assert "between 1.3 and 1.6 at every depth" in before_and_after().words
    assert left.get_xlabel() == "block"
    assert right.get_yscale() == left.get_yscale() == "log"


@cache
def lengths_of_the_reader():
    """Before the first layer and after each of eight, and the answer."""
    model, image = digit_reader(), EncoderSwitches().image
    found = []
    with torch.no_grad():
        tokens = residual_stream(model, image)[0]
        found.append(mean_length(tokens))
        for layer in model.blocks:
            tokens = tokens + layer.attn(layer.norm1(tokens))
            found.append(mean_length(tokens))
            tokens = tokens + layer.mlp(layer.norm2(tokens))
            found.append(mean_length(tokens))
        return found, int(model(image).argmax())


def test_the_band_of_the_switches_is_as_broad_as_the_stream_is_long():
    (axes,) = switches().panels
    lengths, answer = lengths_of_the_reader()
    bands = [p.get_xy() for p in axes.patches if is_colour(p, STREAM)]
    starts = [float(np.ptp(band[[0, 3], 1])) for band in bands]
    bare = np.array(starts) - 8
    assert_allclose(
        bare / bare.max(), np.array(lengths) / max(lengths), atol=1e-5
    )
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    highest = max(band[:, 1].max() for band in bands)
    assert highest < min(box.get_y() for box in boxes)
    below = [
        text.get_text()
        for text in axes.texts
        if text.get_position()[1] == 24
    ]
    assert below == [f"{length:.0f}" for length in lengths]
    (said,) = (t.get_text() for t in axes.texts if t.get_fontsize() == 22)
    assert said == str(answer)


def test_the_switches_name_every_part_of_every_block():
    (axes,) = switches().panels
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    texts = [
        text.get_text() for text in axes.texts if text.get_fontsize() == 11
    ]
    one = ["norm1", "attn", "0", "1", "2", "3", "norm2", "mlp"]
    assert texts == one * 4
    assert len(boxes) == len(texts)
