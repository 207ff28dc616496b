"""What a ViT costs: page, arithmetic and the built model agree."""

from itertools import product

import pytest
import torch
from live_page import PHONE, give_to_python, settle
from torch.utils.flop_counter import FlopCounterMode
from traitlets import TraitError

from vitlib import SIZES, ViT, record_attention
from vitlib.attention import attention
from vitlib.teach.chapters.vit.size_explorer import SizeExplorer
from vitlib.teach.data import sizes

PRESSED = ("text=Ti/16", "Enter", "embed_dim", 192)

GRID = {
    "image_size": (28, 56, 224, 384, 1024),
    "patch_size": (1, 4, 7, 14, 16, 32),
    "embed_dim": (64, 192, 320, 1280, 1664),
    "depth": (1, 12, 48),
    "num_heads": (1, 3, 12, 16),
}
ENDS = {  # in any model they are one after the other
    "in_channels": (1, 3),
    "num_classes": (10, 21843),
}
COUNTS = """(all) => all.map((settings) => {
  const page = vitlib.sizes;
  return [
    page.refusal(settings), page.countTokens(settings),
    page.parameters(settings), page.multiplyAdds(settings),
    page.memory(settings),
  ];
})"""


def every_setting():
    ends = [
        dict(zip(ENDS, values, strict=True))
        for values in zip(*ENDS.values(), strict=True)
    ]
    return [
        dict(zip(GRID, values, strict=True)) | ends[place % 2]
        for values in product(*GRID.values())
        for place in range(2)
    ]


def without_heads(settings):
    return {k: v for k, v in settings.items() if k != "num_heads"}


def built(settings):
    with torch.device("meta"):
        return ViT(**settings)


def close(found, wanted):
    """Equal, and beyond 2**53 as equal as the browser's numbers can be."""
    return found.keys() == wanted.keys() and all(
        float(found[key]) == float(wanted[key]) for key in wanted
    )


def refused(settings):
    """What vitlib says to these settings, if it refuses them."""
    try:
        built({**settings, "depth": 1})
    except ValueError as error:
        return str(error)
    return ""


def words(tab):
    return tab.locator(".vit-verdict").inner_text()


def numbers(tab):
    return tab.locator(".vit-number b").all_inner_texts()


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()
    settle(tab)


def test_page_and_arithmetic_agree_on_the_whole_grid(open_figure):
    tab = open_figure(SizeExplorer())
    settings = every_setting()
    found = tab.evaluate(COUNTS, settings)
    counted = 0
    for one, (refusal, tokens, learned, work, held) in zip(
        settings, found, strict=True
    ):
        if refusal:
            continue
        rest = without_heads(one)
        sides = one["image_size"], one["patch_size"]
        assert tokens == sizes.count_tokens(*sides)
        assert learned == sizes.parameters(**rest)
        assert close(work, sizes.multiply_adds(**rest))
        assert held == sizes.memory(**one)
        counted += 1
    assert counted > 1000


def test_the_page_refuses_what_vitlib_refuses_in_its_words(open_figure):
    tab = open_figure(SizeExplorer())
    settings = [
        one
        for one in every_setting()
        if (one["depth"], one["in_channels"], one["num_classes"])
        == (1, 1, 10)
    ]
    found = tab.evaluate(COUNTS, settings)
    pairs = zip(found, settings, strict=True)
    both = [(one[0], refused(s)) for one, s in pairs]
    assert {bool(page) for page, _ in both} == {True, False}
    for page, python in both:
        said = page.removesuffix(".").replace("An image", "an image")
        assert python.startswith(said)
        assert bool(page) == bool(python)


@pytest.mark.parametrize("name", [*SIZES, "digits"])
def test_arithmetic_and_the_built_model_agree(name):
    settings = dict(SizeExplorer().settings)
    if name == "digits":
        settings |= {"image_size": 28, "patch_size": 7, "in_channels": 1}
        settings |= {"num_classes": 10, "embed_dim": 64}
        settings |= {"depth": 4, "num_heads": 4}
    else:
        keys = ("patch_size", "embed_dim", "depth", "num_heads")
        settings |= zip(keys, SIZES[name], strict=True)
    model = built(settings)
    counts = SizeExplorer(**settings).counts()
    learned = list(model.parameters())
    assert counts["tokens"] == model.pos_embed.shape[1]
    assert counts["parameters"] == sum(p.numel() for p in learned)
    assert counts["weights"] == sum(p.nbytes for p in learned)
    for block in model.blocks:
        block.attn.attention = attention
    side = settings["image_size"]
    image = torch.empty(
        1, settings["in_channels"], side, side, device="meta"
    )
    with FlopCounterMode(display=False) as counter:
        model(image)
    assert counter.get_total_flops() == 2 * counts["multiply_adds"]


