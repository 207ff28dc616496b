"""Chapter 5 draws queries, keys, values, and where heads look."""

from functools import cache

import numpy as np
import torch
from drawn import (
    Drawn,
    EveryFigure,
    draw,
    has_edge,
    is_colour,
    line,
    pixels,
    scale,
    still,
    the_cat,
)
from matplotlib.colors import same_color
from matplotlib.patches import FancyBboxPatch, PathPatch
from numpy.testing import assert_allclose, assert_array_equal

from vitlib import record_attention
from vitlib.teach import digit_reader
from vitlib.teach.chapters.attention import figures
from vitlib.teach.chapters.attention.attention_explorer import (
    AttentionExplorer,
)
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    KEY,
    QUERY,
    VALUE,
    WEIGHT,
)

EYE, OTHER_EYE, NOSE = 74, 82, 146
CHOSEN = [EYE, OTHER_EYE, NOSE]
HEAD_DIMS = [1, 4, 16, 64, 256]
WITH_ROOT = [124.3, 123.1, 122.0, 121.4, 120.9]
WITHOUT = [124.3, 66.5, 17.2, 3.9, 1.4]


@cache
def one_head():
    """A query (2), three keys (3, 2), three colours (3, 3)."""
    q = torch.tensor([1.54, 1.03])
    k = torch.tensor([[1.54, 1.03], [1.31, 0.97], [-1.42, -0.93]])
    v = torch.tensor([[0.3, 0.25, 0.1], [0.35, 0.3, 0.2], [0.8, 0.6, 0.5]])
    return q, k, v


@cache
def scores():
    """(196): how alike each patch is to the one in the eye."""
    colours = the_cat().unfold(2, 16, 16).unfold(3, 16, 16).mean((4, 5))
    colours = colours[0].flatten(1).T
    return -20 * (colours - colours[EYE]).square().sum(dim=1)


@cache
def seven_maps():
    """Six heads and one set by hand, each (196), that sum to 1."""
    torch.manual_seed(0)
    maps = torch.randn(7, 196).softmax(dim=1)
    return maps[:6], maps[6]


@cache
def one_query():
    return draw(figures.one_query, the_cat(), 16, CHOSEN, *one_head())


@cache
def eye_attention():
    return draw(figures.eye_attention, the_cat(), 16, EYE, scores())


@cache
def effective_tokens():
    curves = figures.effective_tokens
    return draw(curves, HEAD_DIMS, WITH_ROOT, WITHOUT, 197)


@cache
def splitting_heads():
    return draw(figures.splitting_heads)


@cache
def heads_on_the_cat():
    heads = figures.heads_on_the_cat
    return draw(heads, the_cat(), 16, EYE, *seven_maps())


@cache
def explorer():
    return still(AttentionExplorer(query=7, layer=1, head=0))


class TestEveryFigure(EveryFigure):
    module = figures
    drawn = (
        one_query,
        eye_attention,
        effective_tokens,
        splitting_heads,
        heads_on_the_cat,
        explorer,
    )
    context = {"splitting_heads": ["18", "6"]}


def weights_by_hand():
    q, k, _ = (t.double().numpy() for t in one_head())
    dots = [sum(q * key) / 2**0.5 for key in k]
    return dots, np.exp(dots) / np.exp(dots).sum()


def rounded(colour):
    """Give the tokens with an edge of this colour, from the top."""
    (axes,) = one_query().panels
    found = [
        patch
        for patch in axes.patches
        if isinstance(patch, FancyBboxPatch) and has_edge(patch, colour)
    ]
    return sorted(found, key=lambda patch: patch.get_y())


def test_the_query_and_the_keys_are_the_chosen_squares():
    (axes,) = one_query().panels
    whole = (255 * the_cat()[0]).round().permute(1, 2, 0).numpy()
    frames = [*rounded(QUERY), *rounded(KEY)]
    assert len(axes.images) == len(frames) == 4
    for frame, patch in zip(frames, [EYE, *CHOSEN], strict=True):
        (number,) = (
            index
            for index, image in enumerate(axes.images)
            if image.get_extent()[0] == frame.get_x()
            and image.get_extent()[3] == frame.get_y()
        )
        top, left = (16 * place for place in divmod(patch, 14))
        wanted = whole[top : top + 16, left : left + 16]
        assert_array_equal(pixels(axes, number), wanted)


