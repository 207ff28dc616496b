"""Check your `attention(q, k, v)`, which gives the weights, too."""

from collections.abc import Callable

from torch import Tensor

from vitlib.attention import attention, attention_weights
from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.compare import (
    agrees,
    as_tensor,
    first_difference,
)
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of, numbers, shape_of

SIZES = [  # batch, heads, tokens, head_dim
    (2, 3, 5, 4),
    (1, 2, 7, 9),
    (3, 1, 4, 6),
    (2, 4, 1, 3),
    (1, 1, 6, 2),
]

Table = Callable[[Tensor, Tensor], Tensor]  # of queries and keys
Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
Facts = Callable[[Case, Tensor], dict[str, object]]


def cases() -> list[Case]:
    """Draw queries, keys and values."""
    draw, found = Draw(5), []
    sizes = [*SIZES, (2, draw.size(2, 4), draw.size(2, 6), 8)]
    for batch, heads, count, head_dim in sizes:
        shape = batch, heads, count, head_dim
        found.append(
            Case(
                f"{count_of(batch, 'sequence')} of "
                f"{count_of(count, 'token')} in {count_of(heads, 'head')} "
                f"with a head_dim of {head_dim}",
                {name: draw.normal(*shape) for name in "qkv"},
                tells={
                    "k": head_dim,
                    "heads": heads,
                    "n": count,
                    "d": heads * head_dim,
                    "share": numbers([head_dim**-0.5]),
                },
            )
        )
    turned = {n: draw.normal(2, 5, 3, 4).transpose(1, 2) for n in "qkv"}
    words = "queries, keys and values cut out of one tensor"
    return [*found, Case(words, turned, tells=found[0].tells)]


def attention_with_map(
    q: Tensor, k: Tensor, v: Tensor
) -> tuple[Tensor, Tensor]:
    """Give the mixed values, and the weights that mixed them."""
    return attention(q, k, v), attention_weights(q, k)


def scores(q: Tensor, k: Tensor) -> Tensor:
    """Give the dot products of all pairs."""
    return q @ k.mT


def scaled(q: Tensor, k: Tensor) -> Tensor:
    """Give the dot products over the root of the head_dim."""
    return scores(q, k) / q.shape[-1] ** 0.5


