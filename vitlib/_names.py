"""The names of published weights become timm's, which are ours."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Weights = dict[str, Tensor]
Rules = tuple[tuple[str, str], ...]

# Which file holds which: the best weights first.
WRAPPERS = "teacher", "state_dict_ema", "model_ema", "model", "state_dict"
PREFIX = re.compile(
    r"^(?:(?:module|_orig_mod|model|backbone|vit|deit|"
    r"dinov2|dinov2_with_registers)\.|(?:opt/target|params|img)/)+"
)
# Of training alone: the scores of a ViT need none of it.
UNUSED = re.compile(
    r"^((embeddings\.)?mask_token$|opt/state/|(head\.(mlp|last_layer)|\w+_head)\.)"
)

PLAIN: Rules = (
    (r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),
    (r"^register_tokens$", "reg_token"),
    (r"\.gamma_([12])$", r".ls\1.gamma"),
    (r"^pre_logits\.fc\.", "pre_logits."),
)
TRANSFORMERS: Rules = (
    (r"^embeddings\.(cls|mask)_token$", r"\1_token"),
    (r"^embeddings\.distillation_token$", "dist_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^(?:encoder\.)?layers?\.", "blocks."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (
        r"\.attention\.(?:attention\.)?([qkv])(?:uery|ey|alue|_proj)\.",
        r".attn.\1.",
    ),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
    (r"^(?:cls_)?classifier\.", "head."),
    (r"^distillation_classifier\.", "head_dist."),
    (r"^pooler\.dense\.", "pre_logits."),
)
TORCHVISION: Rules = (
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.layers\.encoder_layer_", "blocks."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.", ""),
)
GOOGLE: Rules = (
    (r"/", "."),
    (r"^cls$", "cls_token"),
    (r"^(?:Transformer\.posembed_input\.)?pos_embedding$", "pos_embed"),
    (r"^embedding\.", "patch_embed.proj."),
    (r"^Transformer\.encoderblock_", "blocks."),
    (r"\.LayerNorm_0\.", ".norm1."),
    (r"\.LayerNorm_[12]\.", ".norm2."),
    (r"\.MultiHeadDotProductAttention_[01]\.out\.", ".attn.proj."),
    (
        r"\.MultiHeadDotProductAttention_[01]\.([qkv])[a-z]+\.",
        r".attn.\1.",
    ),
    (r"\.MlpBlock_[03]\.Dense_0\.", ".mlp.fc1."),
    (r"\.MlpBlock_[03]\.Dense_1\.", ".mlp.fc2."),
    (r"^Transformer\.encoder_norm\.", "norm."),
    (r"\.(?:kernel|scale)$", ".weight"),
)
# What other Vision Transformers have, and no model here.
STRANGE = {
    "MLPs with a gate (SwiGLU)": r"\.mlp\.(w\d|weights_|fc1_g|\w*gate)",
    "positions by rotation (RoPE)": r"(^|[._])(rope|periods|freqs)",
    "norms for queries and keys": r"\.[qk]_norm\.",
    "relative positions": r"rel(ative)?_pos",
    "a pool by attention": r"attn_pool|^head\.probe$",
}


class Naming(NamedTuple):
    """Who names weights like this, and what timm calls them."""

    title: str
    sign: str  # a name that only these have
    rules: Rules


NAMINGS = (
    Naming("timm", r"^blocks\.[\d.]+\.attn\.qkv\.weight$", PLAIN),
    Naming(
        "transformers",
        r"\.attention\.(attention\.query|q_proj)\.weight$",
        TRANSFORMERS,
    ),
    Naming(
        "torchvision",
        r"\.self_attention\.in_proj_weight$",
        TORCHVISION,
    ),
    Naming(
        "google",
        r"/MultiHeadDotProductAttention_[01]/query/kernel$",
        GOOGLE,
    ),
)


class Named(NamedTuple):
    """Weights under timm's names, and what the file called them."""

    family: str
    weights: Weights
    origin: dict[str, str]
    num_heads: int | None  # where the shapes tell it
    unused: list[str]


def in_our_names(content: Mapping, where: str) -> Named:
    """Recognise whose names these are, and give them timm's.

    ValueError where nobody's, and where they are not weights.
    """
    state = unstacked(unwrapped(content, where))
    unused = [name for name in state if UNUSED.match(PREFIX.sub("", name))]
    kept = {k: v for k, v in state.items() if k not in unused}
    naming = naming_of(kept, where)
    heads = None
    weights: Weights = {}
    origin: dict[str, str] = {}
    for name, tensor in kept.items():
        plain = PREFIX.sub("", name)
        if naming.title == "google":
            if plain.endswith("/query/kernel") and tensor.ndim == 3:
                heads = tensor.shape[1]
            tensor = from_google(plain, tensor)
        for pattern, ours in naming.rules:
            plain = re.sub(pattern, ours, plain)
        if plain in weights:
            raise ValueError(
                f"{where} looked like {naming.title}, but {name} and "
                f"{origin[plain]} would both be {plain}"
            )
        weights[plain], origin[plain] = tensor, name
    check_parts(weights, f"{where} looks like {naming.title}, but it")
    weights = with_deep_head(with_joint_qkv(weights))
    return Named(naming.title, weights, origin, heads, unused)


