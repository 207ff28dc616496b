"""Write tiny checkpoints with the libraries that publish such files.

    python make.py GROUP [CLONE ...]

Each group is run where its library is; vitlib plays no part. A folder a
case holds the file as the library writes it, and expected.safetensors:
the scores and tokens that the library makes of images, and of larger ones
(pictures.safetensors has both). The files here were made on one thread by

    transformers   transformers 5.23.0
    transformers4  transformers 4.57.3
    timm           timm 1.0.31
    torchvision    torchvision 0.28.0
    facebook       clones of facebookresearch/deit (7e160fe), dino
                   (7c446df) and dinov2 (b8931f7), beside timm
    google         clones of google-research/vision_transformer (c6de1e5)
                   and big_vision (0127fb6), with flax and scipy

All weights are random. Embeddings are so small that the eps of a norm
counts, heads so large that scores are about 2.
"""

import re
import sys
import types
import zlib
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
WIDTH, HEADS, DEPTH, HIDDEN, PATCH = 12, 3, 2, 30, 4
OBLONG = 8, 12  # where a library can
SQUARE, LARGER, LARGEST = (12, 12), (16, 20), (20, 20)
CLASSES = 5
OLD = "vit", "deit", "dinov2"  # whose names transformers 5 changed


def numbers(name, shape):
    """Random numbers that depend on the name alone."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    values = random.standard_normal(shape)
    leaf = name.replace("/", ".").split(".")[-1]
    norm = "norm" in name.lower() or ".ln" in name or "scale" in leaf
    if leaf in ("gamma", "lambda1") or (
        norm and leaf in ("weight", "scale")
    ):
        values = 1 + 0.3 * values
    elif "head" in name or "classifier" in name or "pre_logits" in name:
        values = 0.6 * values
    elif re.search("embed|token|conv_proj|^cls$", name):
        values = 0.002 * values
    else:
        values = 0.3 * values
    return values.astype(np.float32)


def pictures(size, channels=3):
    """Two pictures as a model gets them: (2, c, h, w)."""
    return numbers(f"pictures.{size}", (2, channels, *size))


def folder(case):
    """Give the empty folder of a case."""
    path = HERE / case
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    return path


def expect(case, **arrays):
    """Store what came out, and tell how large it is."""
    arrays = {"larger": LARGER} | arrays
    arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    save_file(arrays, HERE / case / "expected.safetensors")
    spread = arrays["scores" if "scores" in arrays else "tokens"].std()
    print(f"{case}: {spread:.2f}")


def randomised(model):
    """Give every parameter of a torch model its random numbers."""
    import torch

    torch.set_num_threads(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            parameter.copy_(torch.from_numpy(numbers(name, shape)))
    return model.eval()


def run(function, size, **more):
    """Call a torch model on the pictures of a size; give arrays."""
    import torch

    with torch.no_grad():
        return function(torch.from_numpy(pictures(size)), **more)


def from_transformers(group):
    """ViT, with a pooler too, distilled DeiT, DINOv2, registers."""
    import transformers

    shared = {
        "image_size": list(OBLONG),
        "patch_size": PATCH,
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": HIDDEN,
        "num_labels": CLASSES,
    }
    square = shared | {"image_size": SQUARE[0], "mlp_ratio": 3}
    kinds = {
        "vit": ("ViT", "ViTForImageClassification", shared),
        "vit_square": ("ViT", "ViTForImageClassification", square),
        "vit_pooled": ("ViT", "ViTModel", shared),
        "deit": ("DeiT", "DeiTForImageClassificationWithTeacher", square),
        "dinov2": ("Dinov2", "Dinov2Model", square),
        "registers": (
            "Dinov2WithRegisters",
            "Dinov2WithRegistersModel",
            square | {"num_register_tokens": 4},
        ),
    }
    for name, (config, kind, settings) in kinds.items():
        if group == "transformers4" and name not in OLD:
            continue
        case = f"{group}_{name}"
        config = getattr(transformers, f"{config}Config")(**settings)
        model = randomised(getattr(transformers, kind)(config))
        path = folder(case)
        model.save_pretrained(path)
        prepare = processor(transformers, name)
        prepare.save_pretrained(path)
        prepared = prepare(images=picture(), return_tensors="np")
        size = OBLONG if settings is shared else SQUARE
        base = getattr(model, model.base_model_prefix, model)
        arrays = {
            "size": size,
            "tokens": run(base, size).last_hidden_state.numpy(),
            "prepared": np.asarray(prepared["pixel_values"][0]),
        }
        if base is not model:
            arrays["scores"] = run(model, size).logits.numpy()
        elif "vit" in name:
            arrays["scores"] = run(model, size).pooler_output.numpy()
        if size == SQUARE:
            larger = {"interpolate_pos_encoding": True}
            larger = (
                {} if config.model_type.startswith("dinov2") else larger
            )
            tokens = run(base, LARGER, **larger).last_hidden_state
            arrays["larger_tokens"] = tokens.numpy()
        expect(case, **arrays)


def processor(transformers, name):
    """How the pictures of each kind of model are usually prepared."""
    kind, settings = {
        "deit": ("DeiT", {"size": 16, "crop_size": SQUARE[0]}),
        "dinov2": (
            "Bit",
            {"size": {"shortest_edge": 16}, "crop_size": 12},
        ),
    }.get(name, ("ViT", {"size": {"height": 8, "width": 12}}))
    kind = f"{kind}ImageProcessor"
    try:  # so Pillow's is called in transformers 5
        return getattr(transformers, f"{kind}Pil")(**settings)
    except AttributeError:
        return getattr(transformers, kind)(**settings)


def timm():
    """Import timm beside a torchvision that is made for CUDA."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor a, Tensor b, float c) -> Tensor")
    library.define("qnms(Tensor a, Tensor b, float c) -> Tensor")
    timm.library = library  # it ends with its last reference
    import timm as module

    return module


