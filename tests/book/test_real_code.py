"""What the page "Read the real code" says of timm, asked of timm.

    PYTHONPATH=build/peers .venv/bin/python -m pytest \
        tests/book/test_real_code.py

`make bench` puts timm there; `make test-all` looks for it.
"""

import inspect
import re
from importlib import util
from pathlib import Path

import pytest
import torch
from full_size import randomise
from torch import nn
from torch.testing import assert_close

from vitlib import ViT, add_positions, prepend_cls, resize_positions

PAGE = Path(__file__).parents[2] / "book" / "real_code.md"
TEXT = PAGE.read_text()
LINKED = re.compile(
    r"\[(?P<name>\w[\w.]*)\]\([^)]*/v(?P<version>[\d.]+)/"
    r"(?P<file>[\w/]+\.py)#L(?P<first>\d+)-L(?P<last>\d+)\)"
)
SMALL = {
    "patch_size": 8,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_classes": 5,
}
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        util.find_spec("timm") is None, reason="needs timm: `make bench`"
    ),
]


def test_the_page_links_to_lines_of_one_release():
    assert len(LINKED.findall(TEXT)) == 9
    assert {found["version"] for found in LINKED.finditer(TEXT)} == {
        re.search(r"release ([\d.]+\d)", TEXT)[1]
    }


def test_the_way_through_is_as_short_as_the_page_says():
    way = [f for f in LINKED.finditer(TEXT) if f["name"] != "init_weights"]
    lines = [int(f["last"]) - int(f["first"]) + 1 for f in way]
    assert sum(lines) < 200


@pytest.mark.parametrize(
    "found", [*LINKED.finditer(TEXT)], ids=lambda found: found["name"]
)
def test_the_lines_are_those_of_the_function(found):
    timm = pytest.importorskip("timm")
    if timm.__version__ != found["version"]:
        pytest.skip(f"this is timm {timm.__version__}")
    path = Path(timm.__file__).parents[1] / found["file"]
    lines = path.read_text().splitlines()
    block = lines[int(found["first"]) - 1 : int(found["last"])]
    name = found["name"].split(".")[-1]
    assert block[0].strip().startswith(f"def {name}(")
    after = next(x for x in lines[int(found["last"]) :] if x.strip())
    assert not after.startswith(" " * 8)


def test_the_file_is_as_long_as_the_page_says():
    timm = pytest.importorskip("timm")
    if f"release {timm.__version__}." not in TEXT:
        pytest.skip(f"this is timm {timm.__version__}")
    path = Path(timm.__file__).parent / "models" / "vision_transformer.py"
    lines = path.read_text().splitlines()
    assert f"{len(lines):,} lines" in TEXT
    first = lines.index("default_cfgs = {") + 1
    assert f"From line {first:,} on" in TEXT
    classes = [line for line in lines if line.startswith("class ")]
    assert len(classes) == 6


@pytest.fixture
def theirs():
    import timm

    def make(**settings):
        settings = {"img_size": 32, **SMALL, **settings}
        make = timm.models.vision_transformer.VisionTransformer
        return randomise(make(**settings)).eval()

    return make


@pytest.fixture
def both(theirs):
    model = theirs()
    ours = ViT(image_size=32, **SMALL).eval()
    ours.load_state_dict(model.state_dict())
    return ours, model


@pytest.fixture
def images():
    return torch.randn(2, 3, 32, 32)


def test_the_example_prints_what_it_says(capsys):
    code, said = re.search(
        r"```python\n(.*?)\n(# <All.*?)```", TEXT, re.DOTALL
    ).groups()
    exec(code, {})
    wanted = said.replace("# ", "")
    assert capsys.readouterr().out == wanted


@torch.no_grad()
def test_part_by_part_both_give_the_same(both, images):
    ours, model = both
    tokens = ours.patch_embed(images)
    assert_close(tokens, model.patch_embed(images))
    placed = add_positions(
        prepend_cls(tokens, ours.cls_token), ours.pos_embed
    )
    assert_close(placed, model._pos_embed(tokens))
    block, other = ours.blocks[0], model.blocks[0]
    assert_close(block.attn(placed), other.attn(placed))
    assert_close(block.mlp(placed), other.mlp(placed))
    assert_close(block(placed), other(placed))
    features = ours.forward_features(images)
    assert_close(features, model.forward_features(images))
    assert_close(ours(images), model.forward_head(features))


