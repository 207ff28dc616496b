"""Chapter 7 draws where parameters live, and every number of one ViT."""

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
    pixels,
    scale,
    still,
    the_cat,
)
from numpy.testing import assert_allclose
from torch import nn

from vitlib import ViT
from vitlib.teach.chapters.vit import figures
from vitlib.teach.chapters.vit.by_hand import grey, vit_by_hand
from vitlib.teach.chapters.vit.size_explorer import SizeExplorer
from vitlib.teach.draw.palette import CLS, INK, STREAM


@cache
def base():
    with torch.device("meta"):
        return ViT.from_name("B/16")


@cache
def logits():
    torch.manual_seed(0)
    return 0.8 * torch.randn(1, 1000), 1.1 * torch.randn(1, 1000)


@cache
def quarters():
    return vit_by_hand(image_size=224, sharpness=20), grey(the_cat())


@cache
def where_parameters_live():
    return draw(figures.where_parameters_live, base())


@cache
def untrained_scores():
    return draw(figures.untrained_scores, *logits())


@cache
def by_hand():
    return draw(figures.by_hand, *quarters())


@cache
def explorer():
    return still(SizeExplorer())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (where_parameters_live, untrained_scores, by_hand, explorer)
    context = {
        "where_parameters_live": ["86,567,656"],
        "explorer": ["17,563,828,224"],
    }


def test_a_bar_is_as_long_as_its_part_has_parameters():
    d, blocks = 768, 12
    counts = {  # as the paper's sizes give them, worked out by hand
        "patch embedding": 16 * 16 * 3 * d + d,
        "class token, positions": d + 197 * d,
        "attention": blocks * (4 * d * d + 4 * d),
        "MLPs": blocks * (8 * d * d + 5 * d),
        "norms": (2 * blocks + 1) * 2 * d,
        "head": 1000 * d + 1000,
    }
    assert sum(counts.values()) == 86_567_656
    (axes,) = where_parameters_live().panels
    names = dict(
        zip(
            axes.get_yticks().tolist(),
            (label.get_text() for label in axes.get_yticklabels()),
            strict=True,
        )
    )
    for bar, (_, low, width, high) in zip(
        axes.patches, bars(axes), strict=True
    ):
        name = names[round(low + high / 2)]
        assert width == counts.pop(name)
        beside = [
            text.get_text()
            for text in axes.texts
            if text.get_position()[1] == round(low + high / 2)
        ]
        assert beside == [f"{width:,}  ({width / 86_567_656:.1%})"]
        golden = name == "class token, positions"
        assert is_colour(bar, CLS if golden else STREAM)
    assert counts == {}


def test_probabilities_fall_from_the_most_likely_class():
    for axes, scores, name in zip(
        untrained_scores().panels,
        logits(),
        ("the cat", "noise"),
        strict=True,
    ):
        powers = np.exp(scores[0].double().numpy())
        wanted = sorted(100 * powers / powers.sum(), reverse=True)
        (area,) = axes.collections
        outline = area.get_paths()[0].vertices
        for place in range(0, 1000, 5):
            heights = outline[outline[:, 0] == place, 1]
            assert_allclose(max(heights), wanted[place], rtol=1e-4)
        assert line(axes)[1] == [0.1, 0.1]
        assert axes.get_title(loc="left") == name
    left = untrained_scores().panels[0]
    assert left.get_ylabel() == "probability, %"


def table(title):
    """Give the numbers that the panel of this title is coloured by."""
    (axes,) = (
        axes
        for axes in by_hand().panels
        if axes.get_title(loc="left") == title
    )
    shown = pixels(axes)
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    for row, col in np.ndindex(shown.shape):
        assert texts[col, row] == f"{shown[row, col]:.2f}"
    return shown


def forward_by_hand():
    """Compute the five tables with nothing but sums and exponentials."""
    _, image = quarters()
    pixels_ = image[0, 0].double().numpy()
    halves = np.s_[:112], np.s_[112:]
    mean = np.array(
        [pixels_[r][:, c].mean() for r in halves for c in halves]
    )
    places = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
    tokens = np.zeros((5, 3))
    tokens[1:, 0] = mean
    tokens[1:, 1:] = places
    powers = np.exp(20 * tokens[:, 0])
    weights = powers / powers.sum()
    after = np.array([0, *(weights[1:] @ places)])
    return tokens, weights, after, places @ after[1:]