def from_timm(_):
    """Five kinds of ViT with timm's config beside, and the pictures."""
    picture().save(HERE / "picture.png")
    sizes = OBLONG, SQUARE, LARGER, LARGEST
    images = {f"{size[0]}x{size[1]}": pictures(size) for size in sizes}
    save_file(images, HERE / "pictures.safetensors")
    module = timm()
    from timm.data import create_transform, resolve_data_config
    from timm.models._hub import save_for_hf

    shared = {
        "img_size": OBLONG,
        "patch_size": PATCH,
        "embed_dim": WIDTH,
        "depth": DEPTH,
        "num_heads": HEADS,
        "mlp_ratio": 2.5,
        "num_classes": CLASSES,
    }
    square = shared | {"img_size": SQUARE}
    dinov2 = {"init_values": 1.0, "num_classes": 0}
    registers = {"reg_tokens": 4, "no_embed_class": True}
    kinds = {
        "vit": ("vit_tiny_patch16_224", shared),
        "mean": ("vit_tiny_patch16_224", shared | {"global_pool": "avg"}),
        "deit": ("deit_tiny_distilled_patch16_224", square),
        "registers": ("vit_tiny_patch16_224", square | dinov2 | registers),
        "placed": ("vit_tiny_patch16_224", square | {"reg_tokens": 4}),
    }
    for name, (architecture, settings) in kinds.items():
        case = f"timm_{name}"
        mode = "squash" if name == "placed" else "center"
        model = module.create_model(
            architecture,
            pretrained_cfg_overlay={"crop_mode": mode},
            **settings,
        )
        randomised(model)
        save_for_hf(model, folder(case), safe_serialization=True)
        own = {"input_size": (3, *settings["img_size"])}
        config = resolve_data_config(own, model=model)
        size = settings["img_size"]
        arrays = {
            "size": size,
            "tokens": run(model.forward_features, size).numpy(),
            "scores": run(model, size).numpy(),
            "prepared": create_transform(**config)(picture()).numpy(),
        }
        if size == SQUARE:
            more = settings | {"dynamic_img_size": True}
            model = randomised(module.create_model(architecture, **more))
            tokens = run(model.forward_features, LARGER)
            arrays["larger_tokens"] = tokens.numpy()
        expect(case, **arrays)


