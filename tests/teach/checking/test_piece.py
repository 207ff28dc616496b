"""The checkers: no answer stops them, each mistake gets its hint."""

import ast
import asyncio
import html.parser
import inspect
import re
import string
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from vitlib.teach import cat, check, to_tensor
from vitlib.teach.checking import done, library
from vitlib.teach.checking.piece import (
    Mistake,
    Piece,
    questions,
    with_numbers,
)
from vitlib.teach.checking.result import Result

ROOMS = Path(__file__).resolve().parents[1] / "chapters"
PIECES = library.pieces()
FUNCTIONS = {k: v for k, v in PIECES.items() if isinstance(v, Piece)}
BUILT = {  # what the book itself is made of
    name: piece
    for name, piece in FUNCTIONS.items()
    if not piece.reference.__module__.startswith("vitlib.teach")
}
ALL = pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
MISTAKES = pytest.mark.parametrize(
    ("piece", "mistake"),
    [
        pytest.param(piece, mistake, id=f"{name}-{mistake.name}")
        for name, piece in PIECES.items()
        for mistake in piece.mistakes
    ],
)


@pytest.fixture(autouse=True)
def _nothing_done():
    before = set(done._here)
    done._here.clear()
    yield
    done._here.clear()
    done._here.update(before)


def check_of(piece: Piece):
    return getattr(check, piece.name)


def as_pattern(hint: str) -> str:
    """The hint with anything at all where a number stands."""
    parts = string.Formatter().parse(hint)
    return "".join(
        re.escape(text) + (".+" if field is not None else "")
        for text, field, *_ in parts
    )


# Every piece


@ALL
def test_what_vitlib_has_is_right(piece):
    result = check_of(piece)(piece.reference)
    assert result, str(result)
    assert str(result).startswith("Right.")
    assert piece.next in str(result)
    assert piece.name in done.done()


@MISTAKES
def test_every_known_mistake_gets_its_own_hint(piece, mistake):
    result = check_of(piece)(piece.with_mistake(mistake))
    said = str(result)
    assert not result
    assert result.kind == "wrong"
    assert result.mistake == mistake.name
    hint = mistake.hint.strip()
    if isinstance(piece, Piece) and "{" not in hint:
        hint = with_numbers(hint)
    assert re.fullmatch(as_pattern(hint), said), said
    assert piece.name not in done.done()
    assert not re.search(r"\berror|Error|[!{]", said)


@ALL
def test_every_mistake_has_a_name_of_its_own(piece):
    names = [mistake.name for mistake in piece.mistakes]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]\w*", name) for name in names)


def named(piece: Piece) -> set[str]:
    """Collect what an exercise has a name for, its own findings too."""
    names = {mistake.name for mistake in piece.mistakes}
    source = inspect.getsource(sys.modules[piece.module])
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(ast.Name("Finding"), [_, ast.Constant(name)]):
                names.add(name)
    return names


def tried(name: str) -> set[str]:
    """Collect what the test of an exercise tries by its name.

    It stands first in the pairs of `@wrong`, or in a call of `is_named`.
    """
    (path,) = ROOMS.glob(f"*/exercises/test_{name}.py")
    firsts = []
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(ast.Name("wrong"), pairs):
                firsts += [p.elts[0] for p in pairs if hasattr(p, "elts")]
            case ast.Call(ast.Name("is_named"), [first, *_]):
                firsts.append(first)
    return {f.value for f in firsts if isinstance(f, ast.Constant)}


def test_every_known_mistake_is_tried_as_a_reader_makes_it():
    """The checker's own function of it may be what no reader writes."""
    untried = [
        f"{name}: {mistake}"
        for name, piece in PIECES.items()
        for mistake in named(piece) - tried(name)
    ]
    assert not untried, ", ".join(sorted(untried))


@pytest.mark.parametrize("piece", BUILT.values(), ids=BUILT)
def test_at_least_six_mistakes_are_known_of_what_the_book_builds(piece):
    assert len(piece.mistakes) >= 6


