"""Pieces that are modules: made by the check, loaded with its weights."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitlib.teach.checking.answer import (
    Caught,
    Finding,
    Runner,
    Unwritten,
    check_signature,
)
from vitlib.teach.checking.compare import agrees, gradients_of, kind_of
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece, questions
from vitlib.teach.checking.words import listed, shape_of

THREE = (  # names of three layers which may stand for `qkv`
    ("q", "k", "v"),
    ("query", "key", "value"),
    ("queries", "keys", "values"),
    ("q_proj", "k_proj", "v_proj"),
    ("to_q", "to_k", "to_v"),
)


@dataclass(frozen=True, repr=False)
class ModulePiece(Piece):
    """A class of vitlib that a reader writes.

    The answer is called with the settings of a case, by position (by
    name where `keywords`), then its parameters get the weights of the
    case, and then it is called with the inputs, in eval mode.
    """

    keywords: bool = False

    def check_kind(self, answer: object) -> None:
        """Refuse what is no class of modules."""
        if answer is ...:
            raise Unwritten
        if isinstance(answer, nn.Module):
            raise Finding(
                f"I was given a layer that is made already. Give me the "
                f"class, `{type(answer).__name__}` without brackets: I "
                "make it myself, in sizes of my own.",
                "made_already",
            )
        if not callable(answer):
            raise Finding(
                f"I was given {kind_of(answer)}. Give me your class, by "
                "its name and without brackets behind it.",
                "no_class",
            )
        name = self.reference.__name__
        cases, _ = questions(self)
        takes = list(cases[0].settings)
        check_signature(answer, takes, name, self.keywords)

    def call(
        self,
        runner: Runner,
        case: Case,
        given: dict[str, object],
        **options: object,
    ) -> object:
        """Make a module, load it, call it."""
        module = self.make(runner, case, **options)
        return runner.run(module, *given.values())

    def make(
        self,
        runner: Runner,
        case: Case,
        training: bool = False,
        **options: object,
    ) -> nn.Module:
        """Make the module of a case; in eval mode unless `training`."""
        settings = list(case.settings.values())
        if self.keywords:
            settings, options = [], case.settings | options
        module = runner.run(lambda: runner.answer(*settings, **options))
        if module is None or module is ...:
            raise Unwritten
        if not isinstance(module, nn.Module):
            raise Finding(
                f"Called with {named(case.settings)}, yours gives "
                f"{kind_of(module)}. Wanted is a module of torch: `class "
                f"{self.reference.__name__}(nn.Module)`.",
                "no_module",
            )
        dtype = next(iter(case.weights.values())).dtype
        runner.run(module.to, dtype)
        runner.run(self.load, module, case)
        runner.run(module.train, training)
        return module

    def load(
        self, module: nn.Module, case: Case
    ) -> dict[str, list[Tensor]]:
        """Put the weights of the case into the module's parameters."""
        return load(module, case.weights)

    def with_mistake(self, mistake: Mistake) -> Callable:
        """Give vitlib's class with another way to compute."""
        name = self.reference.__name__
        return type(name, (self.reference,), {"forward": mistake.compute})

    def gradients(
        self, runner: Runner, case: Case
    ) -> dict[str, Tensor | None]:
        """Give what the inputs and the parameters get."""
        module = self.make(runner, case)
        given = case.copies()
        learned = {name: given[name] for name in case.floats}
        for part in learned.values():
            part.requires_grad_()
        loaded = runner.run(self.load, module, case)
        parts = {
            (name, index): part
            for name, several in loaded.items()
            for index, part in enumerate(several)
        }
        fixed = {k[0] for k, v in parts.items() if not v.requires_grad}
        if fixed:
            raise Finding(
                f"The result is right, but {listed(sorted(fixed))} cannot "
                "be learned: no gradient is asked for. Is it a buffer, or "
                "frozen?",
                "frozen",
            )
        output = runner.run(module, *given.values())
        output = runner.run(self.read, output, case)
        found = runner.run(gradients_of, output, learned | parts)
        gradients = {name: found[name] for name in learned}
        for name, several in loaded.items():
            thirds = [found[name, i] for i in range(len(several))]
            lost = any(third is None for third in thirds)
            gradients[name] = None if lost else torch.cat(thirds)
        return gradients

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Look at dropout, if the answer's constructor knows it."""
        options = {"dropout": 0.5}
        try:
            self.make(runner, case, **options)
        except Exception:
            return
        try:
            self.examine_dropout(runner, case, options)
        except Caught as caught:
            raise Finding(
                "Right without dropout. But made with `dropout=0.5`, "
                f"something stops. {caught.message}",
                "stops_with_dropout",
            ) from None

    def examine_dropout(
        self, runner: Runner, case: Case, options: dict[str, object]
    ) -> None:
        """It drops in training, and only there."""
        wanted = self.expect(case)
        given = case.copies()
        output = self.read(self.call(runner, case, given, **options), case)
        if not agrees(output, wanted):
            raise Finding(
                "Right without dropout. Made with `dropout=0.5` and then "
                "put into eval mode, yours still drops numbers: at rest "
                "it should answer as if there were none. Does your "
                "dropout know of `self.training`?",
                "drops_at_rest",
            )
        output = self.read(
            self.call(runner, case, given, training=True, **options), case
        )
        if agrees(output, wanted):
            raise Finding(
                "Right without dropout. Made with `dropout=0.5`, yours "
                "drops nothing, not even in training: the number is "
                "taken and not used, as in the article that this book "
                "follows. Where should it go?",
                "drops_nothing",
            )


