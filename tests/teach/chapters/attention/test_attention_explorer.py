"""The attention explorer, driven in a browser, its numbers vitlib's."""

import math

import pytest
import torch
from live_page import PHONE, draw_one, give_to_python, state
from traitlets import TraitError

from vitlib.attention import attention
from vitlib.teach import digit_reader
from vitlib.teach.alive.bundle import samples
from vitlib.teach.live import AttentionExplorer

PRESSED = (".vit-ask >> nth=3", "Enter", "query", 3)

ROOT = "[data-figure=attention_explorer]"
CELLS = f"{ROOT} .vit-ask"
MAPS = f"{ROOT} .vit-headmap"
PAIR = f"{ROOT} .vit-pair"
MINUS = "\N{MINUS SIGN}"
SIGNS = str.maketrans("", "", "<>")


@torch.no_grad()
def read(image, divisor=4.0):
    """Logits with this divisor in every head."""
    model = digit_reader()
    for block in model.blocks:
        block.attn.attention = lambda q, k, v, mask=None: attention(
            q * (4 / divisor), k, v, mask
        )
    return model(image)[0]


@torch.no_grad()
def dots_of(image):
    """The dot products of the trained model, (blocks, heads, 17, 17)."""
    found, model = [], digit_reader()

    def keep(q, k, v, mask=None):
        found.append((q @ k.mT)[0])
        return attention(q, k, v, mask)

    for block in model.blocks:
        block.attn.attention = keep
    model(image)
    return torch.stack(found)


def row_of(query, layer, head, digit=5, divisor=4.0):
    dots = dots_of(samples()[digit][None])[layer, head, query]
    return (dots / divisor).softmax(dim=-1)


def unfolded(tab):
    """Open what waits under its name: tables and curve."""
    for name in tab.locator(f"{ROOT} summary").all():
        name.click()
    return tab


def percents(tab):
    texts = tab.locator(f"{CELLS} span").all_text_contents()
    return [t.replace(" %", "").translate(SIGNS) for t in texts]


def holds(tab, query, layer, head, digit=5, divisor=4.0):
    """What is shown must be this row, as vitlib computes it."""
    shown = state(tab)
    assert [shown[k] for k in ("query", "layer", "head")] == [
        str(query),
        str(layer),
        str(head),
    ]
    row = row_of(query, layer, head, digit, divisor)
    found = torch.tensor([float(p) for p in percents(tab)]) / 100
    # < 1 and > 99 stand for what is up to a percent away
    near = torch.where((found == 0.01) | (found == 0.99), 0.0101, 0.00501)
    assert ((found - row).abs() <= near).all()
    count = torch.special.entr(row).sum().exp().item()
    assert float(shown["heard"]) == pytest.approx(count, abs=1e-3)
    labels = "(all) => all.map((cell) => cell.ariaLabel)"
    who = f"patch {query - 1}" if query else "the class token"
    for label in tab.locator(CELLS).evaluate_all(labels):
        assert label.endswith(f" from {who}")
    name = tab.locator(f"{ROOT} .vit-asking > code").inner_text()
    assert name == f"maps[{layer}][0, {head}, {query}] (17,)"


def test_the_first_frame_shows_a_row_of_the_model(open_figure):
    figure = AttentionExplorer()
    tab = open_figure(figure)
    holds(tab, figure.query, figure.layer, figure.head)
    assert state(tab)["answer"] == "5"
    assert tab.locator(CELLS).count() == 17
    boxes = tab.locator(f"{MAPS} canvas").evaluate_all(
        "(all) => all.map((e) => e.parentElement.getBoundingClientRect())"
        ".map(({ width, height }) => [width, height])"
    )
    assert len(boxes) == 16
    for width, height in boxes:
        assert width > 30
        assert height == pytest.approx(width, abs=1)


def test_it_opens_where_python_says(open_figure):
    figure = AttentionExplorer(query=0, layer=3, head=1, divisor=8.0)
    figure.image = samples()[3][None]
    tab = open_figure(figure)
    holds(tab, 0, 3, 1, digit=3, divisor=8.0)
    assert state(tab)["answer"] == "3"
    assert "The class token asks" in tab.locator(ROOT).inner_text()