def softmax_over(dim: int) -> Attention:
    """Give an attention with the softmax over another axis."""

    def wrong(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return scaled(q, k).softmax(dim) @ v

    return wrong


def softmax_over_table(q: Tensor, k: Tensor) -> Tensor:
    """Let all queries together share 1."""
    table = scaled(q, k)
    return table.flatten(-2).softmax(-1).reshape(table.shape)


def divided_by(size: Callable[[Tensor], float]) -> Attention:
    """Give an attention whose scores are divided by another number."""

    def wrong(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (scores(q, k) / size(q)).softmax(-1) @ v

    return wrong


def scale_after_softmax(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Divide the weights where the scores should be."""
    return scores(q, k).softmax(-1) / q.shape[-1] ** 0.5 @ v


def keys_reshaped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Reshape the keys where they should be turned."""
    keys = k.reshape(*k.shape[:2], k.shape[3], k.shape[2])
    return (q @ keys / q.shape[-1] ** 0.5).softmax(-1) @ v


def sums(table: Table) -> Facts:
    """Say what the rows of the answer's weights sum to."""

    def facts(case: Case, found: Tensor) -> dict[str, object]:
        q, k, _ = case.inputs.values()
        rows = table(q, k).sum(dim=-1).flatten()
        return {"sums": numbers(rows[:3])}

    return facts


def loudest(table: Table) -> Facts:
    """Say how large the largest weights of the first queries are."""

    def facts(case: Case, found: Tensor) -> dict[str, object]:
        q, k, _ = case.inputs.values()
        tables = table(q, k).softmax(-1), scaled(q, k).softmax(-1)
        yours, wanted = (numbers(t[0, 0].amax(-1)[:3]) for t in tables)
        return {
            "loudest": "The largest weight of your first queries is "
            f"{yours}, in the reference {wanted}."
        }

    return facts


def parted(output: object) -> tuple[object, object]:
    """Part what was given into mixed values and weights, or None."""
    if isinstance(output, tuple | list) and len(output) == 2:
        return tuple(output)
    return output, None


class AttentionPiece(Piece):
    """An answer gives the mixed values, and then the weights."""

    def read(self, output: object, case: Case) -> Tensor:
        """Take the mixed values, the first of two things."""
        first, second = parted(output)
        mixed, q = as_tensor(first), case.inputs["q"]
        if second is None:
            return mixed
        weights, table = as_tensor(second), (*q.shape[:3], q.shape[2])
        if mixed.shape == table and weights.shape == q.shape:
            raise Finding(
                "You give the weights first and the mixed values after "
                f"them: {shape_of(mixed)}, {shape_of(weights)}. Who calls "
                "it expects them the other way round.",
                "weights_first",
            )
        return mixed

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Compare the weights, where they are given."""
        _, second = parted(self.ask(runner, case))
        if second is None:
            raise Finding(
                "The mixed values are right, with their gradients. But "
                "the map is not there: who wants to draw it needs the "
                "weights, (sequences, heads, queries, keys), beside the "
                "mixture. What does your last line give back?",
                "no_map",
            )
        yours = as_tensor(second)
        wanted = attention_weights(case.inputs["q"], case.inputs["k"])
        if yours.shape != wanted.shape:
            raise Finding(
                "The mixed values are right. The weights beside them have "
                f"the shape {shape_of(yours)}, wanted is "
                f"{shape_of(wanted)}: a table for every head.",
                "other_shape_of_weights",
            )
        if not agrees(yours, wanted):
            rows = numbers(yours.sum(dim=-1).flatten()[:3])
            raise Finding(
                "The mixed values are right. The weights beside them are "
                "not those that mixed them: the first rows sum to "
                f"{rows}. {first_difference(yours, wanted)['seen']} Which "
                "table do you give back?",
                "other_weights",
            )


PIECE = AttentionPiece(
    module=__name__,
    number=1,
    reference=attention_with_map,
    cases=cases,
    axes="sequences, heads, tokens, head_dim",
    draw=tables,
    shown="On seven random inputs mixture and map are those of vitlib's "
    "`attention`, with their gradients.",
    next="Every head of every layer runs this. MultiHeadAttention, the "
    "next piece, makes the queries, keys and values for it.",
    mistakes=(
        Mistake(
            "no_scale",
            lambda q, k, v: scores(q, k).softmax(-1) @ v,
            "Nearly. Queries meet keys, the softmax is over the keys, and "
            "the scores are not scaled. {loudest} The longer the vectors, "
            "the larger their dot products. By what do you divide them?",
            loudest(scores),
        ),
        Mistake(
            "scale_after_softmax",
            scale_after_softmax,
            "The scale comes after the softmax, the mistake of the "
            "article that this book follows. Your weights of a query sum "
            "to {share}, and shares of a whole sum to 1. Your numbers are "
            "too small by that factor, and the softmax was as sharp as "
            "without a scale. What must be divided, the weights or the "
            "scores?",
        ),
        Mistake(
            "divided_by_root_of_embed_dim",
            divided_by(lambda q: (q.shape[1] * q.shape[-1]) ** 0.5),
            "The scores are divided by the root of {d}, the width of the "
            "whole model: {heads} heads of {k}. {loudest} You are in good "
            "company, well-known repositories have had it. How long are "
            "the two vectors that a single head multiplies?",
            loudest(
                lambda q, k: (
                    scores(q, k) / (q.shape[1] * q.shape[-1]) ** 0.5
                )
            ),
        ),
        Mistake(
            "divided_by_head_dim",
            divided_by(lambda q: q.shape[-1]),
            "The scores are divided by {k}, all of the head_dim. "
            "{loudest} Dot products of random vectors grow only with the "
            "root of their length."
            " Which exponent has the root?",
            loudest(lambda q, k: scores(q, k) / q.shape[-1]),
        ),
        Mistake(
            "divided_by_root_of_tokens",
            divided_by(lambda q: q.shape[2] ** 0.5),
            "The scores are divided by the root of {n}, the number of "
            "tokens. What grows with the head_dim is a dot product. Which "
            "axis of `q` is it a sum over?",
        ),
        Mistake(
            "multiplied_by_root",
            divided_by(lambda q: q.shape[-1] ** -0.5),
            "The scores are multiplied by the root of {k} where they "
            "should be divided. {loudest} Which sign has the exponent?",
            loudest(lambda q, k: scores(q, k) * q.shape[-1] ** 0.5),
        ),
        Mistake(
            "softmax_over_queries",
            softmax_over(-2),
            "The softmax is over the queries. So all queries together "
            "share one key, and the weights of your first queries sum to "
            "{sums}. It is the query that shares out its attention, 1 in "
            "all. Which axis counts the keys?",
            sums(lambda q, k: scaled(q, k).softmax(-2)),
        ),
        Mistake(
            "softmax_over_heads",
            softmax_over(1),
            "The softmax is over the heads: for every pair of tokens the "
            "heads share 1 between them, and the weights of your first "
            "queries sum to {sums}. Heads do not compete. Which axis "
            "counts the keys?",
            sums(lambda q, k: scaled(q, k).softmax(1)),
        ),
        Mistake(
            "softmax_over_batch",
            softmax_over(0),
            "The softmax is over the batch: the images share 1 between "
            "them, and what one image sees depends on the others. The "
            "weights of your first queries sum to {sums}. Which axis "
            "counts the keys?",
            sums(lambda q, k: scaled(q, k).softmax(0)),
        ),
        Mistake(
            "softmax_over_table",
            lambda q, k, v: softmax_over_table(q, k) @ v,
            "The softmax is over the whole table: all queries together "
            "share 1, and your first ones have {sums} of it. Each query "
            "has 1 of its own to share out. How many axes does the "
            "softmax go over?",
            sums(softmax_over_table),
        ),
        Mistake(
            "no_softmax",
            lambda q, k, v: scaled(q, k) @ v,
            "The scores mix the values as they are. Those of your first "
            "queries sum to {sums}, and some are below zero. What turns "
            "any numbers into shares of 1?",
            sums(scaled),
        ),
        Mistake(
            "not_divided_by_sum",
            lambda q, k, v: scaled(q, k).exp() @ v,
            "The exponentials of the scores mix the values as they are. "
            "They are positive, and those of your first queries sum to "
            "{sums}. What makes shares of positive numbers?",
            sums(lambda q, k: scaled(q, k).exp()),
        ),
        Mistake(
            "sigmoid",
            lambda q, k, v: scaled(q, k).sigmoid() @ v,
            "Each score was squeezed between 0 and 1 for itself, by a "
            "sigmoid: the weights of your first queries sum to {sums}, "
            "not to 1. A query's shares depend on one another."
            " What makes them one whole?",
            sums(lambda q, k: scaled(q, k).sigmoid()),
        ),
        Mistake(
            "log_softmax",
            lambda q, k, v: scaled(q, k).log_softmax(-1) @ v,
            "These are the logarithms of the weights, all below zero; "
            "those of your first queries sum to {sums}. A loss takes "
            "them. What mixes values are the shares themselves."
            " Which function gives them?",
            sums(lambda q, k: scaled(q, k).log_softmax(-1)),
        ),
        Mistake(
            "weights_transposed",
            lambda q, k, v: scaled(q, k).softmax(-1).mT @ v,
            "The weights are right, and turned over before they meet the "
            "values: token i gathers what others take from it. {seen} "
            "Which axis of the weights meets the tokens of `v`?",
        ),
        Mistake(
            "queries_and_keys_swapped",
            lambda q, k, v: scaled(k, q).softmax(-1) @ v,
            "Queries and keys have changed places: each key asks the "
            "queries. {seen} Whose tokens do the rows of your table stand "
            "for?",
        ),
        Mistake(
            "queries_meet_values",
            lambda q, k, v: scaled(q, v).softmax(-1) @ v,
            "Your queries are compared with the values. Values are what "
            "is handed over; what answers a query is the key. {seen}"
            " Who answers in your code?",
        ),
        Mistake(
            "keys_and_values_swapped",
            lambda q, k, v: scaled(q, v).softmax(-1) @ k,
            "Keys and values have changed places: your queries ask the "
            "values and take home keys. {seen}"
            " Which of the two is compared, and which is handed over?",
        ),
        Mistake(
            "keys_mixed",
            lambda q, k, v: scaled(q, k).softmax(-1) @ k,
            "The weights are right, and what they mix are the keys: at "
            "{where} yours has {yours}, wanted is {wanted}. What does a "
            "token hand over to who asks it?",
        ),
        Mistake(
            "queries_meet_queries",
            lambda q, k, v: scaled(q, q).softmax(-1) @ v,
            "Your queries are compared with each other, not with the "
            "keys: at {where} yours has {yours}, wanted is {wanted}."
            " Which of the three stands on the right of your product?",
        ),
        Mistake(
            "keys_reshaped",
            keys_reshaped,
            "The keys are reshaped where they should be turned: a "
            "`reshape` gives the wanted shape and leaves each number "
            "where it was in memory, so that parts of different keys "
            "stand together. {seen}"
            " What turns them?",
        ),
        Mistake(
            "weights_only",
            lambda q, k, v: scaled(q, k).softmax(-1),
            "These are the weights, {shape}, a table for every head. Now "
            "they have to mix something: wanted is {right}."
            " What do they mix?",
        ),
        Mistake(
            "tokens_before_heads",
            lambda q, k, v: attention(q, k, v).transpose(1, 2),
            "The numbers are right, with tokens before heads: your shape "
            "is {shape}, wanted is {right}. The layer puts the heads "
            "together again, not this function."
            " Which step changes the two?",
        ),
        Mistake(
            "heads_joined",
            lambda q, k, v: attention(q, k, v).transpose(1, 2).flatten(2),
            "The numbers are right, and the heads are put together "
            "already: your shape is {shape}, wanted is {right}. The layer "
            "does that later, with whatever this function gives."
            " Which step joins them?",
        ),
    ),
)