def unwrapped(content: Mapping, where: str) -> Weights:
    """Find the weights where a checkpoint holds other things too."""
    for name in WRAPPERS:
        if isinstance(content.get(name), Mapping):
            return unwrapped(content[name], f"{where}'s {name!r}")
    others = [k for k, v in content.items() if not isinstance(v, Tensor)]
    if others or not content:
        found = ", ".join(
            f"{k} ({type(content[k]).__name__})" for k in others[:3]
        )
        raise ValueError(
            f"{where} is no state dict: it holds "
            f"{found or 'nothing'}; give the dictionary of tensors alone"
        )
    return dict(content)


def unstacked(state: Weights) -> Weights:
    """Give each layer its own arrays where big_vision stacks them."""
    apart = {}
    for name, tensor in state.items():
        before, stack, after = name.partition("/encoderblock/")
        for i, layer in enumerate(tensor if stack else ()):
            apart[f"{before}/encoderblock_{i}/{after}"] = layer
        if not stack:
            apart[name] = tensor
    return apart


def naming_of(names: Iterable[str], where: str) -> Naming:
    """Tell whose names these are by the one that nobody else has."""
    plain = [PREFIX.sub("", name) for name in names]
    for naming in NAMINGS:
        if any(re.search(naming.sign, name) for name in plain):
            return naming
    raise ValueError(
        f"{where} holds no Vision Transformer that is known here: its "
        f"names begin with {', '.join(plain[:3])}; known are those of "
        + ", ".join(naming.title for naming in NAMINGS)
    )


def from_google(name: str, array: Tensor) -> Tensor:
    """Lay out an array of Google's as torch does: outputs first."""
    attends, out = "/MultiHead" in name, "/out/" in name
    if name.endswith("/kernel"):
        if array.ndim == 4:
            return array.permute(3, 2, 0, 1)
        if array.ndim == 3 and attends:
            inputs = 2 if out else 1
            array = array.flatten(2 - inputs, 3 - inputs)
        return array.T if array.ndim == 2 else array
    if name.endswith("/bias") and array.ndim == 2 and attends and not out:
        return array.flatten()
    return array


def check_parts(weights: Weights, what: str) -> None:
    """Refuse by name what only other Vision Transformers have."""
    found = [
        part
        for part, sign in STRANGE.items()
        if any(re.search(sign, name) for name in weights)
    ]
    if "pos_embed" not in weights:
        found.append("no learned positions: RoPE perhaps")
    if found:
        raise ValueError(
            f"{what} has {' and '.join(found)}, unlike every ViT of "
            "vitlib: use it by the library that wrote it, or take a size "
            "or a family without, as DINOv2 up to L or DeiT"
        )


def with_joint_qkv(weights: Weights) -> Weights:
    """Put queries, keys and values on top of each other.

    A bias that is missing everywhere is one of zeros.
    """
    joint = dict(weights)
    for name in weights:
        block, found, kind = name.rpartition(".attn.q.")
        parts = [f"{block}.attn.{part}.{kind}" for part in "qkv"]
        three = [weights[part] for part in parts if part in weights]
        kinds = {(tensor.shape, tensor.dtype) for tensor in three}
        if found and len(three) == 3 and len(kinds) == 1 and three[0].ndim:
            for part in parts:
                del joint[part]
            joint[f"{block}.attn.qkv.{kind}"] = torch.cat(three)
    if not any(name.endswith(".attn.qkv.bias") for name in joint):
        for name in [n for n in joint if n.endswith(".attn.qkv.weight")]:
            bias = joint[name].new_zeros(joint[name].shape[:1])
            joint[name.replace("weight", "bias")] = bias
    return joint


def with_deep_head(weights: Weights) -> Weights:
    """Make one head of the two layers of those that have a tanh."""
    if "pre_logits.weight" not in weights:
        return weights
    names = {"pre_logits": "head.pre_logits", "head": "head.fc"}
    return {
        ".".join([names.get(layer, layer), *kind]): tensor
        for name, tensor in weights.items()
        for layer, *kind in [name.split(".")]
    }
