"""Torch's own layers with the weights of ours, to compare with."""

from torch import nn

NAMES = {
    "norm1": "norm1",
    "attn.qkv": "self_attn.in_proj",
    "attn.proj": "self_attn.out_proj",
    "norm2": "norm2",
    "mlp.fc1": "linear1",
    "mlp.fc2": "linear2",
}


def torchs_block(block, width, heads) -> nn.TransformerEncoderLayer:
    """Make torch's own pre-norm layer with the weights of our block."""
    layer = nn.TransformerEncoderLayer(
        width,
        heads,
        block.mlp.fc1.out_features,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=True,
    )
    weights = {}
    for name, weight in block.state_dict().items():
        ours, _, kind = name.rpartition(".")
        joint = "_" if ours == "attn.qkv" else "."
        weights[f"{NAMES[ours]}{joint}{kind}"] = weight
    layer.load_state_dict(weights)
    return layer.train()  # in training torch takes no shortcut
