"""Chapter 10 draws what heads do, and what is missed without them."""

from functools import cache

import numpy as np
import torch
from drawn import (
    EveryFigure,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    scale,
    still,
)
from matplotlib.patches import FancyBboxPatch
from numpy.testing import assert_allclose, assert_array_equal

from vitlib.inside import logit_lens
from vitlib.teach import digit_reader, digits
from vitlib.teach.chapters.inside import figures
from vitlib.teach.chapters.inside.lens_explorer import LensExplorer
from vitlib.teach.data.shapes import shapes
from vitlib.teach.draw.canvas import OTHERS, WEIGHTS
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    KEY,
    ON_PICTURE,
    WEIGHT,
)

COUNTS = [0, 1, 2, 4, 6, 8]
KEPT = {
    "last layer": [1, 0.96, 0.88, 0.67, 0.49, 0.33],
    "rollout": [1, 0.95, 0.8, 0.54, 0.26, 0.17],
    "rollout of others": [1, 0.96, 0.77, 0.57, 0.32, 0.23],
    "ink": [1, 0.95, 0.82, 0.51, 0.39, 0.23],
    "chance": [1, 0.99, 0.97, 0.87, 0.73, 0.55],
}


def four_digits():
    return digits("validation")[0][:4]


@cache
def random_maps(*shape):
    torch.manual_seed(0)
    return torch.rand(shape)


@cache
def head_maps():
    return draw(
        figures.head_maps, four_digits()[0], random_maps(4, 4, 4, 4)
    )


@cache
def truth():
    """(8, 8): True on two rows and three columns."""
    places = torch.zeros(8, 8, dtype=torch.bool)
    places[2:4, 5:8] = True
    return places


@cache
def head_maps_of_shapes():
    image = shapes(1, seed=3).images[0]
    return draw(figures.head_maps, image, random_maps(3, 4, 8, 8), truth())


@cache
def distances():
    return 11 + 4 * random_maps(4, 4)


@cache
def by_layer():
    name = "mean attention distance, pixels"
    return draw(figures.by_layer, distances(), 14.1, name, "equal weights")


@cache
def likeness():
    """(16, 16): cosines, and 1 on the diagonal."""
    vectors = random_maps(16, 12) - 0.5
    unit = torch.nn.functional.normalize(vectors, dim=1)
    return unit @ unit.T


@cache
def positions():
    return draw(figures.positions, likeness(), (4, 4))


@cache
def two_kinds():
    maps = random_maps(2, 4, 4, 4)
    return {"last layer": maps[0] / 4, "rollout": maps[1] / 9}


@cache
def map_and_rollout():
    return draw(figures.map_and_rollout, four_digits(), two_kinds())


@cache
def accuracy():
    return 0.97 + 0.02 * random_maps(4, 4)


@cache
def without_heads():
    return draw(figures.without_heads, accuracy(), 0.986)


@cache
def of_patches():
    """Attention, share and answer, (4, 4) each, of a 5."""
    weights, shares = random_maps(2, 4, 4)
    answers = torch.full((4, 4), 5)
    answers[2, 1], answers[0, 3] = 6, 3
    return weights, shares, answers


@cache
def misled():
    return draw(figures.misled, four_digits()[0], *of_patches(), 5)


@cache
def deletion():
    return draw(figures.deletion, KEPT, COUNTS)


@cache
def explorer():
    return still(LensExplorer())


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        head_maps,
        head_maps_of_shapes,
        by_layer,
        positions,
        map_and_rollout,
        without_heads,
        misled,
        deletion,
        explorer,
    )


def test_on_a_phone_each_layer_follows_the_one_before():
    titles = [
        f"layer {layer}, head {head}" for layer, head in np.ndindex(4, 4)
    ]
    shown = head_maps().in_order(["image", *titles])
    pairs = [titles[i : i + 2] for i in range(0, 16, 2)]
    assert shown == [["image"], *pairs]