def test_a_click_asks_from_another_place(open_figure):
    tab = open_figure(AttentionExplorer(layer=1, head=0))
    tab.locator(CELLS).nth(10).click()
    holds(tab, 10, 1, 0)
    tab.locator(MAPS).nth(4 * 2 + 3).click()
    holds(tab, 10, 2, 3)
    tab.locator(CELLS).nth(0).click()
    holds(tab, 0, 2, 3)
    tab.get_by_title("A sample 8").click()
    holds(tab, 0, 2, 3, digit=8)


def test_every_small_map_says_how_many_it_hears(open_figure):
    tab = open_figure(AttentionExplorer(query=4))
    for index, label in enumerate(
        tab.locator(MAPS).evaluate_all("(m) => m.map((e) => e.ariaLabel)")
    ):
        layer, head = divmod(index, 4)
        row = row_of(4, layer, head)
        count = torch.special.entr(row).sum().exp().item()
        assert f"Block {layer}, head {head}: hears" in label
        assert abs(float(label.split()[-4]) - count) < 0.51


def test_the_patch_that_asks_is_framed_on_every_small_map(open_figure):
    tab = open_figure(AttentionExplorer(query=12))
    frames = tab.locator(f"{MAPS} .vit-headmap-query").evaluate_all(
        """(all) => all.map((frame) => {
          const [map, own] = [frame.previousElementSibling, frame].map(
            (part) => part.getBoundingClientRect());
          return [(own.top - map.top) / own.height,
            (own.left - map.left) / own.width];
        })"""
    )
    assert len(frames) == 16
    for frame in frames:  # patch 11
        assert frame == pytest.approx([2, 3], abs=0.1)


def test_keys_alone_are_enough(open_figure):
    tab = open_figure(AttentionExplorer(query=6, layer=0, head=0))
    unfolded(tab)
    tab.locator(CELLS).nth(6).focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    holds(tab, 11, 0, 0)
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowDown")
    holds(tab, 11, 1, 0)
    tab.locator(f"{ROOT} .vit-tables").focus()
    tab.keyboard.press("ArrowUp")
    holds(tab, 10, 1, 0)
    tab.locator(f"{ROOT} input[type=range]").focus()
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
    holds(tab, 10, 1, 0, divisor=8.0)


def told(query, key, layer, head, divisor=4.0):
    dot = dots_of(samples()[5][None])[layer, head, query, key].item()
    row = row_of(query, layer, head, divisor=divisor)
    numbers = f"{dot:.1f}", f"{dot / divisor:.2f}", row[key].item()
    return [n.replace("-", MINUS) for n in numbers[:2]], numbers[2]


def test_a_pair_of_the_table_is_told_in_numbers(open_figure):
    tab = open_figure(AttentionExplorer(query=7, layer=1, head=0))
    unfolded(tab)
    box = tab.locator(f"{ROOT} .vit-table-cells").first.bounding_box()
    side = box["width"] / 17
    x, y = (box["x"] + 3.5 * side, box["y"] + 12.5 * side)
    tab.mouse.move(x, y)
    said = tab.locator(PAIR).filter(has_text="Patch 11 asks patch 2:")
    text = said.inner_text()
    (dot, score), weight = told(12, 3, 1, 0)
    assert f"q · k = {dot}, divided by √16 it is {score}" in text
    assert f"weight {weight:.0%}".replace("%", " %") in text or (
        weight < 0.005 and "weight < 1 %" in text
    )
    tab.mouse.click(x, y)
    holds(tab, 12, 1, 0)
    tab.mouse.move(1, 1)
    best = row_of(12, 1, 0).argmax().item()
    name = f"patch {best - 1}" if best else "the class token"
    tab.locator(PAIR).filter(has_text=f"Patch 11 asks {name}:").wait_for()


