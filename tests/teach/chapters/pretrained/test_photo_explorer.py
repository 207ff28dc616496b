"""The photo explorer: what it shows is what vitlib computes."""

import base64
import io
import json
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from extensions import extension
from live_page import (
    PATIENCE,
    PHONE,
    faults,
    give_to_python,
    page_of,
    pixels,
    settle,
    watch,
)
from PIL import Image
from torch.nn import functional as F

from vitlib import record_attention
from vitlib.teach import resize_and_crop, to_tensor
from vitlib.teach.alive import bring
from vitlib.teach.chapters.pretrained.photo_explorer import PhotoExplorer
from vitlib.teach.data.backbone import backbone
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.examples import EXAMPLES
from vitlib.teach.data.first_look import arrays, first_look
from vitlib.teach.live import DigitPad

PRESSED = ("[type=range]", "Home", "block", 0)
LEFT, RIGHT = (
    f".vit-panel-view[aria-label='Patch of the {which} photo']"
    for which in ("first", "second")
)
EYE = 101
LARGEST = 150_000  # bytes that a page grows by
RECORD, LIMITS = (
    json.loads((FOLDER / f"{name}.json").read_text())
    for name in ("backbone", "backbone_limits")
)


@pytest.fixture(scope="module")
def page():
    return page_of(PhotoExplorer())


@pytest.fixture
def tab(page, open_figure):
    tab = open_figure(page)
    tab.locator("[data-figure][data-ready]").wait_for()
    return tab


@pytest.fixture(scope="module")
def with_model(page, browser, tmp_path_factory):
    """The figure with its model, and all photos seen: loaded once."""
    tab = browser.new_page(reduced_motion="reduce")
    tab.set_default_timeout(PATIENCE)
    complaints = watch(tab)
    path = tmp_path_factory.mktemp("loaded") / "page.html"
    path.write_text(page)
    tab.goto(path.as_uri())
    load(tab)
    yield tab
    tab.close()
    assert complaints == []


@pytest.fixture
def loaded(with_model):
    """The same, as it was when it had been loaded."""
    if with_model.locator(".vit-toggle input").is_checked():
        with_model.locator(".vit-toggle").click()
    for name in ("cat", "admiral"):
        with_model.locator(f".vit-photo-thumb[data-name='{name}']").click()
    rest(with_model)
    choose(with_model, "what is alike")
    with_model.locator("input[type=range]").fill("8")
    press(with_model, LEFT, EYE)
    return with_model


def load(tab):
    tab.get_by_role("button", name="Load the model").click()
    tab.wait_for_selector("[data-state=ready][data-waiting='0']")
    settle(tab)


def rest(tab):
    """Wait until the figure has heard of it, and has seen all photos."""
    settle(tab)
    tab.wait_for_selector("[data-waiting='0']")
    settle(tab)


def choose(tab, words):
    tab.locator(".vit-choice label", has_text=words).click()
    settle(tab)


