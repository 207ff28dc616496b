"""check.logit_lens: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib import record_attention
from vitlib.teach import check


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


@right(by_blocks, by_hooks)
def test_every_style_is_right(answer):
    is_right(check.logit_lens(answer))


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


def raises_in_a_hook(model, images):
    model.blocks[0].register_forward_hook(lambda *_: 1 / 0)
    return by_blocks(model, images)


def normed_in_place(model, images):
    found = by_blocks(model, images)
    images -= images.mean()
    return found


@wrong(
    ("no_norm", without_norm),
    ("nothing_before_the_first_layer", after_blocks_only),
    ("class_token_only", lambda m, images: by_blocks(m, images)[:, :, 0]),
    ("changes_its_input", normed_in_place),
    ("no_tensor", lambda m, images: list(by_blocks(m, images))),
    ("no_floats", lambda m, images: by_blocks(m, images).argmax(-1)),
    ("stops", raises_in_a_hook),
    ("stops", lambda m, images: m.stream(images)),
    ("stops", lambda m, images: m.head(m.blocks)),
)
def test_a_wrong_lens_is_named(mistake, answer):
    is_named(mistake, check.logit_lens(answer))
