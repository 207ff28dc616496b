"""Who can see whom: page, arithmetic and torch's gradients agree."""

from functools import cache
from itertools import pairwise

import pytest
import torch
from live_page import (
    PHONE,
    faults,
    give_to_python,
    pixels,
    settle,
    state,
)
from torch import nn

from vitlib import MultiHeadAttention, PatchEmbedding
from vitlib.teach import cat, resize_and_crop, to_tensor
from vitlib.teach.live import ReceptiveField

PRESSED = ("[type=range]", "ArrowRight", "layers", 28)
GIVEN = {"images": torch.full((1, 3, 224, 224), 0.5)}

FIGURE = "[data-figure=receptive_field]"
VIEWS = f"{FIGURE} .vit-panel-view"
# The layers of ResNet-50 that widen the window: (kernel, step).
RESNET = [(7, 2), (3, 2)]
RESNET += [(3, 2 if i in (4, 8, 14) else 1) for i in range(1, 17)]
BEYOND = 512  # pixels on each side, a multiple of every step

PAGE = """([network, count, size, at]) => {
  const page = vitlib.receptive_field;
  const layers = page.layersOf(network, count);
  const found = [0, 1].map((i) => page.axis(layers, size[i], at[i]));
  const axes = found.map((one, i) => ({
    ...one, ways: page.waysOf(layers, size[i], one.output),
  }));
  return {
    window: found.flatMap(({ first, last }) => [first, last]),
    ways: axes.map(({ ways }) => [...ways]),
    half: page.halfOf(axes).side,
  };
}"""


@pytest.fixture(scope="module")
def images():
    return to_tensor(resize_and_crop(cat(), 224))


def seen_by(network, inputs, index):
    """As chapter 1 asks: where is the gradient not zero?"""
    pixels = inputs.clone().requires_grad_()
    network(pixels)[index].sum().backward()
    return (pixels.grad[0] != 0).any(dim=0)


