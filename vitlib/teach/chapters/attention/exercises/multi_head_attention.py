"""Check your class `MultiHeadAttention(embed_dim, num_heads)`."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor
from torch.func import functional_call

from vitlib.attention import MultiHeadAttention, attention
from vitlib.teach.chapters.attention.exercises.attention import (
    Attention,
    divided_by,
    scale_after_softmax,
    softmax_over,
)
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import count_of, sequences_of

Forward = Callable[[MultiHeadAttention, Tensor], Tensor]


def cases() -> list[Case]:
    """Draw layers and tokens for them."""
    draw, found = Draw(55), []
    sizes = [  # batch, tokens, width, heads
        (2, 5, 12, 3),
        (1, 4, 8, 2),
        (3, 1, 6, 6),
        (2, 3, 10, 1),
        (2, draw.size(2, 6), 16, 4),
    ]
    for batch, count, width, heads in sizes:
        settings = {"embed_dim": width, "num_heads": heads}
        found.append(
            Case(
                f"{sequences_of(batch, count, width)}, and "
                f"{count_of(heads, 'head')}",
                {"tokens": draw.normal(batch, count, width)},
                settings,
                weights_of(MultiHeadAttention, draw, **settings),
                {
                    "d": width,
                    "heads": heads,
                    "k": width // heads,
                    "n": count,
                },
            )
        )
    return found


def split(
    layer: MultiHeadAttention, tokens: Tensor, order: str = "qkv heads k"
) -> Tensor:
    """Part what `qkv` gives, by this order of its letters."""
    return rearrange(
        layer.qkv(tokens),
        f"b n ({order}) -> qkv b heads n k",
        qkv=3,
        heads=layer.num_heads,
    )


def join(layer: MultiHeadAttention, mixed: Tensor) -> Tensor:
    """Put the heads together again, and project."""
    return layer.proj(rearrange(mixed, "b heads n k -> b n (heads k)"))


def split_as(order: str) -> Forward:
    """Give a layer that parts `qkv` in another order."""

    def wrong(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
        return join(layer, attention(*split(layer, tokens, order)))

    return wrong


def with_function(function: Attention) -> Forward:
    """Give a layer with another attention inside."""

    def wrong(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
        return join(layer, function(*split(layer, tokens)))

    return wrong


def split_by_reshape(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Reshape straight to heads, without moving an axis."""
    b, n, _ = tokens.shape
    parts = layer.qkv(tokens).chunk(3, dim=-1)
    q, k, v = (p.reshape(b, layer.num_heads, n, -1) for p in parts)
    return join(layer, attention(q, k, v))


def heads_and_numbers_swapped(
    layer: MultiHeadAttention, tokens: Tensor
) -> Tensor:
    """Make as many heads as a head should have numbers."""
    parts = layer.qkv(tokens).chunk(3, dim=-1)
    parted = (p.unflatten(-1, (-1, layer.num_heads)) for p in parts)
    mixed = attention(*(p.transpose(1, 2) for p in parted))
    return layer.proj(mixed.transpose(1, 2).flatten(2))


