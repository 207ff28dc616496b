"""Check your `rollout(maps)`."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib import inside
from vitlib.teach.checking.compare import first_difference
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, shape_of


def maps_of(draw: Draw, *shape: int) -> Tensor:
    """Draw attention maps: each row sums to 1."""
    return draw.normal(*shape, shape[-1], std=1.5).softmax(dim=-1)


def cases() -> list[Case]:
    """Draw maps of several depths."""
    draw, found = Draw(10), []
    for layers, batch, heads, n in [
        (3, 2, 3, 5),
        (2, 1, 4, 4),
        (1, 2, 3, 6),
        (4, 3, 1, 3),
        (2, 4, 4, 3),
    ]:
        words = (
            f"maps of {count_of(layers, 'layer')}, "
            f"{count_of(batch, 'image')}, {count_of(heads, 'head')} and "
            f"{count_of(n, 'token')}"
        )
        maps = maps_of(draw, layers, batch, heads, n)
        found.append(
            Case(
                words,
                {"maps": maps},
                tells={"layers": layers, "heads": heads, "b": batch},
            )
        )
    return found


def rolled(
    layer: Callable = lambda weights, identity: (weights + identity) / 2,
    heads: Callable = lambda maps: maps.mean(dim=2),
    backwards: bool = False,
) -> Callable[[Tensor], Tensor]:
    """Give an answer with another layer, other heads, another order."""

    def wrong(maps: Tensor) -> Tensor:
        identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
        mixed = identity.expand(maps.shape[1], -1, -1)
        for weights in heads(maps):
            step = layer(weights, identity)
            mixed = mixed @ step if backwards else step @ mixed
        return mixed

    return wrong


def layers_of(maps: Tensor) -> Tensor:
    """Give what each layer mixes, itself included."""
    identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
    return maps.mean(dim=2) / 2 + identity / 2


def steps_added(maps: Tensor) -> Tensor:
    """Add the layers up."""
    identity = torch.eye(maps.shape[-1], dtype=maps.dtype)
    return identity + layers_of(maps).sum(dim=0)


def shapes_or_numbers(case: Case, found: Tensor) -> dict[str, object]:
    """Say how the result differs: in its shape, or in its numbers."""
    wanted = inside.rollout(**case.inputs)
    if found.shape != wanted.shape:
        told = f"Your shape is {shape_of(found)}, not {shape_of(wanted)}."
    else:
        told = first_difference(found, wanted)["seen"]
    return {"facts": told}


def images_joined(maps: Tensor) -> Tensor:
    """Take the images for the heads."""
    return rolled(heads=lambda maps: maps.mean(dim=1))(maps)


def without_first_layer(maps: Tensor) -> Tensor:
    """Begin with the second layer."""
    return rolled()(maps[1:])


def first_image_for_all(maps: Tensor) -> Tensor:
    """Let the first image stand for the others."""
    return inside.rollout(maps)[:1].expand(maps.shape[1], -1, -1)


def number_by_number(maps: Tensor) -> Tensor:
    """Multiply the tables like single numbers."""
    each = layers_of(maps).prod(dim=0)
    return each * torch.eye(maps.shape[-1], dtype=maps.dtype)


PIECE = Piece(
    module=__name__,
    number=1,
    reference=inside.rollout,
    cases=cases,
    axes="images, tokens, tokens",
    differentiable=False,
    draw=tables,
    next="Row 0 is the class token's: what of it came from which patch, "
    "if attention were all that happens. Chapter 10 tests how far it is.",
    mistakes=(
        Mistake(
            "number_by_number",
            number_by_number,
            "The layers are multiplied number by number. {seen} What a "
            "layer reads was mixed by the one before, every token of it: "
            "this is a product of matrices."
            " Which operator is that?",
        ),
        Mistake(
            "layers_in_the_wrong_order",
            rolled(backwards=True),
            "Each layer is right, and they are multiplied in the wrong "
            "order. {seen} A row of the result belongs to a token of the "
            "last layer. On which side does a later layer stand?",
        ),
        Mistake(
            "images_joined",
            images_joined,
            "Your mean goes over the images, and the heads are left: for "
            "{b} images of {heads} heads your shape is {shape}, wanted is "
            "{right}. When `for` takes the layers one by one, the axis of "
            "the layers is gone: which number has the axis of the heads "
            "then?",
        ),
        Mistake(
            "images_and_heads_joined",
            rolled(
                heads=lambda maps: maps.mean(dim=(1, 2), keepdim=True)[
                    :, 0
                ]
            ),
            "Your mean goes over heads and images: all images get the "
            "same. {facts} Only the heads have equal votes about one "
            "image."
            " Which axis are they?",
            shapes_or_numbers,
        ),
        Mistake(
            "first_image_for_all",
            first_image_for_all,
            "The first image is right, and the others are copies of it. "
            "{seen} Where does your code say 0 instead of all images?",
        ),
        Mistake(
            "identity_only",
            rolled(layer=lambda weights, identity: identity + 0 * weights),
            "Nothing is mixed: every token is made of itself. {seen} What "
            "of the maps goes into a step?",
        ),
        Mistake(
            "steps_transposed",
            rolled(
                layer=lambda weights, identity: (weights + identity).mT / 2
            ),
            "Each step is turned over before it is multiplied. {seen} A "
            "row of a map says what one token gathers, and so does a row "
            "of the result."
            " What turns yours over?",
        ),
        Mistake(
            "steps_added",
            steps_added,
            "The steps are added where they should be multiplied. {seen} "
            "What a layer reads has been mixed by the one before."
            " How does one mixture follow another?",
        ),
        Mistake(
            "first_layer_left_out",
            without_first_layer,
            "The first layer is missing. {seen} Where does your loop "
            "begin, and what is mixed before it?",
        ),
        Mistake(
            "softmax_again",
            rolled(
                layer=lambda weights, identity: (
                    weights + identity
                ).softmax(-1)
            ),
            "A softmax makes shares of what are shares already, and blurs "
            "them. {seen} A map and the identity sum to 1 in each row: "
            "what has their mean?",
        ),
        Mistake(
            "smallest_head",
            rolled(heads=lambda maps: maps.amin(dim=2)),
            "You take the smallest of the heads. {seen} Here the heads "
            "have equal votes."
            " What do equal votes give?",
        ),
        Mistake(
            "no_residual",
            rolled(layer=lambda weights, identity: weights),
            "The residual connection is missing: yours is the product of "
            "the maps alone. {seen} Half of what a token is stays where "
            "it was."
            " What is the other half made of?",
        ),
        Mistake(
            "residual_not_shared",
            rolled(layer=lambda weights, identity: weights + identity),
            "What stays is added and not shared: your rows grow with "
            "every layer, to a sum of 2 to the power of {layers}. {seen} "
            "The two halves of a layer have to make 1 together."
            " By what is their sum to be divided?",
        ),
        Mistake(
            "largest_head",
            rolled(heads=lambda maps: maps.amax(dim=2)),
            "You take the largest of the heads. Its rows sum to more than "
            "1. {seen} Here the heads have equal votes."
            " What do equal votes give?",
        ),
        Mistake(
            "heads_summed",
            rolled(heads=lambda maps: maps.sum(dim=2)),
            "The heads are summed: a row has as many ones to share out as "
            "there are heads. {seen}"
            " By what is the sum to be divided?",
        ),
        Mistake(
            "first_head_only",
            rolled(heads=lambda maps: maps[:, :, 0]),
            "Only the first head counts. {seen} Which axis counts the "
            "heads, and what becomes of it?",
        ),
        Mistake(
            "mean_of_layers",
            lambda maps: layers_of(maps).mean(dim=0),
            "You take the mean of the layers. {seen} What a layer reads "
            "has been mixed by the one before: each is applied to the "
            "result of the last."
            " Which operation applies a table to a table?",
        ),
        Mistake(
            "last_layer_only",
            lambda maps: layers_of(maps)[-1],
            "Only the last layer counts. {seen} What did the layers "
            "before it mix?",
        ),
        Mistake(
            "rows_and_columns_swapped",
            lambda maps: inside.rollout(maps).mT,
            "Rows and columns have changed places. {seen} A row says what "
            "one token is made of, and sums to 1."
            " What turns yours over?",
        ),
        Mistake(
            "class_token_only",
            lambda maps: inside.rollout(maps)[:, 0],
            "This is the row of the class token, {shape}. Wanted is the "
            "row of every token, {right}."
            " Which index is too many?",
        ),
    ),
)