def test_every_number_of_the_hand_set_model_can_be_worked_out():
    tokens, weights, after, scores = forward_by_hand()
    assert_allclose(table("tokens"), tokens, atol=1e-5)
    assert_allclose(table("attention"), weights[:, None], atol=1e-4)
    assert_allclose(table("class token after"), after[None], atol=1e-4)
    assert_allclose(table("scores"), scores[:, None], atol=1e-4)
    said = by_hand().words
    assert f"largest for quarter {scores.argmax()}" in said
    assert f"brightest is quarter {tokens[1:, 0].argmax()}" in said


def test_the_tables_are_signed_and_attention_is_violet():
    ramps = {
        axes.get_title(loc="left"): scale(axes)
        for axes in by_hand().panels[1:]
    }
    assert ramps.pop("attention")[:2] == ("weight", 0)
    for name, low, high in ramps.values():
        assert (name, low) == ("signed", -high)


def test_a_quarter_is_framed_and_says_its_brightness():
    picture = by_hand().panels[0]
    _, image = quarters()
    assert_allclose(pixels(picture), image[0, 0])
    assert scale(picture) == ("gray", 0, 1)
    for number, (frame, label) in enumerate(
        zip(picture.patches, picture.texts, strict=True)
    ):
        row, col = divmod(number, 2)
        box = frame.get_bbox()
        assert box.bounds == (112 * col - 0.5, 112 * row - 0.5, 112, 112)
        assert box.contains(*label.get_position())
        part = image[0, 0, 112 * row :, 112 * col :][:112, :112]
        assert label.get_text() == f"{number}: {part.mean():.2f}"


def test_a_published_size_lies_at_its_work_and_its_parameters():
    (axes,) = explorer().panels
    millions = {  # the authors' own counts, and timm's GMAC
        "Ti/16": (1.26, 5.717416),
        "S/16": (4.61, 22.050664),
        "B/16": (17.58, 86.567656),
        "L/16": (61.60, 304.326632),
        "H/14": (167.40, 632.045800),
    }
    names = {t.get_text(): t.xy for t in axes.texts}
    points = [drawn for drawn in axes.lines if is_colour(drawn, STREAM)]
    spots = {
        tuple(map(float, np.ravel(drawn.get_data()))) for drawn in points
    }
    assert spots == {tuple(map(float, xy)) for xy in names.values()}
    for name, (work, parameters) in millions.items():
        assert_allclose(names[name][1], parameters, rtol=1e-9)
        assert_allclose(names[name][0], work, rtol=0.01)
    (chosen,) = (drawn for drawn in axes.lines if is_colour(drawn, INK))
    assert np.ravel(chosen.get_data()).tolist() == list(names["B/16"])
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_the_words_give_the_chosen_work_in_full():
    d, n = 768, 197
    tokens_alone = 12 * n * 12 * d * d
    pairs = 12 * 2 * n * n * d
    ends = 196 * 16 * 16 * 3 * d + 1000 * d
    total = tokens_alone + pairs + ends
    assert f"{total:,} multiply-adds" in explorer().words


def test_the_chosen_size_says_its_numbers():
    texts = [t.get_text() for t in explorer().figure.texts]
    told = dict(zip(texts[::2], texts[1::2], strict=True))
    assert told["tokens"] == "197"
    assert told["parameters"] == "86,567,656"
    megabytes = 4 * 86_567_656 / 1e6
    assert told["weights"] == f"{megabytes:,.1f} MB"
    assert told["to train with AdamW"] == f"{4 * megabytes:,.1f} MB"
    kept = (12 * (16 * 768 + 12 + 4) + 2 * 768 + 2) * 197 + 3 * 224**2
    assert told["and for each image"] == f"{4 * kept / 1e6:,.1f} MB"
    maps = 12 * 12 * 197**2 * 4 / 1e6
    assert told["attention maps"] == f"{maps:,.1f} MB"


def test_the_parts_cover_a_model_with_layers_of_its_own_names():
    """No parameter is left out of the bars, and none counted twice."""
    model = ViT(
        image_size=8, patch_size=4, embed_dim=8, depth=1, num_heads=2
    )
    shown = draw(figures.where_parameters_live, model)
    total = sum(width for *_, width, _ in bars(shown.panels[0]))
    assert (
        total == nn.utils.parameters_to_vector(model.parameters()).numel()
    )
    found = re.search(r"for ([\d,]+) parameters", shown.words)
    assert int(found[1].replace(",", "")) == total