def test_memory_is_what_torch_holds():
    settings = {"image_size": 28, "patch_size": 7, "in_channels": 1}
    settings |= {"num_classes": 10, "embed_dim": 24, "depth": 2}
    model = ViT(**settings, num_heads=3)
    optimizer = torch.optim.AdamW(model.parameters())
    with record_attention(model) as maps:
        model(torch.randn(1, 1, 28, 28)).sum().backward()
    optimizer.step()
    held = 0
    for parameter in model.parameters():
        means = optimizer.state[parameter]
        held += parameter.nbytes + parameter.grad.nbytes
        held += means["exp_avg"].nbytes + means["exp_avg_sq"].nbytes
    memory = sizes.memory(**settings, num_heads=3)
    assert memory["training"] == held
    assert memory["maps"] == sum(one.nbytes for one in maps)


@pytest.mark.parametrize(
    "settings",
    [
        {"embed_dim": 192, "depth": 12, "num_heads": 3},
        {"embed_dim": 192, "depth": 2, "num_heads": 3, "image_size": 448},
        {"embed_dim": 48, "depth": 1, "num_heads": 4, "in_channels": 1},
        {"embed_dim": 32, "depth": 3, "num_heads": 2, "mlp_ratio": 2.0},
    ],
)
def test_activations_are_what_torch_keeps_for_the_backward_pass(settings):
    model = ViT(**settings)
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor.detach()

    side = settings.get("image_size", 224)
    image = torch.randn(1, settings.get("in_channels", 3), side, side)
    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(note, lambda tensor: tensor):
        model(image)
    held = sum(storage.nbytes() for storage in kept.values())
    told = sizes.memory(**settings)["activations"]
    assert told == pytest.approx(held, rel=0.01)


def test_the_first_frame_is_the_papers_base(open_figure):
    tab = open_figure(SizeExplorer())
    tab.locator("[data-figure=size_explorer][data-ready]").wait_for()
    assert words(tab) == "This is ViT-B/16."
    assert numbers(tab) == ["197", "86,567,656", "17.56 G", "346.3 MB"]
    below = tab.locator(".vit-number .vit-hint").all_inner_texts()
    assert below[2] == "17,563,828,224 an image"
    parts = tab.locator(".vit-parts tbody tr").all_inner_texts()
    assert parts[4].split("\t") == ["MLPs", "65.5 %", "63.5 %"]


def test_every_published_size_is_named_and_counted(open_figure):
    tab = open_figure(SizeExplorer())
    for name in SIZES:
        press(tab, f"ViT-{name}")
        assert words(tab) == f"This is ViT-{name}."
        with torch.device("meta"):
            model = eval(
                tab.locator(".vit-call").inner_text(), {"ViT": ViT}
            )
        learned = sum(p.numel() for p in model.parameters())
        assert numbers(tab)[1] == f"{learned:,}"
    press(tab, "digits: the book's digit reader")
    assert words(tab) == "This is the book's digit reader."
    assert numbers(tab)[:2] == ["17", "205,066"]
    model = eval(tab.locator(".vit-call").inner_text(), {"ViT": ViT})
    assert sum(p.numel() for p in model.parameters()) == 205_066


def test_a_size_is_chosen_by_keyboard(open_figure):
    tab = open_figure(SizeExplorer())
    tab.get_by_role("slider", name="embed_dim").focus()
    tab.keyboard.press("ArrowLeft")
    settle(tab)
    assert words(tab) == "Not a published size."
    call = tab.locator(".vit-call").inner_text()  # heads stay 64 wide
    assert call == "ViT(embed_dim=704, num_heads=11)"
    wanted = sum(sizes.parameters(embed_dim=704).values())
    assert numbers(tab)[1] == f"{wanted:,}"
    pressed = tab.locator("[aria-pressed=true]")
    assert not pressed.count()
    for _ in range(6):
        tab.keyboard.press("ArrowLeft")
    settle(tab)
    assert words(tab) == "Not a published size."
    tab.get_by_role("slider", name="embed_dim").fill("5")
    settle(tab)
    assert words(tab) == "This is ViT-S/16."
    press(tab, "ViT-B/16")
    tab.get_by_role("slider", name="image_size").focus()
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    settle(tab)
    assert words(tab) == "This is ViT-B/16 for 384 pixels."
    assert pressed.inner_text() == "B/16"
    assert numbers(tab)[0] == "577"


