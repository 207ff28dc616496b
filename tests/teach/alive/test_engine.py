"""The model in the browser is the model in Python, number by number."""

import base64
import copy
import json

import numpy as np
import pytest
import torch
from einops import rearrange
from safetensors.torch import save
from torch import nn

from vitlib import ViT, attention_weights, patchify, unpatchify
from vitlib.attention import attention
from vitlib.teach import digit_reader, digits
from vitlib.teach.alive.bundle import script
from vitlib.teach.data.checked import read_checked
from vitlib.teach.data.reader import FILE, SHA256

CLOSE = 1e-4
SLOWER = 4  # than matrix products alone
# Two channels and 24 numbers a token for patches of 18: nothing fits by
# chance. Not square: the engine must not take rows for columns.
SMALL = {
    "image_size": (6, 9),
    "patch_size": 3,
    "in_channels": 2,
    "num_classes": 5,
    "embed_dim": 24,
    "depth": 3,
    "num_heads": 3,
}

LOAD = """([name, text]) => {
  window[name] = vitlib.vit.ViT.read(vitlib.vit.fromBase64(text));
  return window[name].depth;
}"""

FORWARD = """([name, image, switches]) => {
  const { tensor, fromBase64, named } = vitlib.vit;
  const data = new Float32Array(fromBase64(image.data).buffer);
  const pass = window[name].forward(tensor(image.shape, data), switches);
  const coded = (array) => {
    const bytes = new Uint8Array(array.slice().buffer);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };
  return named(pass).map(([k, t]) => [k, t.shape, coded(t.data)]);
}"""

CLASSES = """([name, images]) => {
  const { tensor, fromBase64 } = vitlib.vit;
  const all = new Float32Array(fromBase64(images.data).buffer);
  const [n, h, w, c] = images.shape;
  const size = h * w * c;
  return Array.from({ length: n }, (_, i) => {
    const data = all.subarray(i * size, (i + 1) * size);
    const { logits } = window[name].forward(tensor([h, w, c], data));
    return logits.data.indexOf(Math.max(...logits.data));
  });
}"""

# The shortest of many passes, and of as many matrix products, written as
# plainly as one can, that have as many multiply-adds.
TIMES = """([name, image, rounds, n]) => {
  const { tensor, fromBase64 } = vitlib.vit;
  const data = new Float32Array(fromBase64(image.data).buffer);
  const picture = tensor(image.shape, data);
  const [a, b] = [0, 1].map(() => new Float32Array(n * n).fill(0.5));
  const product = () => {
    const c = new Float32Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += a[n * i + k] * b[n * j + k];
        c[n * i + j] = sum;
      }
    }
    return c;
  };
  const time = (f) => {
    const start = performance.now();
    f();
    return performance.now() - start;
  };
  const best = [Infinity, Infinity];
  for (let i = 0; i < rounds; i++) {
    best[0] = Math.min(best[0], time(() => window[name].forward(picture)));
    best[1] = Math.min(best[1], time(product));
  }
  return best;
}"""


@pytest.fixture(scope="module")
def tab(browser):
    tab = browser.new_page()
    tab.add_script_tag(content=script("vit"))
    yield tab
    tab.close()


def shaken(settings):
    """A model in which every parameter has its say."""
    torch.manual_seed(0)
    model = ViT(**settings).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def coded(array):
    return base64.b64encode(np.ascontiguousarray(array)).decode()


def sent(images):
    """(..., c, h, w) as the engine takes it: (..., h, w, c)."""
    channels_last = images.movedim(-3, -1).contiguous().numpy()
    return {"shape": channels_last.shape, "data": coded(channels_last)}


def load(tab, name, model, weights):
    settings = {"num_heads": model.blocks[0].attn.num_heads}
    content = save(weights, {"settings": json.dumps(settings)})
    text = base64.b64encode(content).decode()
    assert tab.evaluate(LOAD, [name, text]) == len(model.blocks)


@pytest.fixture(scope="module")
def small(tab):
    """A small odd model, in float32, in the browser and here."""
    model = shaken(SMALL)
    load(tab, "small", model, model.state_dict())
    return "small", model


@pytest.fixture(scope="module")
def reader(tab):
    """The shipped digit reader, from the file that the pages get."""
    model = digit_reader()
    text = base64.b64encode(read_checked(FILE, SHA256)).decode()
    assert tab.evaluate(LOAD, ["reader", text]) == len(model.blocks)
    return "reader", model


def in_browser(tab, name, image, **switches):
    found = tab.evaluate(FORWARD, [name, sent(image), switches])
    arrays = {}
    for key, shape, data in found:
        numbers = np.frombuffer(base64.b64decode(data), dtype="<f4")
        arrays[key] = torch.from_numpy(numbers.copy()).reshape(shape)
    return arrays


