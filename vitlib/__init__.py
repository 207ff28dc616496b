"""The Vision Transformer, piece by piece: one module a chapter.

The function `attention` is imported from `vitlib.attention`: a package
cannot hold a module and a function of one name.
"""

from vitlib.attention import (
    MultiHeadAttention,
    attention_weights,
    fused_attention,
    record_attention,
)
from vitlib.embedding import PatchEmbedding
from vitlib.encoder import MLP, Encoder, EncoderBlock
from vitlib.patches import patchify, unpatchify
from vitlib.tokens import (
    add_positions,
    learned_positions,
    prepend_cls,
    resize_positions,
    sincos_positions,
)
from vitlib.vit import SIZES, ViT

__all__ = [
    "MLP",
    "SIZES",
    "Encoder",
    "EncoderBlock",
    "MultiHeadAttention",
    "PatchEmbedding",
    "ViT",
    "add_positions",
    "attention_weights",
    "fused_attention",
    "learned_positions",
    "patchify",
    "prepend_cls",
    "record_attention",
    "resize_positions",
    "sincos_positions",
    "unpatchify",
]

__version__ = "0.1.0"
