"""The reader's own weights as other libraries name them.

Nothing is fetched: a model of the page is written down in the names, and
for Google in the layout, that the files of other libraries have.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape

from IPython.display import HTML
from torch import Tensor

from vitlib._checks import check_choice
from vitlib._names import in_our_names

Rules = tuple[tuple[str, str], ...]
TRANSFORMERS: Rules = (
    (r"^cls_token$", "vit.embeddings.cls_token"),
    (r"^pos_embed$", "vit.embeddings.position_embeddings"),
    (
        r"^patch_embed\.proj\.",
        "vit.embeddings.patch_embeddings.projection.",
    ),
    (r"^blocks\.", "vit.encoder.layer."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.(query|key|value)\.", r".attention.attention.\1."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"^norm\.", "vit.layernorm."),
    (r"^head\.", "classifier."),
)
TORCHVISION: Rules = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^blocks\.", "encoder.layers.encoder_layer_"),
    (r"\.norm([12])\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    (r"^norm\.", "encoder.ln."),
    (r"^head\.", "heads.head."),
)
GOOGLE: Rules = (
    (r"(norm[12]?)\.weight$", r"\1.scale"),
    (r"\.weight$", ".kernel"),
    (r"^cls_token$", "cls"),
    (r"^pos_embed$", "Transformer.posembed_input.pos_embedding"),
    (r"^patch_embed\.proj\.", "embedding."),
    (r"^blocks\.", "Transformer.encoderblock_"),
    (r"\.norm1\.", ".LayerNorm_0."),
    (r"\.norm2\.", ".LayerNorm_2."),
    (
        r"\.attn\.(query|key|value)\.",
        r".MultiHeadDotProductAttention_1.\1.",
    ),
    (r"\.attn\.proj\.", ".MultiHeadDotProductAttention_1.out."),
    (r"\.mlp\.fc1\.", ".MlpBlock_3.Dense_0."),
    (r"\.mlp\.fc2\.", ".MlpBlock_3.Dense_1."),
    (r"^norm\.", "Transformer.encoder_norm."),
    (r"\.", "/"),
)
BLOCK = "blocks.0."
LIBRARIES = {
    "transformers": TRANSFORMERS,
    "torchvision": TORCHVISION,
    "google": GOOGLE,
}


def named_by(
    library: str, weights: Mapping[str, Tensor], num_heads: int
) -> dict[str, Tensor]:
    """Give weights of vitlib the names, and the layout, of a library.

    `library` is "transformers", as its files have it, "torchvision" or
    "google", the files of the first paper.

    >>> import torch
    >>> weights = {"blocks.0.norm1.weight": torch.ones(8)}
    >>> list(named_by("google", weights, 2))
    ['Transformer/encoderblock_0/LayerNorm_0/scale']
    """
    check_choice("library", library, LIBRARIES)
    found = {}
    for name, weight in in_parts(weights, library).items():
        if library == "google":
            weight = on_its_side(name, weight, num_heads)
        for ours, theirs in LIBRARIES[library]:
            name = re.sub(ours, theirs, name)
        found[name] = weight.contiguous()
    return found


def in_parts(
    weights: Mapping[str, Tensor], library: str
) -> dict[str, Tensor]:
    """Take queries, keys and values apart, but for torchvision."""
    if library == "torchvision":
        return dict(weights)
    found = {}
    for name, weight in weights.items():
        parts = weight.chunk(3) if ".qkv." in name else [weight]
        words = ("query", "key", "value") if ".qkv." in name else ["qkv"]
        for word, part in zip(words, parts, strict=True):
            found[name.replace("qkv", word)] = part
    return found


def on_its_side(name: str, weight: Tensor, heads: int) -> Tensor:
    """Lay an array out as Google's files do: inputs before outputs."""
    if name == "patch_embed.proj.weight":
        return weight.permute(2, 3, 1, 0)
    if re.search(r"\.(query|key|value)\.", name):
        return weight.t().unflatten(-1, (heads, -1))
    if name.endswith("attn.proj.weight"):
        return weight.t().unflatten(0, (heads, -1))
    linear = weight.ndim == 2
    return weight.t() if linear else weight


def names_table(weights: Mapping[str, Tensor], num_heads: int) -> HTML:
    """Show what vitlib's loader takes the names of each library for.

    A row for each weight outside the blocks and in the first of them.
    What all names of a block begin with has a row of its own, and is left
    out (…) below.
    """
    columns = [
        theirs_of(library, weights, num_heads) for library in LIBRARIES
    ]
    kept = [name for name in weights if not name.endswith("bias")]
    inside = [name for name in kept if name.startswith(BLOCK)]
    columns.insert(0, {name: [name] for name in kept})
    rows = [
        [column[name] for column in columns]
        for name in kept
        if not name.startswith("blocks.")
    ]
    starts = [
        re.match(r".*?0[./]", column[inside[0]][0])[0]
        for column in columns
    ]
    rows.append([[start] for start in starts])
    for name in inside:
        rows.append(
            [
                [f"…{theirs[len(start) :]}" for theirs in column[name]]
                for column, start in zip(columns, starts, strict=True)
            ]
        )
    return table_of(("vitlib, timm", *LIBRARIES), rows)


def theirs_of(
    library: str, weights: Mapping[str, Tensor], num_heads: int
) -> dict[str, list[str]]:
    """Say which names of a library become each of ours, by vitlib."""
    strange = named_by(library, weights, num_heads)
    origin = in_our_names(strange, library).origin
    found = {}
    for name in weights:
        parts = [name.replace(".qkv.", f".{part}.") for part in "qkv"]
        names = [name] if name in origin else parts
        found[name] = [origin[part] for part in names]
    return found


def table_of(titles: Iterable[str], rows: Iterable) -> HTML:
    """Write a table in which each cell has one name or several."""
    head = "".join(f"<th>{title}</th>" for title in titles)
    lines = []
    for row in rows:
        cells = "".join(
            "<td>"
            + "<br>".join(f"<code>{broken(name)}</code>" for name in names)
            + "</td>"
            for names in row
        )
        lines.append(f"<tr>{cells}</tr>")
    body = "\n".join(lines)
    return HTML(
        '<div class="pst-scrollable-table-container">'
        f'<table class="table vit-names"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def broken(name: str) -> str:
    """Let a name break behind its dots: four fit side by side."""
    return re.sub(r"([./_])(?=.)", r"\1<wbr>", escape(name))
