"""check.quiet_start: every way to start quietly, and noisy ones."""

import pytest
import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib.teach import check
from vitlib.teach.checking import answer as running


def silenced(*names, weight=True, bias=True):
    def answer(block):
        for name in names:
            layer = block.get_submodule(name)
            if weight:
                nn.init.zeros_(layer.weight)
            if bias:
                nn.init.zeros_(layer.bias)

    return answer


def by_multiplying(block):
    with torch.no_grad():
        for part in (*block.attn.proj.parameters(), block.mlp.fc2.bias):
            part *= 0
        block.mlp.fc2.weight -= block.mlp.fc2.weight.clone()


class Scaled(nn.Module):
    """LayerScale that starts at zero."""

    def __init__(self, block):
        super().__init__()
        self.block = block
        self.factors = nn.Parameter(torch.zeros(2, 1, 1, 1))

    def forward(self, x):
        x = x + self.factors[0] * self.block.attn(self.block.norm1(x))
        return x + self.factors[1] * self.block.mlp(self.block.norm2(x))


def new_layers(block):
    width = block.embed_dim
    for branch, name in ((block.attn, "proj"), (block.mlp, "fc2")):
        old = getattr(branch, name)
        layer = nn.Linear(old.in_features, width, dtype=old.weight.dtype)
        setattr(branch, name, layer)
        nn.init.constant_(layer.weight, 0.0)
        nn.init.constant_(layer.bias, 0.0)
    return block


@right(
    silenced("attn.proj", "mlp.fc2"),
    silenced("norm1", "norm2", "attn.proj", "mlp.fc2"),
    by_multiplying,
    lambda block: Scaled(block).to(block.norm1.weight.dtype),
    new_layers,
)
def test_every_way_to_start_quietly_is_right(answer):
    is_right(check.quiet_start(answer))


class Breaks(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x) @ x


class Drowns(Breaks):
    def forward(self, x):
        return 0 * self.block(x)


class Divides(Breaks):
    def forward(self, x):
        return self.block(x) / 0


class Shortens(Breaks):
    def forward(self, x):
        return self.block(x)[:, 1:]


class Bypasses(Breaks):
    def forward(self, x):
        return x


def frozen(block):
    silenced("attn.proj", "mlp.fc2")(block)
    block.mlp.fc2.requires_grad_(False)


def written_into(block):
    block.attn.proj.weight[:] = 0


class Louder(Breaks):
    def forward(self, x):
        return x + self.block(x)


@wrong(
    ("both_add", lambda block: block),
    ("mlp_adds", silenced("attn.proj")),
    ("attention_adds", silenced("mlp.fc2")),
    ("block_adds", lambda block: Louder(block)),
    ("bias_left", silenced("attn.proj", "mlp.fc2", bias=False)),
    ("bias_left", silenced("attn.qkv", "mlp.fc1")),
    ("never_learns", silenced("attn.proj", "mlp.fc2", "attn.qkv")),
    ("never_learns", silenced("attn.proj", "mlp.fc1", "mlp.fc2")),
    ("never_learns", frozen),
    ("never_learns", lambda block: Bypasses(block)),
    ("no_parameters", lambda block: nn.Identity()),
    ("all_zeros", lambda block: Drowns(block)),
    ("not_finite", lambda block: Divides(block)),
    ("other_shape", lambda block: Shortens(block)),
    ("stops", lambda block: Breaks(block)),
    ("stops", written_into),
    ("stops", lambda block: block(5)),
    ("no_module", lambda block: 3),
)
def test_a_start_that_is_not_quiet_is_named(mistake, answer):
    is_named(mistake, check.quiet_start(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silenced("attn.proj"), "What the MLP adds is still"),
        (
            silenced("attn.proj", "mlp.fc2", "attn.qkv"),
            "`norm1.weight`, `norm1.bias`, `attn.qkv.weight` and",
        ),
        (
            silenced("attn.proj", "mlp.fc1", "mlp.fc2"),
            "`norm2.weight`, `norm2.bias`, `mlp.fc1.weight` and",
        ),
        (lambda block: Shortens(block), "your block gives (2, 4, 8)"),
        (written_into, "Your code writes into its input"),
        (lambda block: 3, "gives the number 3. Wanted is the module"),
    ],
)
def test_who_adds_and_who_sleeps_is_said(answer, words):
    assert words in str(check.quiet_start(answer))


def test_an_endless_block_is_stopped(monkeypatch):
    class Endless(Breaks):
        def forward(self, x):
            while True:
                pass

    monkeypatch.setattr(running, "SECONDS", 0.2)
    is_named("too_slow", check.quiet_start(lambda block: Endless(block)))