def merged_by_reshape(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Reshape the heads away, without moving the axis back."""
    mixed = attention(*split(layer, tokens))
    return layer.proj(mixed.reshape(tokens.shape))


def split_and_merged_by_reshape(
    layer: MultiHeadAttention, tokens: Tensor
) -> Tensor:
    """Reshape to heads, and reshape back."""
    b, n, _ = tokens.shape
    parts = layer.qkv(tokens).chunk(3, dim=-1)
    q, k, v = (p.reshape(b, layer.num_heads, n, -1) for p in parts)
    return layer.proj(attention(q, k, v).reshape(tokens.shape))


def dealt_and_gathered(
    layer: MultiHeadAttention, tokens: Tensor
) -> Tensor:
    """Deal the numbers to the heads in turn, and gather them so."""
    mixed = attention(*split(layer, tokens, "qkv k heads"))
    return layer.proj(rearrange(mixed, "b heads n k -> b n (k heads)"))


def heads_attend(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Let the heads of a token look at each other."""
    q, k, v = (p.transpose(1, 2) for p in split(layer, tokens))
    return layer.proj(attention(q, k, v).flatten(2))


def mean_of_heads(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Take the mean of the heads, as wide as all of them again."""
    mixed = attention(*split(layer, tokens)).mean(dim=1)
    return layer.proj(mixed.repeat(1, 1, layer.num_heads))


def merged_as_k_heads(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Let the heads alternate in the result."""
    mixed = attention(*split(layer, tokens))
    return layer.proj(rearrange(mixed, "b heads n k -> b n (k heads)"))


def no_projection(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Stop before the last layer."""
    mixed = attention(*split(layer, tokens))
    return rearrange(mixed, "b heads n k -> b n (heads k)")


def one_head(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
    """Forget the heads."""
    q, k, v = layer.qkv(tokens).chunk(3, dim=-1)
    return layer.proj(attention(*(p[:, None] for p in (q, k, v)))[:, 0])


def attends_across_images(
    layer: MultiHeadAttention, tokens: Tensor
) -> Tensor:
    """Take the batch for the sequence."""
    swapped = tokens.transpose(0, 1)
    return MultiHeadAttention.forward(layer, swapped).transpose(0, 1)


def without_bias(name: str) -> Forward:
    """Give a layer in which this linear layer has no bias."""

    def wrong(layer: MultiHeadAttention, tokens: Tensor) -> Tensor:
        bias = torch.zeros_like(getattr(layer, name).bias)
        right = MultiHeadAttention(layer.proj.in_features, layer.num_heads)
        weights = layer.state_dict() | {f"{name}.bias": bias}
        return functional_call(right, weights, (tokens,))

    return wrong


PIECE = ModulePiece(
    module=__name__,
    number=2,
    reference=MultiHeadAttention,
    cases=cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="It is the first half of an encoder block. The other half, the "
    "MLP of chapter 6, thinks about what was gathered here.",
    mistakes=(
        Mistake(
            "split_as_heads_k_qkv",
            split_as("heads k qkv"),
            "The output of `qkv` is parted in another order, (heads, k, "
            "qkv), as in the article that this book follows. {seen} With "
            "fresh weights nobody would notice; with published ones "
            "nothing fits. In vitlib and timm all queries come first, "
            "then all keys, then all values. Which letter is the "
            "outermost?",
        ),
        Mistake(
            "split_as_heads_qkv_k",
            split_as("heads qkv k"),
            "The output of `qkv` is parted head by head, (heads, qkv, k). "
            "{seen} In vitlib and timm all queries come first, then all "
            "keys, then all values. Which letter is the outermost?",
        ),
        Mistake(
            "split_as_qkv_k_heads",
            split_as("qkv k heads"),
            "Queries, keys and values are told apart rightly, and the "
            "heads are dealt like cards, one number in {heads} to each. "
            "{seen} A head's {k} numbers stand beside each other. Which "
            "of the last two letters moves fastest?",
        ),
        Mistake(
            "split_by_reshape",
            split_by_reshape,
            "The shape is right, but a `reshape` straight to (b, heads, "
            "n, k) moves no number: it cuts the sequence into {heads} "
            "pieces and calls them heads. {seen} In memory the heads lie "
            "inside a token. Which axis do you part first, and what moves "
            "then?",
        ),
        Mistake(
            "split_and_merged_by_reshape",
            split_and_merged_by_reshape,
            "The shape is right at both ends, and it is reached by a "
            "`reshape` each time: straight to (b, heads, n, k), and "
            "straight back. Neither moves a number, so that each of your "
            "{heads} heads sees {heads} pieces of one part of the "
            "sequence in place of its {k} numbers of every token. {seen} "
            "Part the last axis first: which axes change places then?",
        ),
        Mistake(
            "heads_attend_to_heads",
            heads_attend,
            "Your heads are cut rightly, and tokens and heads have not "
            "changed places: the {heads} heads of one token look at each "
            "other, and no token at another. {seen} The last two axes "
            "meet in `q @ k.mT`. Which axis has to be the last but one?",
        ),
        Mistake(
            "heads_and_numbers_swapped",
            heads_and_numbers_swapped,
            "Heads and their numbers have changed places: these are {k} "
            "heads of {heads} numbers, wanted are {heads} of {k}. {seen} "
            "Which of the two axes that you part does `num_heads` count?",
        ),
        Mistake(
            "merged_by_reshape",
            merged_by_reshape,
            "All is right up to the mixing. Then a `reshape` takes (b, "
            "heads, n, k) straight to {right}, and the numbers of a token "
            "come from several others. {seen} Which axis has to move back "
            "first?",
        ),
        Mistake(
            "dealt_and_gathered",
            dealt_and_gathered,
            "The heads are dealt like cards, one number in {heads} to "
            "each, and gathered in the same way. {seen} With fresh "
            "weights nobody would notice; trained ones lie as {heads} "
            "heads of {k} numbers side by side. Which of the two does "
            "`unflatten` name first?",
        ),
        Mistake(
            "mean_of_heads",
            mean_of_heads,
            "You take the mean of the heads: what one of them has found "
            "is lost among {heads}. {seen} `proj` reads the numbers of "
            "all heads side by side. How wide is that?",
        ),
        Mistake(
            "merged_as_k_heads",
            merged_as_k_heads,
            "All is right up to the mixing; when the heads are put "
            "together again, their numbers alternate. {seen} In the "
            "width, which moves faster, the head or the number inside it?",
        ),
        Mistake(
            "no_projection",
            no_projection,
            "The mixed values are right, and come out as they are: `proj` "
            "is not used. {seen} It is the only place where the heads "
            "speak with one another."
            " Where does it go?",
        ),
        Mistake(
            "one_head",
            one_head,
            "This is attention with a single head of {d} numbers, and "
            "`num_heads={heads}` is not used. {seen} No count of "
            "parameters shows the difference. Where does the width become "
            "heads of {k}?",
        ),
        Mistake(
            "scale_after_softmax",
            with_function(scale_after_softmax),
            "The scale comes after the softmax, so the weights of a query "
            "do not sum to 1. {seen} What must be divided, the weights or "
            "the scores?",
        ),
        Mistake(
            "divided_by_root_of_embed_dim",
            with_function(
                divided_by(lambda q: (q.shape[1] * q.shape[-1]) ** 0.5)
            ),
            "The scores are divided by the root of {d}, the width. A head "
            "multiplies vectors of {k} numbers. {seen} Which of the two "
            "does its dot product grow with?",
        ),
        Mistake(
            "no_scale",
            with_function(divided_by(lambda q: 1)),
            "The scores are not scaled. {seen} By the root of what do you "
            "divide the dot product of two vectors of {k} numbers?",
        ),
        Mistake(
            "divided_by_head_dim",
            with_function(divided_by(lambda q: q.shape[-1])),
            "The scores are divided by {k}, all of the head_dim. {seen} "
            "Dot products of random vectors grow only with its root."
            " Which exponent has the root?",
        ),
        Mistake(
            "divided_by_root_of_tokens",
            with_function(divided_by(lambda q: q.shape[2] ** 0.5)),
            "The scores are divided by the root of {n}, the number of "
            "tokens. {seen} A dot product is a sum over the numbers of a "
            "head. How many are these?",
        ),
        Mistake(
            "divided_by_root_of_heads",
            with_function(divided_by(lambda q: q.shape[1] ** 0.5)),
            "The scores are divided by the root of {heads}, the number of "
            "heads. {seen} A dot product is a sum over the numbers of one "
            "head. How many are these?",
        ),
        Mistake(
            "softmax_over_queries",
            with_function(softmax_over(-2)),
            "The softmax is over the queries: all of them share one key. "
            "{seen} Which axis counts the keys?",
        ),
        Mistake(
            "softmax_over_heads",
            with_function(softmax_over(1)),
            "The softmax is over the heads: for every pair they share 1 "
            "between them. {seen} Which axis counts the keys?",
        ),
        Mistake(
            "attends_across_images",
            attends_across_images,
            "The tokens of one image look at those of the others: the "
            "batch is taken for the sequence, as `nn.MultiheadAttention` "
            "does unless it is told `batch_first=True`. {seen} Which axis "
            "of the input are the tokens of one image?",
        ),
        Mistake(
            "queries_and_keys_swapped",
            with_function(lambda q, k, v: attention(k, q, v)),
            "Queries and keys have changed places. {seen} In which order "
            "do the three lie in `qkv`?",
        ),
        Mistake(
            "keys_and_values_swapped",
            with_function(lambda q, k, v: attention(q, v, k)),
            "Keys and values have changed places. {seen} In which order "
            "do the three lie in `qkv`?",
        ),
        Mistake(
            "values_first",
            with_function(lambda q, k, v: attention(k, v, q)),
            "The three come out of `qkv` as queries, keys and values, and "
            "you take the first for the values. {seen} In which order do "
            "they lie in `qkv`?",
        ),
        Mistake(
            "no_qkv_bias",
            without_bias("qkv"),
            "The bias of `qkv` is left out. {seen} What does a linear "
            "layer add, after it has multiplied?",
        ),
        Mistake(
            "no_proj_bias",
            without_bias("proj"),
            "The bias of `proj` is left out. {seen} What does a linear "
            "layer add, after it has multiplied?",
        ),
        Mistake(
            "with_residual",
            lambda layer, tokens: (
                tokens + MultiHeadAttention.forward(layer, tokens)
            ),
            "Right, and the tokens themselves are added to it. {seen} "
            "That sum belongs to the block around this layer; with both, "
            "a token would be counted twice."
            " Where does your code add them?",
        ),
    ),
)
