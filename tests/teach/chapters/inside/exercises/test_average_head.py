"""check.average_head: every way to average a head, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.attention import attention_weights
from vitlib.inside import without_head
from vitlib.teach import check


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


@right(hooked(usual), by_attention, by_two_passes)
def test_every_way_to_average_a_head_is_right(answer):
    is_right(check.average_head(answer))


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


def then(spoil):
    """A right answer that spoils the model afterwards."""

    def answer(model, *given):
        scores = hooked(usual)(model, *given)
        spoil(model)
        return scores

    return answer


def without_parameters(model):
    for part in model.modules():
        part._parameters.clear()


def raising(model):
    model.head.register_forward_hook(lambda *_: 1 / 0)


def watching(model):
    model.head.register_forward_pre_hook(lambda *_: None)


def itself(model):
    model.forward = lambda images: model


def heads_for_images(mixed, part):
    said = mixed.unflatten(-1, (-1, part.stop - part.start))
    mixed[..., part] = said.mean(dim=2)
    return mixed


def part_of_the_tokens(mixed, part):
    mixed[:, part] = mixed[:, part].mean(dim=0, keepdim=True)
    return mixed


def over(change):
    """Change what the head says, the mean over the images in its place."""

    def exchange(mixed, part):
        mixed[..., part] = change(mixed[..., part])
        return mixed

    return hooked(exchange)


def from_number(model, images, layer, head):
    """Begin at number `head` of the width."""
    attn = model.blocks[layer].attn
    width = attn.proj.in_features // attn.num_heads

    def exchange(_, inputs):
        return usual(inputs[0].clone(), slice(head, head + width))

    with attn.proj.register_forward_pre_hook(exchange):
        return model(images)


def after_the_projection(model, images, layer, head):
    part = columns(model, head)

    def exchange(_, inputs, output):
        return usual(output.clone(), part)

    proj = model.blocks[layer].attn.proj
    with proj.register_forward_hook(exchange):
        return model(images)


def everywhere(model, images, layer, head):
    part = columns(model, head)
    hooks = [
        block.attn.proj.register_forward_pre_hook(
            lambda _, inputs: usual(inputs[0].clone(), part)
        )
        for block in model.blocks
    ]
    scores = model(images)
    for hook in hooks:
        hook.remove()
    return scores


@wrong(
    ("sum_over_images", over(lambda said: said.sum(dim=0))),
    ("first_image", over(lambda said: said[:1])),
    ("mean_over_width", over(lambda said: said.mean(-1, keepdim=True))),
    ("one_number_on", from_number),
    ("tokens_for_width", hooked(part_of_the_tokens)),
    ("behind_proj", after_the_projection),
    ("in_every_layer", everywhere),
    ("silent_head", silent),
    ("mean_over_tokens", hooked(over_tokens)),
    ("mean_over_images_and_tokens", hooked(over_both)),
    ("every_head", hooked(lambda mixed, part: usual(mixed, slice(None)))),
    ("every_head", behind),
    ("mean_over_heads", hooked(heads_for_images)),
    ("heads_interleaved", interleaved),
    ("head_before", shifted(head=-1)),
    ("head_behind", shifted(head=1)),
    ("layer_before", shifted(layer=-1)),
    ("class_token_only", hooked(class_token)),
    ("head_as_it_is", hooked(lambda mixed, part: None)),
    ("head_as_it_is", hooked(only_a_name)),
    ("change_left_behind", hook_left),
    ("change_left_behind", then(without_parameters)),
    ("change_left_behind", then(raising)),
    ("change_left_behind", then(itself)),
    ("change_left_behind", then(lambda model: model.half())),
    ("hook_not_removed", then(watching)),
    ("unknown", hooked(usual, "attn.qkv")),
    ("other_shape", lambda model, images, layer, head: images),
    ("stops", lambda model, images, layer, head: model.heads),
    ("stops", hooked(lambda mixed, part: 1 / 0)),
    ("other_arguments", lambda model, images: 0),
)
def test_a_head_that_says_something_else_is_named(mistake, answer):
    is_named(mistake, check.average_head(answer))