def test_each_key_has_its_score_and_its_weight_beside_it():
    (axes,) = one_query().panels
    keys = [
        frame.get_y() + frame.get_height() / 2 for frame in rounded(KEY)
    ]
    for y, score, weight in zip(keys, *weights_by_hand(), strict=True):
        beside = {
            round(text.get_position()[0]): text.get_text()
            for text in axes.texts
            if abs(text.get_position()[1] - y) < 10
        }
        assert beside[356] == f"{score:.2f}"
        assert beside[436] == f"{weight:.2f}"
    said = f"score {score:.2f}, weight {weight:.2f}"
    assert said in one_query().words
    heads = [t.get_text() for t in axes.texts if t.get_position()[1] == 24]
    names = ["query", "keys", "scores", "weights", "values", "output"]
    assert heads == names


def test_the_output_is_the_weighted_mixture_of_the_values_colours():
    _, _, v = one_head()
    _, weights = weights_by_hand()
    values = rounded(VALUE)
    for frame, colour in zip(values, v, strict=True):
        assert_allclose(frame.get_facecolor()[:3], colour, atol=1e-6)
    (output,) = (f for f in rounded(GREY) if f.get_x() > 580)
    mixed = sum(w * c for w, c in zip(weights, v.numpy(), strict=True))
    assert_allclose(output.get_facecolor()[:3], mixed, atol=1e-6)


def test_a_thread_is_as_thick_as_its_weight():
    (axes,) = one_query().panels
    _, weights = weights_by_hand()
    for colour in (QUERY, VALUE):
        threads = [
            patch
            for patch in axes.patches
            if isinstance(patch, PathPatch) and has_edge(patch, colour)
        ]
        widths = [thread.get_linewidth() for thread in threads]
        assert_allclose(widths, 0.8 + 7 * weights, rtol=1e-5)


def test_a_map_is_the_softmax_of_the_scores_times_its_factor():
    for axes, factor in zip(
        eye_attention().panels[1:], (0.25, 1, 4), strict=True
    ):
        powers = np.exp(factor * scores().double().numpy())
        weights = powers / powers.sum()
        shown = pixels(axes)
        for row, col in np.ndindex(14, 14):
            wanted = weights[14 * row + col]
            assert_allclose(shown[row, col], wanted, rtol=1e-4)
        name, low, high = scale(axes)
        assert (name, low, high) == ("weight", 0, shown.max())
        heard = np.exp(-(weights * np.log(weights)).sum())
        title = axes.get_title(loc="left")
        assert abs(float(title.split(": ")[1].split()[0]) - heard) < 0.51
        assert axes.get_xlabel() == f"0 to {shown.max():.2g}"


def test_the_square_that_asks_is_outlined_in_blue_everywhere():
    for figure in (eye_attention(), heads_on_the_cat()):
        photo, *maps = figure.panels
        whole = (255 * the_cat()[0]).round().permute(1, 2, 0)
        assert_array_equal(pixels(photo), whole)
        (frame,) = photo.patches
        inner = (64 - 0.5, 80 - 0.5, 80 - 0.5, 96 - 0.5)  # 74 = 5, 4
        assert frame.get_bbox().padded(-2).extents.tolist() == [*inner]
        for axes in maps:
            asks = [p for p in axes.patches if has_edge(p, QUERY)]
            (place,) = (p.get_bbox().bounds for p in asks)
            assert place == (3.5, 4.5, 1, 1)


def test_the_curve_with_the_root_is_violet_and_the_other_grey():
    (axes,) = effective_tokens().panels
    with_root, without, _ = axes.lines
    assert line(axes, 0) == (HEAD_DIMS, WITH_ROOT)
    assert line(axes, 1) == (HEAD_DIMS, WITHOUT)
    assert is_colour(with_root, WEIGHT)
    assert is_colour(without, GREY)
    notes = {t.get_text(): t.xy for t in axes.texts}
    assert notes["with the root: 121"] == (1.02, 120.9)
    assert notes["without: 1.4"] == (1.02, 1.4)
    assert notes["3.9"] == (64, 3.9)
    assert axes.get_xlabel() == "head_dim k"
    assert axes.get_title(loc="left") == "how many tokens a query hears"


def tiles(side):
    """Give the tiles of a size as (colour's letter, name, x, y)."""
    (axes,) = splitting_heads().panels
    letters = {QUERY: "q", KEY: "k", VALUE: "v"}
    found = []
    for patch in axes.patches:
        if not isinstance(patch, FancyBboxPatch):
            continue
        if patch.get_width() != side:
            continue
        x, y = patch.get_x() + side / 2, patch.get_y() + side / 2
        (name,) = (
            text.get_text()
            for text in axes.texts
            if text.get_position() == (x, y + 4)
        )
        face = patch.get_facecolor()
        (letter,) = (
            letter
            for colour, letter in letters.items()
            if same_color(face, colour)
        )
        found.append((letter, name, x, y))
    return found


