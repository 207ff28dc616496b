"""The reader's own pieces, put into the shipped digit reader."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitlib import tokens as ours
from vitlib.teach.checking import library
from vitlib.teach.checking.answer import (
    Caught,
    Finding,
    Runner,
    Unwritten,
    blanks,
    undisturbed,
    unwritten,
)
from vitlib.teach.checking.compare import as_tensor
from vitlib.teach.checking.limits import Stopwatch
from vitlib.teach.checking.module import ModulePiece
from vitlib.teach.checking.piece import Case, called
from vitlib.teach.checking.result import Result
from vitlib.teach.checking.words import listed, numbers, shape_of
from vitlib.teach.data.digits import digits
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.vit import ViT

COUNT, BATCH = 200, 20  # digits
ENOUGH = 10.0  # seconds of work; a piece made of loops reads fewer digits
WIDTH, HEADS = SETTINGS["embed_dim"], SETTINGS["num_heads"]


def read_digits(
    *,
    patchify: Callable | None = None,
    patch_embedding: Callable | None = None,
    prepend_cls: Callable | None = None,
    add_positions: Callable | None = None,
    positions: Tensor | None = None,
    attention: Callable | None = None,
    multi_head_attention: Callable | None = None,
    mlp: Callable | None = None,
    encoder_block: Callable | None = None,
    head: Callable | None = None,
    vit: Callable | None = None,
) -> Result:
    """Let the shipped digit reader read with pieces of your own.

    Give one or several by name: functions and classes as their checkers
    want them, `positions` a tensor (1, 17, 64), `head` what makes scores
    (b, 10) of features (b, 64). Classes get the trained weights. The
    result is true if the reader's scores for 200 validation digits are
    what they were before.

    >>> read_digits(attention=lambda q, k, v: v).kind
    'wrong'
    """
    given = {k: v for k, v in locals().items() if v is not None}
    with undisturbed(), torch.no_grad():
        if not given:
            right = answers(OwnReader(digit_reader())).right
            return Result(
                "right",
                f"With vitlib's pieces the digit reader reads {right} of "
                f"{COUNT} digits. Give it one of yours, by its name.",
            )
        model, at_work = OwnReader(digit_reader()), next(iter(given))
        try:
            for at_work, answer in given.items():
                if answer is ...:
                    raise Unwritten
                model = PLACES[at_work](model, answer)
            return told(list(given), answers(model))
        except (Finding, Caught) as found:
            waiting = [name for name in given if blanks(given[name])]
            if isinstance(found, Unwritten) or waiting:
                first = waiting[0] if waiting else at_work
                name = called(given[first], first)
                return Result("unwritten", unwritten(given[first], name))
            return Result("wrong", found.message)


@dataclass(frozen=True)
class Answers:
    """What a reader said to the first digits, and to how many."""

    scores: Tensor
    right: int

    def __len__(self) -> int:
        return len(self.scores)


@torch.no_grad()
def answers(model: Callable, count: int | None = None) -> Answers:
    """Ask about validation digits, fewer if it takes too long."""
    images, labels = digits("validation")
    watch, scores = Stopwatch(), []
    for some in images[: count or COUNT].split(BATCH):
        scores.append(model(some))
        if watch.spent() > ENOUGH:
            break
    scores = torch.cat(scores)
    right = scores.argmax(dim=1) == labels[: len(scores)]
    return Answers(scores, int(right.sum()))


def told(names: list[str], yours: Answers) -> Result:
    """Say how many digits are read, and how many were."""
    wanted = answers(OwnReader(digit_reader()), len(yours))
    off = (yours.scores - wanted.scores).abs().max().item()
    same = off < 1e-3 * wanted.scores.abs().max().item()
    read = (
        f"With your {listed(names)} the digit reader reads {yours.right} "
        f"of {len(yours)} digits, with vitlib's {wanted.right}."
    )
    if same:
        return Result(
            "right",
            f"{read} Every score is the same: none of its weights was "
            "trained with your code, and they fit.",
        )
    if yours.right < len(yours) / 5:
        read += " That is no more than guessing."
    return Result(
        "wrong",
        f"{read} Its scores have changed by up to {numbers([off], 1)}: "
        "the weights were trained for a piece that computes something "
        "else. Its checker may say what is different.",
    )


class OwnReader:
    """The digit reader, of whose steps each can be exchanged."""

    def __init__(self, reader: ViT) -> None:
        self.reader = reader
        self.embed: Callable = reader.patch_embed
        self.prepend_cls: Callable = ours.prepend_cls
        self.add_positions: Callable = ours.add_positions
        self.positions = reader.pos_embed
        self.head: Callable = reader.head

    def __call__(self, images: Tensor) -> Tensor:
        """(b, 1, 28, 28) -> (b, 10), step by step as a ViT goes."""
        tokens = self.embed(images)
        tokens = self.prepend_cls(tokens, self.reader.cls_token)
        tokens = self.add_positions(tokens, self.positions)
        tokens = self.reader.norm(self.reader.blocks(tokens))
        return self.head(self.reader.pool(tokens))


class Own(nn.Module):
    """A piece of the reader's, with a limit of time and a known shape.

    It gets as many inputs as it takes: no masks.
    """

    def __init__(
        self, runner: Runner, call: Callable, inputs: int, *shape: int
    ) -> None:
        super().__init__()
        self.runner, self.call = runner, call
        self.inputs, self.shape = inputs, shape

    def forward(self, *given: object) -> Tensor:
        """Call the reader's piece."""
        output = self.runner.run(self.call, *given[: self.inputs])
        if isinstance(output, tuple | list) and len(output) == 2:
            output = output[0]
        output = as_tensor(output)
        wanted = len(given[0]), *self.shape
        if output.shape != wanted:
            raise Finding(
                f"In the digit reader yours gives the shape "
                f"{shape_of(output)}; {wanted} has to go on from there."
            )
        return output


