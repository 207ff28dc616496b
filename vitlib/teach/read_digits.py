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
    told,
    undisturbed,
    unwritten,
)
from vitlib.teach.checking.compare import as_tensor, gradients_of
from vitlib.teach.checking.limits import Stopwatch
from vitlib.teach.checking.module import ModulePiece
from vitlib.teach.checking.piece import Case, called
from vitlib.teach.checking.result import Result
from vitlib.teach.checking.words import listed, numbers, shape_of
from vitlib.teach.data.digits import digits
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.vit import ViT

COUNT, BATCH, FEW = 200, 20, 4  # digits
ENOUGH = 10.0  # seconds of work; a piece made of loops reads fewer digits
CLOSE = 1e-3  # of the largest: what differs by less is the same
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
    what they were before, and their gradients, too.

    >>> read_digits(attention=lambda q, k, v: v).kind
    'wrong'
    """
    given = {k: v for k, v in locals().items() if v is not None}
    with undisturbed():
        if not given:
            right = answers(ReaderInSteps(digit_reader())).right
            return Result(
                "right",
                f"With vitlib's pieces the digit reader reads {right} of "
                f"{COUNT} digits. Give it one of yours, by its name.",
            )
        return result(given)


def result(given: dict[str, object]) -> Result:
    """Put the pieces in, one by one, and let the reader read."""
    model, at_work = ReaderInSteps(digit_reader()), next(iter(given))
    try:
        for at_work, answer in given.items():
            if answer is ...:
                raise Unwritten
            model = PLACES[at_work](model, answer)
        return compare(model, given)
    except Exception as stopped:
        waiting = [name for name in given if blanks(given[name])]
        if isinstance(stopped, Unwritten) or waiting:
            first = waiting[0] if waiting else at_work
            name = called(given[first], first)
            return Result("unwritten", unwritten(given[first], name))
        found = as_finding(stopped, given[at_work])
        name = found.mistake or "unknown"
        return Result("wrong", found.message, mistake=name)


def as_finding(stopped: Exception, answer: object) -> Finding:
    """Say what stopped it; no traceback is left."""
    if isinstance(stopped, Finding):
        return stopped
    if isinstance(stopped, Caught):
        return Finding(stopped.message, "stops")
    return Finding(told(stopped, answer), "unreadable")


@dataclass(frozen=True)
class Answers:
    """What a reader said to the first digits, and to how many."""

    scores: Tensor
    right: int

    def __len__(self) -> int:
        return len(self.scores)


@torch.no_grad()
def answers(model: nn.Module, count: int | None = None) -> Answers:
    """Ask about validation digits, fewer if it takes too long."""
    images, labels = digits("validation")
    watch, scores = Stopwatch(), []
    for some in images[: count or COUNT].split(BATCH):
        scores.append(model(some).detach())
        if watch.spent() > ENOUGH:
            break
    scores = torch.cat(scores)
    right = scores.argmax(dim=1) == labels[: len(scores)]
    return Answers(scores, int(right.sum()))


def compare(model: nn.Module, given: dict[str, object]) -> Result:
    """Say how many digits are read, and how many were."""
    yours, usual = answers(model), ReaderInSteps(digit_reader())
    wanted = answers(usual, len(yours))
    read = (
        f"With your {listed(given)} the digit reader reads {yours.right} "
        f"of {len(yours)} digits, with vitlib's {wanted.right}."
    )
    if not alike(yours.scores, wanted.scores):
        raise about_scores(read, yours, wanted)
    check_backwards(model, usual, read, given)
    check_colours(read, given)
    return Result(
        "right",
        f"{read} Every score is the same: none of its weights was "
        "trained with your code, and they fit.",
    )


def alike(yours: Tensor, wanted: Tensor) -> bool:
    """Tell if the numbers are the same but for rounding."""
    off = (yours - wanted).abs().max().item()
    return off <= CLOSE * wanted.abs().max().item()


def about_scores(read: str, yours: Answers, wanted: Answers) -> Finding:
    """Say by how much the scores are others."""
    bad = int((~torch.isfinite(yours.scores)).sum())
    if bad:
        return Finding(
            f"{read} {bad} of {yours.scores.numel()} scores are infinite, "
            "or no numbers at all (nan). Where does your code divide, or "
            "take an exponential of something large?",
            "not_finite",
        )
    off = (yours.scores - wanted.scores).abs().max().item()
    if yours.right <= by_luck(len(yours)):
        read += " That is no more than guessing."
    return Finding(
        f"{read} Its scores have changed by up to {numbers([off], 1)}: "
        "the weights were trained for a piece that computes something "
        "else. Its checker may say what is different.",
        "other_scores",
    )


def by_luck(count: int) -> float:
    """Say how many of so many digits a guesser names at most.

    One in ten, and two standard deviations more.
    """
    return 0.1 * count + 2 * (0.1 * 0.9 * count) ** 0.5


def check_colours(read: str, given: dict[str, object]) -> None:
    """Ask whether patches of colour pictures are right, too.

    A digit is grey: with one channel orders agree that differ with three.
    """
    if "patchify" not in given:
        return
    found = library.piece("patchify").result(Runner(given["patchify"]))
    if not found:
        raise Finding(
            f"{read} Every score is the same, since a digit is grey. In "
            f"pictures with colours your patches are others. "
            f"{found.message}",
            found.mistake,
        )


def check_backwards(
    model: nn.Module,
    usual: nn.Module,
    read: str,
    given: dict[str, object],
) -> None:
    """Refuse a piece with which the reader could not have been trained."""
    same = f"{read} Every score is the same. But"
    runner = Runner(next(iter(given.values())), 6 * ENOUGH)
    try:
        yours = runner.run(gradients, model)
    except Caught as caught:
        raise Finding(
            f"{read} But it could never have been trained with your code: "
            "as soon as gradients are asked for, something stops. "
            f"{caught.message}",
            "stops_backwards",
        ) from None
    wanted = gradients(usual)
    both = [name for name in wanted if name in yours]
    lost = [name for name in both if yours[name] is None]
    if lost:
        raise Finding(
            f"{same} no gradient comes back to {listed(lost[:3])}: with "
            "your code it could not have been trained. Where is the "
            "thread cut?",
            "no_gradient",
        )
    others = [n for n in both if not alike(yours[n], wanted[n])]
    if others:
        raise Finding(
            f"{same} the gradient of {listed(others[:3])} is another one: "
            "only a part of it comes back. What is detached on some of "
            "the ways through your code?",
            "part_of_the_gradient",
        )


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    """Give what the pixels and the weights get for a few digits."""
    images = digits("validation")[0][:FEW].clone()
    learned = {"images": images.requires_grad_()}
    for name, part in model.named_parameters():
        if part.requires_grad:
            learned[name] = part
    return gradients_of(model(images), learned)


class ReaderInSteps(nn.Module):
    """The digit reader, of whose steps each can be exchanged."""

    def __init__(self, reader: ViT) -> None:
        super().__init__()
        self.embed: Callable = reader.patch_embed
        self.prepend_cls: Callable = ours.prepend_cls
        self.cls_token = reader.cls_token
        self.add_positions: Callable = ours.add_positions
        self.positions = reader.pos_embed
        self.blocks, self.norm = reader.blocks, reader.norm
        self.pool: Callable = reader.pool
        self.head: Callable = reader.head

    def forward(self, images: Tensor) -> Tensor:
        """(b, 1, 28, 28) -> (b, 10), step by step as a ViT goes."""
        tokens = self.embed(images)
        tokens = self.prepend_cls(tokens, self.cls_token)
        tokens = self.add_positions(tokens, self.positions)
        tokens = self.norm(self.blocks(tokens))
        return self.head(self.pool(tokens))


class GuardedPiece(nn.Module):
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
                f"{shape_of(output)}; {wanted} has to go on from there.",
                "other_shape",
            )
        return output


class EmbeddedPatches(nn.Module):
    """Patches cut by the reader, embedded by a linear layer."""

    def __init__(self, cut: GuardedPiece, linear: nn.Linear) -> None:
        super().__init__()
        self.cut, self.linear = cut, linear

    def forward(self, images: Tensor) -> Tensor:
        """(b, 1, 28, 28) -> (b, 16, 64)."""
        return self.linear(self.cut(images, SETTINGS["patch_size"]))


def function(answer: object, inputs: int, *shape: int) -> GuardedPiece:
    """Wrap a function of the reader's."""
    if not callable(answer) or isinstance(answer, type):
        raise Finding(
            "I was given something that is no function. Give me the "
            "function itself, by its name and without brackets behind it.",
            "no_function",
        )
    return GuardedPiece(Runner(answer, 6 * ENOUGH), answer, inputs, *shape)