@torch.no_grad()
def in_python(model, image):
    """Every number that vitlib's modules give or take, by name."""
    seen = {}

    def keep(name):
        def hook(module, given, output):
            seen[name] = output[0]

        return hook

    hooks = []
    for name, module in model.named_modules():
        if name:
            hooks.append(module.register_forward_hook(keep(name)))
    images = image[None]
    model(images)
    for hook in hooks:
        hook.remove()
    wanted = {
        "patches": patchify(images, model.patch_embed.proj.kernel_size[0]),
        "patch_embed": seen["patch_embed"],
        "with_positions": seen["pos_drop"],
        "tokens": seen["pos_drop"] - model.pos_embed[0],
        "norm": seen["norm"],
        "pool": seen["norm"][:1],
        "logits": seen["head"][None],
    }
    wanted["patches"] = wanted["patches"][0]
    before = seen["pos_drop"]
    for index, block in enumerate(model.blocks):
        here = f"blocks.{index}."
        q, k, v = rearrange(
            seen[here + "attn.qkv"],
            "n (qkv heads k) -> qkv heads n k",
            qkv=3,
            heads=block.attn.num_heads,
        )
        weights = attention_weights(q[None], k[None])[0]
        mixed = rearrange(weights @ v, "heads n k -> n (heads k)")
        wanted |= {
            here + "input": before,
            here + "attn.q": q,
            here + "attn.k": k,
            here + "attn.v": v,
            here + "attn.scores": q @ k.mT / k.shape[-1] ** 0.5,
            here + "attn.weights": weights,
            here + "attn.mixed": mixed,
            here + "middle": before + seen[here + "attn.proj"],
            here + "output": seen[here[:-1]],
        }
        for name in ("norm1", "attn.qkv", "attn.proj", "norm2"):
            wanted[here + name] = seen[here + name]
        for name in ("mlp.fc1", "mlp.act", "mlp.fc2"):
            wanted[here + name] = seen[here + name]
        before = seen[here[:-1]]
    return wanted


def differences(found, wanted):
    assert set(found) == set(wanted)
    for name, numbers in wanted.items():
        assert found[name].shape == numbers.shape, name
    return {k: (found[k] - wanted[k]).abs().max().item() for k in wanted}


def ten_digits():
    images, labels = digits("validation")
    return [images[labels == label][0] for label in range(10)]


def test_every_number_on_the_way_is_vitlibs(tab, reader, capsys):
    name, model = reader
    worst = 0.0
    for image in ten_digits():
        found = in_browser(tab, name, image)
        off = differences(found, in_python(model, image))
        assert {k: v for k, v in off.items() if not v <= CLOSE} == {}
        worst = max(worst, *off.values())
    with capsys.disabled():
        print(f"\nlargest difference to vitlib: {worst:.1e}")


def test_colours_and_wide_pictures_go_the_same_way(tab, small):
    name, model = small
    image = torch.randn(2, 6, 9)
    found = in_browser(tab, name, image)
    off = differences(found, in_python(model, image))
    assert max(off.values()) <= CLOSE


@pytest.mark.parametrize(
    "every", [4, pytest.param(1, marks=pytest.mark.long)]
)
def test_the_answer_is_the_same_for_all_held_out_digits(
    tab, reader, every
):
    name, model = reader
    images = digits("held_out")[0][::every]
    with torch.no_grad():
        wanted = model(images).argmax(dim=1).tolist()
    found = tab.evaluate(CLASSES, [name, sent(images)])
    assert len(set(found)) > 1
    assert found == wanted


def multiply_adds(model):
    """Of all linear layers, for the tokens of one picture."""
    tokens = model.pos_embed.shape[1]
    weights = [m.weight for m in model.modules() if hasattr(m, "weight")]
    return tokens * sum(w.numel() for w in weights if w.ndim > 1)


def test_a_pass_takes_hardly_longer_than_its_products(tab, reader, capsys):
    """Both are done in turns: what slows down one slows down the other."""
    name, model = reader
    side = round(multiply_adds(model) ** (1 / 3))
    image = sent(ten_digits()[5])
    whole, products = tab.evaluate(TIMES, [name, image, 100, side])
    with capsys.disabled():
        print(f"\na pass: {whole:.1f} ms, its products {products:.1f} ms")
    assert whole <= SLOWER * products


# --- the switches: the same change made to vitlib's own modules