def function(answer: object, inputs: int, *shape: int) -> Own:
    """Wrap a function of the reader's."""
    if not callable(answer) or isinstance(answer, type):
        raise Finding(
            "I was given something that is no function. Give me the "
            "function itself, by its name and without brackets behind it."
        )
    return Own(Runner(answer, 6 * ENOUGH), answer, inputs, *shape)


def module(
    piece: ModulePiece,
    answer: object,
    settings: dict[str, object],
    trained: nn.Module,
    *shape: int,
) -> Own:
    """Make a module of the reader's, and give it the trained weights."""
    piece.check_kind(answer)
    runner = Runner(answer, 6 * ENOUGH)
    case = Case("", {}, settings, dict(trained.state_dict()))
    return Own(runner, piece.make(runner, case), 1, *shape)


def put_patchify(model: OwnReader, answer: object) -> Callable:
    """Embed the reader's patches by the equal linear layer."""
    linear = model.reader.patch_embed.as_linear()
    cut = function(answer, 2, 16, linear.in_features)
    model.embed = lambda images: linear(
        cut(images, SETTINGS["patch_size"])
    )
    return model


def put_embedding(model: OwnReader, answer: object) -> Callable:
    """Put the reader's embedding in front."""
    names = "image_size", "patch_size", "in_channels", "embed_dim"
    settings = {name: SETTINGS[name] for name in names}
    piece = library.piece("patch_embedding")
    piece.check_kind(answer)
    piece = piece.in_order_of(answer)
    trained = model.reader.patch_embed
    model.embed = module(piece, answer, settings, trained, 16, WIDTH)
    return model


def put_prepend_cls(model: OwnReader, answer: object) -> Callable:
    """Join the class token as the reader does."""
    model.prepend_cls = function(answer, 2, 17, WIDTH)
    return model


def put_add_positions(model: OwnReader, answer: object) -> Callable:
    """Add the positions as the reader does."""
    model.add_positions = function(answer, 2, 17, WIDTH)
    return model


def put_positions(model: OwnReader, answer: object) -> Callable:
    """Take the reader's positions for the trained ones."""
    positions = as_tensor(answer).detach().float()
    if positions.shape != model.positions.shape:
        raise Finding(
            f"Your positions have the shape {shape_of(positions)}; the "
            f"digit reader needs {shape_of(model.positions)}, a class "
            "token and a grid of 4 by 4."
        )
    model.positions = positions
    return model


def put_attention(model: OwnReader, answer: object) -> Callable:
    """Mix the values as the reader does, in every layer."""
    own = function(answer, 3, HEADS, 17, WIDTH // HEADS)
    for block in model.reader.blocks:
        object.__setattr__(block.attn, "attention", own)
    return model


def put_layer(model: OwnReader, answer: object) -> Callable:
    """Take the reader's layer of attention in every block."""
    settings = {"embed_dim": WIDTH, "num_heads": HEADS}
    for block in model.reader.blocks:
        block.attn = module(
            library.piece("multi_head_attention"),
            answer,
            settings,
            block.attn,
            17,
            WIDTH,
        )
    return model


def put_mlp(model: OwnReader, answer: object) -> Callable:
    """Take the reader's MLP in every block."""
    for block in model.reader.blocks:
        ratio = block.mlp.fc1.out_features / WIDTH
        settings = {"embed_dim": WIDTH, "mlp_ratio": ratio}
        block.mlp = module(
            library.piece("mlp"), answer, settings, block.mlp, 17, WIDTH
        )
    return model


def put_block(model: OwnReader, answer: object) -> Callable:
    """Take the reader's blocks for all blocks."""
    settings = {"embed_dim": WIDTH, "num_heads": HEADS}
    for index, block in enumerate(model.reader.blocks):
        model.reader.blocks[index] = module(
            library.piece("encoder_block"),
            answer,
            settings,
            block,
            17,
            WIDTH,
        )
    return model


def put_head(model: OwnReader, answer: object) -> Callable:
    """Let the reader's head, a function or a layer, read the features."""
    model.head = function(answer, 1, SETTINGS["num_classes"])
    return model


def put_vit(model: OwnReader, answer: object) -> Callable:
    """Take the reader's whole model."""
    return module(library.piece("vit"), answer, SETTINGS, model.reader, 10)


PLACES = {
    "patchify": put_patchify,
    "patch_embedding": put_embedding,
    "prepend_cls": put_prepend_cls,
    "add_positions": put_add_positions,
    "positions": put_positions,
    "attention": put_attention,
    "multi_head_attention": put_layer,
    "mlp": put_mlp,
    "encoder_block": put_block,
    "head": put_head,
    "vit": put_vit,
}