def module(
    piece: ModulePiece,
    answer: object,
    settings: dict[str, object],
    trained: nn.Module,
    *shape: int,
) -> GuardedPiece:
    """Make a module of the reader's, and give it the trained weights."""
    piece.check_kind(answer)
    runner = Runner(answer, 6 * ENOUGH)
    case = Case("", {}, settings, dict(trained.state_dict()))
    return GuardedPiece(runner, piece.make(runner, case), 1, *shape)


def put_patchify(model: ReaderInSteps, answer: object) -> nn.Module:
    """Embed the reader's patches by the equal linear layer."""
    linear = digit_reader().patch_embed.as_linear()
    cut = function(answer, 2, 16, linear.in_features)
    model.embed = EmbeddedPatches(cut, linear)
    return model


def put_embedding(model: ReaderInSteps, answer: object) -> nn.Module:
    """Put the reader's embedding in front."""
    names = "image_size", "patch_size", "in_channels", "embed_dim"
    settings = {name: SETTINGS[name] for name in names}
    piece = library.piece("patch_embedding")
    piece.check_kind(answer)
    piece = piece.in_order_of(answer)
    trained = digit_reader().patch_embed
    model.embed = module(piece, answer, settings, trained, 16, WIDTH)
    return model


def put_prepend_cls(model: ReaderInSteps, answer: object) -> nn.Module:
    """Join the class token as the reader does."""
    model.prepend_cls = function(answer, 2, 17, WIDTH)
    return model