@ALL
def test_a_checker_is_the_piece_of_its_name_and_says_what_it_takes(piece):
    assert check_of(piece) is piece
    assert repr(piece).startswith(f"check.{piece.name}: Check ")
    assert list(inspect.signature(piece).parameters) == ["answer"]


@pytest.mark.parametrize("piece", FUNCTIONS.values(), ids=FUNCTIONS)
def test_an_unwritten_piece_gets_one_friendly_line(piece):
    for stub in stubs():
        result = check_of(piece)(stub)
        assert not result
        assert result.kind == "unwritten", str(result)
        assert "is not written yet" in str(result)
        assert "\n" not in str(result)
        assert not result.picture
        assert not result.printed


def stubs() -> list:
    def dots(*args, **kwargs): ...

    def passes(*args, **kwargs):
        """Say something about it."""
        pass

    def raises(*args, **kwargs):
        raise NotImplementedError

    def raises_with_words(*args, **kwargs):
        raise NotImplementedError("your turn")

    def gives_dots(*args, **kwargs):
        return ...

    def has_blanks(*args, **kwargs):
        first = args[0]
        second = ...
        return first + second

    class Empty(nn.Module):
        def __init__(self, *args, **kwargs):
            super().__init__()
            self.proj = ...

        def forward(self, *args): ...

    return [
        dots,
        passes,
        raises,
        raises_with_words,
        gives_dots,
        has_blanks,
        ...,
        Empty,
    ]


class Plain:
    """No function, no module."""


class Unmade(nn.Module):
    def __init__(self, *args, **kwargs):
        self.layer = nn.Linear(2, 3)


class Tangle(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, *args, **kwargs):
        return [self]


def nothing(*args, **kwargs):
    return


def itself(*args, **kwargs):
    return itself


def deep(*args, **kwargs):
    return deep(*args, **kwargs)


def leaves(*args, **kwargs):
    raise SystemExit(3)


def generator(*args, **kwargs):
    yield torch.zeros(1)


async def later(*args, **kwargs):
    await asyncio.Event().wait()


GARBAGE = [
    None,
    "patchify",
    42,
    3.5,
    [],
    {},
    object(),
    torch.zeros(2, 3),
    nn.Linear(2, 3),
    nn.Linear,
    Plain,
    Plain(),
    Unmade,
    Tangle,
    int,
    print,
    len,
    torch.relu,
    lambda: 1,
    lambda x: x,
    lambda *args, **kwargs: args,
    lambda *args, **kwargs: args[0],
    lambda *args, **kwargs: "text",
    lambda *args, **kwargs: float("nan"),
    lambda *args, **kwargs: True,
    lambda *args, **kwargs: torch.zeros(0),
    lambda *args, **kwargs: torch.tensor(1.0),
    lambda *args, **kwargs: torch.zeros(2, 3, dtype=torch.int64),
    lambda *args, **kwargs: torch.zeros(2, 3, dtype=torch.complex64),
    lambda *args, **kwargs: torch.zeros(2, 3, device="meta"),
    lambda *args, **kwargs: torch.zeros(2, 3).to_sparse(),
    lambda *args, **kwargs: torch.full((2, 3), float("inf")),
    lambda *args, **kwargs: [torch.zeros(2), None],
    lambda *args, **kwargs: {"tokens": torch.zeros(2)},
    lambda *args, **kwargs: torch.zeros(2, 3).numpy(),
    lambda *args, **kwargs: nn.Linear(2, 3),
    lambda *args, **kwargs: 1 / 0,
    lambda *args, **kwargs: {}["key"],
    nothing,
    itself,
    deep,
    leaves,
    generator,
    later,
]


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_garbage_gets_an_answer_too(piece):
    for number, answer in enumerate(GARBAGE):
        result = check_of(piece)(answer)
        said = str(result)
        assert isinstance(result, Result), number
        assert bool(result) is False, number
        assert 20 < len(said) < 2000, number
        assert not re.search(r"\berror|Error", said), (number, said)


