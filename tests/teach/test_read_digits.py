"""The reader's pieces in the digit reader, and what is remembered."""

import json

import pytest
import torch
from torch import nn

from vitlib import (
    MLP,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
    add_positions,
    fused_attention,
    patchify,
    prepend_cls,
    sincos_positions,
)
from vitlib.attention import attention
from vitlib.teach import check, digit_reader
from vitlib.teach import read_digits as _own
from vitlib.teach.checking import answer as _answer
from vitlib.teach.checking import done as _progress
from vitlib.teach.checking import library


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch):
    monkeypatch.setattr(_own, "COUNT", 40)


def head_of_another_make(features):
    trained = digit_reader().head
    return features @ trained.weight.T + trained.bias


class Linear(nn.Module):
    """An embedding by a linear layer, in the order of a convolution."""

    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        self.p = patch_size
        self.proj = nn.Linear(in_channels * self.p**2, embed_dim)

    def forward(self, images):
        return self.proj(
            nn.functional.unfold(images, self.p, stride=self.p).mT
        )


@pytest.mark.parametrize(
    "own",
    [
        {"patchify": patchify},
        {"patch_embedding": PatchEmbedding},
        {"patch_embedding": Linear},
        {"prepend_cls": prepend_cls},
        {"add_positions": add_positions},
        {"positions": digit_reader().pos_embed},
        {"attention": attention},
        {"attention": lambda q, k, v: (fused_attention(q, k, v), q)},
        {"multi_head_attention": MultiHeadAttention},
        {"mlp": MLP},
        {"encoder_block": EncoderBlock},
        {"head": head_of_another_make},
        {"vit": ViT},
        {"attention": attention, "mlp": MLP, "patchify": patchify},
    ],
    ids=", ".join,
)
def test_a_right_piece_reads_as_before(own):
    result = check.read_digits(**own)
    assert result, str(result)
    assert "of 40 digits" in str(result)
    for name in own:
        assert f"`{name}`" in str(result)


def unscaled(q, k, v):
    return (q @ k.mT).softmax(-1) @ v


def blind(q, k, v):
    return v


@pytest.mark.parametrize(
    "own",
    [
        {"patchify": lambda x, p: patchify(x, p).flip(1)},
        {"attention": unscaled},
        {"attention": blind},
        {"add_positions": lambda tokens, pos_embed: tokens},
        {"positions": sincos_positions((4, 4), 64)},
        {"head": lambda features: features[:, :10]},
    ],
    ids=", ".join,
)
def test_a_wrong_piece_says_how_many_it_reads(own):
    result = check.read_digits(**own)
    assert result.kind == "wrong"
    assert "of 40 digits, with vitlib's" in str(result)
    assert "Its scores have changed by up to" in str(result)


def test_scores_decide_and_not_the_number_of_digits():
    """Some wrong pieces read as many digits, or more."""

    def nearly(q, k, v):
        return attention(1.05 * q, k, v)

    result = check.read_digits(attention=nearly)
    assert not result
    assert "scores have changed" in str(result)


def test_guessing_is_called_so():
    result = check.read_digits(head=lambda features: -features[:, :10] * 0)
    assert "no more than guessing" in str(result)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (
            {"attention": lambda q, k, v: 1 / 0},
            "Your code stopped at line",
        ),
        ({"attention": lambda q: q}, "Your code stopped"),
        ({"attention": lambda q, k, v: "text"}, "gives the text “text”"),
        ({"head": lambda features: features}, "(20, 10) has to go on"),
        ({"positions": torch.zeros(1, 5, 64)}, "needs (1, 17, 64)"),
        ({"positions": 5}, "gives the number 5"),
        ({"prepend_cls": 3}, "no function"),
        ({"mlp": MLP(64)}, "a layer that is made already"),
        ({"mlp": Linear}, "`MLP(embed_dim, mlp_ratio)`, and yours takes"),
        ({"vit": 7}, "I was given the number 7"),
    ],
)
def test_garbage_gets_an_answer(own, words):
    result = check.read_digits(**own)
    assert result.kind == "wrong"
    assert words in str(result)


def test_an_unwritten_piece_gets_one_friendly_line():
    def mine(q, k, v):
        weights = ...
        return weights @ v

    for answer in (mine, ..., lambda q, k, v: None):
        result = check.read_digits(attention=answer)
        assert result.kind == "unwritten"
        assert "is not written yet" in str(result)