def put_add_positions(model: ReaderInSteps, answer: object) -> nn.Module:
    """Add the positions as the reader does."""
    model.add_positions = function(answer, 2, 17, WIDTH)
    return model


def put_positions(model: ReaderInSteps, answer: object) -> nn.Module:
    """Take the reader's positions for the trained ones."""
    positions = as_tensor(answer).detach().float()
    if positions.shape != model.positions.shape:
        raise Finding(
            f"Your positions have the shape {shape_of(positions)}; the "
            f"digit reader needs {shape_of(model.positions)}, a class "
            "token and a grid of 4 by 4.",
            "other_shape",
        )
    model.positions = nn.Parameter(positions)
    return model


def put_attention(model: ReaderInSteps, answer: object) -> nn.Module:
    """Mix the values as the reader does, in every layer."""
    own = function(answer, 3, HEADS, 17, WIDTH // HEADS)
    for block in model.blocks:
        object.__setattr__(block.attn, "attention", own)
    return model


def put_layer(model: ReaderInSteps, answer: object) -> nn.Module:
    """Take the reader's layer of attention in every block."""
    settings = {"embed_dim": WIDTH, "num_heads": HEADS}
    for block in model.blocks:
        block.attn = module(
            library.piece("multi_head_attention"),
            answer,
            settings,
            block.attn,
            17,
            WIDTH,
        )
    return model


def put_mlp(model: ReaderInSteps, answer: object) -> nn.Module:
    """Take the reader's MLP in every block."""
    for block in model.blocks:
        ratio = block.mlp.fc1.out_features / WIDTH
        settings = {"embed_dim": WIDTH, "mlp_ratio": ratio}
        block.mlp = module(
            library.piece("mlp"), answer, settings, block.mlp, 17, WIDTH
        )
    return model


def put_block(model: ReaderInSteps, answer: object) -> nn.Module:
    """Take the reader's blocks for all blocks."""
    settings = {"embed_dim": WIDTH, "num_heads": HEADS}
    for index, trained in enumerate(digit_reader().blocks):
        model.blocks[index] = module(
            library.piece("encoder_block"),
            answer,
            settings,
            trained,
            17,
            WIDTH,
        )
    return model


def put_head(model: ReaderInSteps, answer: object) -> nn.Module:
    """Let the reader's head, a function or a layer, read the features."""
    model.head = function(answer, 1, SETTINGS["num_classes"])
    return model


def put_vit(model: ReaderInSteps, answer: object) -> nn.Module:
    """Take the reader's whole model."""
    trained = digit_reader()
    return module(library.piece("vit"), answer, SETTINGS, trained, 10)


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
