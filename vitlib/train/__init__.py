"""Train on pictures of your own, with chapter 8's loop, at any size.

    python -m vitlib.train fit photos --out runs/first
    python -m vitlib.train predict runs/first photo.jpg

On one processor, on a GPU, or on many machines: Accelerate says where the
numbers are, and behind `torchrun` the same command runs in many processes.
"""

from importlib.util import find_spec

NEEDED = "accelerate numpy PIL safetensors tqdm"

missing = [name for name in NEEDED.split() if find_spec(name) is None]
if missing:
    raise ModuleNotFoundError(
        f"vitlib.train needs {', '.join(missing)}, unlike vitlib itself: "
        'pip install "vitlib[train]", or in a clone '
        'pip install -e ".[train]"'
    )