def picture():
    """A picture of 53 x 38 pixels: waves, an edge, some noise."""
    from PIL import Image

    row, col = np.mgrid[:38, :53] / 6
    random = np.random.RandomState(0)
    waves = [np.sin(row + i) * np.cos(col * (1 + i)) for i in range(3)]
    picture = np.stack(waves, axis=-1) + (col > row)[..., None]
    picture = picture + 0.2 * random.standard_normal(picture.shape)
    picture = (picture + 1.5) / 3.5 * 255
    picture = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return Image.fromarray(picture)


def from_torchvision(_):
    """A ViT with new names, and the same with those of old files."""
    timm()
    import torch
    from torchvision.models.vision_transformer import (
        VisionTransformer,
        interpolate_embeddings,
    )

    settings = {
        "patch_size": PATCH,
        "num_layers": DEPTH,
        "num_heads": HEADS,
        "hidden_dim": WIDTH,
        "mlp_dim": HIDDEN,
        "num_classes": CLASSES,
        "representation_size": 7,
    }
    model = randomised(VisionTransformer(SQUARE[0], **settings))
    state = model.state_dict()
    old = {
        name.replace("mlp.0", "mlp.linear_1").replace(
            "mlp.3", "mlp.linear_2"
        ): tensor
        for name, tensor in state.items()
    }
    again = VisionTransformer(SQUARE[0], **settings).eval()
    again.load_state_dict(dict(old))
    side = LARGEST[0]
    larger = VisionTransformer(side, **settings).eval()
    larger.load_state_dict(
        interpolate_embeddings(side, PATCH, dict(state))
    )
    for case, weights in (("new", state), ("old", old)):
        torch.save(weights, folder(f"torchvision_{case}") / "vit.pth")
        expect(
            f"torchvision_{case}",
            size=SQUARE,
            scores=run(again, SQUARE).numpy(),
            larger=LARGEST,
            larger_scores=run(larger, LARGEST).numpy(),
        )


def from_facebook(_, deit, dino, dinov2):
    """DeiT, distilled, as published; a DINO and a DINOv2 backbone."""
    timm()
    import torch

    shared = {
        "patch_size": PATCH,
        "embed_dim": WIDTH,
        "depth": DEPTH,
        "num_heads": HEADS,
        "mlp_ratio": 2.5,
        "qkv_bias": True,
    }
    eps = {"norm_layer": partial(torch.nn.LayerNorm, eps=1e-6)}

    sys.path.insert(0, deit)
    import models as deit_models

    model = deit_models.DistilledVisionTransformer(
        img_size=SQUARE, num_classes=CLASSES, **shared, **eps
    )
    path = folder("facebook_deit") / "deit.pth"
    torch.save({"model": randomised(model).state_dict()}, path)
    scores = run(model, SQUARE).numpy()
    expect("facebook_deit", size=SQUARE, scores=scores)
    sys.path.remove(deit)

    sys.path.insert(0, dino)
    import vision_transformer as dino_models

    model = dino_models.VisionTransformer(
        img_size=[SQUARE[0]], **shared, **eps
    )
    path = folder("facebook_dino") / "dino.pth"
    torch.save(randomised(model).state_dict(), path)
    expect(
        "facebook_dino",
        size=SQUARE,
        scores=run(model, SQUARE).numpy(),
        larger_scores=run(model, LARGER).numpy(),
    )

    sys.path.insert(0, dinov2)
    from dinov2.models.vision_transformer import DinoVisionTransformer

    kinds = {
        "": {},
        "_registers": {
            "num_register_tokens": 4,
            "interpolate_antialias": True,
            "interpolate_offset": 0.0,
        },
    }
    for name, more in kinds.items():
        case = f"facebook_dinov2{name}"
        chunks = 1 if name else 0
        model = DinoVisionTransformer(
            img_size=SQUARE[0],
            **shared,
            **more,
            init_values=1.0,
            block_chunks=chunks,
        )
        torch.save(
            randomised(model).state_dict(), folder(case) / "vit.pth"
        )
        expect(
            case,
            size=SQUARE,
            scores=run(model, SQUARE).numpy(),
            larger_scores=run(model, LARGER).numpy(),
        )


