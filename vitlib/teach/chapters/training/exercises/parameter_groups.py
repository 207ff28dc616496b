"""Check your `parameter_groups(model, weight_decay)`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitlib import training
from vitlib.teach.checking.answer import Finding, Runner, Unwritten
from vitlib.teach.checking.compare import as_number, kind_of
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import listed
from vitlib.vit import ViT

Groups = Callable[[nn.Module, float], list[dict]]
MISSING = -1.0  # the decay of a parameter that is in no group


class GroupsPiece(Piece):
    """The answer is read as the decay of every parameter."""

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Keep the model, to know its parameters again."""
        return super().call(runner, case, given), given["model"]

    def read(self, output: object, case: Case) -> Tensor:
        """Give the decay of each parameter, in the model's order."""
        groups, model = output
        if groups is None or groups is ...:
            raise Unwritten
        if not isinstance(groups, tuple | list) or not all(
            isinstance(g, dict) and "params" in g for g in groups
        ):
            raise Finding(
                f"Your code gives {kind_of(groups)}. Wanted is what "
                "torch's optimisers take: a list of dictionaries, each "
                "with `params` and `weight_decay`.",
                "no_groups",
            )
        decays: dict[int, float] = {}
        for group in groups:
            for part in group["params"]:
                if id(part) in decays:
                    raise Finding(
                        "One parameter is in two of your groups: it would "
                        "be moved twice in a step.",
                        "in_two_groups",
                    )
                decay = group.get("weight_decay")
                decay = as_number("nothing" if decay is None else decay)
                decays[id(part)] = decay.item()
        lost = [
            name
            for name, part in model.named_parameters()
            if part.requires_grad and id(part) not in decays
        ]
        if lost:
            raise Finding(
                f"{some(lost)}: in none of your groups. An optimiser "
                "would never move them. Where does what is left go?",
                "in_no_group",
            )
        found = [decays.get(id(p), MISSING) for p in model.parameters()]
        return torch.tensor(found, dtype=torch.float64)

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell the parameters that are treated wrongly."""
        words = super().words(mistake, case, wanted, found)
        return words | {"seen": treated(case, found, wanted)}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Name the parameters that are treated wrongly, and how."""
        return Finding(
            f"I asked about {case.words}. {treated(case, yours, right)} "
            "What have these in common that the others have not?",
            "other_decays",
        )


def treated(case: Case, yours: Tensor, right: Tensor) -> str:
    """Say which parameters are treated wrongly, and how."""
    names = [name for name, _ in case.inputs["model"].named_parameters()]
    told: dict[str, list[str]] = {}
    for name, a, b in zip(names, yours, right, strict=True):
        if b == MISSING != a:
            told.setdefault("In a group, but frozen", []).append(name)
        elif a > b == 0:
            told.setdefault("Decaying in yours", []).append(name)
        elif a == 0 < b:
            told.setdefault("Not decaying in yours", []).append(name)
        elif a != b:
            how = f"With a decay of {a:g} where {b:g} was given"
            told.setdefault(how, []).append(name)
    parts = [f"{how}: {some(names)}." for how, names in told.items()]
    return " ".join(parts)


def cases() -> list[Case]:
    """Make small models, one with frozen parameters."""
    found = []
    for decay, positions, frozen in [
        (0.05, "learned", False),
        (0.3, "sincos", False),
        (0.1, "learned", True),
    ]:
        model = ViT(
            image_size=8,
            patch_size=4,
            embed_dim=8,
            depth=1,
            num_heads=2,
            num_classes=3,
            positions=positions,
        )
        if frozen:
            model.patch_embed.requires_grad_(False)
        words = f"a small ViT with {positions} positions"
        if frozen:
            words += " and a frozen patch embedding"
        found.append(Case(words, {"model": model, "weight_decay": decay}))
    return found