def test_a_person_who_interrupts_is_obeyed():
    def interrupted(images, patch_size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.patchify(interrupted)


# What is said


def split(images, p):
    b, c, h, w = images.shape
    parts = images.reshape(b, c, h // p, p, w // p, p)
    return parts.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)


def test_the_readers_own_line_is_named():
    def mine(images, patch_size):
        rows = images.shape[2] // patch_size
        return images.reshape(rows, 7)

    said = str(check.patchify(mine))
    assert "`return images.reshape(rows, 7)`" in said
    assert "shape '[2, 7]' is invalid for input of size 576" in said
    assert "checking" not in said  # nor is any file of ours


def viewed(images, p):
    return images.permute(0, 2, 3, 1).view(len(images), -1)


def in_float32(images, p):
    return images @ torch.ones(images.shape[3], 5)


def by_numpy(images, p):
    return torch.from_numpy(
        split(torch.from_numpy(images.numpy()), p).numpy()
    )


def written_over(images, p):
    patches = split(images, p)
    images += 0
    return patches


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (viewed, "the book's cat is such a tensor"),
        (in_float32, "a tensor is made in float32"),
        (by_numpy, "numpy knows no gradients"),
        (written_over, "Your code writes into its input"),
        (lambda x, p: torch.cat([x, x[:1]], 1), "joins tensors along one"),
        (lambda x, p: x + x[..., :3], "Read their shapes from the right"),
        (lambda x, p: torch.cat([x[:, 0], x], 1), "takes its axis away"),
        (lambda x, p: x.transpose(0, 2, 3, 1), "lets two axes change"),
        (lambda x, p: x @ x[0, 0], "as many columns on the left"),
    ],
)
def test_what_torch_says_is_explained(answer, words):
    said = str(check.patchify(answer))
    assert "Your code stopped at line" in said
    assert words in said


def test_the_books_cat_does_not_lie_in_memory_in_order():
    assert not to_tensor(cat()).is_contiguous()


def test_an_answer_right_for_some_is_told_for_which():
    def mine(images, patch_size):
        return split(images, patch_size) * (1 if len(images) > 1 else 2)

    result = check.patchify(mine)
    said = str(result)
    assert result.mistake == "right_but_for_a_factor"
    assert said.startswith("Right for two images of 8 by 12 pixels")
    assert "but not for one image of 12 by 8 pixels" in said
    assert "2.00 times the wanted ones" in said


def test_numbers_in_other_places_are_recognised():
    result = check.patchify(lambda images, p: split(images, p).flip(2))
    assert result.mistake == "out_of_place"
    assert "all the right numbers, but not in their places" in str(result)


def test_numbers_that_are_nearly_right_are_recognised():
    result = check.patchify(lambda images, p: split(images, p) + 1e-4)
    assert result.mistake == "nearly_right"
    assert "Nearly: the largest difference is 3e-05" in str(result)


def test_an_answer_that_changes_by_itself_is_recognised():
    def mine(images, patch_size):
        return torch.rand_like(split(images, patch_size))

    assert "gives two answers" in str(check.patchify(mine))


def test_numbers_that_are_none_are_counted():
    said = str(check.patchify(lambda images, p: split(images, p) / 0 * 0))
    assert "576 of 576 numbers are infinite, or no numbers" in said


def test_a_changed_input_is_shown():
    def mine(images, patch_size):
        result = split(images, patch_size).clone()
        images += 1
        return result

    said = str(check.patchify(mine))
    assert "`images[0, 0, 0, 0]` was -0.79 and is now 0.21" in said


def test_a_lost_gradient_is_named():
    def mine(images, patch_size):
        return split(images.detach(), patch_size)

    assert "no gradient comes back to `images`" in str(
        check.patchify(mine)
    )


