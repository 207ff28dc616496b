"""check.parameter_groups: right answers of any style, and wrong ones."""

from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib.teach import check


def by_two_lists(model, weight_decay):
    decay, rest = [], []
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if p.ndim == 1 or "cls_token" in name or "pos_embed" in name:
            rest.append(p)
        else:
            decay.append(p)
    return [
        {"params": rest, "weight_decay": 0},
        {"params": decay, "weight_decay": weight_decay},
    ]


def by_modules(model, weight_decay):
    groups = []
    for module in model.modules():
        matrix = isinstance(module, nn.Linear | nn.Conv2d)
        for name, p in module.named_parameters(recurse=False):
            decays = matrix and name == "weight"
            if p.requires_grad:
                decay = weight_decay if decays else 0.0
                groups.append({"params": [p], "weight_decay": decay})
    return tuple(groups)


def with_generators(model, weight_decay):
    named = [x for x in model.named_parameters() if x[1].requires_grad]
    matrices = {
        id(p)
        for name, p in named
        if name.endswith("weight") and "norm" not in name
    }
    return [
        {
            "params": (p for _, p in named if id(p) in matrices),
            "weight_decay": weight_decay,
        },
        {
            "params": (p for _, p in named if id(p) not in matrices),
            "weight_decay": 0.0,
        },
    ]


@right(by_two_lists, by_modules, with_generators)
def test_every_style_is_right(answer):
    is_right(check.parameter_groups(answer))


def all_of_it(model, weight_decay):
    return [
        {
            "params": [p for p in model.parameters() if p.requires_grad],
            "weight_decay": weight_decay,
        }
    ]


def two_axes(model, weight_decay):
    learned = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in learned if p.dim() > 1],
            "weight_decay": weight_decay,
        },
        {
            "params": [p for p in learned if p.dim() < 2],
            "weight_decay": 0.0,
        },
    ]


def frozen_too(model, weight_decay):
    for p in model.parameters():
        p.requires_grad_(True)
    return by_two_lists(model, weight_decay)


def fixed_decay(model, weight_decay):
    return by_two_lists(model, 0.05)


def tokens_and_frozen(model, weight_decay):
    groups = {True: [], False: []}
    for name, p in model.named_parameters():
        groups["norm" not in name and "bias" not in name].append(p)
    return [
        {"params": groups[True], "weight_decay": weight_decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]


def twice(model, weight_decay):
    return by_two_lists(model, weight_decay) * 2


def forgotten(model, weight_decay):
    return by_two_lists(model, weight_decay)[1:]


def no_decay(model, weight_decay):
    return [{"params": model.parameters()}]


def copied(model, weight_decay):
    groups = by_two_lists(model, weight_decay)
    for group in groups:
        group["params"] = [p.detach().clone() for p in group["params"]]
    return groups


def a_number_for_parameters(model, weight_decay):
    return [{"params": 3, "weight_decay": weight_decay}]


def sorted_by(decays):
    """Let those decay of which the name and the axes say so."""

    def answer(model, weight_decay):
        return [
            {
                "params": [p],
                "weight_decay": weight_decay * decays(name, len(p.shape)),
            }
            for name, p in model.named_parameters()
            if p.requires_grad
        ]

    return answer


def is_weight(name):
    return name.rpartition(".")[2] == "weight"


def exchanged(model, weight_decay):
    first, second = by_two_lists(model, weight_decay)
    return [
        first | {"weight_decay": weight_decay},
        second | {"weight_decay": 0.0},
    ]


@wrong(
    ("norms_decay", sorted_by(lambda name, axes: is_weight(name))),
    ("only_biases_spared", sorted_by(lambda name, _: "bias" not in name)),
    ("filters_spared", sorted_by(lambda name, axes: axes == 2)),
    ("groups_swapped", exchanged),
    ("nothing_decays", lambda model, decay: by_two_lists(model, 0.0)),
    (
        "head_spared",
        sorted_by(
            lambda name, axes: (
                is_weight(name) and axes > 1 and "head" not in name
            )
        ),
    ),
    ("everything_decays", all_of_it),
    ("class_token_and_positions_decay", two_axes),
    ("frozen_in_groups", frozen_too),
    ("other_decays", fixed_decay),
    ("other_decays", tokens_and_frozen),
    ("in_two_groups", twice),
    ("in_no_group", forgotten),
    ("in_no_group", copied),
    ("no_groups", lambda model, decay: list(model.parameters())),
    ("no_groups", lambda model, decay: model),
    ("no_number", no_decay),
    ("stops", a_number_for_parameters),
    ("stops", lambda model, decay: model.groups(decay)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.parameter_groups(answer))


def test_the_parameters_in_the_wrong_group_are_said():
    said = str(check.parameter_groups(two_axes))
    assert "`cls_token` and `pos_embed` should" in said
    said = str(check.parameter_groups(fixed_decay))
    assert "With a decay of 0.05 where 0.3 was given" in said
    said = str(check.parameter_groups(tokens_and_frozen))
    part = "Decaying in yours: `cls_token` and `pos_embed`. What have"
    assert part in said
