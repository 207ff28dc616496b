"""Layers as a reader might write them, under vitlib's names."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class ThreeLayers(nn.Module):
    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.heads = num_heads
        self.query = nn.Linear(embed_dim, embed_dim)
        self.key = nn.Linear(embed_dim, embed_dim)
        self.value = nn.Linear(embed_dim, embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x):
        heads = []
        for q, k, v in zip(
            self.query(x).chunk(self.heads, -1),
            self.key(x).chunk(self.heads, -1),
            self.value(x).chunk(self.heads, -1),
            strict=True,
        ):
            table = torch.bmm(q, k.mT) / math.sqrt(q.shape[-1])
            heads.append(torch.bmm(table.softmax(-1), v))
        return self.proj(torch.cat(heads, -1))


class Fused(nn.Module):
    def __init__(self, embed_dim=768, num_heads=12, dropout=0.0):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, embed_dim * 3)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def split(self, x):
        b, n, _ = x.shape
        x = self.qkv(x).view(b, n, 3, self.num_heads, -1)
        return x.permute(2, 0, 3, 1, 4)

    def mix(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def merge(self, x):
        return x.transpose(1, 2).flatten(2)

    def forward(self, x):
        return self.drop(self.proj(self.merge(self.mix(*self.split(x)))))


class Hidden(nn.Module):
    act = staticmethod(F.gelu)

    def __init__(self, embed_dim, mlp_ratio=4.0, dropout=0.0):
        super().__init__()
        hidden = int(embed_dim * mlp_ratio)
        self.fc1 = nn.Linear(embed_dim, hidden)
        self.fc2 = nn.Linear(hidden, embed_dim)
        self.dropout = dropout

    def forward(self, x):
        x = self.act(self.fc1(x))
        return F.dropout(self.fc2(x), self.dropout, self.training)


class Block(nn.Module):
    def __init__(self, embed_dim, num_heads, mlp_ratio=4.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = Fused(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.mlp = Hidden(embed_dim, mlp_ratio)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x


def steps(first, second):
    """Make a block of two lines, as a learner changes them."""

    class Changed(Block):
        def forward(self, x):
            y = first(self, x)
            return second(self, x, y)

    return Changed


NothingAdded = steps(
    lambda s, x: s.attn(s.norm1(x)), lambda s, x, y: s.mlp(s.norm2(y))
)
OneSum = steps(
    lambda s, x: s.attn(s.norm1(x)), lambda s, x, y: x + s.mlp(s.norm2(y))
)
