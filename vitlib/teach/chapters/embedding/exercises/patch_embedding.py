"""Check your class `PatchEmbedding`, as vitlib's is called."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib.embedding import PatchEmbedding
from vitlib.patches import patchify
from vitlib.teach.checking.answer import Runner, undisturbed
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.result import Result
from vitlib.teach.checking.words import count_of

ORDERS = "y x c", "c y x"  # of the numbers that a linear layer is given


@dataclass(frozen=True, repr=False)
class EmbeddingPiece(ModulePiece):
    """`proj` may be a convolution or a linear layer.

    A linear layer may take the numbers of a patch in the order of
    `patchify` or in that of a convolution: either is right.
    """

    order: str = ORDERS[0]

    def result(self, runner: Runner) -> Result:
        """Check with one order; where that fails, with the other."""
        first = super().result(runner)
        if first.kind != "wrong" or self.order != ORDERS[0]:
            return first
        other = replace(self, order=ORDERS[1], draw=None)
        second = other.result(Runner(runner.answer))
        return second if second else first

    def in_order_of(self, answer: object) -> "EmbeddingPiece":
        """Give the piece with the order that the answer's layer takes."""
        other = replace(self, order=ORDERS[1])
        try:
            with undisturbed():
                other.examine(Runner(answer))
        except Exception:  # whatever it is, it is no reason for the other
            return self
        return other

    def load(
        self, module: nn.Module, case: Case
    ) -> dict[str, list[Tensor]]:
        """Lay the filters out as the module's own layer has them."""
        own = dict(module.named_parameters()).get("proj.weight")
        if own is not None and own.ndim == 2:
            filters = rearrange(
                case.weights["proj.weight"], f"d c y x -> d ({self.order})"
            )
            weights = case.weights | {"proj.weight": filters}
            case = replace(case, weights=weights)
        return super().load(module, case)

    def gradients(
        self, runner: Runner, case: Case
    ) -> dict[str, Tensor | None]:
        """Lay the gradient of the filters out as a convolution's."""
        found = super().gradients(runner, case)
        filters = found["proj.weight"]
        if filters is not None and filters.ndim == 2:
            p = case.settings["patch_size"]
            found["proj.weight"] = rearrange(
                filters, f"d ({self.order}) -> d c y x", y=p, x=p
            )
        return found


def cases() -> list[Case]:
    """Draw layers, and pictures for them."""
    draw, found = Draw(3), []
    sizes = [  # batch, channels, rows, columns, patch size, width
        (2, 3, 2, 3, 4, 7),
        (1, 3, 3, 2, 2, 5),
        (2, 1, 2, 2, 3, 10),
        (2, 2, 1, 4, 3, 6),
        (3, 4, 2, 3, 2, 8),
        (1, draw.size(2, 4), 3, 3, 2, 4),
    ]
    for batch, channels, rows, cols, p, width in sizes:
        size = rows * p, cols * p
        settings = {
            "image_size": size[0] if rows == cols else size,
            "patch_size": p,
            "in_channels": channels,
            "embed_dim": width,
        }
        found.append(
            Case(
                f"{count_of(batch, 'image')} of {size[0]} by {size[1]} "
                f"pixels with {count_of(channels, 'channel')}, patches of "
                f"{p} and a width of {width}",
                {"images": draw.normal(batch, channels, *size)},
                settings,
                weights_of(PatchEmbedding, draw, **settings),
                {"d": width},
            )
        )
    return found


def maps_as(pattern: str) -> Callable:
    """Give an embedding which lays its maps out in another way."""

    def wrong(embed: PatchEmbedding, images: Tensor) -> Tensor:
        return rearrange(embed.proj(images), pattern)

    return wrong


def joined_by_reshape(embed: PatchEmbedding, images: Tensor) -> Tensor:
    """Reshape the maps to the wanted shape."""
    maps = embed.proj(images)
    return maps.reshape(len(images), -1, maps.shape[1])


def channels_first(embed: PatchEmbedding, images: Tensor) -> Tensor:
    """Use the filters as they lie, on patches that lie otherwise."""
    patches = patchify(images, embed.proj.kernel_size[0])
    return F.linear(patches, embed.proj.weight.flatten(1), embed.proj.bias)


def cut_by_reshape(embed: PatchEmbedding, images: Tensor) -> Tensor:
    """Give a linear layer pieces of the sequence of numbers."""
    filters = rearrange(embed.proj.weight, "d c y x -> d (y x c)")
    parts = images.reshape(len(images), -1, filters.shape[1])
    return F.linear(parts, filters, embed.proj.bias)


def every_pixel(embed: PatchEmbedding, images: Tensor) -> Tensor:
    """Forget the step."""
    maps = F.conv2d(images, embed.proj.weight, embed.proj.bias)
    return rearrange(maps, "b d row col -> b (row col) d")


def no_bias(embed: PatchEmbedding, images: Tensor) -> Tensor:
    """Forget what is added."""
    p = embed.proj.kernel_size[0]
    maps = F.conv2d(images, embed.proj.weight, stride=p)
    return rearrange(maps, "b d row col -> b (row col) d")


