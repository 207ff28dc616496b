"""Open files of weights, by what they begin with, and never run them."""

import argparse
import json
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from vitlib._settings import PathLike

WEIGHTS = "model.safetensors", "pytorch_model.bin"
INDICES = [f"{name}.index.json" for name in WEIGHTS]
CONFIG, PICTURES = "config.json", "preprocessor_config.json"
IN_PARTS = (
    "; its weights are in several files, and one is needed: load it with "
    "the library that wrote it and save it whole, in transformers by "
    "save_pretrained(folder, max_shard_size='100GB')"
)
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
Content = tuple[Mapping, dict]  # the weights, a config


class Found(NamedTuple):
    """What a file holds, and what stands beside it."""

    where: str
    content: Mapping
    config: dict
    pictures: dict


def needed(module: str, extra: str = "pretrained") -> Any:
    """Import what only some files ask for."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise ModuleNotFoundError(
            f"{package} is needed for this, and is not installed: pip "
            f'install {package}, or "vitlib[{extra}]"'
        ) from error


def read_safetensors(path: Path) -> Content:
    """Read tensors and nothing else: the format knows no code."""
    return needed("safetensors.torch").load_file(path), {}


def read_torch(path: Path) -> Content:
    """Read what torch.save wrote, if it is numbers in plain containers.

    argparse.Namespace, where training scripts keep their settings, is one.
    """
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(path, "cpu", weights_only=True), {}


def read_npz(path: Path) -> Content:
    """Read arrays of NumPy; two bytes without a type are bfloat16."""
    with needed("numpy").load(path, allow_pickle=False) as arrays:
        return {name: tensor_of(arrays[name]) for name in arrays}, {}


def tensor_of(array: Any) -> torch.Tensor:
    """Give an array of NumPy as a tensor."""
    if array.dtype.str == "|V2":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def read_packed(path: Path) -> Content:
    """Read weights in whole numbers, as the page of the book has them."""
    weights, about = import_module("vitlib.packed").read(path)
    normal = {"mean": about["mean"], "std": about["std"]}
    habits = {"family": "dinov2", "stretch": "transformers"}
    return weights, about["model"] | normal | habits


class Format(NamedTuple):
    """A kind of file: how it begins, and who reads it."""

    title: str
    begins: re.Pattern[bytes]
    read: Callable[[Path], Content]


def known(title: str, begins: bytes, read: Callable) -> Format:
    """Make a line of the table below."""
    return Format(title, re.compile(begins, re.DOTALL), read)


# The first that fits is taken. A further kind of file is one line more;
# its reader gives the weights and, where it holds one, a config.
FORMATS = (
    known("a file of torch.save", rb"PK.{28}[^/]*/data\.pkl", read_torch),
    known("a NumPy archive (npz)", rb"PK.{28}.*\.npy", read_npz),
    known("an old file of torch.save", rb"\x80[\x02-\x05]", read_torch),
    known("a safetensors file", rb".{8}\{", read_safetensors),
    known("a file of vitlib.packed", rb"x[\x01\x5e\x9c\xda]", read_packed),
)
OTHERS = (
    (rb"version https://git-lfs", "a pointer of Git LFS: git lfs pull"),
    (rb"\s*<", "a web page: the address was not that of the file itself"),
    (rb"\x89HDF", "an HDF5 file, of Keras perhaps"),
)


def read_weights(path: Path) -> Content:
    """Read a file of any kind in the table, or say what is wrong."""
    with open(path, "rb") as file:
        head = file.read(1024)
    for kind in FORMATS:
        if kind.begins.match(head):
            try:
                return kind.read(path)
            except ModuleNotFoundError:
                raise
            except Exception as error:
                raise ValueError(
                    f"{path} looked like {kind.title}, but {why(error)}"
                ) from error
    titles = ", ".join(kind.title for kind in FORMATS)
    told = [text for begins, text in OTHERS if re.match(begins, head)]
    raise ValueError(
        f"{path} is no file of weights that is known here ({titles}): it "
        + (f"is {told[0]}" if told else f"begins with {head[:8]!r}")
    )


def why(error: Exception) -> str:
    """Say in a few words why a file could not be read."""
    said = str(error)
    if isinstance(error, UnpicklingError) and "weights_only" in said:
        asked = re.search(r"(?:GLOBAL|class|function) ([\w.]+\.\w+)", said)
        return (
            f"it asks for {asked[1] if asked else 'code'}, and code of a "
            "checkpoint is never run: store the state dict alone"
        )
    first = said.splitlines()[0] if said else repr(error)
    return f"cannot be read ({first}): is it cut short? Fetch it again"


def find(source: PathLike) -> Found:
    """Open a file, a folder, or what the hub has under a name."""
    path, name = Path(source), str(source)
    if not path.exists() and HUB_NAME.fullmatch(name):
        path = from_hub(name)
    if path.is_dir():
        path = next(
            (path / n for n in WEIGHTS if (path / n).is_file()), path
        )
    if not path.is_file():
        raise ValueError(
            f"{source} is neither a file, nor a folder with one of "
            f"{', '.join(WEIGHTS)}, nor a name of the hub (owner/name)"
            + IN_PARTS
            * any(path.glob("*.index.json"))
        )
    content, config = read_weights(path)
    return Found(
        str(path),
        content,
        config or read_json(path.with_name(CONFIG)),
        read_json(path.with_name(PICTURES)),
    )


def read_json(path: Path) -> dict:
    """Read a file of settings, if there is one."""
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(
            f"{path} holds no settings, but a {type(settings).__name__}"
        )
    return settings


def from_hub(name: str) -> Path:
    """Fetch a model of the hub, or take it from the cache: its folder.

    `name` is owner/name, with @ and a revision behind it if you like.
    """
    hub = needed("huggingface_hub")
    errors = needed("huggingface_hub.errors")
    repository, _, revision = name.partition("@")

    def fetch(file: str) -> Path | None:
        """Give the file, or None where the model has no such file."""
        try:
            return Path(
                hub.hf_hub_download(
                    repository, file, revision=revision or None
                )
            )
        except errors.LocalEntryNotFoundError as error:
            if not isinstance(
                error.__cause__, errors.OfflineModeIsEnabled
            ):
                raise  # the hub could not be asked
        except errors.EntryNotFoundError:
            pass
        return None

    try:
        for file in (CONFIG, PICTURES):
            fetch(file)
        paths = (fetch(file) for file in WEIGHTS)
        found = next((path for path in paths if path), None)
        parted = not found and any(map(fetch, INDICES))
    except Exception as error:
        raise ValueError(
            f"{name} is no file here, and the hub does not give it: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if found is None:
        raise ValueError(
            f"{name} has none of {', '.join(WEIGHTS)} on the hub, or, "
            "offline, in the cache" + IN_PARTS * parted
        )
    return found.parent
