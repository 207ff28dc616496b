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
)
def test_every_way_to_find_the_darkest_is_right(answer):
    is_right(check.darkest_quarter(answer))


def in_place(model):
    model.blocks[0].attn.qkv.bias[0] *= -1


def half_sharp(model):
    changed("query", True)(model)
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= 0.001


def less_sharp(model):
    changed("query", True)(model)
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= 0.02


def upside_down(model):
    seen = model.forward
    model.forward = lambda images: seen(1 - images)


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
    ("silent", changed("query")),
    ("silent", changed("key")),
    ("hardly_sure", less_sharp),
    ("not_by_its_weights", lambda model: Negative(model)),
    ("not_by_its_weights", upside_down),
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
    assert "gives the shape (72, 2)" in said


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


def test_one_number_is_not_enough_in_float32():
    """What the text says of it: 0 from a brightness of about 0.5 on."""
    model = check.darkest_quarter.cases()[0].inputs["model"].float()
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= -1
        for least, silent in ((0.2, False), (0.4, False), (0.6, True)):
            shades = least + torch.tensor([0.0, 0.1, 0.2, 0.3])
            images = shades.view(1, 1, 2, 2).repeat_interleave(4, 2)
            scores = model(images.repeat_interleave(4, 3))[0]
            assert bool((scores == 0).all()) is silent
            assert scores.max() < 1e-15
            assert silent or scores.argmax() == 0


def test_the_picture_of_which_nothing_is_said_is_told():
    said = str(check.darkest_quarter(changed("query")))
    assert "72 pictures 24 get four scores of exactly 0" in said
    assert "brightness 0.6, 0.7, 0.8, 0.9" in said
