"""Check your class `PostNormBlock(embed_dim, num_heads)`."""

from torch import Tensor

from vitlib.encoder import EncoderBlock
from vitlib.teach.chapters.encoder.exercises import (
    encoder_block as pre_norm,
)
from vitlib.teach.checking.module import ModulePiece
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Mistake


class PostNormBlock(EncoderBlock):
    """Norm after each sum."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        tokens = self.norm1(tokens + self.attn(tokens))
        return self.norm2(tokens + self.mlp(tokens))


def norms_swapped(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use each norm for the other sum."""
    tokens = block.norm2(tokens + block.attn(tokens))
    return block.norm1(tokens + block.mlp(tokens))


def first_norm_twice(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use the first norm for both sums."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return block.norm1(tokens + block.mlp(tokens))


def no_first_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the first sum."""
    tokens = tokens + block.attn(tokens)
    return block.norm2(tokens + block.mlp(tokens))


def no_second_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the second sum."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return tokens + block.mlp(tokens)


def no_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what each layer gives, and add nothing."""
    tokens = block.norm1(block.attn(tokens))
    return block.norm2(block.mlp(tokens))


def no_first_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Add nothing to what was gathered."""
    tokens = block.norm1(block.attn(tokens))
    return block.norm2(tokens + block.mlp(tokens))


def no_second_residual(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Add nothing to what the MLP gives."""
    return block.norm2(block.mlp(block.norm1(tokens + block.attn(tokens))))


def gathered_lost(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Begin the second sum with the tokens of before the attention."""
    between = block.norm1(tokens + block.attn(tokens))
    return block.norm2(tokens + block.mlp(between))


def bare_sum_kept(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what the MLP reads, and begin its sum with the bare one."""
    between = tokens + block.attn(tokens)
    return block.norm2(between + block.mlp(block.norm1(between)))


def norms_on_both_sides(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm in front of the layers and behind the sums."""
    tokens = block.norm1(tokens + block.attn(block.norm1(tokens)))
    return block.norm2(tokens + block.mlp(block.norm2(tokens)))


def second_norm_after_layer(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what the MLP gives, and then add."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return tokens + block.norm2(block.mlp(tokens))


def mlp_first(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Think first, look afterwards."""
    tokens = block.norm2(tokens + block.mlp(tokens))
    return block.norm1(tokens + block.attn(tokens))


PIECE = ModulePiece(
    module=__name__,
    number=4,
    reference=PostNormBlock,
    cases=pre_norm.cases,
    axes="sequences, tokens, width",
    draw=tables,
    shown="On five random inputs your values and gradients are those of "
    "`nn.TransformerEncoderLayer` as it is by default, with GELU.",
    next="A stream that runs through every norm keeps little of what "
    "entered it. That is why a ViT norms what a layer reads.",
    mistakes=(
        Mistake(
            "pre_norm",
            EncoderBlock.forward,
            "This is the block of the ViT, with the norms in front of the "
            "layers. {seen} In 2017 a layer read the stream as it was. "
            "What was normed then?",
        ),
        Mistake(
            "norm_after_layer",
            pre_norm.norm_after_layer,
            "What each layer gives is normed, and then added. {seen} In "
            "2017 the sum itself was normed."
            " What stands in the norm's bracket then?",
        ),
        Mistake(
            "norms_swapped",
            norms_swapped,
            "The two norms have changed places. {seen} Which of them "
            "belongs to the attention?",
        ),
        Mistake(
            "first_norm_twice",
            first_norm_twice,
            "`norm1` is used twice, and `norm2` not at all. {seen} No "
            "count of parameters shows it."
            " Which line should name the other?",
        ),
        Mistake(
            "no_first_norm",
            no_first_norm,
            "The norm after the first sum is missing. {seen} What does "
            "the MLP read?",
        ),
        Mistake(
            "no_second_norm",
            no_second_norm,
            "The norm after the second sum is missing. {seen} What does "
            "the next block get?",
        ),
        Mistake(
            "no_norms",
            pre_norm.no_norms,
            "Sums and layers are right, the norms are not used. {seen} "
            "What happens to each sum?",
        ),
        Mistake(
            "no_first_residual",
            no_first_residual,
            "The residual around attention is missing: what it gathers "
            "replaces the tokens. {seen} What stands in the first norm's "
            "bracket besides the layer's result?",
        ),
        Mistake(
            "no_second_residual",
            no_second_residual,
            "The residual around the MLP is missing: its result replaces "
            "the tokens. {seen} What stands in the second norm's bracket "
            "besides the layer's result?",
        ),
        Mistake(
            "gathered_lost",
            gathered_lost,
            "Your second sum begins with the tokens from before the "
            "attention, so that what was gathered is lost. {seen} What "
            "did the first norm give?",
        ),
        Mistake(
            "bare_sum_kept",
            bare_sum_kept,
            "Your MLP reads the normed sum, and its result is added to "
            "the bare one. {seen} In 2017 the bare sum was gone after its "
            "norm."
            " Which tensor goes on from there?",
        ),
        Mistake(
            "norms_on_both_sides",
            norms_on_both_sides,
            "Each norm stands twice, in front of its layer and behind its "
            "sum. {seen} In 2017 a layer read the stream as it was."
            " Which of the two places is left?",
        ),
        Mistake(
            "second_norm_after_layer",
            second_norm_after_layer,
            "The first half is right. In the second what the MLP gives is "
            "normed, and then added. {seen} In 2017 the sum itself was "
            "normed."
            " What stands in the norm's bracket then?",
        ),
        Mistake(
            "mlp_first",
            mlp_first,
            "The MLP comes first, attention second. {seen} A token looks "
            "around, then it thinks."
            " Which of your lines comes first?",
        ),
        Mistake(
            "no_residual",
            no_residual,
            "The norms stand where they should, and nothing is added "
            "before them. {seen} What has to be in the sum besides the "
            "layer's result?",
        ),
        Mistake(
            "pre_norm_no_residual",
            pre_norm.no_residual,
            "Nothing is added, everything replaced, and the norms stand "
            "in front. {seen} What is normed in 2017?",
        ),
        Mistake(
            "normed_stream",
            pre_norm.normed_stream,
            "Your norms come first, and the sums start from the normed "
            "tokens. {seen} In which order do a sum and its norm follow "
            "each other in 2017?",
        ),
        Mistake(
            "pre_norm_gathered_lost",
            pre_norm.gathered_lost,
            "Your norms stand in front, and the second sum begins with "
            "the tokens from before the attention. {seen} Write down what "
            "one layer does, then the same for the other."
            " Where does its norm stand?",
        ),
        Mistake(
            "one_residual",
            pre_norm.one_residual,
            "There is one sum around both layers, with the norms inside. "
            "{seen} Each layer has a sum, and each sum a norm behind it."
            " How many sums are these?",
        ),
    ),
)