def test_a_gradient_lost_on_the_way_is_noticed():
    def mine(images, patch_size):
        result = split(images, patch_size)
        return torch.cat([result[:, :1], result[:, 1:].detach()], dim=1)

    said = str(check.patchify(mine))
    assert "gradient of `images` is not the reference's" in said


def test_a_gradient_that_comes_back_to_other_places_is_noticed():
    def mine(images, patch_size):
        other = split(images.flip(3), patch_size)
        return split(images, patch_size).detach() + other - other.detach()

    assert check.patchify(mine).mistake == "part_of_the_gradient"


def test_what_is_coarse_in_float32_alone_is_noticed():
    def mine(images, patch_size):
        coarse = images.to(torch.bfloat16).to(images.dtype)
        double = images.dtype == torch.float64
        return split(images if double else coarse, patch_size)

    assert check.patchify(mine).mistake == "coarse_in_float32"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_dtype_of_its_own_is_noticed(dtype):
    def mine(images, patch_size):
        return split(images, patch_size).to(dtype)

    said = str(check.patchify(mine))
    assert f"yours answers in {str(dtype)[6:]}" in said


def test_a_call_instead_of_a_function_is_recognised():
    said = str(check.patchify(split(torch.zeros(1, 3, 8, 8), 4)))
    assert "a tensor, the result of a call" in said


def test_a_forgotten_return_is_no_stub():
    def mine(images, patch_size):
        split(images, patch_size)

    assert "Is there a `return`, and" in str(check.patchify(mine))


def test_the_first_blank_is_named():
    def mine(images, patch_size):
        rows = ...
        return images.reshape(2, rows, ...)

    result = check.patchify(mine)
    assert result.kind == "unwritten"
    assert "two lines still wait, the first is `rows = ...`" in str(result)


def test_blanks_are_counted_by_lines_and_in_their_order():
    class Mine(nn.Module):
        def __init__(self, embed_dim, mlp_ratio):
            self.fc1 = nn.Linear(embed_dim, max(..., ...))
            self.fc2 = ...

        def forward(self, tokens):
            # widen, bend, narrow
            ...

    said = str(check.mlp(Mine))
    assert "three lines still wait, the first is `self.fc1 = nn." in said


def test_dots_that_index_are_no_blanks():
    def mine(images, patch_size):
        return split(images[..., :], patch_size)

    assert check.patchify(mine)


def test_other_arguments_are_named():
    said = str(check.patchify(lambda picture: picture))
    assert (
        "`patchify(images, patch_size)`, and yours takes `picture`" in said
    )


def test_what_is_printed_is_shown_once_and_shortened(capsys):
    def mine(images, patch_size):
        for line in range(1000):
            print("line", line)
        return images

    result = check.patchify(mine)
    assert capsys.readouterr().out == ""
    assert str(result).endswith("\nline 11\n...")
    assert str(result).count("line 3\n") == 1
    assert "line 3\n" in result._repr_html_()


def test_the_readers_random_numbers_stay_what_they_were():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)

    def mine(images, patch_size):
        torch.manual_seed(1)
        torch.rand(2)
        return split(images, patch_size)

    check.patchify(mine)
    assert torch.equal(torch.rand(3), wanted)


def test_the_readers_settings_do_not_matter():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            results = [p(p.reference) for p in PIECES.values()]
    finally:
        torch.set_default_dtype(before)
    assert all(results), [str(r) for r in results if not r]


# How it is shown


def test_a_result_is_a_truth_and_a_message():
    right, wrong = check.patchify(split), check.patchify(lambda i, p: i)
    assert bool(right) is True
    assert bool(wrong) is False
    assert repr(wrong) == str(wrong)


class Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_notebook_shows_it_as_html():
    def mine(images, patch_size):
        print("<b>")
        return images.reshape(len(images), -1, 3 * patch_size**2)

    page = Balanced()
    page.feed(check.patchify(mine)._repr_html_())
    assert not page.open
    tags = [tag for tag, _ in page.tags]
    assert {"div", "p", "svg", "rect", "code", "pre"} <= set(tags)
    assert "b" not in tags
    (picture,) = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert picture["role"] == "img"
    assert "12 patches" in picture["aria-label"]


def test_signs_in_a_message_are_no_tags():
    shown = Result("wrong", "`a < b` and <b>")._repr_html_()
    assert "<code>a &lt; b</code> and &lt;b&gt;" in shown


def test_a_success_shows_no_picture():
    assert not check.patchify(split).picture
    assert "<svg" not in check.patchify(split)._repr_html_()


def test_a_sign_that_was_lost_is_named():
    result = check.patchify(lambda images, p: split(images, p).abs())
    assert result.mistake == "other_signs"
    assert "yours has 0.79, 1.33, 1.57, wanted is -0.79" in str(result)


def test_numbers_that_are_others_are_no_matter_of_a_factor():
    def mine(images, patch_size):
        right = split(images, patch_size)
        return torch.cat([right[..., :4], right[..., 4:].square()], dim=2)

    result = check.patchify(mine)
    assert result.mistake == "unknown"
    assert "The shape is right, and 48 of 576 numbers are" in str(result)


def test_zeros_are_no_matter_of_a_factor():
    result = check.patchify(lambda images, p: split(images, p) * 0)
    assert result.mistake == "all_zeros"


def test_an_axis_of_another_length_is_named():
    said = str(check.patchify(lambda images, p: split(images[:1], p)))
    assert "The axis 0, images, is 1 long in place of 2." in said
    said = str(check.patchify(lambda images, p: split(images, p)[0]))
    assert "Which axis was lost" in said


def test_gradients_that_stay_switched_off_are_noticed():
    def mine(images, patch_size):
        torch.set_grad_enabled(False)
        return check.overlapping_patches.reference(
            images, patch_size, patch_size
        )

    piece = replace(check.patchify, differentiable=False)
    assert piece(mine).mistake == "gradients_left_off"
    assert torch.is_grad_enabled()


def test_the_line_that_writes_over_is_shown():
    class Mine(nn.Module):
        def __init__(self, embed_dim, mlp_ratio):
            super().__init__()
            hidden = int(embed_dim * mlp_ratio)
            self.fc1 = nn.Linear(embed_dim, hidden)
            self.fc2 = nn.Linear(hidden, embed_dim)

        def forward(self, tokens):
            wide = self.fc1(tokens)
            bent = nn.functional.gelu(wide)
            wide += 1
            return self.fc2(bent)

    result = check.mlp(Mine)
    assert result.mistake == "stops_backwards"
    assert "I see `wide += 1`." in str(result)
    assert "inplace" not in str(result)


def test_every_hint_leads_on_by_a_question():
    silent = [
        f"{name}: {mistake.name}"
        for name, piece in PIECES.items()
        for mistake in piece.mistakes
        if "?" not in mistake.hint
    ]
    assert not silent, silent


def test_a_hint_without_numbers_gets_them_before_its_question():
    said = str(check.mirror_patches(lambda x, p: x.flip(-1)))
    shown = said.index("At `[0, 0, 0, :3]` yours has")
    assert shown < said.index("What is to change its place")


def test_who_makes_a_known_mistake_is_asked_each_case_once():
    """However often wrong answers come, of which readers give many."""
    asked = []

    def turned(image, patch_size):
        return check.patchify.reference(image.flip(-2), patch_size)

    def wrong(image, patch_size):
        asked.append(image.shape)
        return turned(image, patch_size)

    mistake = Mistake("upside_down", wrong, "Which row comes first?")
    piece = replace(check.patchify, mistakes=(mistake,))
    for _ in range(3):
        assert piece(turned).mistake == "upside_down"
    assert len(asked) == len(questions(piece)[0])
