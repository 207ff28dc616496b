"""Answers that do what nobody expects: a name each, and no traceback."""

import functools

import pytest
import torch
from answers import is_named, is_right, right, wrong
from torch import Tensor, nn

from vitlib import MLP, patchify
from vitlib.teach import check


class Grumpy(Exception):
    def __str__(self):
        raise ValueError


class Own(BaseException):
    """Derived from the root of all exceptions."""


class Backwards(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        raise ValueError("not this way")


class Hermit(Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("leave me alone")


def nested(patches):
    return torch.nested.nested_tensor(list(patches), layout=torch.jagged)


class Nameless:
    @property
    def __name__(self):
        raise ValueError

    def __call__(self, images, patch_size):
        raise NotImplementedError


# Functions


def and_then(change):
    """Give a right patchify whose result is changed afterwards."""

    def answer(images, patch_size):
        return change(patchify(images, patch_size))

    return answer


def writes_over_what_backward_needs(images, p):
    bent = (images * 1).exp()
    result = patchify(bent.log(), p)
    bent += 1
    return result


def goes_backwards_itself(images, p):
    result = patchify(images, p).exp()
    if result.requires_grad:
        result.sum().backward()
    return result.log()


def hangs_a_weight_on_it(patches):
    if patches.requires_grad:
        patches.register_hook(lambda gradient: 1 / 0)
    return patches


def in_inference_mode(images, p):
    with torch.inference_mode():
        return patchify(images, p).clone()


def switches_gradients_off(images, p):
    torch.set_grad_enabled(False)
    return patchify(images, p)


def empties_its_input(images, p):
    result = patchify(images, p).clone()
    with torch.no_grad():
        images.resize_(0)
    return result


def casts_its_input(images, p):
    result = patchify(images, p).clone()
    images.data = images.data.half()
    return result


def raises(exception):
    def answer(images, patch_size):
        raise exception

    return answer


def tires(after):
    """Give a right patchify that stops after so many calls."""
    left = list(range(after))

    def answer(images, patch_size):
        left.pop()
        return patchify(images, patch_size)

    return answer


def winding():
    """Give a function that wraps itself; none of the module's own does."""

    def winds_round_itself(images, patch_size):
        return images

    winds_round_itself.__wrapped__ = winds_round_itself
    return winds_round_itself


@wrong(
    ("stops_backwards", writes_over_what_backward_needs),
    ("stops_backwards", goes_backwards_itself),
    ("stops_backwards", and_then(hangs_a_weight_on_it)),
    ("stops_backwards", and_then(Backwards.apply)),
    ("no_gradient", in_inference_mode),
    ("no_gradient", switches_gradients_off),
    ("no_floats", and_then(lambda x: x.to(torch.complex64))),
    ("no_plain_tensor", and_then(lambda x: x.to_sparse())),
    ("no_plain_tensor", and_then(nested)),
    ("other_device", and_then(lambda x: x.to("meta"))),
    ("nearly_right", and_then(lambda x: x.half())),
    ("unknown", and_then(lambda x: (x + 1).to(torch.float8_e5m2))),
    ("stops", and_then(lambda x: x.detach().as_subclass(Hermit))),
    ("no_tensor", lambda images, p: 10**5000),
    ("no_tensor", lambda images, p: winding()),
    ("changes_its_input", empties_its_input),
    ("changes_its_input", casts_its_input),
    ("stops", raises(Grumpy())),
    ("stops", raises(Own())),
    ("stops", raises(StopIteration())),
    ("stops", tires(3)),
    ("stops", tires(9)),  # all cases, and then the first once more
    ("other_shape", winding()),
)
def test_a_rude_function_is_named(mistake, answer):
    is_named(mistake, check.patchify(answer))
    assert torch.is_grad_enabled()


@right(
    and_then(lambda x: x.mT.contiguous().mT),
    and_then(nn.Identity()),
    and_then(lambda x: x.as_subclass(type("Quiet", (Tensor,), {}))),
)
def test_an_odd_way_to_lie_in_memory_is_right(answer):
    is_right(check.patchify(answer))


def test_a_default_dtype_is_what_it_was():
    def answer(images, patch_size):
        torch.set_default_dtype(torch.float64)
        return patchify(images, patch_size)

    is_right(check.patchify(answer))
    assert torch.get_default_dtype() == torch.float32


def test_a_thing_that_has_no_name_is_unwritten_too():
    result = check.patchify(Nameless())
    assert result.kind == "unwritten"


# Modules


def module(name, after=lambda self: None, **methods):
    """Give an MLP of which something is done when it is made."""

    class Mine(MLP):
        def __init__(self, *args):
            super().__init__(*args)
            after(self)

    return type(name, (Mine,), methods)


class MadeInInferenceMode(MLP):
    @torch.inference_mode()
    def __init__(self, *args):
        super().__init__(*args)


def stops(self, *args, **kwargs):
    raise ValueError("not today")


def spreads_one_number(self):
    one = torch.zeros(1)
    self.fc1.bias = nn.Parameter(one.expand(self.fc1.bias.shape))


def deletes_while_it_works(self, tokens):
    result = MLP.forward(self, tokens)
    del self.fc1
    return result


def gives_itself(self, tokens):
    return self


@wrong(
    ("other_names", module("Deletes", lambda self: delattr(self, "fc2"))),
    ("stops", module("Empty", lambda self: self.__dict__.clear())),
    ("stops", MadeInInferenceMode),
    ("stops_in_float32", module("Spread", spreads_one_number)),
    ("stops", module("Lists", named_parameters=stops)),
    ("stops", module("Trains", train=stops)),
    ("no_tensor", module("Itself", forward=gives_itself)),
    (
        "stops_backwards",
        module(
            "Hooked",
            lambda self: self.register_full_backward_hook(stops),
        ),
    ),
)
def test_a_rude_module_is_named(mistake, answer):
    is_named(mistake, check.mlp(answer))


def stops_where_it_drops(self, tokens):
    if self.drop1.p:
        raise ValueError("no dropout")
    return MLP.forward(self, tokens)


def test_a_module_that_stops_with_dropout_only_is_told_so():
    class Mine(MLP):
        forward = stops_where_it_drops

    is_named("stops_with_dropout", check.mlp(Mine))


@right(
    module("Deletes", forward=deletes_while_it_works),
    module("TrainsToNothing", train=lambda self, mode: None),
)
def test_an_odd_module_is_right(answer):
    is_right(check.mlp(answer))


# Numbers


class Endless(list):
    def __len__(self):
        raise RuntimeError

    __iter__ = __len__


@wrong(
    ("no_numbers", 10**5000),
    ("no_numbers", [10**5000]),
    ("no_numbers", Endless()),
    ("no_numbers", torch.zeros(1).as_subclass(Hermit)),
    ("no_numbers", torch.zeros(1, device="meta")),
    ("no_numbers", torch.tensor([1j])),
    ("no_numbers", functools.partial(print)),
    ("no_numbers", nn.parameter.UninitializedParameter()),
    ("no_numbers", range(10**12)),
)
@pytest.mark.parametrize(
    "checker", [check.corner_to_corner, check.patches_shape]
)
def test_a_rude_number_is_named(checker, mistake, answer):
    is_named(mistake, checker(answer))