def test_another_width_is_shared_by_heads_without_a_rest(open_figure):
    tab = open_figure(SizeExplorer(embed_dim=1280, num_heads=16))
    tab.get_by_role("slider", name="embed_dim").focus()
    tab.keyboard.press("ArrowLeft")
    settle(tab)  # 1152 / 80 are 14.4 heads; 12 and 16 come out even
    call = tab.locator(".vit-call").inner_text()
    assert call == "ViT(embed_dim=1152, num_heads=16)"


def test_a_size_that_cannot_be_is_a_calm_case(open_figure):
    tab = open_figure(SizeExplorer(num_heads=7))
    tab.locator("[data-ready]").wait_for()
    assert words(tab).startswith("embed_dim 768 cannot be shared among 7")
    assert not tab.locator(".vit-number:visible").count()
    assert tab.locator(".vit-map-here").is_hidden()
    press(tab, "ViT-H/14")
    assert words(tab) == "This is ViT-H/14."
    assert tab.locator(".vit-number:visible").count() == 4
    assert tab.locator(".vit-map-here").is_visible()
    tab.get_by_role("slider", name="image_size").press("ArrowRight")
    settle(tab)
    assert "256 x 256 pixels cannot be cut" in words(tab)
    assert tab.locator(".vit-call").inner_text() == ""


def test_heads_change_the_name_and_no_parameter(open_figure):
    tab = open_figure(SizeExplorer(num_heads=8))
    assert words(tab) == "Not a published size."
    assert numbers(tab)[1] == "86,567,656"
    press(tab, "ViT-B/16")
    assert numbers(tab)[1] == "86,567,656"


def test_a_size_is_chosen_by_finger_on_a_phone(open_figure):
    tab = open_figure(SizeExplorer(), **PHONE)
    tab.get_by_role("button", name="ViT-L/16").tap()
    settle(tab)
    assert words(tab) == "This is ViT-L/16."
    slider = tab.get_by_role("slider", name="depth")
    box = slider.bounding_box()
    slider.tap(position={"x": 2, "y": box["height"] / 2})
    settle(tab)
    assert numbers(tab)[0] == "197"
    assert tab.locator(".vit-call").inner_text().count("depth=1") == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_dot_of_the_map_is_a_size_too(open_figure):
    tab = open_figure(SizeExplorer())
    before = tab.locator(".vit-map-here").get_attribute("cx")
    tab.locator(".vit-map-dot", has_text="Ti/16").click()
    settle(tab)
    assert words(tab) == "This is ViT-Ti/16."
    here = tab.locator(".vit-map-here")
    dot = tab.locator(".vit-map-dot circle").first
    for side in ("cx", "cy"):
        assert here.get_attribute(side) == dot.get_attribute(side)
    assert here.get_attribute("cx") != before


def test_what_python_sets_moves_the_page_and_back(open_figure):
    tab = open_figure(SizeExplorer())
    give_to_python(tab)
    tab.evaluate("python.set('embed_dim', 100)")  # no stop of the slider's
    tab.evaluate("python.set('num_heads', 5)")
    settle(tab)
    wanted = sum(sizes.parameters(embed_dim=100).values())
    assert numbers(tab)[1] == f"{wanted:,}"
    slider = tab.get_by_role("slider", name="embed_dim")
    assert slider.get_attribute("aria-valuetext") == "100"
    slider.press("ArrowRight")
    assert tab.evaluate("python.get('embed_dim')") == 128


def test_the_settings_make_the_model_that_is_shown():
    explorer = SizeExplorer(embed_dim=192, depth=4, num_heads=3)
    model = built(explorer.settings)
    learned = sum(p.numel() for p in model.parameters())
    assert explorer.counts()["parameters"] == learned


def test_a_size_below_one_is_refused():
    with pytest.raises(TraitError):
        SizeExplorer(depth=0)


def test_the_map_follows_the_page_into_the_dark(open_figure):
    fill = 'getComputedStyle(document.querySelector(".vit-map text")).fill'
    day, night = (
        open_figure(SizeExplorer(), theme=theme).evaluate(fill)
        for theme in ("light", "dark")
    )
    assert day != night


def test_the_still_picture_tells_the_same():
    alt = SizeExplorer().still()[1]
    for name in SIZES:
        assert name in alt
    assert "197 tokens, 86,567,656 parameters" in alt