def press(tab, panel, patch, grid=16):
    box = tab.locator(panel).bounding_box()
    x, y = ((v + 0.5) / grid for v in (patch % grid, patch // grid))
    tab.mouse.click(
        box["x"] + x * box["width"], box["y"] + y * box["height"]
    )
    settle(tab)


def said(tab):
    settle(tab)
    return tab.locator(".vit-verdict").inner_text()


def kept(tab, panel):
    """How much of each patch is left, (16, 16), 0 to 255."""
    return pixels(tab, f"{panel} > canvas")[14::28, 14::28, 3]


@cache
def tokens_of(name):
    """The tokens of a photo, (9, 257, 384), and the maps of its cls."""
    (example,) = (e for e in EXAMPLES if e.name == name)
    model, tokens = backbone(), []
    first = model.blocks[0].register_forward_pre_hook
    first(lambda _, given: tokens.append(given[0][0]))
    for block in model.blocks:
        block.register_forward_hook(lambda *g: tokens.append(g[2][0]))
    images = to_tensor(resize_and_crop(example.image(), 224))
    with torch.no_grad(), record_attention(model) as maps:
        model(images)
    looks = torch.stack([one[0, :, 0, 1:] for one in maps])
    return torch.stack(tokens), looks


def cosines(asked, name, block):
    """How alike the patches of a photo are to one of the cat."""
    cat, other = (
        F.normalize(tokens_of(one)[0][block, 1:], dim=-1)
        for one in ("cat", name)
    )
    return (other @ cat[asked]).numpy()


# --- in Python


def test_what_cannot_be_shown_is_refused(refuses):
    figure = PhotoExplorer()
    refuses(lambda: setattr(figure, "view", "heat"), "heat", "alike")
    refuses(lambda: setattr(figure, "grid", 24), 24, 16, 32)
    refuses(
        lambda: setattr(figure, "photos", ("cat", "dog")), "dog", "rocket"
    )
    figure.photos = ("cat", "own 1")


def test_the_kernel_sends_what_is_asked_for_in_parts(monkeypatch):
    figure, sent = PhotoExplorer(), []
    monkeypatch.setattr(
        figure, "send", lambda *given, **more: sent.append((given, more))
    )
    figure._handle_custom_msg({"bring": "backbone"}, [])
    assert len(sent) > 1
    whole = b""
    for index, ((about,), more) in enumerate(sent):
        assert about == {
            "bring": "backbone",
            "index": index,
            "count": len(sent),
        }
        whole += more["buffers"][0]
    assert whole == bring.content("backbone")


def test_the_book_has_the_parts_beside_its_scripts(tmp_path):
    """The page gets their addresses, and no part before a click."""
    data, about = PhotoExplorer()._repr_mimebundle_()
    place = extension("figures").as_page(data, about["vitlib"], 1)
    live = extension("live")
    (named,) = live.BRINGS.findall(place)
    assert named.split() == [*PhotoExplorer._brings]
    context = {"body": place, "pathto": lambda link, resource: link}
    app = SimpleNamespace(outdir=tmp_path, add_css_file=lambda *_, **__: 0)
    live.add_scripts(app, "some", "page", context, None)
    linked = re.findall(r'<script src="([^"?]+)', context["body"])
    names = [Path(link).name for link in linked]
    assert names[0] == "files.js"
    assert not [name for name in names if "-" in name]
    script = (tmp_path / live.FOLDER / "files.js").read_text()
    found = json.loads(re.search(r"entries\((.*)\)\) {", script)[1])
    assert found.keys() == {*PhotoExplorer._brings}
    for name, addresses in found.items():
        texts = [
            (tmp_path / live.FOLDER / address.split("?")[0]).read_text()
            for address in addresses
        ]
        assert texts == [*bring.as_scripts(name).values()]


@pytest.mark.parametrize("asked", ["digits.npz", "../photos", "kit", None])
def test_the_kernel_sends_nothing_else(monkeypatch, asked):
    figure, sent = PhotoExplorer(), []
    monkeypatch.setattr(figure, "send", lambda *given, **_: sent.append(1))
    figure._handle_custom_msg({"bring": asked}, [])
    assert sent == []


def test_the_first_look_is_what_the_backbone_sees():
    look, found = first_look(), arrays()
    pictures = [
        to_tensor(e.image().resize((224, 224), Image.Resampling.BICUBIC))
        for photo in look["photos"]
        for e in EXAMPLES
        if e.name == photo["name"]
    ]
    model, tokens = backbone(), []
    for block in model.blocks:
        block.register_forward_hook(lambda *g: tokens.append(g[2]))
    with torch.no_grad(), record_attention(model) as maps:
        model(torch.cat(pictures))
    units = F.normalize(torch.stack(tokens)[:, :, 1:], dim=-1)
    alike = torch.einsum("lpnd,ld->lpn", units, units[:, 0, look["patch"]])
    assert np.abs(found["alike"][1:] - alike.numpy()).max() < 0.02
    looks = torch.stack(maps)[:, :, :, 0, 1:]
    looks = looks / looks.amax(dim=-1, keepdim=True)
    off = np.abs(found["looks"] ** 0.5 - looks.sqrt().numpy())
    assert off.max() < 0.5 / 15 + 0.01
    assert look["patch"] == PhotoExplorer().patch


def test_the_still_picture_says_what_is_to_be_seen():
    _, alt = PhotoExplorer().still()
    for part in ("the cat", "the admiral", "16 rows", "block 8", "0.8"):
        assert part in alt


# --- in the browser, before the model is there


def test_the_first_frame_shows_whom_the_eye_finds(tab):
    found = arrays()["alike"][8]
    assert f"Patch {EYE} (row 6, column 5) of the cat" in said(tab)
    assert f"patch {found[1].argmax()} of the admiral" in said(tab)
    for side, panel in enumerate((LEFT, RIGHT)):
        left = kept(tab, panel)
        middle = found[side].argsort().reshape(-1)[-20:]
        low = found[side].argsort()[:100]
        flat = left.flatten()
        assert flat[middle].mean() > flat[low].mean() + 20


def test_blocks_colours_and_heads_can_be_seen_without_the_model(tab):
    tab.locator("input[type=range]").fill("0")
    settle(tab)
    assert f"{arrays()['alike'][0, 1].max():.2f}" in said(tab)
    choose(tab, "colours")
    shown = pixels(tab, f"{LEFT} > canvas")[14::28, 14::28, :3]
    wanted = arrays()["colours"][0, 0].reshape(16, 16, 3)
    assert np.abs(shown - (40 + 204 * wanted)).max() < 3
    choose(tab, "class token")
    assert tab.locator(".vit-photo-map").count() == 48
    tab.locator(".vit-photo-map").nth(6 * 3 + 2).click()
    assert "Block 4, head 2" in said(tab)


def test_another_patch_is_answered_by_a_hint_until_then(tab):
    press(tab, LEFT, 3)
    assert "load the model first" in said(tab)
    assert not tab.get_by_text("your own photo").is_visible()


def test_the_size_of_the_model_is_said_as_it_is(tab):
    size = sum(
        len(part)
        for name in PhotoExplorer._brings
        for part in bring.as_scripts(name).values()
    )
    words = tab.locator(".vit-photo-go").inner_text()
    said_size = float(re.search(r"([\d.]+) MB", words)[1])
    assert said_size == pytest.approx(size / 1e6, abs=0.1)


def test_a_tour_leads_through_six_steps(tab):
    tab.get_by_role("button", name="a tour in six steps").click()
    views = []
    for step in range(1, 7):
        settle(tab)
        text = tab.locator(".vit-photo-step").inner_text()
        assert text.startswith(f"{step} of 6.")
        views.append(tab.locator("[data-view]").get_attribute("data-view"))
        name = "end" if step == 6 else "next"
        tab.get_by_role("button", name=name, exact=True).click()
    assert views == [*["colours"] * 3, *["alike"] * 2, "class"]
    assert not tab.locator(".vit-photo-step").is_visible()


# --- with the model


def test_what_is_alike_is_what_vitlib_finds_alike(loaded):
    for patch, block in ((EYE, 8), (60, 5)):
        loaded.locator("input[type=range]").fill(str(block))
        press(loaded, LEFT, patch)
        admiral = cosines(patch, "admiral", block)
        best = admiral.argmax()
        assert f"patch {best} of the admiral, {admiral[best]:.2f}" in said(
            loaded
        )


def test_keys_walk_over_the_patches(loaded):
    loaded.locator(LEFT).focus()
    loaded.keyboard.press("ArrowDown")
    loaded.keyboard.press("ArrowRight")
    assert f"Patch {EYE + 17} (row 7, column 6)" in said(loaded)
    loaded.keyboard.press("Home")
    assert "(row 7, column 0)" in said(loaded)
    text = loaded.locator(LEFT).get_attribute("aria-valuetext")
    assert text == "patch 112: row 7, column 0"


def test_the_class_token_hears_what_vitlib_records(loaded):
    choose(loaded, "class token")
    loaded.locator(".vit-photo-map").nth(6 * 7 + 4).click()
    looks = tokens_of("cat")[1][7, 4].numpy()
    tenth = np.sort(looks)[-26:].sum() / looks.sum()
    assert f"gives {100 * tenth:.0f} %" in said(loaded)


def test_a_part_is_taught_by_a_few_patches(loaded):
    choose(loaded, "teach it a part")
    press(loaded, LEFT, EYE)
    assert "not the part" in said(loaded)
    choose(loaded, "is not")
    for patch in (17, 200):
        press(loaded, LEFT, patch)
    cat = [cosines(p, "cat", 8) for p in (EYE, 17, 200)]
    count = int(
        re.search(r"(\d+) of 256 patches of the cat", said(loaded))[1]
    )
    nearest = int((cat[0] > np.maximum(cat[1], cat[2])).sum())
    assert 0 < count <= nearest
    inside = kept(loaded, LEFT) > 200
    assert inside.sum() == count
    assert inside.flatten()[EYE]
    assert not inside.flatten()[[17, 200]].any()
    assert loaded.locator(".vit-photo-yes").count() == 1
    loaded.get_by_text("take all marks away").click()
    assert "Nothing is marked" in said(loaded)


@pytest.mark.long
def test_a_finer_grid_keeps_the_place_of_the_patch(loaded):
    loaded.locator(".vit-toggle").click()
    rest(loaded)
    row, col = (2 * v + 1 for v in divmod(EYE, 16))
    assert f"Patch {32 * row + col} (row {row}, column {col})" in said(
        loaded
    )
    assert "(1024, 384)" in loaded.locator("code").first.inner_text()


SHOWN = """() => {
  const { prototype } = vitlib.album.Album;
  const { take } = prototype;
  prototype.take = function (message) {
    prototype.take = take;
    window.depth = this.depth;
    window.tokens = (keys) => keys.map((key) => Array.from(
      this.photos.get(key).blocks, (block) => block?.length / 384));
    return take.call(this, message);
  };
}"""


@pytest.mark.parametrize(("clicks", "grid"), [(2, 16), (3, 32)])
def test_a_grid_may_change_while_it_is_looked_through(
    clicks, grid, loaded
):
    before = said(loaded)
    loaded.evaluate(SHOWN)
    for _ in range(clicks):
        loaded.locator(".vit-toggle").click()
        settle(loaded)
    rest(loaded)
    blocks = loaded.evaluate("tokens(['cat', 'admiral'])")
    depth = loaded.evaluate("depth")
    assert blocks == [[1 + grid**2] * (1 + depth)] * 2
    assert (said(loaded) == before) is (grid == 16)
    name = loaded.locator("code").first.inner_text()
    assert f"({grid**2}, 384)" in name


def test_what_was_asked_of_another_grid_is_not_taken(loaded):
    found = loaded.evaluate(
        """() => {
          const { Album, Photo } = vitlib.album;
          const album = new Album(null);
          album.worker = { postMessage() {} };
          const bytes = new Uint8Array(3);
          const photo = new Photo("cat", { shows: "the cat" });
          photo.sides = { 224: bytes, 448: bytes };
          album.add(photo);
          const late = { key: "cat", sent: photo.sent, tokens: [1] };
          const colours = { keys: ["cat"], sent: album.sentOf(["cat"]),
            colours: [2] };
          album.take({ ...late, block: 0 });
          album.take(colours);
          const found = () =>
            [photo.blocks.length, Object.values(album.colours)];
          const first = found();
          album.regrid("cat", 32);
          album.regrid("cat", 16);
          album.take({ ...late, block: 12 });
          album.take(colours);
          return [first, found()];
        }"""
    )
    assert found == [[1, [[2]]], [0, []]]


def test_another_photo_is_shown_and_the_last_one_moves_left(loaded):
    loaded.get_by_label("Show the rocket").click()
    settle(loaded)
    heads = loaded.locator(".vit-photo-pair .vit-head").all_inner_texts()
    assert heads == ["the admiral", "the rocket"]
    assert "of the rocket" in said(loaded)


def file_of(image, kind="png"):
    file = io.BytesIO()
    image.save(file, kind)
    return {
        "name": f"own.{kind}",
        "mimeType": f"image/{kind}",
        "buffer": file.getvalue(),
    }


def test_a_photo_of_ones_own_is_looked_at(loaded):
    own = Image.new("RGB", (300, 200), "green")
    own.paste("white", (120, 70, 180, 130))
    loaded.locator("input[type=file]").set_input_files(file_of(own))
    loaded.wait_for_selector("[data-waiting='0'][data-photos='7']")
    heads = loaded.locator(".vit-photo-pair .vit-head").all_inner_texts()
    assert heads == ["the admiral", "your photo"]
    status = loaded.locator("[role=status]", has_text="Your photo")
    assert "does not leave this machine" in status.inner_text()
    broken = {"name": "a.png", "mimeType": "image/png", "buffer": b"hello"}
    loaded.locator("input[type=file]").set_input_files(broken)
    loaded.locator("[role=status]", has_text="finds no picture").wait_for()


# What this thread opens and reads, and the squares that it is given.
WATCHED = """() => {
  const { Album } = vitlib.album;
  const { add } = Album.prototype;
  const { getImageData } = CanvasRenderingContext2D.prototype;
  const open = window.createImageBitmap;
  window.work = { opened: 0, read: 0 };
  Album.prototype.add = function (photo) {
    const [square] = Object.values(photo.sides);
    let text = "";
    for (const byte of square) text += String.fromCharCode(byte);
    window.square = btoa(text);
    return add.call(this, photo);
  };
  CanvasRenderingContext2D.prototype.getImageData = function (...given) {
    work.read = Math.max(work.read, given[2] * given[3]);
    return getImageData.apply(this, given);
  };
  window.createImageBitmap = (...given) => {
    work.opened += 1;
    return open(...given);
  };
  window.restored = () => {
    Album.prototype.add = add;
    CanvasRenderingContext2D.prototype.getImageData = getImageData;
    window.createImageBitmap = open;
  };
}"""
WORKER_WITHOUT = """(name) => {
  const { Blob } = window;
  window.Blob = function (parts, about) {
    const isScript = about?.type === "text/javascript";
    const first = isScript ? [`self.${name} = undefined;`] : [];
    return new Blob([...first, ...parts], about);
  };
}"""


def large(width, height):
    """A photo of so many pixels, squares of ten of any colour."""
    generator = np.random.default_rng(0)
    shape = (height // 10, width // 10, 3)
    numbers = generator.integers(0, 256, shape, np.uint8)
    return Image.fromarray(numbers.repeat(10, axis=0).repeat(10, axis=1))


def given_to_the_model(tab, file):
    """Bring a file of one's own; give its square, and who worked."""
    tab.evaluate(WATCHED)
    tab.locator("input[type=file]").set_input_files(file)
    tab.wait_for_function("window.square")
    coded, work = tab.evaluate("[square, work]")
    tab.evaluate("restored(), delete window.square")
    square = np.frombuffer(base64.b64decode(coded), np.uint8).astype(int)
    return square.reshape(224, 224, 3), work


@pytest.mark.parametrize(
    "size",
    [(1000, 950), pytest.param((4000, 3000), marks=pytest.mark.long)],
)
def test_a_large_photo_is_made_smaller_in_the_worker_as_in_python(
    size, loaded
):
    photo = large(*size)
    square, work = given_to_the_model(loaded, file_of(photo))
    assert work["opened"] == 0
    assert work["read"] <= 448**2
    wanted = np.array(resize_and_crop(photo, 224)).astype(int)
    assert np.abs(square - wanted).max() <= 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "opened"), [("createImageBitmap", 1), ("OffscreenCanvas", 2)]
)
def test_what_a_worker_cannot_do_the_page_does(
    name, opened, page, open_figure
):
    tab = open_figure(page, own=True)
    tab.evaluate(WORKER_WITHOUT, name)
    load(tab)
    photo = large(1000, 950)
    square, work = given_to_the_model(tab, file_of(photo))
    assert work["opened"] == opened
    assert (work["read"] > 448**2) == (name == "OffscreenCanvas")
    wanted = np.array(resize_and_crop(photo, 224)).astype(int)
    assert np.abs(square - wanted).max() <= 1


def test_a_page_grows_little_by_the_figure():
    """Its place, its scripts and the first look, beside a digit pad."""
    alone, both = page_of(DigitPad()), page_of(DigitPad(), PhotoExplorer())
    assert len(both.encode()) - len(alone.encode()) < LARGEST


@pytest.mark.long
def test_files_that_do_not_come_are_asked_for_again(page, open_figure):
    tab = open_figure(page, own=True)
    tab.evaluate(
        "() => { window.right = vitlib.files.backbone;"
        "vitlib.files.backbone = right.slice(0, 2); }"
    )
    tab.get_by_role("button", name="Load the model").click()
    tab.locator(".vit-photo-load [role=status]").filter(
        has_text=re.compile(r"\w")
    ).wait_for()
    button = tab.get_by_role("button", name="Load the model")
    tab.wait_for_function(
        "!document.querySelector('.vit-photo-go').disabled"
    )
    tab.evaluate(
        "() => { vitlib.files.backbone = right; vitlib.brought = {}; }"
    )
    button.click()
    tab.wait_for_selector("[data-state=ready]")


@pytest.mark.long
def test_with_a_kernel_the_model_comes_from_there(page, open_figure):
    tab = open_figure(page, own=True)
    give_to_python(tab)
    tab.get_by_role("button", name="Load the model").click()
    served = set()
    while served != set(PhotoExplorer._brings):
        tab.wait_for_function(f"python.sent.length > {len(served)}")
        name = tab.evaluate("python.sent.at(-1).bring")
        served.add(name)
        parts = bring.parts(name)
        for index, part in enumerate(parts):
            about = {"bring": name, "index": index, "count": len(parts)}
            tab.evaluate(
                "([about, text]) => python.tell(about, [new DataView("
                "vitlib.vit.fromBase64(text).buffer)])",
                [about, bring.coded(part)],
            )
    tab.wait_for_selector("[data-state=ready][data-waiting='0']")
    tab.locator("input[type=range]").fill("3")
    settle(tab)
    assert tab.evaluate("python.get('block')") == 3
    assert tab.evaluate("end(), python.listeners()") == 0


@pytest.mark.long
def test_a_finger_on_a_phone_asks_a_patch(page, open_figure):
    tab = open_figure(page, **PHONE)
    load(tab)
    tab.locator(LEFT).scroll_into_view_if_needed()
    box = tab.locator(LEFT).bounding_box()
    tab.touchscreen.tap(box["x"] + 3, box["y"] + 3)
    assert "Patch 0 (row 0, column 0) of the cat" in said(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400


def test_keys_mark_the_patches_of_a_part(loaded):
    choose(loaded, "teach it a part")
    loaded.locator(LEFT).focus()
    loaded.keyboard.press("Enter")
    settle(loaded)
    assert loaded.locator(".vit-photo-yes").count() == 1
    loaded.keyboard.press("ArrowRight")
    loaded.keyboard.press("Space")
    settle(loaded)
    assert loaded.locator(".vit-photo-yes").count() == 2
    loaded.keyboard.press("Space")
    settle(loaded)
    assert loaded.locator(".vit-photo-yes").count() == 1
    choose(loaded, "is not")
    loaded.locator(LEFT).focus()
    loaded.keyboard.press("ArrowLeft")
    loaded.keyboard.press("Space")  # where the first mark is
    settle(loaded)
    assert loaded.locator(".vit-photo-yes").count() == 0
    assert loaded.locator(".vit-photo-no").count() == 1
    loaded.get_by_text("take all marks away").click()


def test_it_says_which_model_it_is_and_what_it_cannot_do(tab):
    facts = tab.locator(".vit-photo-facts")
    facts.locator("summary").click()
    text = facts.inner_text()
    for words in (
        "fine-tuned DINOv2 ViT-S/14 backbone, the first 8 of its 12",
        "does not say what a photo shows",
        f"{RECORD['distance'][-1]:.0%}",
        f"{LIMITS['same_photo']['colours alone']:.0%}",
    ):
        assert words in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(open_figure, theme):
    tab = open_figure(PhotoExplorer(), theme=theme, own=True)
    for words in ("is alike", "teach it", "colours", "class token"):
        choose(tab, words)
        assert faults(tab) == []


@pytest.mark.long
def test_a_later_photo_is_looked_at_first(page, open_figure):
    """The work on those that nobody sees waits."""
    tab = open_figure(page, own=True)
    tab.evaluate(
        """() => {
          window.order = [];
          const { take } = vitlib.album.Album.prototype;
          vitlib.album.Album.prototype.take = function (message) {
            if (message.block === 0) order.push(message.key);
            if (order.length === 1 && message.block === 2) {
              document.querySelector("[data-name=rocket]").click();
            }
            return take.call(this, message);
          };
        }"""
    )
    load(tab)
    assert tab.evaluate("order")[:3] == ["cat", "admiral", "rocket"]