def silence(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def without_head(model):
    model.blocks[1].attn.proj.weight[:, 16:24] = 0


def without_sum(branch):
    """Take back what is added: the branch's output replaces its input."""

    def change(model):
        block, kept = model.blocks[1], {}

        def before_block(module, given):
            kept["tokens"] = given[0]

        def before_norm(module, given):
            kept["tokens"] = given[0]

        def after(module, given, output):
            return output - kept["tokens"]

        block.register_forward_pre_hook(before_block)
        block.norm2.register_forward_pre_hook(before_norm)
        getattr(block, branch).register_forward_hook(after)

    return change


def with_attention(function):
    def change(model):
        for block in model.blocks:
            block.attn.attention = function

    return change


def doubled(q, k, v, mask=None):
    return attention(2 * q, k, v, mask)


def not_the_last(q, k, v, mask=None):
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    seen[:, [3, -1]] = False
    return attention(q, k, v, seen)


def set_norm(name):
    return lambda model: setattr(model.blocks[1], name, nn.Identity())


SWITCHES = {
    "pos_embed": lambda model: model.pos_embed.zero_(),
    "blocks.1.norm1": set_norm("norm1"),
    "blocks.1.norm2": set_norm("norm2"),
    "blocks.1.attn": lambda model: silence(model.blocks[1].attn.proj),
    "blocks.1.mlp": lambda model: silence(model.blocks[1].mlp.fc2),
    "blocks.1.head.2": without_head,
    "blocks.1.residual1": without_sum("attn"),
    "blocks.1.residual2": without_sum("mlp"),
}


@torch.no_grad()
def logits_after(change, model, image):
    model = copy.deepcopy(model)
    before = model(image[None])
    change(model)
    after = model(image[None])
    assert not torch.allclose(before, after, atol=1e-3)
    return after


@pytest.mark.parametrize("part", SWITCHES)
def test_a_part_switched_off_is_off_as_in_vitlib(part, tab, small):
    name, model = small
    image = torch.randn(2, 6, 9)
    wanted = logits_after(SWITCHES[part], model, image)
    found = in_browser(tab, name, image, off=[part])["logits"]
    torch.testing.assert_close(found, wanted, atol=CLOSE, rtol=0)


def test_the_scale_of_the_scores_can_be_changed(tab, small):
    name, model = small
    image = torch.randn(2, 6, 9)
    wanted = logits_after(with_attention(doubled), model, image)
    scale = 2 / 8**0.5
    found = in_browser(tab, name, image, scale=scale)["logits"]
    torch.testing.assert_close(found, wanted, atol=CLOSE, rtol=0)


def test_nobody_looks_at_a_hidden_patch(tab, small):
    name, model = small
    image = torch.randn(2, 6, 9)
    wanted = logits_after(with_attention(not_the_last), model, image)
    found = in_browser(tab, name, image, hidden=[2, 5])
    assert found["blocks.0.attn.weights"][:, :, [3, 6]].max() == 0
    torch.testing.assert_close(found["logits"], wanted, atol=CLOSE, rtol=0)


def test_patches_can_change_places(tab, small):
    name, model = small
    image = torch.randn(2, 6, 9)
    order = [3, 0, 5, 1, 4, 2]
    shuffled = unpatchify(patchify(image[None], 3)[:, order], 3, (6, 9))
    wanted = in_python(model, shuffled[0])["logits"]
    found = in_browser(tab, name, image, order=order)["logits"]
    torch.testing.assert_close(found, wanted, atol=CLOSE, rtol=0)


def test_without_positions_the_order_of_patches_does_not_count(
    tab, reader
):
    name, _ = reader
    image = ten_digits()[7]
    order = torch.randperm(16).tolist()
    off = ["pos_embed"]
    plain = in_browser(tab, name, image, off=off)["logits"]
    shuffled = in_browser(tab, name, image, off=off, order=order)["logits"]
    torch.testing.assert_close(shuffled, plain, atol=1e-5, rtol=0)


def test_the_bend_is_good_to_a_ten_millionth(tab):
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    wanted = nn.functional.gelu(x)
    erf = "(xs) => xs.map((x) => 0.5 * x * (1 + vitlib.vit.erf("
    found = tab.evaluate(erf + "x * Math.SQRT1_2)))", x.tolist())
    found = torch.tensor(found, dtype=torch.float64)
    assert (found - wanted).abs().max() < 1e-7


def test_the_norm_of_a_faint_token_keeps_to_vitlibs_epsilon(tab):
    x = torch.tensor([[0.001, -0.001, 0.002, -0.002]])
    wanted = nn.LayerNorm(4, eps=1e-6)(x)
    norm = """(x) => {
      const { tensor, layerNorm } = vitlib.vit;
      const one = tensor([4], new Float32Array(4).fill(1));
      const token = tensor([1, 4], Float32Array.from(x));
      return [...layerNorm(token, one, tensor([4])).data];
    }"""
    found = torch.tensor([tab.evaluate(norm, x[0].tolist())])
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("sizes", [(7, 3, 5), (4, 6, 1), (3, 2, 3)])
def test_a_linear_layer_of_any_sizes_is_torchs(sizes, tab):
    rows, width, out = sizes  # four rows and two outputs go at a time
    layer, x = nn.Linear(width, out), torch.randn(rows, width)
    linear = """(all) => {
      const { linear, tensor } = vitlib.vit;
      const tensors = all.map(([shape, data]) =>
        tensor(shape, Float32Array.from(data)));
      return [...linear(...tensors).data];
    }"""
    given = [
        [list(part.shape), part.flatten().tolist()]
        for part in (x, layer.weight, layer.bias)
    ]
    found = torch.tensor(tab.evaluate(linear, given)).reshape(rows, out)
    torch.testing.assert_close(found, layer(x).detach())


def test_a_picture_that_cannot_be_cut_is_refused(tab, reader):
    name, _ = reader
    with pytest.raises(Exception, match="27 x 28 pixels"):
        in_browser(tab, name, torch.zeros(1, 27, 28))
