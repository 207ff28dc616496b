"""check.rollout: right answers of any style, and wrong ones."""

import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


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


@right(by_loops, normalised)
def test_every_style_is_right(answer):
    is_right(check.rollout(answer))


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


def times_each(maps):
    stays = torch.eye(maps.shape[-1], dtype=maps.dtype)
    mixed = stays.expand(maps.shape[1], -1, -1)
    for tables in maps:
        mixed = (tables.mean(dim=1) / 2 + stays / 2) * mixed
    return mixed


def written_into_the_maps(maps):
    result = by_loops(maps)
    maps /= 2
    return result


def layer_by_layer(joined=None, step=None, mix=None):
    """Write it as the stub does, and change one of the three lines."""

    def answer(maps):
        stays = torch.eye(maps.shape[-1], dtype=maps.dtype)
        mixed = stays.expand(maps.shape[1], -1, -1)
        for tables in maps:
            table = joined(tables) if joined else tables.mean(dim=1)
            now = step(table, stays) if step else (table + stays) / 2
            mixed = mix(now, mixed) if mix else now @ mixed
        return mixed

    return answer


def stacked_up(maps):
    table = maps.mean(2) / 2
    table = table + torch.eye(maps.shape[-1], dtype=maps.dtype) / 2
    return torch.eye(maps.shape[-1], dtype=maps.dtype) + table.sum(0)


def one_layer_each(join):
    """Give what `join` makes of the layers, each by itself."""

    def answer(maps):
        return join(torch.stack([by_loops(one[None]) for one in maps]))

    return answer


@wrong(
    ("residual_not_shared", layer_by_layer(step=lambda a, b: a + b)),
    ("first_head_only", layer_by_layer(lambda t: t[:, 0])),
    ("mean_of_layers", one_layer_each(lambda steps: steps.mean(0))),
    ("last_layer_only", one_layer_each(lambda steps: steps[-1])),
    ("images_joined", layer_by_layer(lambda t: t.mean(dim=0))),
    (
        "images_and_heads_joined",
        layer_by_layer(lambda t: t.mean(dim=(0, 1))),
    ),
    ("first_image_for_all", layer_by_layer(lambda t: t.mean(1)[:1])),
    ("identity_only", layer_by_layer(step=lambda table, stays: stays)),
    (
        "steps_transposed",
        layer_by_layer(mix=lambda now, mixed: now.mT @ mixed),
    ),
    ("steps_added", stacked_up),
    ("first_layer_left_out", lambda maps: by_loops(maps[1:])),
    (
        "softmax_again",
        layer_by_layer(step=lambda a, b: (a + b).softmax(-1)),
    ),
    ("smallest_head", layer_by_layer(lambda t: t.amin(dim=1))),
    ("heads_summed", layer_by_layer(lambda t: t.sum(dim=1))),
    ("largest_head", layer_by_layer(lambda t: t.amax(dim=1))),
    ("layers_in_the_wrong_order", other_way),
    ("no_residual", plain_product),
    ("number_by_number", times_each),
    ("class_token_only", lambda maps: by_loops(maps)[:, 0]),
    ("rows_and_columns_swapped", lambda maps: by_loops(maps).mT),
    ("changes_its_input", written_into_the_maps),
    ("no_plain_tensor", lambda maps: by_loops(maps).to_sparse()),
    ("no_floats", lambda maps: by_loops(maps) + 0j),
    ("other_shape", lambda maps: maps),
    ("no_tensor", lambda maps: list(by_loops(maps))),
    ("stops", lambda maps: maps @ maps[..., :2, :]),
)
def test_a_wrong_rollout_is_named(mistake, answer):
    is_named(mistake, check.rollout(answer))


def test_the_axis_of_the_images_is_told():
    said = str(check.rollout(layer_by_layer(lambda t: t.mean(dim=0))))
    assert "for 1 images of 4 heads your shape is (4, 4, 4)" in said
