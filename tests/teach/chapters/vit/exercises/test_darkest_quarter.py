"""check.darkest_quarter: every way to change the model, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from torch import nn

from vitlib.teach import check
from vitlib.teach.checking import answer as checking


def changed(*changes):
    """Multiply parts of the model; True makes the class token bright."""

    def answer(model):
        attn = model.blocks[0].attn
        parts = {
            "query": attn.qkv.bias[:1],
            "key": attn.qkv.weight[3:4],
            "value": attn.qkv.weight[6:],
            "head": model.head.weight,
            "patches": model.patch_embed.proj.weight,
        }
        with torch.no_grad():
            for change in changes:
                if change is True:
                    model.cls_token[0, 0, 0] = 1
                else:
                    parts[change].mul_(-1)

    return answer


def dark_patches(model):
    """The class token as bright as nothing, before the patches turn."""
    with torch.no_grad():
        model.patch_embed.proj.weight *= -1
        model.cls_token[:, :, 0] = -1.5
    return model


class Around(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model


class Negative(Around):
    def forward(self, images):
        return self.model(1 - images)


@right(
    changed("query", True),
    changed("key", True),
    dark_patches,
    lambda model: Negative(model),
)
def test_every_way_to_find_the_darkest_is_right(answer):
    is_right(check.darkest_quarter(answer))


def in_place(model):
    model.blocks[0].attn.qkv.bias[0] *= -1


def half_sharp(model):
    changed("query", True)(model)
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= 0.001


def blind(model):
    nn.init.zeros_(model.blocks[0].attn.qkv.bias)


def without_parameters(model):
    for part in model.modules():
        part._parameters.clear()


class Two(Around):
    def forward(self, images):
        return self.model(images)[:, :2]


class Stopping(Around):
    def forward(self, images):
        raise ValueError("too dark")


class Itself(Around):
    def forward(self, images):
        return self


@wrong(
    ("brightest_quarter", lambda model: model),
    ("brightest_quarter", changed("query", "key")),
    ("opposite_quarter", changed("value")),
    ("opposite_quarter", changed("head")),
    ("hardly_sure", changed("query")),
    ("hardly_sure", changed("patches")),
    ("always_the_same_quarter", blind),
    ("other_quarter", half_sharp),
    ("other_shape", lambda model: Two(model)),
    ("no_tensor", lambda model: Itself(model)),
    ("no_module", lambda model: [model]),
    ("stops", in_place),
    ("stops", lambda model: model.blocks),
    ("stops", lambda model: Stopping(model)),
    ("stops", without_parameters),
)
def test_a_model_that_finds_another_quarter_is_understood(mistake, answer):
    is_named(mistake, check.darkest_quarter(answer))


def test_the_quarters_are_named_by_their_places():
    said = str(check.darkest_quarter(blind))
    assert "names the quarter left above, whatever it sees" in said
    said = str(check.darkest_quarter(half_sharp))
    assert "answers are right. Of quarters with the brightness" in said
    said = str(check.darkest_quarter(lambda model: Two(model)))
    assert "gives the shape (24, 2)" in said


def test_writing_into_a_weight_is_explained():
    said = str(check.darkest_quarter(in_place))
    assert "Your code writes into its input" in said


class Slow(Around):
    def forward(self, images):
        while True:
            pass


def test_an_endless_model_is_stopped(monkeypatch):
    monkeypatch.setattr(checking, "SECONDS", 0.2)
    result = check.darkest_quarter(lambda model: Slow(model))
    is_named("too_slow", result)
