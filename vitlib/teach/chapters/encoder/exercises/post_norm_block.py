"""Check your class `PostNormBlock(embed_dim, num_heads)`."""

from torch import Tensor

from vitlib.encoder import EncoderBlock
from vitlib.teach.chapters.encoder.exercises.encoder_block import (
    block_cases,
    no_residual,
    norm_after_layer,
    normed_stream,
    old_sum,
    one_residual,
)
from vitlib.teach.checking.module import ModulePiece
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Mistake

SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


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


def norm_twice(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use the first norm for both sums."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return block.norm1(tokens + block.mlp(tokens))


def only_last_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the first sum."""
    tokens = tokens + block.attn(tokens)
    return block.norm2(tokens + block.mlp(tokens))


def only_first_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the second sum."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return tokens + block.mlp(tokens)


def normed_without_sum(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what each layer gives, and add nothing."""
    tokens = block.norm1(block.attn(tokens))
    return block.norm2(block.mlp(tokens))


PIECE = ModulePiece(
    module=__name__,
    number=4,
    reference=PostNormBlock,
    cases=block_cases,
    axes="sequences, tokens, width",
    draw=tables,
    shown="On four random inputs your values and gradients are those of "
    "`nn.TransformerEncoderLayer` as it is by default, with GELU.",
    next="A stream that runs through every norm keeps little of what "
    "entered it. That is why a ViT norms what a layer reads.",
    mistakes=(
        Mistake(
            "mistake_0",
            EncoderBlock.forward,
            "This is the block of the ViT, with the norms in front of the "
            "layers. " + SEEN + "In 2017 a layer read the stream as it "
            "was. What was normed then?",
        ),
        Mistake(
            "norm_after_layer",
            norm_after_layer,
            "What each layer gives is normed, and then added. "
            + SEEN
            + "In 2017 the sum itself was normed.",
        ),
        Mistake(
            "norms_swapped",
            norms_swapped,
            "The two norms have changed places. " + SEEN + "Which of them "
            "belongs to the attention?",
        ),
        Mistake(
            "norm_twice",
            norm_twice,
            "`norm1` is used twice, and `norm2` not at all. "
            + SEEN
            + "No "
            "count of parameters shows it.",
        ),
        Mistake(
            "only_last_norm",
            only_last_norm,
            "The norm after the first sum is missing. " + SEEN + "What "
            "does the MLP read?",
        ),
        Mistake(
            "only_first_norm",
            only_first_norm,
            "The norm after the second sum is missing. " + SEEN + "What "
            "does the next block get?",
        ),
        Mistake(
            "normed_without_sum",
            normed_without_sum,
            "The norms stand where they should, and nothing is added "
            "before them. " + SEEN + "What has to be in the sum besides "
            "the layer's result?",
        ),
        Mistake(
            "no_residual",
            no_residual,
            "Nothing is added, everything replaced, and the norms stand "
            "in front. " + SEEN + "What is normed in 2017?",
        ),
        Mistake(
            "normed_stream",
            normed_stream,
            "Your norms come first, and the sums start from the normed "
            "tokens. " + SEEN + "In which order do a sum and its norm "
            "follow each other in 2017?",
        ),
        Mistake(
            "old_sum",
            old_sum,
            "Your norms stand in front, and the second sum begins with "
            "the tokens from before the attention. " + SEEN + "Write down "
            "what one layer does, then the same for the other.",
        ),
        Mistake(
            "one_residual",
            one_residual,
            "There is one sum around both layers, with the norms inside. "
            + SEEN
            + "Each layer has a sum, and each sum a norm behind it.",
        ),
    ),
)
