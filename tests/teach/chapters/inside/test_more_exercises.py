"""Chapter 10's exercises: a head that says the usual; two that cover."""

from functools import cache
from itertools import combinations

import pytest
import torch

from vitlib.attention import attention_weights
from vitlib.inside import without_head
from vitlib.teach import check, digit_reader, digits


def refused(result, words):
    assert not result
    assert result.kind == "wrong"
    assert words in str(result), str(result)


# average_head, right


def columns(model, head):
    width = model.pos_embed.shape[-1] // model.blocks[0].attn.num_heads
    return slice(head * width, (head + 1) * width)


def hooked(change, module="attn.proj"):
    """Scores after a pre-hook that changes what goes into a module."""

    def answer(model, images, layer, head):
        part = columns(model, head)

        def exchange(_, inputs):
            mixed = inputs[0].clone()
            return change(mixed, part)

        target = model.blocks[layer].get_submodule(module)
        with target.register_forward_pre_hook(exchange):
            return model(images)

    return answer


def usual(mixed, part):
    mixed[..., part] = mixed[..., part].mean(dim=0)
    return mixed


def by_attention(model, images, layer, head):
    """Exchange the function that mixes the values."""
    attn = model.blocks[layer].attn
    before = attn.attention

    def averaged(q, k, v, mask=None):
        mixed = attention_weights(q, k, mask) @ v
        heads = list(mixed.unbind(dim=1))
        heads[head] = heads[head].mean(0, keepdim=True).expand_as(heads[0])
        return torch.stack(heads, dim=1)

    attn.attention = averaged
    try:
        return model(images)
    finally:
        attn.attention = before


def by_two_passes(model, images, layer, head):
    """Note what the head says first, and put it in afterwards."""
    proj, heard = model.blocks[layer].attn.proj, []
    part = columns(model, head)
    hook = proj.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs[0].detach())
    )
    model(images)
    hook.remove()
    mean = heard[0].mean(dim=0)[:, part]
    left, right = heard[0][..., : part.start], heard[0][..., part.stop :]
    mixed = torch.cat([left, mean.expand(len(images), -1, -1), right], -1)
    hook = proj.register_forward_pre_hook(lambda *_: (mixed,))
    scores = model(images)
    hook.remove()
    return scores


@pytest.mark.parametrize(
    "answer", [hooked(usual), by_attention, by_two_passes]
)
def test_every_way_to_average_a_head_is_right(answer):
    result = check.average_head(answer)
    assert result, str(result)


# average_head, wrong


def over_tokens(mixed, part):
    mixed[:, :, part] = mixed[:, :, part].mean(dim=1, keepdim=True)
    return mixed


def over_both(mixed, part):
    mixed[:, :, part] = mixed[:, :, part].mean(dim=(0, 1))
    return mixed


def class_token(mixed, part):
    mixed[:, 0, part] = mixed[:, 0, part].mean(dim=0)
    return mixed


def only_a_name(mixed, part):
    said = mixed[:, :, part]
    said = said.mean(dim=0)
    return mixed


def shifted(layer=0, head=0):
    right = hooked(usual)

    def answer(model, images, at, which):
        heads = model.blocks[0].attn.num_heads
        at = (at + layer) % len(model.blocks)
        return right(model, images, at, (which + head) % heads)

    return answer


def interleaved(model, images, layer, head):
    heads = model.blocks[0].attn.num_heads

    def exchange(_, inputs):
        mixed = inputs[0].clone()
        mixed[..., head::heads] = mixed[..., head::heads].mean(dim=0)
        return mixed

    proj = model.blocks[layer].attn.proj
    with proj.register_forward_pre_hook(exchange):
        return model(images)


def silent(model, images, layer, head):
    with without_head(model, layer, head):
        return model(images)


def behind(model, images, layer, head):
    proj = model.blocks[layer].attn.proj
    with proj.register_forward_hook(
        lambda _, __, output: output.mean(0).expand_as(output)
    ):
        return model(images)