def test_the_tables_print_both_ends_of_their_colours(open_figure):
    tab = open_figure(AttentionExplorer(query=7, layer=2, head=1))
    unfolded(tab)
    dots = dots_of(samples()[5][None])[2, 1]
    ends = tab.locator(f"{ROOT} .vit-table .vit-scale").all_inner_texts()
    for text, table in zip(ends, (dots, dots / 4), strict=False):
        low, high = (
            f"{v:.1f}".replace("-", MINUS)
            for v in (table.min().item(), table.max().item())
        )
        assert text.split() == [low, high]
    most = (dots / 4).softmax(dim=-1).max().item()
    assert abs(float(ends[2].split()[1]) / 100 - most) <= 0.00501
    shapes = tab.locator(f"{ROOT} .vit-table code").all_inner_texts()
    assert shapes == [
        "q @ k.mT (17, 17)",
        "scores (17, 17)",
        "weights (17, 17)",
    ]


@pytest.mark.parametrize(
    ("words", "divisor"),
    [
        ("no root", 1.0),
        ("√16, the head's", 4.0),
        ("√64, the model's", 8.0),
    ],
)
def test_the_scale_changes_the_rows_and_the_answer(
    words,
    divisor,
    open_figure,
):
    tab = open_figure(
        AttentionExplorer(query=3, layer=2, head=0, divisor=2.0)
    )
    unfolded(tab)
    tab.get_by_role("button", name=words).click()
    holds(tab, 3, 2, 0, divisor=divisor)
    shares = read(samples()[5][None], divisor).softmax(dim=0)
    shown = tab.locator(f"{ROOT} .vit-counts").inner_text()
    best = shares.argmax().item()
    assert (
        f"the model reads {best}, {shares[best]:.0%}".replace("%", " %")
        in shown
        or shares[best] > 0.995
    )
    row = row_of(3, 2, 0, divisor=divisor)
    entropy = torch.special.entr(row).sum().item()
    assert f"Entropy {entropy:.2f} nats" in shown


def test_it_opens_with_the_maps_alone_and_says_how_to_read_tables(
    open_figure,
):
    tab = open_figure(AttentionExplorer())
    for hidden in (".vit-tables", ".vit-dial"):
        assert not tab.locator(f"{ROOT} {hidden}").is_visible()
    unfolded(tab)
    for shown in (".vit-tables", ".vit-dial"):
        assert tab.locator(f"{ROOT} {shown}").is_visible()
    words = tab.locator(f"{ROOT} details").first.inner_text()
    assert "Rows ask" in words
    assert "columns are asked" in words