def pixels_column_by_column(
    embed: PatchEmbedding, images: Tensor
) -> Tensor:
    """Take the height for the width inside the patch."""
    p = embed.proj.kernel_size[0]
    filters = embed.proj.weight.transpose(2, 3)
    maps = F.conv2d(images, filters, embed.proj.bias, stride=p)
    return rearrange(maps, "b d row col -> b (row col) d")


def changed_by(change: Callable[[Tensor], Tensor]) -> Callable:
    """Give an embedding which changes its tokens afterwards."""

    def wrong(embed: PatchEmbedding, images: Tensor) -> Tensor:
        return change(PatchEmbedding.forward(embed, images))

    return wrong


def with_class_token(tokens: Tensor) -> Tensor:
    """Put zeros in front."""
    return F.pad(tokens, (0, 0, 1, 0))


PIECE = EmbeddingPiece(
    module=__name__,
    number=1,
    reference=PatchEmbedding,
    cases=cases,
    axes="images, tokens, width",
    draw=tables,
    next="Everything behind it works on these tokens. Chapter 4 gives "
    "them a class token for company, and a place.",
    mistakes=(
        Mistake(
            "tokens_as_columns",
            maps_as("b d row col -> b d (row col)"),
            "The numbers are right, and the axes have changed places: "
            "your shape is {shape}, wanted is {right}. A token is a row "
            "of {d} numbers, and `flatten` alone leaves it a column."
            " What makes it a row?",
        ),
        Mistake(
            "joined_by_reshape",
            joined_by_reshape,
            "The shape is right, but it is reached by a `reshape`, which "
            "moves no number: yours has parts of several tokens in one "
            "row. {seen} Out of the convolution comes (b, d, row, col). "
            "Which axis has to move before two become one?",
        ),
        Mistake(
            "patches_column_by_column",
            maps_as("b d row col -> b (col row) d"),
            "The tokens are right, and go down the columns. {seen} The "
            "reading order is along the lines. Which of the two moves "
            "faster, rows or columns?",
        ),
        Mistake(
            "still_maps",
            maps_as("b d row col -> b d row col"),
            "The numbers are right, and still a stack of maps: your shape "
            "is {shape}, wanted is {right}. Two of the axes become the "
            "sequence, one goes to the end. Which?",
        ),
        Mistake(
            "still_a_grid",
            maps_as("b d row col -> b row col d"),
            "The tokens are right, and still stand in a grid: your shape "
            "is {shape}, wanted is {right}. A sequence has one axis for "
            "them."
            " Which two become one?",
        ),
        Mistake(
            "tokens_as_columns_column_by_column",
            maps_as("b d row col -> b d (col row)"),
            "Your shape is {shape}, wanted is {right}: a token is a row. "
            "And when you have turned it, look whether the sequence goes "
            "along the lines."
            " Which of rows and columns moves faster?",
        ),
        Mistake(
            "channels_first",
            channels_first,
            "Filters and patches do not fit together. {seen} The filters "
            "of a convolution lie as (channel, row, column), the numbers "
            "of `patchify` as (row, column, channel). With one channel "
            "you would not notice. Which of the two do you turn?",
        ),
        Mistake(
            "cut_by_reshape",
            cut_by_reshape,
            "The layer is right, but what it is given are no squares. "
            "{seen} A `reshape` takes the numbers as they lie, and in "
            "memory a row of the picture goes on to its right edge. Which "
            "function of the last chapter cuts?",
        ),
        Mistake(
            "pixels_column_by_column",
            pixels_column_by_column,
            "Every filter meets its patch mirrored along the diagonal. "
            "{seen} Inside a patch, which comes first, x or y?",
        ),
        Mistake(
            "every_pixel",
            every_pixel,
            "Your filters move on by one pixel at a time, so that patches "
            "overlap: your shape is {shape}, wanted is {right}. How far "
            "is it from one patch to the next?",
        ),
        Mistake(
            "no_bias",
            no_bias,
            "The products are right, and the bias is not added. {seen} "
            "What does a linear layer add, after it has multiplied?",
        ),
        Mistake(
            "with_relu",
            changed_by(F.relu),
            "Right, and then everything below zero is cut off by a ReLU. "
            "{seen} The embedding is linear and nothing else."
            " Where does the ReLU come in?",
        ),
        Mistake(
            "with_gelu",
            changed_by(F.gelu),
            "Right, and then bent by GELU. {seen} The embedding is linear "
            "and nothing else."
            " Where does the GELU come in?",
        ),
        Mistake(
            "with_norm",
            changed_by(lambda t: F.layer_norm(t, t.shape[-1:])),
            "Right, and then every token is normed. {seen} In a ViT the "
            "first norm stands in the encoder."
            " Where does yours come in?",
        ),
        Mistake(
            "with_class_token",
            changed_by(with_class_token),
            "The tokens are right, and a token too many stands in front: "
            "your shape is {shape}, wanted is {right}. The class token "
            "comes in the next chapter."
            " What do you put in front?",
        ),
    ),
)