def sorted_by(
    decays: Callable[[str, nn.Parameter], bool | None],
) -> Groups:
    """Give an answer by another rule; None leaves a parameter out."""

    def wrong(model: nn.Module, weight_decay: float) -> list[dict]:
        groups = {True: [], False: []}
        for name, part in model.named_parameters():
            rule = decays(name, part)
            if rule is not None:
                groups[rule].append(part)
        return [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ]

    return wrong


def is_token(name: str) -> bool:
    """Tell if it is the class token or the positions."""
    return name in ("cls_token", "pos_embed")


def learning(decays: Callable[[str, nn.Parameter], bool]) -> Groups:
    """Give an answer by another rule, which leaves the frozen out."""
    return sorted_by(
        lambda name, part: (
            decays(name, part) if part.requires_grad else None
        )
    )


def which(case: Case, found: Tensor) -> dict[str, object]:
    """Name the parameters that are in the wrong group."""
    model = case.inputs["model"]
    groups = training.parameter_groups(model, case.inputs["weight_decay"])
    wanted = PIECE.read((groups, model), case)
    names = [name for name, _ in model.named_parameters()]
    off = [
        name
        for name, a, b in zip(names, found, wanted, strict=True)
        if a != b
    ]
    return {"names": some(off)}


def some(names: list[str]) -> str:
    """Name three of them."""
    if len(names) <= 3:
        return listed(names)
    first = ", ".join(f"`{name}`" for name in names[:3])
    return f"{first} and {len(names) - 3} more"


PIECE = GroupsPiece(
    module=__name__,
    number=4,
    reference=training.parameter_groups,
    cases=cases,
    differentiable=False,
    next="An optimiser takes these groups as they are: AdamW pulls the "
    "first towards zero in every step, and lets the second alone.",
    mistakes=(
        Mistake(
            "everything_decays",
            learning(lambda name, part: True),
            "Everything decays. {names} should not: pulling a norm's "
            "weight or a position towards zero says nothing about the "
            "pictures. Which parameters multiply what they are given?",
            which,
        ),
        Mistake(
            "class_token_and_positions_decay",
            learning(lambda name, part: part.ndim >= 2),
            "Nearly: {names} should not decay. The shape is that of a "
            "matrix, and nothing is multiplied by it. What tells it from "
            "one?",
            which,
        ),
        Mistake(
            "norms_decay",
            learning(
                lambda name, part: (
                    not name.endswith("bias") and not is_token(name)
                )
            ),
            "Biases, class token and positions are left alone; the norms "
            "are not. {names}: they have no bias in their name, and only "
            "one axis."
            " By what do you tell a norm from a matrix?",
            which,
        ),
        Mistake(
            "only_biases_spared",
            learning(lambda name, part: not name.endswith("bias")),
            "Only the biases are left alone. {names} should be, too: what "
            "is no matrix does not decay."
            " Who else is no matrix?",
            which,
        ),
        Mistake(
            "filters_spared",
            learning(lambda name, part: part.ndim == 2),
            "{names}: the filters of the patch embedding do not decay. "
            "They multiply pixels like any matrix, and have four axes."
            " How many axes has a filter?",
            which,
        ),
        Mistake(
            "groups_swapped",
            learning(lambda name, part: part.ndim < 2 or is_token(name)),
            "The two groups have changed places: biases and norms decay, "
            "matrices do not. Which of the two is to be kept small?",
        ),
        Mistake(
            "nothing_decays",
            learning(lambda name, part: False),
            "Nothing decays: all parameters have a decay of 0. Where does "
            "`weight_decay` go?",
        ),
        Mistake(
            "frozen_in_groups",
            sorted_by(
                lambda name, part: part.ndim >= 2 and not is_token(name)
            ),
            "Right, but frozen parameters are in your groups: {names}. "
            "They do not learn, and an optimiser has no use for them. By "
            "what can you tell?",
            which,
        ),
        Mistake(
            "head_spared",
            learning(
                lambda name, part: (
                    part.ndim >= 2
                    and not is_token(name)
                    and not name.startswith("head")
                )
            ),
            "The head is left alone: {names} does not decay. It is a "
            "matrix like the others."
            " What does your condition ask of its name?",
            which,
        ),
    ),
)