def test_of_the_parts_of_a_block_seven_do_something(theirs):
    block = theirs().blocks[0]
    leaves = {
        name: module
        for name, module in block.named_modules()
        if not [*module.children()]
    }
    acting = {
        name
        for name, module in leaves.items()
        if not isinstance(module, (nn.Identity, nn.Dropout))
    }
    numbers = re.search(r"of the (\d+) parts .* (\d+) do something", TEXT)
    assert numbers.groups() == (str(len(leaves)), str(len(acting)))
    ours = ViT(image_size=32, **SMALL).blocks[0]
    assert acting <= {name for name, _ in ours.named_modules()}
    for name in ("ls1", "ls2", "drop_path1", "drop_path2"):
        assert isinstance(leaves[name], nn.Identity)
    for name in ("q_norm", "k_norm", "norm"):
        assert isinstance(leaves[f"attn.{name}"], nn.Identity)
    assert block.attn.gate is None


def test_other_sizes_fail_unless_it_is_told_not_to(theirs):
    odd = torch.randn(1, 3, 33, 32)
    with pytest.raises(AssertionError):
        theirs()(odd)
    padding = theirs(dynamic_img_size=True, dynamic_img_pad=True)
    assert padding(odd).shape == (1, 5)
    tolerant = theirs(dynamic_img_size=True).patch_embed
    assert not tolerant.strict_img_size


@torch.no_grad()
def test_positions_are_stretched_by_the_same_rule(theirs):
    model = theirs(dynamic_img_size=True)
    ours = ViT(image_size=(48, 40), **SMALL).eval()
    state = model.state_dict()
    state["pos_embed"] = resize_positions(
        state["pos_embed"], (4, 4), (6, 5)
    )
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 48, 40)
    assert_close(ours(images), model(images))


def test_registers_and_their_positions(theirs):
    model = theirs(img_size=112, reg_tokens=4)
    images = torch.randn(1, 3, 112, 112)
    assert model.forward_features(images).shape[1] == 201
    apart = theirs(img_size=112, no_embed_class=True)
    assert apart.pos_embed.shape[1] == 196


def test_the_kernel_is_on_and_the_other_way_shows_its_table(theirs):
    model, seen = theirs(), []
    images = torch.randn(2, 3, 32, 32)
    for block in model.blocks:
        assert block.attn.fused_attn
    with torch.no_grad():
        fused = model(images)
        for block in model.blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop.register_forward_hook(
                lambda module, taken, given: seen.append(given)
            )
        assert_close(model(images), fused)
    assert [table.shape for table in seen] == [(2, 3, 17, 17)] * 2
    source = inspect.getsource(type(model.blocks[0].attn).forward)
    assert source.index("q * self.scale") < source.index("q @ k")


def test_means_are_normed_after_pooling(theirs):
    model = theirs(global_pool="avg")
    assert isinstance(model.norm, nn.Identity)
    assert isinstance(model.fc_norm, nn.LayerNorm)
    ours = ViT(image_size=32, **SMALL, global_pool="avg").eval()
    ours.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert_close(ours(images), model(images))


def test_blocks_can_be_computed_again_in_the_backward_pass(theirs):
    model, runs = theirs(), []
    model.set_grad_checkpointing()
    model.blocks[0].norm1.register_forward_hook(lambda *_: runs.append(1))
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    assert len(runs) == 2


def test_fresh_weights_differ_as_the_page_says():
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("vit_tiny_patch16_224")
        ours = ViT.from_name("Ti/16")
    for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"):
        weight = model.blocks[3].get_submodule(name).weight
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.pos_embed.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.cls_token.std().item() == pytest.approx(1e-6, rel=0.3)
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.05)
    lengths = ours.pos_embed.norm(dim=-1)
    assert lengths.mean().item() == pytest.approx(1, rel=0.05)
    assert not ours.cls_token.any()
    assert not ours.head.weight.any()
