"""What a ViT costs, by arithmetic alone: parameters, work and memory.

Each function takes the settings of `vitlib.ViT` that matter to it and
gives a dictionary. For parameters and multiply-adds it has one entry a
part of the model, and the sum of its values is the whole. Nothing is
built and nothing runs.
"""

from vitlib import SIZES


def settings_of(name: str) -> dict[str, int]:
    """Give a published size as the settings that the others take.

    >>> settings_of("Ti/16")
    {'patch_size': 16, 'embed_dim': 192, 'depth': 12}
    """
    patch_size, embed_dim, depth, _ = SIZES[name]
    return {
        "patch_size": patch_size,
        "embed_dim": embed_dim,
        "depth": depth,
    }


def count_tokens(
    image_size: int | tuple[int, int] = 224, patch_size: int = 16
) -> int:
    """Count the patches and the class token.

    >>> count_tokens(224, 16)
    197
    """
    sides = (
        image_size if isinstance(image_size, tuple) else (image_size,) * 2
    )
    return 1 + (sides[0] // patch_size) * (sides[1] // patch_size)


def parameters(
    *,
    image_size: int | tuple[int, int] = 224,
    patch_size: int = 16,
    in_channels: int = 3,
    num_classes: int = 1000,
    embed_dim: int = 768,
    depth: int = 12,
    mlp_ratio: float = 4.0,
) -> dict[str, int]:
    """Count the learned numbers of each part.

    The number of heads is not asked for: it changes nothing.

    >>> sum(parameters().values())
    86567656
    """
    width, hidden = embed_dim, int(mlp_ratio * embed_dim)
    tokens = count_tokens(image_size, patch_size)
    return {
        "patch_embed": (in_channels * patch_size**2 + 1) * width,
        "cls_token": width,
        "pos_embed": tokens * width,
        "attention": depth * 4 * (width + 1) * width,
        "mlp": depth * ((width + 1) * hidden + (hidden + 1) * width),
        "norms": (2 * depth + 1) * 2 * width,
        "head": (width + 1) * num_classes,
    }


def multiply_adds(
    *,
    image_size: int | tuple[int, int] = 224,
    patch_size: int = 16,
    in_channels: int = 3,
    num_classes: int = 1000,
    embed_dim: int = 768,
    depth: int = 12,
    mlp_ratio: float = 4.0,
) -> dict[str, int]:
    """Count the multiplications, each with its addition, for one image.

    Only those of matrix products count, as in the papers, whose "FLOPs"
    these are; a counter of single operations gives twice as many. "scores"
    are queries times keys, "mixing" is weights times values: the two that
    grow with the square of the tokens.

    >>> f"{sum(multiply_adds().values()) / 1e9:.2f} billion"
    '17.56 billion'
    """
    width, hidden = embed_dim, int(mlp_ratio * embed_dim)
    tokens = count_tokens(image_size, patch_size)
    return {
        "patch_embed": (tokens - 1) * in_channels * patch_size**2 * width,
        "qkv": depth * tokens * 3 * width**2,
        "scores": depth * tokens**2 * width,
        "mixing": depth * tokens**2 * width,
        "proj": depth * tokens * width**2,
        "mlp": depth * tokens * 2 * width * hidden,
        "head": width * num_classes,
    }


def memory(*, num_heads: int = 12, **settings) -> dict[str, int]:
    """Count the bytes that a model in float32 holds.

    "weights" to run it; "training" by AdamW is the weights, a gradient
    and two running means for each; "activations" is what one image adds
    to that, kept from the forward pass for the backward (with fused
    attention and no dropout); "maps" are the attention weights of one
    image in all blocks, where they are kept (fused attention never writes
    them down).

    >>> memory()["weights"] == 4 * sum(parameters().values())
    True
    """
    weights = 4 * sum(parameters(**settings).values())
    patch_size = settings.get("patch_size", 16)
    tokens = count_tokens(settings.get("image_size", 224), patch_size)
    depth = settings.get("depth", 12)
    pixels = (tokens - 1) * patch_size**2 * settings.get("in_channels", 3)
    width = settings.get("embed_dim", 768)
    hidden = int(settings.get("mlp_ratio", 4.0) * width)
    # A block keeps what its two norms and four layers were given, the
    # queries, keys and values, what was bent, and a few numbers a token.
    block = tokens * (8 * width + 2 * hidden + num_heads + 4)
    ends = pixels + tokens * (2 * width + 2)
    return {
        "weights": weights,
        "training": 4 * weights,
        "activations": 4 * (depth * block + ends),
        "maps": 4 * depth * num_heads * tokens**2,
    }