def test_a_row_is_a_layer_and_a_column_a_head():
    panels = head_maps().panels
    for layer, head in np.ndindex(4, 4):
        axes = panels[5 * layer + 1 + head]
        weights = random_maps(4, 4, 4, 4)[layer, head]
        assert_array_equal(pixels(axes), weights)
        assert axes.get_title(loc="left") == f"layer {layer}, head {head}"
        assert scale(axes) == ("weight", 0, weights.max().item())
        assert axes.get_xlabel() == f"0 to {weights.max():.2f}"
        ink = pixels(axes, 1)[..., 3]  # the strokes lie over the squares
        assert_allclose(ink, 0.55 * four_digits()[0, 0], atol=1e-6)
        assert axes.images[0].get_extent() == axes.images[1].get_extent()
    digit = 255 - 255 * four_digits()[0, 0]
    assert_allclose(pixels(panels[0])[..., 0], digit, atol=0.51)


def test_the_object_is_outlined_on_the_image_and_on_every_map():
    panels = [axes for axes in head_maps_of_shapes().panels if axes.axison]
    assert len(panels) == 13
    for axes in panels:
        (frame,) = (p for p in axes.patches if has_edge(p, KEY))
        assert frame.get_bbox().extents.tolist() == [4.5, 1.5, 7.5, 3.5]
    image = shapes(1, seed=3).images[0].permute(1, 2, 0)
    assert_allclose(pixels(panels[0]), 255 * image, atol=0.51)


def test_a_dot_is_a_head_above_its_layer():
    (axes,) = by_layer().panels
    level, *heads = axes.lines
    assert set(level.get_ydata()) == {14.1}
    for head, drawn in enumerate(heads):
        assert_allclose(drawn.get_ydata(), distances()[:, head])
        layers = np.round(drawn.get_xdata())
        assert_array_equal(layers, range(4))
        assert is_colour(drawn, WEIGHT)
        for xy in zip(*drawn.get_data(), strict=True):
            (name,) = (
                text.get_text()
                for text in axes.texts
                if np.allclose(text.xy, xy)
            )
            assert name == str(head)
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [f"layer {layer}" for layer in range(4)]
    assert axes.get_title(loc="left") == "mean attention distance, pixels"


