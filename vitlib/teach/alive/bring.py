"""Large files of a live figure, brought when somebody asks for them.

A figure names what it may ask for in `_brings`; bring.js asks. On the page
the parts lie beside the scripts, each a script of its own, because a page
from disk can load nothing else; in a notebook the kernel sends them. In
parts, so that it can be said how far it is, and no message is too long.
"""

import base64
import json
import zlib
from functools import cache

from vitlib.teach.alive.bundle import scripts
from vitlib.teach.data import backbone
from vitlib.teach.data.checked import FOLDER, read_checked
from vitlib.teach.data.examples import EXAMPLES
from vitlib.teach.data.own_digit import known_digits

PART = 600_000  # bytes
TEXT = 'vitlib.part("{}", {}, "{}");\n'


@cache
def content(name: str) -> bytes:
    """Give a file by its name, or a worker's script.

    "photos" is a line of JSON, the lengths of their files, and then the
    files, in the order of EXAMPLES. "known_digits" are `known_digits`,
    each from 0 to 15 by its own largest number, two a byte, deflated.
    """
    if name == "backbone":
        return read_checked(backbone.FILE, backbone.SHA256)
    if name == "photos":
        files = [(FOLDER / one.file).read_bytes() for one in EXAMPLES]
        lengths = json.dumps([len(file) for file in files])
        return b"\n".join([lengths.encode(), b"".join(files)])
    if name == "known_digits":
        known = known_digits()
        whole = (15 * known / known.amax(dim=1, keepdim=True)).round()
        first, second = whole.byte().reshape(-1, 2).T.numpy()
        return zlib.compress((16 * first + second).tobytes(), 9)
    return scripts(name).encode()


def parts(name: str) -> list[bytes]:
    """Give the parts of a file, in their order."""
    whole = content(name)
    return [whole[at : at + PART] for at in range(0, len(whole), PART)]


def coded(content: bytes) -> str:
    """Give bytes as text, in base64."""
    return base64.b64encode(content).decode()


@cache
def as_scripts(name: str) -> dict[str, str]:
    """Give the parts as plain scripts, by the names of their files."""
    return {
        f"{name}-{index}.js": TEXT.format(name, index, coded(part))
        for index, part in enumerate(parts(name))
    }


def answer(figure, asked: dict, buffers: list) -> None:
    """Send a file to the figure that asks: {"bring": name}."""
    name = asked.get("bring")
    if name not in figure._brings:
        return
    found = parts(name)
    for index, part in enumerate(found):
        about = {"bring": name, "index": index, "count": len(found)}
        figure.send(about, buffers=[part])
