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


def hooked(modules=None, end=None, remove=slice(None), note=2):
    """Write it as the stub does, and change one of the lines.

    `note` is which of the three things that a hook gets is kept.
    """

    def answer(model, images):
        stream = []

        def keep(*parts):
            part = parts[note]
            stream.append(part[0] if isinstance(part, tuple) else part)

        parts = (model.pos_drop, *model.blocks)
        parts = modules(model) if modules else parts
        hooks = [part.register_forward_hook(keep) for part in parts]
        model(images)
        for hook in hooks[remove]:
            hook.remove()
        if end:
            return end(model, stream)
        return model.head(model.norm(torch.stack(stream)))

    return answer


def switched_to_training(model, images):
    return by_blocks(model.train(), images)


def switched_to_eval(model, images):
    return by_blocks(model.eval(), images)


def norm_goes_on(model, images):
    tokens = model.patch_embed(images)
    first = model.cls_token.repeat(len(images), 1, 1)
    tokens = torch.hstack([first, tokens]) + model.pos_embed
    found = []
    for block in [*model.blocks, None]:
        tokens = model.norm(tokens)
        found.append(model.head(tokens))
        tokens = block(tokens) if block else tokens
    return torch.stack(found)


def bare_norm(model, stream):
    stream = torch.stack(stream)
    shape = stream.shape[-1:]
    normed = torch.nn.functional.layer_norm(stream, shape, eps=1e-6)
    return model.head(normed)


@wrong(
    ("hook_not_removed", hooked(remove=slice(0))),
    ("hook_not_removed", hooked(remove=slice(1))),
    ("hook_not_removed", hooked(remove=slice(-1, None))),
    ("mode_not_restored", switched_to_training),
    ("mode_not_restored", switched_to_eval),
    (
        "what_attention_adds",
        hooked(lambda m: (m.pos_drop, *(b.attn for b in m.blocks))),
    ),
    ("one_layer_early", hooked(note=1)),
    ("norm_not_learned", hooked(end=bare_norm)),
    (
        "images_before_layers",
        hooked(end=lambda m, s: m.head(m.norm(torch.stack(s, dim=1)))),
    ),
    (
        "layers_in_one_batch",
        hooked(end=lambda m, s: m.head(m.norm(torch.cat(s)))),
    ),
    (
        "last_layer_first",
        hooked(end=lambda m, s: m.head(m.norm(torch.stack(s[::-1])))),
    ),
    (
        "normed_at_the_end",
        hooked(lambda m: (m.pos_drop, *list(m.blocks)[:-1], m.norm)),
    ),
    ("no_last_layer", lambda m, images: by_blocks(m, images)[:-1]),
    ("no_class_token", lambda m, images: by_blocks(m, images)[:, :, 1:]),
    ("softmax_at_the_end", lambda *given: by_blocks(*given).softmax(-1)),
    ("last_layer_only", lambda *given: by_blocks(*given)[-1]),
    ("stream_only", hooked(end=lambda m, s: torch.stack(s))),
    ("normed_stream", norm_goes_on),
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


def test_the_hooks_that_stay_are_counted():
    said = str(check.logit_lens(hooked(remove=slice(0))))
    assert "three hooks of yours stay in `model`" in said
