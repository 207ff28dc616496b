"""Chapter 6: look around, think, repeat; add, never replace."""

from torch import Tensor, fx, nn

from vitlib._checks import (
    check_tokens,
    dropout_of,
    hidden_dim_of,
    sizes_of,
)
from vitlib._recomputing import mark, sparing
from vitlib.attention import Mask, MultiHeadAttention

fx.wrap(check_tokens)  # torch.fx keeps the call as it is


class MLP(nn.Module):
    """Work on each token alone: widen, bend (GELU), narrow.

    (b, n, d) -> (b, n, d), through int(mlp_ratio * d) numbers in between.
    Weights start by Xavier's rule, biases at about 1e-6.

    >>> import torch
    >>> MLP(64)(torch.randn(2, 17, 64)).shape
    torch.Size([2, 17, 64])
    """

    def __init__(
        self,
        embed_dim: int = 768,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        (embed_dim,) = sizes_of(embed_dim=embed_dim)
        hidden_dim = hidden_dim_of(embed_dim, mlp_ratio)
        dropout = dropout_of(dropout)
        self.embed_dim = embed_dim
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.act = nn.GELU()
        self.drop1 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden_dim, embed_dim)
        self.drop2 = nn.Dropout(dropout)
        for layer in (self.fc1, self.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        check_tokens(tokens, self.embed_dim)
        hidden = self.drop1(self.act(self.fc1(tokens)))
        return self.drop2(self.fc2(hidden))


class EncoderBlock(nn.Module):
    """Add to every token what it gathers, then what it makes of it.

    (b, n, d) -> (b, n, d). The norms stand before the layers (pre-norm),
    the sums around both; a norm sees one token at a time, eps 1e-6.

    >>> import torch
    >>> EncoderBlock(64, num_heads=4)(torch.randn(2, 17, 64)).shape
    torch.Size([2, 17, 64])
    """

    def __init__(
        self,
        embed_dim: int = 768,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        (embed_dim,) = sizes_of(embed_dim=embed_dim)
        self.embed_dim = embed_dim
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = MultiHeadAttention(embed_dim, num_heads, dropout)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.mlp = MLP(embed_dim, mlp_ratio, dropout)

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d); `mask` is as in `attention`."""
        check_tokens(tokens, self.embed_dim)
        tokens = tokens + self.attn(self.norm1(tokens), mask)
        return tokens + self.mlp(self.norm2(tokens))


class Encoder(nn.ModuleList):
    """Run the blocks it holds, one after the other.

    (b, n, d) -> (b, n, d). It is a list of blocks, and what you cut out
    of it an encoder again. There is no norm at the end: the ViT has it.

    >>> import torch
    >>> blocks = [EncoderBlock(64, num_heads=4) for _ in range(2)]
    >>> Encoder(blocks)(torch.randn(2, 17, 64)).shape
    torch.Size([2, 17, 64])
    """

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d); `mask` is as in `attention`."""
        for block in self:
            run = sparing(block)
            tokens = run(tokens) if mask is None else run(tokens, mask)
        return tokens

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Let the blocks keep less for the backward pass, for time.

        Each keeps its input alone, and computes the rest once more there.
        """
        for block in self:
            mark(block, enable)