def test_of_two_pieces_the_unwritten_one_is_named():
    def my_prepend_cls(tokens, cls_token):
        in_front = ...
        return torch.cat([in_front, tokens], dim=1)

    result = check.read_digits(
        prepend_cls=my_prepend_cls, add_positions=torch.add
    )
    assert result.kind == "unwritten"
    assert "`my_prepend_cls` is not written yet" in str(result)


def test_an_endless_piece_is_stopped(monkeypatch):
    def endless(q, k, v):
        while True:
            pass

    monkeypatch.setattr(_own, "ENOUGH", 0.05)
    assert "stopped after 0.3 sec" in str(
        check.read_digits(attention=endless)
    )


def test_a_slow_piece_reads_fewer_digits(monkeypatch):
    monkeypatch.setattr(_own, "ENOUGH", 0.0)
    monkeypatch.setattr(_answer, "SECONDS", 10)
    runner = _answer.Runner
    monkeypatch.setattr(_own, "Runner", lambda answer, _: runner(answer))
    result = check.read_digits(attention=attention)
    assert "reads 20 of 20 digits" in str(result)


def test_without_a_piece_it_says_what_it_reads():
    assert "of 40 digits. Give it one of yours" in str(check.read_digits())


def test_the_reader_is_put_together_as_the_vit_is():
    images = torch.rand(3, 1, 28, 28)
    model = digit_reader()
    with torch.no_grad():
        wanted = model(images)
        torch.testing.assert_close(_own.OwnReader(model)(images), wanted)


# Progress


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A person's notebook, with a home of its own."""
    monkeypatch.setattr(_progress, "is_watched", lambda: True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(_progress, "_here", set())
    return tmp_path / "vitlib" / "exercises.json"


def state(name):
    lines = str(check.progress()).splitlines()
    (line,) = [line for line in lines if line.endswith(f" {name}")]
    return line.split()[2]


def test_what_is_right_is_remembered(home):
    assert "0 of" in str(check.progress())
    check.patchify(patchify)
    check.mlp(lambda *_: None)
    assert json.loads(home.read_text()) == ["patchify"]
    assert state("patchify") == "done"
    assert state("mlp") == "open"
    assert "1 of" in str(check.progress())
    _progress._here.clear()
    assert state("patchify") == "done"


def test_it_can_be_forgotten(home):
    check.patchify(patchify)
    check.forget()
    assert state("patchify") == "open"
    assert json.loads(home.read_text()) == []


@pytest.mark.parametrize(
    "content", ["", "{", "3", '{"a": 1}', "[1, null]"]
)
def test_a_damaged_file_is_no_hindrance(home, content):
    home.parent.mkdir()
    home.write_text(content)
    assert state("patchify") == "open"
    assert check.patchify(patchify)
    assert state("patchify") == "done"
    assert json.loads(home.read_text()) == ["patchify"]


def test_where_nothing_can_be_written_the_session_remembers(
    home, monkeypatch
):
    home.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(home.parent.parent / "file"))
    assert check.patchify(patchify)
    assert state("patchify") == "done"


def test_a_user_without_a_home_is_no_hindrance(home, monkeypatch):
    def homeless(cls):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(_progress.Path, "home", classmethod(homeless))
    assert check.patchify(patchify)
    assert state("patchify") == "done"


def test_tests_and_builds_leave_no_file(home, monkeypatch):
    monkeypatch.setattr(_progress, "is_watched", lambda: False)
    assert check.patchify(patchify)
    assert state("patchify") == "done"
    assert not home.exists()


def test_the_table_names_every_piece_and_its_chapter(home):
    check.patchify(patchify)
    page = check.progress()._repr_html_()
    for name, piece in library.pieces().items():
        assert f"<code>{name}</code>" in page
        assert f">{piece.chapter}</a>" in page
    assert page.count("done</span>") == 1
    own = [p for p in library.pieces().values() if p.chapter.number == 2]
    assert f">1 of {len(own)}</td>" in page
    chapters = {piece.chapter for piece in library.pieces().values()}
    assert page.count("<tr>") == len(chapters)
    data, about = check.progress()._repr_mimebundle_()
    assert data == {
        "text/html": page,
        "text/plain": str(check.progress()),
    }
    assert about == {"vitlib": {}}
