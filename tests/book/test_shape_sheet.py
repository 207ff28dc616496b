"""The sheet of shapes: what stands on it, against torch's own layers."""

import re
from functools import cache
from itertools import combinations
from xml.etree import ElementTree

import pytest
import shape_sheet
import torch
from matplotlib.text import Text
from torch import nn
from torch.nn import functional as F

from vitlib import SIZES

LETTERS = {
    "b": 1,
    "c": 3,
    "h": 224,
    "w": 224,
    "p": 16,
    "n": 196,
    "d": 768,
    "k": 64,
    "heads": 12,
    "num_classes": 1000,
}
PUBLISHED = [  # Ti, S, B, L and H: vit_jax's models_test.py
    *(5_717_416, 22_050_664, 86_567_656, 88_224_232),
    *(304_326_632, 632_045_800),
]

every_sheet = pytest.mark.parametrize(
    "name", ["shapes.svg", "shapes_narrow.svg"]
)


def written(name: str) -> list[str]:
    """All the texts on a sheet, from the top to the bottom."""
    tree = ElementTree.parse(shape_sheet.FOLDER / name)
    return [
        "".join(node.itertext()).strip()
        for node in tree.iter("{http://www.w3.org/2000/svg}text")
    ]


def shapes_on(name: str) -> list[tuple[int, ...]]:
    return [
        tuple(map(int, text.strip("()").split(", ")))
        for text in written(name)
        if re.fullmatch(r"\(\d+(, \d+)+\)", text)
    ]


@pytest.fixture(scope="module")
def wanted() -> list[tuple[int, ...]]:
    """The shapes that torch's own layers give, without their numbers."""
    with torch.device("meta"):
        images = torch.empty(1, 3, 224, 224)
        maps = F.conv2d(images, torch.empty(768, 3, 16, 16), stride=16)
        patches = maps.flatten(2).mT
        tokens = torch.cat([torch.empty(1, 1, 768), patches], dim=1)
        own = nn.MultiheadAttention(768, 12, batch_first=True)
        out, weights = own(
            tokens, tokens, tokens, average_attn_weights=False
        )
        joint = F.linear(tokens, own.in_proj_weight)
        head = (
            joint.chunk(3, -1)[0].unflatten(-1, (12, -1)).transpose(1, 2)
        )
        hidden = F.linear(tokens, torch.empty(4 * 768, 768))
        scores = F.linear(tokens[:, 0], torch.empty(1000, 768))
    block = [tokens, joint, head, weights, head, tokens, out, tokens]
    block += [tokens, hidden, tokens, tokens]
    every = [images, maps, patches, tokens, tokens, *block]
    every += [tokens, tokens[:, 0], scores]
    return [tuple(tensor.shape) for tensor in every]


@every_sheet
def test_the_shapes_are_those_of_torchs_own_layers(name, wanted):
    assert shapes_on(name) == wanted


def test_letters_and_numbers_say_the_same(wanted):
    texts = [t for t in written("shapes.svg") if re.match(r"\([a-z]", t)]
    for text, shape in zip(texts, wanted, strict=True):
        text = text.replace("/", "//")
        assert eval(text, dict(LETTERS)) == shape, text


@every_sheet
def test_the_parameters_add_up_to_the_published_count(name):
    texts = written(name)
    learned = [
        int(text.replace(",", ""))
        for text in texts[: texts.index("Ti/16")]
        if re.fullmatch(r"\d[\d,]*", text)
    ]
    block = sum(learned[3:-2])
    others = sum(learned[:3]) + sum(learned[-2:])
    assert 12 * block + others == 86_567_656
    assert f"{block:,}" in " ".join(texts)
    assert "86,567,656 parameters" in " ".join(texts)


@every_sheet
def test_the_table_gives_the_published_counts(name):
    texts = written(name)
    rows = texts[texts.index("Ti/16") :]
    for size, parameters in zip(SIZES, PUBLISHED, strict=True):
        row = rows[rows.index(size) :]
        assert f"{parameters:,}" == next(t for t in row if len(t) > 8)


@cache
def drawn(name: str) -> list[Text]:
    """All the texts that the script writes on a sheet."""
    wide = name == "shapes.svg"
    make = shape_sheet.wide_sheet if wide else shape_sheet.narrow_sheet
    with torch.device("meta"):
        figure = make(shape_sheet.ViT())
    return [text for text in figure.axes[0].texts if text.get_text()]


@every_sheet
def test_the_sheet_is_what_the_script_draws(name):
    assert [text.get_text() for text in drawn(name)] == written(name)


def test_the_sheet_is_one_page_of_a4():
    pdf = (shape_sheet.FOLDER / "shapes.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert re.search(rb"/MediaBox \[ 0 0 595 842 \]", pdf)
    assert b"/CreationDate" not in pdf


@pytest.mark.long
@every_sheet
def test_nothing_is_written_over_the_edge_or_over_another(name):
    texts = drawn(name)
    page = texts[0].get_figure()
    page.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert page.bbox.x0 <= box.x0, text
        assert box.x1 <= page.bbox.x1, text
        assert page.bbox.y0 <= box.y0, text
    for one, other in combinations(zip(texts, boxes, strict=True), 2):
        apart = not one[1].padded(-1).overlaps(other[1].padded(-1))
        assert apart, (one[0], other[0])
