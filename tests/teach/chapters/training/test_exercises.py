"""The checkers of chapters 8 and 10: right answers, and wrong ones."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vitlib import record_attention
from vitlib.teach import check

# parameter_groups


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


# warmup_cosine


def in_numpy(step, steps, warmup):
    rising = int(warmup * steps)
    up = (np.arange(rising) + 1) / (rising + 1)
    share = np.arange(steps - rising) / (steps - rising)
    down = 0.5 + 0.5 * np.cos(np.pi * share)
    return float(np.concatenate([up, down])[step])


def squared(step, steps, warmup):
    rising = math.floor(steps * warmup)
    if step >= rising:
        angle = math.pi / 2 * (step - rising) / (steps - rising)
        return torch.tensor(math.cos(angle) ** 2)
    return 1 - (rising - step) / (rising + 1)


def only_cosine(step, steps, warmup):
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def from_zero(step, steps, warmup):
    rising = int(warmup * steps)
    return step / rising if step < rising else squared(step, steps, warmup)


def straight(step, steps, warmup):
    rising = int(warmup * steps)
    if step < rising:
        return squared(step, steps, warmup)
    return (steps - step) / (steps - rising)


def counted_in_steps(step, steps, warmup):
    if step < warmup:
        return step / warmup
    angle = math.pi * (step - warmup) / (steps - warmup)
    return 0.5 + 0.5 * math.cos(angle)


def with_fall(share_of):
    def answer(step, steps, warmup):
        rising = int(warmup * steps)
        if step < rising:
            return (step + 1) / (rising + 1)
        angle = math.pi * share_of(step, steps, rising)
        return 0.5 + 0.5 * math.cos(angle)

    return answer


half_way = with_fall(lambda step, steps, rising: (step - rising) / steps)
from_one = with_fall(
    lambda step, steps, rising: (step + 1 - rising) / (steps - rising)
)


def to_minus_one(step, steps, warmup):
    rising = int(warmup * steps)
    share = (step - rising) / (steps - rising)
    rate = squared(step, steps, warmup)
    return rate if step < rising else math.cos(math.pi * share)


# evaluate


def at_once(model, images, labels, batch_size=250):
    before = model.training
    model.eval()
    with torch.no_grad():
        found = model(images).max(dim=1).indices
    model.train(before)
    return (found == labels).double().mean()


def one_by_one(model, images, labels, batch_size):
    mode, right = model.training, 0
    model.eval()
    for image, label in zip(images, labels, strict=True):
        right += int(model(image[None]).argmax()) == int(label)
    model.train(mode)
    return right / len(labels)


def whole_batches(model, images, labels, batch_size):
    whole = len(images) // batch_size * batch_size
    share = at_once(model, images[:whole], labels[:whole], batch_size)
    return share * whole / len(images)


def mean_of_means(model, images, labels, batch_size):
    before = model.training
    model.eval()
    shares = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        found = model(images[part]).argmax(dim=-1)
        shares.append((found == labels[part]).float().mean().item())
    model.train(before)
    return sum(shares) / len(shares)


def no_eval(model, images, labels, batch_size):
    return (model(images).argmax(1) == labels).double().mean().item()


def stays_in_eval(model, images, labels, batch_size):
    model.eval()
    return no_eval(model, images, labels, batch_size)


def goes_to_training(model, images, labels, batch_size):
    share = stays_in_eval(model, images, labels, batch_size)
    model.train()
    return share


# rollout


def by_loops(maps):
    layers, batch, heads, n, _ = maps.shape
    images = []
    for b in range(batch):
        result = None
        for layer in range(layers):
            weights = sum(maps[layer, b, h] for h in range(heads)) / heads
            weights = 0.5 * weights + 0.5 * torch.eye(n).to(maps)
            result = weights if result is None else weights.mm(result)
        images.append(result)
    return torch.stack(images)


def normalised(maps):
    table = maps.mean(2) + torch.eye(maps.shape[-1], dtype=maps.dtype)
    table = table / table.sum(-1, keepdim=True)
    result = table[0]
    for later in table[1:]:
        result = torch.einsum("bij,bjk->bik", later, result)
    return result


def other_way(maps):
    table = maps.mean(2) / 2
    table = table + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
    result = table[0]
    for later in table[1:]:
        result = result @ later
    return result


def plain_product(maps):
    result = maps[0].mean(1)
    for later in maps[1:]:
        result = later.mean(1) @ result
    return result


# mean_attention_distance


def pair_by_pair(maps, grid, patch_size):
    rows, cols = grid
    extra = maps.shape[-1] - rows * cols
    maps = maps[..., extra:, extra:]
    maps = maps / maps.sum(-1, keepdim=True)
    total = 0
    for i in range(rows * cols):
        for j in range(rows * cols):
            apart = math.dist(divmod(i, cols), divmod(j, cols))
            total = total + maps[..., i, j] * apart * patch_size
    return total.mean(1) / (rows * cols)


def by_cdist(maps, grid, patch_size):
    y, x = torch.meshgrid(
        *(torch.arange(side, dtype=maps.dtype) for side in grid),
        indexing="ij",
    )
    spots = torch.stack([y.flatten(), x.flatten()], 1) * patch_size
    table = torch.cdist(spots, spots)
    maps = maps[..., -len(spots) :, -len(spots) :]
    mean = (maps * table).sum(-1) / maps.sum(-1)
    return mean.mean(-1).mean(1)


def not_shared_again(maps, grid, patch_size):
    n = grid[0] * grid[1]
    spots = torch.cartesian_prod(*map(torch.arange, grid)).to(maps)
    table = torch.cdist(spots, spots) * patch_size
    return (maps[..., -n:, -n:] * table).sum(-1).mean((1, 3))


# logit_lens


def by_blocks(model, images):
    tokens = model.patch_embed(images)
    first = model.cls_token.expand(len(images), -1, -1)
    tokens = torch.cat([first, tokens], 1) + model.pos_embed
    found = [model.head(model.norm(tokens))]
    for block in model.blocks:
        tokens = block(tokens)
        found.append(model.head(model.norm(tokens)))
    return torch.stack(found)


def by_hooks(model, images):
    stream = []
    hooks = [
        model.blocks[0].register_forward_pre_hook(
            lambda layer, given: stream.append(given[0])
        )
    ]
    hooks += [
        block.register_forward_hook(
            lambda layer, given, result: stream.append(result)
        )
        for block in model.blocks
    ]
    with record_attention(model):
        model(images)
    for hook in hooks:
        hook.remove()
    return model.head(model.norm(torch.stack(stream)))


def without_norm(model, images):
    tokens = model.patch_embed(images)
    first = model.cls_token.expand(len(images), -1, -1)
    tokens = torch.cat([first, tokens], 1) + model.pos_embed
    found = [model.head(tokens)]
    for block in model.blocks:
        tokens = block(tokens)
        found.append(model.head(tokens))
    return torch.stack(found)


def after_blocks_only(model, images):
    return by_blocks(model, images)[1:]


RIGHT = [
    (check.parameter_groups, by_two_lists),
    (check.parameter_groups, by_modules),
    (check.parameter_groups, with_generators),
    (check.warmup_cosine, in_numpy),
    (check.warmup_cosine, squared),
    (check.evaluate, at_once),
    (check.evaluate, one_by_one),
    (check.rollout, by_loops),
    (check.rollout, normalised),
    (check.mean_attention_distance, pair_by_pair),
    (check.mean_attention_distance, by_cdist),
    (check.logit_lens, by_blocks),
    (check.logit_lens, by_hooks),
]
WRONG = [
    (check.parameter_groups, all_of_it, "Everything decays"),
    (
        check.parameter_groups,
        two_axes,
        "`cls_token` and `pos_embed` should",
    ),
    (check.parameter_groups, frozen_too, "frozen parameters are in your"),
    (
        check.parameter_groups,
        fixed_decay,
        "With a decay of 0.05 where 0.3 was given",
    ),
    (
        check.parameter_groups,
        tokens_and_frozen,
        "Decaying in yours: `cls_token` and `pos_embed`. What have",
    ),
    (check.parameter_groups, twice, "moved twice in a step"),
    (check.parameter_groups, forgotten, "in none of your groups"),
    (
        check.parameter_groups,
        lambda model, weight_decay: list(model.parameters()),
        "a list of dictionaries",
    ),
    (check.warmup_cosine, only_cosine, "the warm-up is missing"),
    (check.warmup_cosine, from_zero, "has a learning rate of 0"),
    (check.warmup_cosine, straight, "the fall is a straight line"),
    (check.warmup_cosine, counted_in_steps, "for a number of steps"),
    (check.warmup_cosine, half_way, "does not come down to zero"),
    (check.warmup_cosine, from_one, "no step has the peak"),
    (
        check.warmup_cosine,
        lambda step, steps, warmup: 0.9 * squared(step, steps, warmup),
        "In the rise, step 0 has a share of 0.15 in yours, wanted is 0.17",
    ),
    (check.warmup_cosine, to_minus_one, "below zero, to -1"),
    (check.warmup_cosine, lambda step, steps, warmup: "0.5", "“0.5”"),
    (check.evaluate, mean_of_means, "the mean of the batches' means"),
    (check.evaluate, whole_batches, "10, in batches of 4, leave"),
    (check.evaluate, no_eval, "in training mode, with dropout at work"),
    (check.evaluate, stays_in_eval, "is now in eval mode"),
    (check.evaluate, goes_to_training, "is now in training mode"),
    (check.rollout, other_way, "multiplied in the wrong order"),
    (check.rollout, plain_product, "The residual connection is missing"),
    (check.rollout, lambda maps: by_loops(maps)[:, 0], "class token"),
    (check.rollout, lambda maps: by_loops(maps).mT, "changed places"),
    (
        check.mean_attention_distance,
        not_shared_again,
        "come out too short",
    ),
    (
        check.mean_attention_distance,
        lambda maps, grid, patch_size: by_cdist(maps, grid, 1),
        "measured in patches",
    ),
    (
        check.mean_attention_distance,
        lambda maps, grid, p: by_cdist(maps, (grid[1], grid[0]), p),
        "Rows and columns of the grid",
    ),
    (check.logit_lens, without_norm, "without the norm before it"),
    (check.logit_lens, after_blocks_only, "missing at the beginning"),
    (
        check.logit_lens,
        lambda model, images: by_blocks(model, images)[:, :, 0],
        "Only the class token is read",
    ),
]


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_every_style_is_right(checker, answer):
    result = checker(answer)
    assert result, str(result)


@pytest.mark.parametrize(("checker", "answer", "words"), WRONG)
def test_a_wrong_answer_is_understood(checker, answer, words):
    result = checker(answer)
    assert not result
    assert words in str(result)
