"""check.mlp: right answers of any style, and wrong ones."""

import pytest
import torch
from answers import is_named, is_right, right, wrong
from own_layers import Hidden
from torch import nn
from torch.nn import functional as F

from vitlib import MLP
from vitlib.teach import check


class TokenByToken(Hidden):
    def forward(self, x):
        return torch.stack(
            [
                torch.stack(
                    [super(TokenByToken, self).forward(t) for t in s]
                )
                for s in x
            ]
        )


class ByHand(Hidden):
    def forward(self, x):
        x = x @ self.fc1.weight.T + self.fc1.bias
        x = x * (1 + torch.erf(x / 2**0.5)) / 2
        x = x @ self.fc2.weight.T + self.fc2.bias
        return F.dropout(x, self.dropout, self.training)


@right(
    Hidden,
    TokenByToken,
    ByHand,
    lambda embed_dim, mlp_ratio: MLP(embed_dim, mlp_ratio),
)
def test_every_style_is_right(answer):
    is_right(check.mlp(answer))


def bent_by(act):
    return type("Bent", (Hidden,), {"act": staticmethod(act)})


class BentLast(Hidden):
    def forward(self, x):
        return self.act(self.fc2(self.fc1(x)))


class BentTwice(Hidden):
    def forward(self, x):
        return self.act(self.fc2(self.act(self.fc1(x))))


class BentFirst(Hidden):
    def forward(self, x):
        return self.fc2(self.fc1(self.act(x)))


class Normed(Hidden):
    def forward(self, x):
        mean, std = (
            x.mean(-1, keepdim=True),
            x.var(-1, False, keepdim=True),
        )
        return super().forward((x - mean) / (std + 1e-6) ** 0.5)


class NoFirstBias(Hidden):
    def forward(self, x):
        return self.fc2(self.act(x @ self.fc1.weight.T))


class NoSecondBias(Hidden):
    def forward(self, x):
        return self.act(self.fc1(x)) @ self.fc2.weight.T


class WithSum(Hidden):
    def forward(self, x):
        return x + super().forward(x)


class InPlace(Hidden):
    def forward(self, x):
        result = super().forward(x)
        x += result
        return result


class FixedRatio(Hidden):
    def __init__(self, embed_dim, mlp_ratio):
        super().__init__(embed_dim, 4)


class DropoutOn(Hidden):
    def forward(self, x):
        return F.dropout(super().forward(x), 0.5)


class DropsNever(Hidden):
    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class NoModule:
    def __init__(self, embed_dim, mlp_ratio):
        pass


class NoConstructor(nn.Module):
    def __init__(self, embed_dim, mlp_ratio):
        self.fc1 = nn.Linear(embed_dim, 4)


class OtherSettings(nn.Module):
    def __init__(self, width):
        super().__init__()


@wrong(
    ("gelu_without_the_root", bent_by(lambda x: x * (1 + x.erf()) / 2)),
    (
        "gelu_times_the_root",
        bent_by(lambda x: x * (1 + (2**0.5 * x).erf()) / 2),
    ),
    ("gelu_without_the_half", bent_by(lambda x: 2 * F.gelu(x))),
    ("share_only", bent_by(torch.special.ndtr)),
    ("sigmoid", bent_by(torch.sigmoid)),
    ("leaky_relu", bent_by(nn.LeakyReLU())),
    ("silu", bent_by(nn.SiLU())),
    ("tanh", bent_by(torch.tanh)),
    ("relu", bent_by(F.relu)),
    ("gelu_by_tanh", bent_by(nn.GELU("tanh"))),
    ("no_activation", bent_by(nn.Identity())),
    ("gelu_by_sigmoid", bent_by(lambda x: x / (1 + (-1.702 * x).exp()))),
    ("activation_last", BentLast),
    ("activation_twice", BentTwice),
    ("activation_first", BentFirst),
    ("with_norm", Normed),
    ("no_fc1_bias", NoFirstBias),
    ("no_fc2_bias", NoSecondBias),
    ("with_residual", WithSum),
    ("changes_its_input", InPlace),
    ("other_parameter", FixedRatio),
    ("random", DropoutOn),
    ("drops_nothing", DropsNever),
    ("made_already", MLP(4)),
    ("no_module", NoModule),
    ("stops", NoConstructor),
    ("other_arguments", OtherSettings),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.mlp(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (InPlace, "has changed its input: `tokens[0, 0, 0]`"),
        (FixedRatio, "Your `fc1.weight` has the shape (24, 6), wanted"),
        (MLP(4), "Give me the class, `MLP` without brackets"),
        (NoModule, "`embed_dim=6`, `mlp_ratio=2.5`, yours gives a thing"),
        (NoModule, "a thing of type NoModule. Wanted is a module of"),
        (NoModule, "`class MLP(nn.Module)`"),
        (NoConstructor, "`self.fc1 = nn.Linear(embed_dim, 4)`"),
        (NoConstructor, "must first run the constructor of `nn.Module`"),
        (OtherSettings, "`MLP(embed_dim, mlp_ratio)`, and yours takes `w"),
    ],
)
def test_what_is_wrong_is_shown_in_the_readers_own_code(answer, words):
    assert words in str(check.mlp(answer))
