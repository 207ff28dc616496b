"""Check your class `EncoderBlock(embed_dim, num_heads)`."""

from torch import Tensor, nn
from torch.nn import functional as F

from vitlib.encoder import EncoderBlock
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import count_of, sequences_of


def cases() -> list[Case]:
    """Draw blocks of several widths, and tokens for them."""
    draw, found = Draw(66), []
    sizes = [  # batch, tokens, width, heads
        (2, 4, 6, 2),
        (1, 3, 8, 4),
        (3, 1, 5, 1),
        (3, 4, 9, 3),
        (2, draw.size(2, 6), 12, 3),
    ]
    for batch, count, width, heads in sizes:
        settings = {"embed_dim": width, "num_heads": heads}
        tokens = draw.normal(batch, count, width)
        scales = 0.5 + 2 * draw.uniform(batch, count, 1)
        found.append(
            Case(
                f"{sequences_of(batch, count, width)}, and "
                f"{count_of(heads, 'head')}",
                {"tokens": tokens * scales},
                settings,
                weights_of(EncoderBlock, draw, **settings),
            )
        )
    return found


def post_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm after the sums, as in 2017."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return block.norm2(tokens + block.mlp(tokens))


def norm_after_layer(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what the layers give, before the sums."""
    tokens = tokens + block.norm1(block.attn(tokens))
    return tokens + block.norm2(block.mlp(tokens))


def normed_stream(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Add to the normed tokens, not to the tokens."""
    normed = block.norm1(tokens)
    tokens = normed + block.attn(normed)
    normed = block.norm2(tokens)
    return normed + block.mlp(normed)


def no_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Replace, never add."""
    return block.mlp(block.norm2(block.attn(block.norm1(tokens))))


def no_first_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Replace the tokens by what attention gives."""
    tokens = block.attn(block.norm1(tokens))
    return tokens + block.mlp(block.norm2(tokens))


def no_second_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Replace the tokens by what the MLP gives."""
    tokens = tokens + block.attn(block.norm1(tokens))
    return block.mlp(block.norm2(tokens))


def parallel(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Let both look at the same tokens."""
    gathered = block.attn(block.norm1(tokens))
    return tokens + gathered + block.mlp(block.norm2(tokens))


def gathered_lost(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Add the MLP to the tokens of before the attention."""
    middle = tokens + block.attn(block.norm1(tokens))
    return tokens + block.mlp(block.norm2(middle))


def one_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """One sum around both layers."""
    return tokens + no_residual(block, tokens)


def first_norm_twice(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use the first norm for both."""
    tokens = tokens + block.attn(block.norm1(tokens))
    return tokens + block.mlp(block.norm1(tokens))


def norms_swapped(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use each norm for the other layer."""
    tokens = tokens + block.attn(block.norm2(tokens))
    return tokens + block.mlp(block.norm1(tokens))


def no_norms(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave both norms out."""
    tokens = tokens + block.attn(tokens)
    return tokens + block.mlp(tokens)


def no_first_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave the norm before attention out."""
    tokens = tokens + block.attn(tokens)
    return tokens + block.mlp(block.norm2(tokens))


def no_second_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave the norm before the MLP out."""
    tokens = tokens + block.attn(block.norm1(tokens))
    return tokens + block.mlp(tokens)


def mlp_first(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Think first, look afterwards."""
    tokens = tokens + block.mlp(block.norm2(tokens))
    return tokens + block.attn(block.norm1(tokens))


def no_attention(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave the attention out."""
    return tokens + block.mlp(block.norm2(tokens))


def no_mlp(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave the MLP out."""
    return tokens + block.attn(block.norm1(tokens))


def stream_without_first_sum(
    block: EncoderBlock, tokens: Tensor
) -> Tensor:
    """Let the MLP read what was gathered, and not the sum."""
    gathered = block.attn(block.norm1(tokens))
    return tokens + gathered + block.mlp(block.norm2(gathered))


def first_normed_stream(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Begin the first sum with the normed tokens."""
    normed = block.norm1(tokens)
    tokens = normed + block.attn(normed)
    return tokens + block.mlp(block.norm2(tokens))


def second_normed_stream(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Begin the second sum with the normed tokens."""
    tokens = tokens + block.attn(block.norm1(tokens))
    normed = block.norm2(tokens)
    return normed + block.mlp(normed)


def eps_of_torch(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Add more to the variance than a ViT does."""

    def norm(layer: nn.LayerNorm, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], layer.weight, layer.bias)

    tokens = tokens + block.attn(norm(block.norm1, tokens))
    return tokens + block.mlp(norm(block.norm2, tokens))


PIECE = ModulePiece(
    module=__name__,
    number=2,
    reference=EncoderBlock,
    cases=cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="Twelve of these in a row are the encoder of ViT-B. What is left "
    "for chapter 7 is what stands before and behind it.",
    mistakes=(
        Mistake(
            "post_norm",
            post_norm,
            "The norms come after the sums: this is the block of 2017. "
            "{seen} In a ViT nothing touches the stream but sums, and a "
            "layer norms only what it reads. Where do the two norms stand "
            "then?",
        ),
        Mistake(
            "norm_after_layer",
            norm_after_layer,
            "Your norms stand behind the layers, before the sums. {seen} "
            "In a ViT a layer's input is normed, not its output: it may "
            "say as little or as much as it likes."
            " What does your layer read?",
        ),
        Mistake(
            "normed_stream",
            normed_stream,
            "Your sums start from the normed tokens: after each norm the "
            "old stream is gone. {seen} What does the layer read, and "
            "what is its result added to? They are not the same tensor.",
        ),
        Mistake(
            "first_normed_stream",
            first_normed_stream,
            "Your first sum begins with the normed tokens, and the stream "
            "as it was is gone. {seen} What does the attention read, and "
            "what is its result added to? They are not the same tensor.",
        ),
        Mistake(
            "second_normed_stream",
            second_normed_stream,
            "Your second sum begins with the normed tokens, and the "
            "stream as it was is gone. {seen} What does the MLP read, and "
            "what is its result added to? They are not the same tensor.",
        ),
        Mistake(
            "no_attention",
            no_attention,
            "The attention is missing: each token thinks by itself, and "
            "none has looked at another. {seen} What comes before the "
            "MLP?",
        ),
        Mistake(
            "no_mlp",
            no_mlp,
            "The MLP is missing: the tokens have looked around, and "
            "nothing is made of it. {seen} What comes after the "
            "attention?",
        ),
        Mistake(
            "stream_without_first_sum",
            stream_without_first_sum,
            "Everything is added in the end, but the MLP reads what was "
            "gathered alone. {seen} It should read the stream after the "
            "first sum. Which tensor goes into `norm2`?",
        ),
        Mistake(
            "no_residual",
            no_residual,
            "Nothing is added, everything replaced: no residual around "
            "either layer. {seen} What the block was given should still "
            "be in what it gives."
            " What is missing in each of your lines?",
        ),
        Mistake(
            "no_first_residual",
            no_first_residual,
            "The residual around attention is missing: what it gathers "
            "replaces the tokens. {seen} Which of your two lines has no "
            "sum?",
        ),
        Mistake(
            "no_second_residual",
            no_second_residual,
            "The residual around the MLP is missing: its result replaces "
            "the tokens. {seen} Which of your two lines has no sum?",
        ),
        Mistake(
            "one_residual",
            one_residual,
            "There is one residual around both layers together; each "
            "should have its own. {seen} What does the MLP read, besides "
            "what was gathered?",
        ),
        Mistake(
            "parallel",
            parallel,
            "Both layers read the tokens as they came, side by side. Some "
            "large models do that; in a ViT the MLP thinks about what "
            "attention has gathered. {seen} What does your second line "
            "read?",
        ),
        Mistake(
            "gathered_lost",
            gathered_lost,
            "The result of the MLP is added to the tokens from before the "
            "attention, so that what was gathered is lost from the "
            "stream. {seen} Which tensor does your second sum begin with?",
        ),
        Mistake(
            "first_norm_twice",
            first_norm_twice,
            "`norm1` is used twice, and `norm2` not at all. {seen} No "
            "count of parameters shows it."
            " Which line should name the other?",
        ),
        Mistake(
            "norms_swapped",
            norms_swapped,
            "The two norms have changed places. {seen} With fresh weights "
            "nobody would notice. Which is the first?",
        ),
        Mistake(
            "no_norms",
            no_norms,
            "Sums and layers are right, the norms are not used. {seen} "
            "Before each layer the tokens are brought to one length."
            " By what?",
        ),
        Mistake(
            "no_first_norm",
            no_first_norm,
            "`norm1` is not used: attention reads the bare stream. {seen} "
            "What stands before each layer?",
        ),
        Mistake(
            "no_second_norm",
            no_second_norm,
            "`norm2` is not used: the MLP reads the bare stream. {seen} "
            "What stands before each layer?",
        ),
        Mistake(
            "eps_of_torch",
            eps_of_torch,
            "Right but for the sixth decimal or so: your norms have "
            "torch's own `eps`, 1e-5. {seen} A ViT has 1e-6. Small tokens "
            "and published weights notice."
            " Where is it said to `nn.LayerNorm`?",
        ),
        Mistake(
            "mlp_first",
            mlp_first,
            "The MLP comes first, attention second. {seen} A token looks "
            "around, then it thinks."
            " Which of your lines comes first?",
        ),
        Mistake(
            "tokens_added_again",
            lambda block, tokens: (
                tokens + EncoderBlock.forward(block, tokens)
            ),
            "All is right, and then the tokens are added once more. "
            "{seen} How many sums are in your block?",
        ),
    ),
)