def hook_left(model, images, layer, head):
    part = columns(model, head)
    model.blocks[layer].attn.proj.register_forward_pre_hook(
        lambda _, inputs: usual(inputs[0].clone(), part)
    )
    return model(images)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silent, "The head is silent"),
        (hooked(over_tokens), "the mean over the tokens of each image"),
        (hooked(over_both), "over the images and over the tokens"),
        (
            hooked(lambda mixed, part: usual(mixed, slice(None))),
            "All heads of the layer say the usual",
        ),
        (behind, "they cannot be told apart any more"),
        (interleaved, "you take one in so many"),
        (shifted(head=-1), "It is the head before the one I asked for"),
        (shifted(head=1), "It is the head behind the one I asked for"),
        (shifted(layer=-1), "a head of the layer before the one"),
        (hooked(class_token), "Only the class token hears the usual"),
        (
            hooked(lambda mixed, part: None),
            "Does yours give something back",
        ),
        (hooked(only_a_name), "or is a name bound anew"),
        (hook_left, "your change is still in it"),
        (hooked(usual, "attn.qkv"), "The shape is right"),
        (
            lambda m, images, layer, head: images,
            "wanted is (3, 3)",
        ),
        (lambda m, images, layer, head: m.heads, "Your code stopped at"),
        (
            lambda model, images: 0,
            "`average_head(model, images, layer,",
        ),
    ],
)
def test_a_head_that_says_something_else_is_understood(answer, words):
    refused(check.average_head(answer), words)


# covering_heads


@cache
def lost():
    """Answers lost of 500, without a head of layer 1, or two."""
    model = digit_reader()
    images, labels = (part[:500] for part in digits("validation"))

    def right():
        return int((model(images).argmax(dim=1) == labels).sum())

    with torch.no_grad():
        whole, found = right(), {}
        for one, two in combinations((0, 1, 2, 3, 3), 2):
            with without_head(model, 1, one), without_head(model, 1, two):
                found[one, two] = whole - right()
        for head in range(3):
            with without_head(model, 1, head):
                found[head, head] = whole - right()
    return whole, found


def test_the_two_heads_are_those_that_cost_most():
    whole, found = lost()
    assert whole == 493
    pair = max(found, key=found.get)
    assert check.covering_heads((*pair, found[pair]))
    assert [found[head, head] for head in range(4)] == [-2, 0, 2, 5]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((3, 2, 11), "the lower head first"),
        ((2, 3, 7), "what each costs alone, added up"),
        ((2, 3, 482), "482 answers are still right"),
        ([2, 3, 18], "18 are wrong without them"),
        ((1, 3, 5), "as many as without head 3 alone"),
        ((3, 4, 11), "Heads count from 0"),
        ((0, 1, 0), "nothing is lost"),
        ((0, 3, 3), "Not yet right"),
        ((2, 3), "Wanted is one number for each of these"),
        ({2, 3}, "I was given"),
    ],
)
def test_another_pair_is_told_what_it_is(answer, words):
    refused(check.covering_heads(answer), words)


# rollout and mean_attention_distance, as the exercises lead to them


def times_each(maps):
    stays = torch.eye(maps.shape[-1], dtype=maps.dtype)
    mixed = stays.expand(maps.shape[1], -1, -1)
    for tables in maps:
        mixed = (tables.mean(dim=1) / 2 + stays / 2) * mixed
    return mixed


def mean_of_keys(maps, grid, patch_size):
    rows, cols = grid
    number = torch.arange(rows * cols)
    places = torch.stack([number // cols, number % cols], dim=1)
    places = patch_size * places.to(maps.dtype)
    apart = (places[:, None] - places).norm(dim=-1)
    weights = maps[..., -rows * cols :, -rows * cols :]
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return (weights * apart).mean(dim=(1, 3, 4))


@pytest.mark.parametrize(
    ("checker", "answer", "words"),
    [
        (check.rollout, times_each, "multiplied number by number"),
        (
            check.mean_attention_distance,
            mean_of_keys,
            "You take the mean over the keys",
        ),
    ],
)
def test_a_wrong_product_and_a_wrong_mean_are_understood(
    checker, answer, words
):
    refused(checker(answer), words)