def load(
    module: nn.Module, weights: dict[str, Tensor]
) -> dict[str, list[Tensor]]:
    """Put the weights into the parameters of their names.

    Gives the module's own parameters by the names of vitlib: one each,
    or three where three layers stand for `qkv`.
    """
    own = dict(module.named_parameters(remove_duplicate=False))
    own |= dict(module.named_buffers())
    places = {name: places_of(name, own) for name in weights}
    missing = [n for n, found in places.items() if not found]
    if missing:
        raise about_missing(missing, list(own))
    check_apart(
        [place for found in places.values() for place in found], own
    )
    for name, weight in weights.items():
        parts = weight.chunk(len(places[name]))
        for place, part in zip(places[name], parts, strict=True):
            if own[place].shape != part.shape:
                ask = "How many numbers go in there, how many come out?"
                if place.endswith("pos_embed"):
                    ask = "Who needs a place, besides the patches?"
                raise Finding(
                    f"Your `{place}` has the shape "
                    f"{shape_of(own[place])}, wanted is {shape_of(part)}. "
                    f"{ask}",
                    "other_parameter",
                )
            with torch.no_grad():
                own[place].copy_(part)
    return {
        name: [own[place] for place in found]
        for name, found in places.items()
    }


def check_apart(places: list[str], own: dict[str, Tensor]) -> None:
    """Refuse a layer that is used in two places."""
    seen: dict[int, str] = {}
    for place in places:
        other = seen.setdefault(id(own[place]), place)
        if other != place:
            raise Finding(
                f"Your `{other}` and `{place}` are one and the same: what "
                "one of them learns, the other has learned. Is a layer "
                "made once and used several times?",
                "shared_layer",
            )


def places_of(name: str, own: dict[str, Tensor]) -> list[str]:
    """Find where a weight goes: one place, three for `qkv`, or none."""
    if name in own:
        return [name]
    if "qkv." in name:
        for three in THREE:
            names = [name.replace("qkv.", f"{part}.") for part in three]
            if all(part in own for part in names):
                return names
    return []


def about_missing(missing: list[str], own: list[str]) -> Finding:
    """Say which parameters are not there, and which are."""
    has = f"I see {listed(own[:8])}" if own else "I see none at all"
    if len(own) > 8:
        has += f" and {len(own) - 8} more"
    if all(name.endswith("bias") for name in missing):
        layers = {name.rpartition(".")[0] for name in missing}
        if all(f"{layer}.weight" in own for layer in layers):
            have = "has" if len(layers) == 1 else "have"
            return Finding(
                f"Your {listed(sorted(layers))} {have} no bias, and in a "
                "ViT every layer has one. It is what a layer says when it "
                "is given zeros.",
                "no_bias",
            )
    return Finding(
        f"Your module has no {listed(missing[:4])}: {has}. I put my own "
        "weights in by these names, which are those of vitlib and timm.",
        "other_names",
    )


def named(settings: dict[str, object]) -> str:
    """Write settings as they stand in a call."""
    return ", ".join(f"`{k}={v}`" for k, v in settings.items())


def weights_of(
    make: Callable[..., nn.Module], draw: Draw, **settings: object
) -> dict[str, Tensor]:
    """Draw weights for a module of vitlib, none of them zero.

    Matrices keep the length of what they are given; norms differ from 1,
    biases from 0.
    """
    names = make(**settings).state_dict()
    weights = {}
    for name, part in names.items():
        one = "norm" in name and name.endswith("weight")
        fan_in = part[0].numel() if part.ndim > 1 else 9
        if name.endswith(("cls_token", "pos_embed")):
            fan_in = 1
        weights[name] = one + draw.normal(*part.shape, std=fan_in**-0.5)
    return weights