def test_the_qkv_row_holds_all_queries_then_all_keys_then_all_values():
    for y in (56, 270):
        row = sorted(tile for tile in tiles(30) if tile[3] == y)
        row.sort(key=lambda tile: tile[2])
        names = [f"{part}{head}" for part in "qkv" for head in range(6)]
        assert [name for _, name, _, _ in row] == names
        assert [letter for letter, *_ in row] == [n[0] for n in names]


def ends(top, bottom):
    """Where each thread from a row of tiles begins and ends, in x."""
    (axes,) = splitting_heads().panels
    return {
        round(path[0][0]): round(path[-1][0])
        for path in (
            patch.get_path().vertices
            for patch in axes.patches
            if isinstance(patch, PathPatch)
        )
        if top < path[0][1] < bottom
    }


def head_at(x):
    return int((x - 20) // 108)


def test_read_rightly_each_head_gets_its_own_query_key_and_value():
    falls = ends(60, 100)
    for letter, name, x, _ in (t for t in tiles(30) if t[3] == 56):
        end = falls[round(x)]
        assert head_at(end) == int(name[1])
        (below,) = (
            tile
            for tile in tiles(24)
            if abs(tile[2] - end) < 1 and tile[3] < 200
        )
        assert below[:2] == (letter, name)


def test_read_wrongly_a_head_gets_three_of_one_kind():
    falls = ends(280, 300)
    row = sorted((t[2], t[0]) for t in tiles(30) if t[3] == 270)
    for number, (x, _) in enumerate(row):
        assert head_at(falls[round(x)]) == number // 3
    below = [tile for tile in tiles(24) if tile[3] > 300]
    for head, letter in enumerate("qqkkvv"):
        kinds = [t[0] for t in below if head_at(t[2]) == head]
        assert kinds == [letter] * 3


def test_every_head_has_its_map():
    maps, by_hand = seven_maps()
    titles = [f"head {head}" for head in range(6)] + ["set by hand"]
    for axes, weights, title in zip(
        heads_on_the_cat().panels[1:],
        [*maps, by_hand],
        titles,
        strict=True,
    ):
        assert axes.get_title(loc="left") == title
        for row, col in np.ndindex(14, 14):
            assert pixels(axes)[row, col] == weights[14 * row + col]
        assert scale(axes) == ("weight", 0, weights.max().item())
        assert axes.get_xlabel() == f"0 to {weights.max():.2g}"


def test_heads_follow_one_another_on_a_phone():
    titles = [f"head {head}" for head in range(6)]
    titles = ["who asks", *titles, "set by hand"]
    shown = heads_on_the_cat().in_order(titles)
    assert shown == [titles[i : i + 2] for i in range(0, 8, 2)]


def test_a_phone_has_the_same_tiles_and_heads():
    drawn = splitting_heads()
    assert Drawn(drawn.narrow, "").texts == drawn.texts


@cache
def reader_maps():
    """(4, 4, 17, 17): block, head, query, key."""
    model = digit_reader()
    with torch.no_grad(), record_attention(model) as maps:
        model(AttentionExplorer().image)
    return torch.cat(maps)


def test_the_explorer_shows_the_maps_that_the_reader_records():
    large, *small = explorer().panels
    wanted = reader_maps()[:, :, 7, 1:].reshape(16, 4, 4)
    for axes, weights in zip(
        [large, *small], [wanted[4], *wanted], strict=True
    ):
        assert_allclose(pixels(axes), weights, atol=1e-5)
        assert scale(axes)[0] == "weight"
    full = {scale(axes)[1:] for axes in small}
    assert len(full) == 1  # one scale, or they could not be compared
    shares = [text.get_text() for text in large.texts]
    assert shares == [f"{share:.0%}" for share in wanted[4].flatten()]
    said = explorer().text("patch 6 asks")
    assert is_colour(said, QUERY)


def test_the_explorer_colours_the_class_token_by_its_weight():
    for axes, weights in zip(
        explorer().panels[1:],
        reader_maps()[:, :, 7].flatten(0, 1),
        strict=True,
    ):
        (square,) = (p for p in axes.patches if has_edge(p, CLS))
        image = axes.images[0]
        wanted = image.cmap(image.norm(weights[0].item()))
        assert_allclose(square.get_facecolor(), wanted, atol=0.01)
        (asks,) = (p for p in axes.patches if has_edge(p, QUERY))
        assert asks.get_bbox().bounds == (1.5, 0.5, 1, 1)  # patch 6 = 1, 2
