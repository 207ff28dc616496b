"""Files of the package, read whole or not at all."""

import hashlib
from importlib.resources import files

FOLDER = files("vitlib.teach") / "data" / "files"


def read_checked(name: str, sha256: str) -> bytes:
    """Read a file of `vitlib/teach/data/files`; check that it is whole."""
    path = FOLDER / name
    again = "install vitlib again, or fetch the file from its repository"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: {again}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is damaged: its SHA-256 begins with {found[:8]} and "
            f"should begin with {sha256[:8]}; {again}"
        )
    return content