def test_a_map_of_likeness_stands_where_its_position_is():
    for index, axes in enumerate(positions().panels):
        for row, col in np.ndindex(4, 4):
            wanted = likeness()[index, 4 * row + col]
            assert pixels(axes)[row, col] == wanted
        assert scale(axes) == ("signed", -1, 1)
        assert line(axes) == ([index % 4], [index // 4])
    others = likeness()[~np.eye(16, dtype=bool)]
    said = f"others {others.min():.2f} to {others.max():.2f}"
    (text,) = positions().figure.texts
    assert text.get_text().endswith(said)


def test_under_each_digit_are_its_own_map_and_its_rollout():
    panels = map_and_rollout().panels
    for i, image in enumerate(four_digits()):
        shown = pixels(panels[i])[..., 0]
        assert_allclose(shown, 255 - 255 * image[0], atol=0.51)
        for row, (name, maps) in enumerate(two_kinds().items(), start=1):
            axes = panels[4 * row + i]
            assert_array_equal(pixels(axes), maps[i])
            assert scale(axes) == ("weight", 0, maps[i].max().item())
            assert_allclose(pixels(axes, 1)[..., 3], 0.55 * image[0], 1e-6)
            assert axes.get_title(loc="left") == name


def test_the_table_is_dark_where_answers_are_lost():
    (axes,) = without_heads().panels
    lost = np.clip(0.986 - accuracy().numpy(), 0, None)
    assert_allclose(pixels(axes), lost, atol=1e-6)
    assert scale(axes) == ("weight", 0, pixels(axes).max())
    texts = {text.get_position(): text for text in axes.texts}
    for layer, head in np.ndindex(4, 4):
        text = texts[head, layer]
        assert text.get_text() == f"{100 * accuracy()[layer, head]:.1f}"
        dark = lost[layer, head] > 0.55 * lost.max()
        assert is_colour(text, ON_PICTURE) == dark
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"layer {layer}" for layer in range(4)]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [f"head {head}" for head in range(4)]
    row, col = divmod(int(accuracy().argmin()), 4)
    low, high = 100 * accuracy().min(), 100 * accuracy().max()
    said = (
        f"from {low:.0f} (layer {row}, head {col}, darkest) to {high:.0f}"
    )
    assert f"{said}; with all heads 99." in without_heads().words


def test_the_most_and_the_least_attended_square_are_outlined():
    weights, shares, answers = of_patches()
    image, attention, without = misled().panels
    ink = 255 - 255 * four_digits()[0, 0]
    assert_allclose(pixels(image)[..., 0], ink, atol=0.51)
    assert_array_equal(pixels(attention), weights)
    assert_allclose(pixels(without), 1 - shares, atol=1e-6)
    for axes in (attention, without):
        for colour, flat in (
            (WEIGHT, weights.argmax()),
            (KEY, weights.argmin()),
        ):
            (frame,) = (p for p in axes.patches if has_edge(p, colour))
            row, col = divmod(int(flat), 4)
            corner = [col - 0.5, row - 0.5, col + 0.5, row + 0.5]
            assert frame.get_bbox().extents.tolist() == corner
    said = {text.get_position(): text.get_text() for text in without.texts}
    for row, col in np.ndindex(4, 4):
        assert said[col, row] == str(int(answers[row, col]))
    assert "2 of 16 wrong" in misled().words
    row, col = divmod(int(shares.argmin()), 4)
    said = f"Darkest is row {row}, column {col}: without it the answer is "
    said += f"{answers[row, col]}, and 5 has {shares.min():.0%}."
    assert said in misled().words


def test_a_curve_falls_as_patches_go_and_its_name_stands_at_its_end():
    (axes,) = deletion().panels
    for drawn, values in zip(axes.lines, KEPT.values(), strict=True):
        assert_array_equal(drawn.get_xdata(), COUNTS)
        assert_allclose(drawn.get_ydata(), [100 * v for v in values])
    labels = {t.get_text().split(":")[0]: t for t in axes.texts}
    by_end = sorted(KEPT, key=lambda name: KEPT[name][-1])
    assert sorted(labels, key=lambda name: labels[name].xy[1]) == by_end
    for name, drawn in zip(KEPT, axes.lines, strict=True):
        text = labels[name]
        assert text.get_text() == f"{name}: {100 * KEPT[name][-1]:.0f}"
        assert is_colour(text, drawn.get_color())
        assert abs(text.xy[1] - 100 * KEPT[name][-1]) < 12
    assert is_colour(labels["ink"], INK)
    assert is_colour(labels["chance"], GREY)
    assert axes.get_title(loc="left") == "answers that stay, %"


@cache
def lens():
    """(5, 17): what each token would answer, and how sure it is."""
    image = LensExplorer().image
    with torch.no_grad():
        scores = logit_lens(digit_reader(), image)[:, 0]
    sure, answers = scores.softmax(dim=-1).max(dim=-1)
    return answers, sure


def test_every_square_says_what_it_would_answer_after_each_layer():
    (axes,) = explorer().panels
    answers, sure = lens()
    final = int(answers[-1, 0])
    tiles = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    titles = sorted(
        (text.get_position()[0], text.get_text())
        for text in axes.texts
        if text.get_position()[1] == 20
    )
    names = ["drawing", "embedded", *(f"layer {i}" for i in range(4))]
    assert [name for _, name in titles] == names
    for step, (left, _) in enumerate(titles[1:]):
        end = titles[step + 2][0] if step < 4 else 1e9
        own = [t for t in tiles if left <= t.get_x() < end]
        own.sort(key=lambda tile: (tile.get_y(), tile.get_x()))
        assert len(own) == 17
        assert has_edge(own[0], CLS)  # the class token stands above
        for token, tile in enumerate(own):
            box = tile.get_bbox()
            (text,) = (
                text
                for text in axes.texts
                if box.contains(*text.get_position())
            )
            answer = int(answers[step, token])
            assert text.get_text() == str(answer)
            ramp = WEIGHTS if answer == final else OTHERS
            shade = ramp(sure[step, token].item())
            assert_allclose(tile.get_facecolor(), shade, atol=1e-6)
        agree = int((answers[step, 1:] == final).sum())
        assert f"{agree} of 16" in [t.get_text() for t in axes.texts]