def from_google(_, vit_jax, big_vision):
    """The paper's code in both namings, big_vision's stacked layers."""
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    sys.path[:0] = [vit_jax, big_vision]
    for unused in ("big_vision.utils", "big_vision.models.common"):
        sys.modules[unused] = types.ModuleType(unused)  # wants TensorFlow
    from big_vision.models.vit import _Model
    from flax.training.checkpoints import convert_pre_linen
    from vit_jax.models_vit import VisionTransformer

    layers = {"mlp_dim": HIDDEN, "num_heads": HEADS}
    model = VisionTransformer(
        num_classes=CLASSES,
        patches=types.SimpleNamespace(size=(PATCH, PATCH)),
        hidden_size=WIDTH,
        transformer={"num_layers": DEPTH, **layers},
        representation_size=7,
    )
    place = "Transformer/posembed_input/pos_embedding"
    linen, arrays = of_flax(model, place, 1, lambda x: x)
    old = {
        "LayerNorm_1": "LayerNorm_2",
        "MlpBlock_0": "MlpBlock_3",
        "MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1",
    }
    pre_linen = {
        "/".join(old.get(part, part) for part in name.split("/")): array
        for name, array in linen.items()
    }
    assert (
        nested(linen).keys() == convert_pre_linen(nested(pre_linen)).keys()
    )
    pre_linen = {f"opt/target/{k}": v for k, v in pre_linen.items()}
    store_npz("google_linen", linen, arrays)
    store_npz("google_pre_linen", pre_linen, arrays)

    model = _Model(
        num_classes=CLASSES,
        patch_size=(PATCH, PATCH),
        width=WIDTH,
        depth=DEPTH,
        **layers,
        pool_type="tok",
        scan=True,
    )
    weights, arrays = of_flax(model, "pos_embedding", 0, lambda x: x[0])
    weights = {f"params/{name}": array for name, array in weights.items()}
    store_npz("google_big_vision", weights, arrays)


def nested(flat):
    """A tree of weights, from names with slashes."""
    from flax.traverse_util import unflatten_dict

    return unflatten_dict(flat, sep="/")


def of_flax(model, place, front, scores_of):
    """Random weights of a model of flax, and what it makes of pictures.

    Positions are stretched as by interpolate_posembed of vit_jax and by
    resample_posemb of big_vision: linearly, by scipy's zoom.
    """
    import jax
    from flax.traverse_util import flatten_dict
    from scipy.ndimage import zoom

    small, large = (
        np.moveaxis(pictures(size), 1, -1) for size in (SQUARE, LARGER)
    )

    def begin(key):
        return model.init(key, small, train=False)

    def scores(weights, images):
        tree = {"params": nested(weights)}
        return np.asarray(
            scores_of(model.apply(tree, images, train=False))
        )

    shapes = jax.eval_shape(begin, jax.random.key(0))["params"]
    shapes = flatten_dict(shapes, sep="/")
    weights = {name: numbers(name, x.shape) for name, x in shapes.items()}
    old, new = ([side // PATCH for side in x] for x in (SQUARE, LARGER))
    first, grid = weights[place][:, :front], weights[place][0, front:]
    factors = new[0] / old[0], new[1] / old[1], 1
    grid = zoom(grid.reshape(*old, WIDTH), factors, order=1)
    grid = grid.reshape(1, -1, WIDTH)
    wide = weights | {place: np.concatenate([first, grid], axis=1)}
    return weights, {
        "size": SQUARE,
        "scores": scores(weights, small),
        "larger_scores": scores(wide, large),
    }


def store_npz(case, weights, arrays):
    """Store weights as Google does, and what is expected of them."""
    np.savez(folder(case) / "vit.npz", **weights)
    expect(case, **arrays)


GROUPS = {
    "transformers": from_transformers,
    "transformers4": from_transformers,
    "timm": from_timm,
    "torchvision": from_torchvision,
    "facebook": from_facebook,
    "google": from_google,
}

if __name__ == "__main__":
    GROUPS[sys.argv[1]](*sys.argv[1:])
