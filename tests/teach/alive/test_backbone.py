"""The pretrained backbone in the browser is vitlib's, block by block.

Both ways, by WebAssembly and by vit.js alone, with the weights that are
shipped and with those of a small odd model.
"""

import base64
import json
import re
import zlib

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from vitlib import ViT, record_attention
from vitlib.packed import read
from vitlib.teach import to_tensor
from vitlib.teach.alive.bring import content
from vitlib.teach.alive.bundle import scripts, web_files
from vitlib.teach.chapters.pretrained.colours import colours_of
from vitlib.teach.data.backbone import backbone, model_of
from vitlib.teach.data.examples import EXAMPLES

CLOSE = 1e-3  # of each layer's norm
PLAIN = 1e-5
# Not square, 48 numbers are not the 21 tokens, 3 heads of 16.
SMALL = {"patch_size": 4, "embed_dim": 48, "depth": 2, "num_heads": 3}

LOOK = """async ([packed, plain, pixels, [height, width]]) => {
  const { fromBase64, tensor } = vitlib.vit;
  const { Backbone } = vitlib.backbone;
  const backbone = await Backbone.open(fromBase64(packed), plain);
  const data = new Float32Array(fromBase64(pixels).buffer);
  const seen = [...backbone.look(tensor([height, width, 3], data))];
  window.seen = seen;
  const coded = (array) => {
    const bytes = new Uint8Array(array.slice().buffer);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };
  return [backbone.isFast, seen.map(({ tokens }) => coded(tokens.data)),
    seen.slice(1).map(({ looks }) => coded(looks.data))];
}"""

COLOURS = """() => {
  const tokens = seen.map((one) => one.tokens);
  const blocks = vitlib.colours.coloursOf([tokens]);
  return blocks.map(([bytes]) => [...bytes]);
}"""


@pytest.fixture(scope="module")
def tab(browser):
    tab = browser.new_page()
    tab.add_script_tag(content=scripts("looker"))
    yield tab
    tab.close()


def coded(content):
    return base64.b64encode(content).decode()


def decoded(text, like):
    numbers = np.frombuffer(base64.b64decode(text), np.float32)
    return torch.from_numpy(numbers.copy()).reshape(like.shape)


def in_python(model, images):
    """Tokens before and behind each block, and the class token's maps."""
    tokens = []
    first = model.blocks[0].register_forward_pre_hook
    first(lambda _, given: tokens.append(given[0][0]))
    for block in model.blocks:
        block.register_forward_hook(lambda *g: tokens.append(g[2][0]))
    with torch.no_grad(), record_attention(model) as maps:
        model(images)
    return tokens, [one[0, :, 0] for one in maps]


def in_browser(tab, packed, plain, images):
    """The same from the page; `images` is a batch of one."""
    pixels = images[0].permute(1, 2, 0).contiguous().numpy().tobytes()
    given = [coded(packed), plain, coded(pixels), list(images.shape[2:])]
    return tab.evaluate(LOOK, given)


def compare(found, wanted, close):
    for text, one in zip(found, wanted, strict=True):
        far = (decoded(text, one) - one).norm() / one.norm()
        assert far < close


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A packed file of a small model with large random weights."""
    torch.manual_seed(0)
    model = ViT(image_size=20, num_classes=1, **SMALL)
    stored = {}
    for name, value in model.state_dict().items():
        one = float("norm" in name and name.endswith("weight"))
        nn.init.normal_(value, one, 0.3)
        if name.startswith("head."):
            continue
        stored[name] = value
        if value.ndim in (2, 4):
            rows = value.flatten(1)
            scale = rows.abs().amax(dim=1) / 127
            whole = (rows / scale[:, None]).round().to(torch.int8)
            stored[name] = whole.reshape(value.shape)
            stored[f"{name}.scale"] = scale
    about = {"settings": json.dumps({"model": SMALL})}
    path = tmp_path_factory.mktemp("packed") / "small.packed"
    path.write_bytes(zlib.compress(save(stored, about)))
    return path


@pytest.fixture(scope="module")
def cat():
    return to_tensor(EXAMPLES[0].image().resize((224, 224)))


@pytest.mark.parametrize(
    ("plain", "close"), [(False, CLOSE), (True, PLAIN)]
)
def test_a_small_odd_model_gives_what_vitlib_gives(
    tab, small, plain, close
):
    images = torch.rand(1, 3, 12, 28)
    model = model_of(*read(small), (12, 28))
    tokens, looks = in_python(model, images)
    is_fast, *found = in_browser(tab, small.read_bytes(), plain, images)
    assert is_fast != plain
    compare(found[0], tokens, close)
    compare(found[1], looks, close)


def test_the_shipped_backbone_gives_what_vitlib_gives(tab, cat):
    tokens, looks = in_python(backbone(), cat)
    is_fast, *found = in_browser(tab, content("backbone"), False, cat)
    assert is_fast
    compare(found[0], tokens, CLOSE)
    compare(found[1], looks, CLOSE)
    colours = tab.evaluate(COLOURS)
    wanted = colours_of([one[None] for one in tokens])
    for one, other in zip(colours, wanted, strict=True):
        off = np.abs(np.array(one) / 255 - other.flatten().numpy())
        assert off.mean() < 0.02


def test_what_it_gives_does_not_depend_on_what_it_saw_before(tab, small):
    """Rows of an earlier, larger picture are left in the memory."""
    program = """async (packed) => {
      const { fromBase64, tensor } = vitlib.vit;
      const { Backbone } = vitlib.backbone;
      const bytes = fromBase64(packed);
      const [one, other] = [
        await Backbone.open(bytes), await Backbone.open(bytes)];
      const picture = (side, f) => tensor([side, side, 3],
        Float32Array.from({ length: 3 * side * side }, (_, i) => f(i)));
      const last = (backbone, side, n) =>
        [...backbone.look(picture(side, (i) => (i % n) / n))]
          .at(-1).tokens.data;
      const wanted = last(one, 12, 7);
      last(other, 64, 5);
      const found = last(other, 12, 7);
      return wanted.every((v, i) => v === found[i]);
    }"""
    assert tab.evaluate(program, coded(small.read_bytes()))


def test_the_kernel_is_that_of_its_source():
    """It exports what the source says; its build is one command away."""
    source = (web_files()["kit.js"].parent / "kernel.c").read_text()
    named = set(re.findall(r"^EXPORT \w+ (\w+)\(", source, re.M))
    built = (web_files()["kit.js"].parent / "kernel.wasm").read_bytes()
    assert built.startswith(b"\0asm")
    assert len(built) < 12_000
    assert all(name.encode() in built for name in named)
    assert named == {
        "add",
        "arrange",
        "attend",
        "gelu",
        "layer_norm",
        "linear",
        "whole",
    }


def test_a_file_that_is_no_backbone_fails_with_a_word(tab):
    program = """async (text) => {
      try {
        await vitlib.backbone.Backbone.open(vitlib.vit.fromBase64(text));
      } catch (error) {
        return String(error.message || error);
      }
      return "";
    }"""
    assert tab.evaluate(program, coded(b"hello"))