@cache
def of_ones(layers):
    """Convolutions along one axis, all weights 1."""
    network = nn.Sequential(
        *(
            nn.Conv1d(1, 1, k, stride=s, padding=k // 2, bias=False)
            for k, s in layers
        )
    ).double()
    for layer in network:
        nn.init.ones_(layer.weight)
    return network


def line_of(layers, size, output, beyond=0):
    """The gradient of an output on one axis when all weights are 1."""
    network = of_ones(tuple(layers))
    step = torch.tensor([s for _, s in layers]).prod().item()
    pixels = torch.zeros(
        1, 1, size + 2 * beyond, dtype=torch.float64
    ).requires_grad_()
    answer = network(pixels)[0, 0]
    answer[output + beyond // step].backward()
    return pixels.grad[0, 0], len(answer) - 2 * beyond // step


def nearest(layers, size, at):
    """The output whose window has its middle nearest to `at`."""
    middles, count = [], 1
    while len(middles) < count:
        line, count = line_of(layers, size, len(middles), BEYOND)
        seen = line.nonzero()[:, 0] - BEYOND
        middles.append((seen[0] + seen[-1]).item() / 2)
    return min(range(count), key=lambda o: abs(middles[o] - at))


@pytest.mark.parametrize(
    ("depth", "place"),
    [(1, (112, 112)), (4, (0, 223)), (24, (112, 112)), (24, (10, 200))],
)
def test_what_reaches_is_where_the_gradient_is_not_zero(
    depth, place, images
):
    _ = torch.manual_seed(0)
    channels = [3] + [4] * depth
    network = nn.Sequential(
        *(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(channels))
    )
    mask = seen_by(network, images, (0, slice(None), *place))
    figure = ReceptiveField(images, layers=depth, place=place)
    assert torch.equal(figure.shares() > 0, mask)


def test_one_attention_layer_sees_all(images):
    _ = torch.manual_seed(0)
    network = nn.Sequential(PatchEmbedding(), MultiHeadAttention())
    assert seen_by(network, images, (0, 7 * 14 + 7)).all()


@pytest.mark.parametrize(
    ("network", "count", "at"),
    [
        ("plain", 24, 5),
        ("plain", 150, 112),
        ("resnet50", 1, 223),
        ("resnet50", 8, 61),
        ("resnet50", 18, 118),
    ],
)
def test_the_ways_are_the_gradient_of_equal_weights(
    network, count, at, images
):
    layers = [(3, 1)] * count if network == "plain" else RESNET[:count]
    line, _ = line_of(layers, 224, nearest(layers, 224, at))
    figure = ReceptiveField(
        images, network=network, layers=count, place=(at, 112)
    )
    rows = figure.shares().sum(dim=1)
    torch.testing.assert_close(rows, line / line.sum())


def test_the_whole_of_resnet_50_sees_what_the_exercise_says(images):
    figure = ReceptiveField(images, network="resnet50", layers=18)
    top, bottom, left, right = figure.window()
    assert bottom - top + 1 == right - left + 1 == 427


@pytest.mark.parametrize("place", [(112, 112), (0, 0), (3, 190)])
def test_half_of_all_ways_start_in_the_dashed_square(place, images):
    figure = ReceptiveField(images, layers=40, place=place)
    shares, (top, _, left, _) = figure.shares(), figure.window()
    ends = []
    for side in (figure.half(), figure.half() - 2):
        cut = (81 - side) // 2
        rows = slice(max(0, top + cut), max(0, top + cut + side))
        cols = slice(max(0, left + cut), max(0, left + cut + side))
        ends.append(shares[rows, cols].sum().item())
    assert ends[0] >= 0.5 > ends[1]


def test_page_and_python_agree(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    for network, count in (
        ("plain", 1),
        ("plain", 24),
        ("plain", 223),
        *(("resnet50", count) for count in (1, 2, 6, 13, 18)),
    ):
        for place in ((112, 112), (0, 223), (57, 130)):
            figure = ReceptiveField(
                images, network=network, layers=count, place=place
            )
            given = [network, count, [224, 224], place]
            found = tab.evaluate(PAGE, given)
            assert found["window"] == list(figure.window())
            assert found["half"] == figure.half()
            rows, cols = torch.tensor(found["ways"], dtype=torch.float64)
            shares = rows[:, None] * cols
            torch.testing.assert_close(shares, figure.shares())


def holds(tab, figure):
    """What is shown must be what Python counts for these traits."""
    shown = state(tab)
    row, col = figure.place
    assert shown["place"] == f"{row} {col}"
    assert [shown["layers"], shown["network"]] == [
        str(figure.layers),
        figure.network,
    ]
    window = figure.window()
    assert shown["window"] == " ".join(map(str, window))
    share = (figure.shares() > 0).double().mean().item()
    assert float(shown["share"]) == pytest.approx(share, abs=1e-9)
    assert int(shown["half"]) == figure.half()
    side = window[1] - window[0] + 1
    count = tab.locator(f"{FIGURE} .vit-reach-count").first.inner_text()
    assert f"{side} × {side}" in count
    if 0.001 <= share < 1:
        digits = 1 if 100 * share < 99.95 else 0
        assert f"{100 * share:.{digits}f} %" in count
    told = tab.locator(f"{FIGURE} .vit-reach-told").inner_text()
    assert f"the dashed {figure.half()} × {figure.half()}." in told
    return told


def test_the_first_frame_has_the_numbers_of_the_chapter(
    open_figure,
    images,
):
    tab = open_figure(ReceptiveField(images))
    told = holds(tab, ReceptiveField(images))
    assert "it takes 112 convolutions to see the whole picture" in told
    counts = tab.locator(f"{FIGURE} .vit-reach-count").all_inner_texts()
    assert "49 × 49" in counts[0]
    assert "pixels, 4.8 % of the picture" in counts[0]
    assert "224 × 224" in counts[1]
    assert "pixels, 100 % of the picture" in counts[1]
    names = tab.locator(f"{FIGURE} code").all_inner_texts()
    assert names == ["mask (224, 224)"] * 2


def click(tab, view, row, col, tap=False):
    box = tab.locator(VIEWS).nth(view).bounding_box()
    at = {
        "x": (col + 0.5) / 224 * box["width"],
        "y": (row + 0.5) / 224 * box["height"],
    }
    one = tab.locator(VIEWS).nth(view)
    (one.tap if tap else one.click)(position=at)


def near(shown, row, col):
    found = [int(part) for part in shown["place"].split()]
    assert found == pytest.approx([row, col], abs=1)
    return tuple(found)


def test_a_click_on_either_picture_is_a_place(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    for view, row, col in ((0, 30, 200), (1, 200, 5)):
        click(tab, view, row, col)
        place = near(state(tab), row, col)
        holds(tab, ReceptiveField(images, place=place))
        patch = tab.locator(f"{FIGURE} .vit-reach-half").nth(1)
        left = patch.evaluate("(e) => parseFloat(e.style.left)")
        assert left == pytest.approx(100 * (place[1] // 16) / 14, abs=0.1)


def test_the_window_can_be_drawn_along(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    box = tab.locator(VIEWS).first.bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60, steps=5)
    tab.mouse.up()
    assert near(state(tab), 60 / box["height"] * 224, 168)
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    assert near(state(tab), 60 / box["height"] * 224, 168)


def test_keys_alone_are_enough(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    tab.locator(VIEWS).first.focus()
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowRight")
    holds(tab, ReceptiveField(images, place=(104, 120)))
    tab.keyboard.press("Home")
    holds(tab, ReceptiveField(images, place=(104, 0)))
    slider = tab.get_by_role("slider", name="layers")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    holds(tab, ReceptiveField(images, place=(104, 0), layers=28))
    tab.keyboard.press("Home")
    holds(tab, ReceptiveField(images, place=(104, 0), layers=1))
    tab.keyboard.press("End")
    holds(tab, ReceptiveField(images, place=(104, 0), layers=223))


def test_layers_are_added_until_all_is_seen(open_figure, images):
    tab = open_figure(ReceptiveField(images, place=(0, 0)))
    tab.get_by_role("button", name="see all: 223 layers").click()
    holds(tab, ReceptiveField(images, place=(0, 0), layers=223))
    assert state(tab)["share"] == "1"
    tab.get_by_role("slider", name="layers").focus()
    tab.keyboard.press("ArrowLeft")
    assert float(state(tab)["share"]) < 1


def test_real_networks_take_larger_steps(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    tab.get_by_text("ResNet-50's steps", exact=True).first.click()
    figure = ReceptiveField(images, network="resnet50")
    assert figure.layers == 18
    told = holds(tab, figure)
    needed = int(state(tab)["needed"])
    before = ReceptiveField(images, network="resnet50", layers=needed - 1)
    assert (before.shares() == 0).any()
    assert f"it takes {needed} of these layers" in told
    tab.get_by_role("button", name="see all").click()
    after = ReceptiveField(images, network="resnet50", layers=needed)
    assert (after.shares() > 0).all()
    holds(tab, after)
    tab.get_by_text("one upon the other").click()
    holds(tab, ReceptiveField(images, layers=needed))


def test_a_button_that_is_hidden_asks_for_no_layers(open_figure, images):
    figure = ReceptiveField(images, network="resnet50", place=(0, 0))
    tab = open_figure(figure)
    everything = tab.locator(f"{FIGURE} button.vit-button")
    assert everything.is_hidden()  # no layers of it see all from here
    everything.evaluate("(button) => button.click()")
    holds(tab, figure)
    words = tab.locator(FIGURE).inner_text()
    assert "NaN" not in words


def test_nothing_listens_anew_while_it_is_used(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    tab.evaluate(
        """() => {
          window.added = 0;
          const add = EventTarget.prototype.addEventListener;
          EventTarget.prototype.addEventListener = function (...given) {
            window.added += 1;
            return add.apply(this, given);
          };
        }"""
    )
    for name in ("ResNet-50's steps", "one upon the other"):
        tab.get_by_text(name).first.click()
        settle(tab)
        tab.get_by_role("slider", name="layers").press("End")
        settle(tab)
    assert tab.evaluate("added") == 0


def alphas(tab):
    """How opaque each pixel of the left picture is, 0 to 255."""
    return torch.from_numpy(pixels(tab, f"{VIEWS} canvas")[..., 3])


def test_pixels_are_as_bright_as_they_are_heard(open_figure, images):
    figure = ReceptiveField(images)
    tab = open_figure(figure)
    shares = figure.shares()
    assert (alphas(tab)[shares > 0] == 255).all()
    assert (alphas(tab)[shares == 0] == 56).all()
    tab.get_by_role("checkbox").check()
    assert state(tab)["ways"] == "true"
    wanted = 0.11 + 0.89 * shares / shares.max()
    found = alphas(tab) / 255
    torch.testing.assert_close(found.double(), wanted, atol=0.003, rtol=0)


def test_a_finger_on_a_phone(open_figure, images):
    tab = open_figure(ReceptiveField(images), **PHONE)
    click(tab, 1, 60, 60, tap=True)
    place = near(state(tab), 60, 60)
    holds(tab, ReceptiveField(images, place=place))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    boxes = [tab.locator(VIEWS).nth(i).bounding_box() for i in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert min(box["width"] for box in boxes) > 160


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(theme, open_figure, images):
    tab = open_figure(ReceptiveField(images), theme=theme)
    assert faults(tab) == []


def test_what_python_sets_moves_the_page_and_back(open_figure, images):
    tab = open_figure(ReceptiveField(images))
    give_to_python(tab)
    tab.evaluate("python.set('layers', 37)")  # no stop of the slider's
    holds(tab, ReceptiveField(images, layers=37))
    slider = tab.get_by_role("slider", name="layers")
    assert slider.get_attribute("aria-valuetext") == "37"
    slider.press("ArrowRight")
    assert tab.evaluate("[python.get('layers'), python.saved.length]") == [
        40,
        1,
    ]


def test_another_network_has_fewer_layers(images):
    figure = ReceptiveField(images)
    figure.network = "resnet50"
    assert figure.layers == 18


@pytest.mark.parametrize(
    ("traits", "parts"),
    [
        ({"layers": 0}, (0, 1, 223)),
        ({"layers": 224}, (224, 1, 223)),
        ({"layers": 19, "network": "resnet50"}, (19, 1, 18)),
        ({"place": (224, 0)}, (224, 0, 223)),
        ({"place": (0, -1)}, (-1, 0, 223)),
        ({"network": "vgg"}, ("vgg", "plain", "resnet50")),
    ],
)
def test_what_cannot_be_shown_is_refused(refuses, traits, parts, images):
    refuses(lambda: ReceptiveField(images, **traits), *parts)


def test_a_picture_that_is_no_patches_is_refused(refuses):
    refuses(lambda: ReceptiveField(torch.rand(1, 3, 32, 40)), 40, 16)
    refuses(lambda: ReceptiveField(torch.rand(3, 32, 32)), (3, 32, 32))


def test_a_picture_need_not_be_square(open_figure):
    figure = ReceptiveField(torch.rand(1, 3, 32, 48), layers=5)
    assert figure.place == (16, 24)
    tab = open_figure(figure)
    holds(tab, figure)
    assert figure.shares().shape == (32, 48)
    attention = tab.get_by_role("slider", name="Attention: the place")
    said = attention.get_attribute("aria-valuetext")
    assert said == "patch 4: all pixels"  # row 1, column 1 of 2 by 3


def test_the_still_picture_tells_the_same(images):
    figure = ReceptiveField(images)
    _, alt = figure.still()
    assert "After 24 convolutions: a square of 49 pixels, 4.8%" in alt
    assert f"the middle square of {figure.half()} pixels" in alt