def test_the_dot_on_the_curve_can_be_pulled(open_figure):
    tab = unfolded(open_figure(AttentionExplorer(query=3)))
    plot = tab.locator(f"{ROOT} .vit-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    unit = box["width"] / 330
    x = box["x"] + unit * (8 + 314 * 4 / 7)  # 2 ** 3, from -1 to 6
    tab.mouse.move(box["x"] + 40, box["y"] + 60)
    tab.mouse.down()
    tab.mouse.move(x, box["y"] + 60, steps=4)
    tab.mouse.up()
    tab.wait_for_selector(f"{ROOT}[data-divisor='8']")
    holds(tab, 3, 1, 0, divisor=8.0)


def test_tables_use_violet_alone_queries_are_blue_and_keys_red(
    open_figure,
):
    tab = unfolded(open_figure(AttentionExplorer()))
    kinds = tab.locator(f"{ROOT} .vit-table-cells canvas").evaluate_all(
        "(all) => all.map((e) => e.className)"
    )
    assert kinds == ["vit-heat vit-heat-weight"] * 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_share_stands_on_white_in_every_shade(theme, open_figure):
    tab = open_figure(AttentionExplorer(), theme=theme)
    inks = tab.locator(f"{CELLS} span").evaluate_all(
        "(all) => all.map((e) => [getComputedStyle(e).color, "
        "getComputedStyle(e).backgroundColor])"
    )
    assert {ink for ink, _ in inks} == {"rgb(0, 0, 0)"}
    assert all(ground.endswith("/ 0.85)") for _, ground in inks)


def test_entropy_is_in_nats_and_e_to_it_counts_who_is_heard(open_figure):
    tab = open_figure(AttentionExplorer())
    rows = [[0.25] * 4, [0.0, 1.0, 0.0], [0.7, 0.1, 0.2]]
    entropies, counts = tab.evaluate(
        """(rows) => {
          const { entropyOf, heardBy } = vitlib.attention_explorer;
          return [rows.map(entropyOf), rows.map(heardBy)];
        }""",
        rows,
    )
    wanted = [
        torch.special.entr(torch.tensor(r)).sum().item() for r in rows
    ]
    assert entropies == pytest.approx(wanted)
    assert counts == pytest.approx([math.exp(w) for w in wanted])


def test_what_is_drawn_is_what_is_asked_about(open_figure):
    tab = open_figure(AttentionExplorer())
    tab.get_by_role("button", name="draw your own").click()
    assert not tab.locator(CELLS).first.is_visible()
    tab.get_by_role("button", name="Clear the drawing").click()
    tab.locator(ROOT).filter(has_text="Nothing is drawn").wait_for()
    draw_one(tab)
    tab.wait_for_selector(f"{ROOT}[data-answer='1']")
    tab.get_by_role("button", name="back to the map").click()
    drawn = tab.evaluate("[...vitlib.drawing.drawing.bytes]")
    figure = AttentionExplorer()
    figure.image = torch.tensor(drawn).reshape(1, 1, 28, 28) / 255
    dots = dots_of(figure.image)[figure.layer, figure.head, figure.query]
    count = torch.special.entr((dots / 4).softmax(0)).sum().exp().item()
    assert float(state(tab)["heard"]) == pytest.approx(count, rel=0.01)


def test_a_tensors_name_lights_what_shows_it(open_figure):
    tab = open_figure(AttentionExplorer())
    unfolded(tab)
    lit = f"{ROOT} .vit-lit"
    assert not tab.locator(lit).count()
    tab.locator(f"{ROOT} .vit-asking > code").hover()
    assert tab.locator(lit).count() == 3  # picture, small map, table's row
    tab.mouse.move(1, 1)
    tab.locator(f"{ROOT} code", has_text="scores").focus()
    assert tab.locator(lit).count() == 1


def test_a_finger_on_a_phone(open_figure):
    tab = open_figure(AttentionExplorer(), **PHONE)
    tab.locator(CELLS).nth(13).tap()
    holds(tab, 13, 1, 0)
    tab.locator(MAPS).nth(9).tap()
    holds(tab, 13, 2, 1)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    small = tab.locator(CELLS).evaluate_all(
        "(cells) => Math.min(...cells.map((e) => e.offsetWidth))"
    )
    assert small >= 40


def test_it_is_readable_in_the_dark(open_figure):
    tab = open_figure(AttentionExplorer(), theme="dark")
    ink = tab.eval_on_selector(PAIR, "(e) => getComputedStyle(e).color")
    assert ink == "rgb(225, 229, 234)"


def test_a_kernel_moves_the_figure_and_hears_of_it(open_figure):
    tab = open_figure(AttentionExplorer())
    give_to_python(tab)
    tab.evaluate("python.set('query', 2); python.set('layer', 3)")
    holds(tab, 2, 3, 0)
    tab.locator(CELLS).nth(5).click()
    assert tab.evaluate("python.saved.at(-1).query") == 5
    holds(tab, 5, 3, 0)


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("query", 17),
        ("layer", 4),
        ("head", -1),
        ("divisor", 0.0),
    ],
)
def test_a_place_that_is_not_there_is_refused(trait, value):
    with pytest.raises(TraitError, match=trait):
        AttentionExplorer(**{trait: value})


@pytest.mark.parametrize("query", [0, 16])
def test_the_still_picture_says_who_asks(query):
    figure, alt = AttentionExplorer(query=query, divisor=8.0).still()
    name = f"patch {query - 1}" if query else "the class token"
    count = (
        torch.special.entr(row_of(query, 1, 0, divisor=8.0)).sum().exp()
    )
    assert f"One token, {name}, is" in alt
    assert f"{count:.0f} of 17 tokens" in alt
    assert len(figure.axes) == 17
