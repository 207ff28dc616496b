"""Who records attention: for each thread its own layers and lists."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.autograd import graph


class Recording:
    """The maps of some layers, in the order of the calls.

    A layer is known by its dictionary of hooks: a copy has another one,
    a replica on another device shares it.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        self.layers = {id(x._forward_hooks): x for x in layers}
        self.maps: list[Tensor] = []


_everywhere: list[Recording] = []
_here: ContextVar[tuple[Recording, ...]] = ContextVar("here", default=())


@contextmanager
def recording(layers: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect what this thread's calls of these layers note."""
    new = Recording(layers)
    _everywhere.append(new)
    _here.set((*_here.get(), new))
    try:
        yield new.maps
    finally:
        _everywhere.remove(new)
        _here.set(tuple(one for one in _here.get() if one is not new))


def maps_of(layer: nn.Module) -> list[Tensor] | None:
    """Where the layer has to note its map; None where nobody asks.

    In a backward pass a gradient checkpoint computes once more what was
    recorded already.
    """
    if torch.compiler.is_compiling() or not _everywhere:
        return None
    key = id(layer._forward_hooks)
    check_replica(layer, any(key in r.layers for r in [*_everywhere]))
    if torch._C._current_graph_task_id() != -1:
        return None
    for one in reversed(_here.get()):
        if key in one.layers:
            return one.maps
    return None


def is_watched() -> bool:
    """Tell if someone keeps account of the tensors that are saved.

    A checkpoint does, and wants to find the same ones when it computes
    again, then without a recording.
    """
    try:
        with graph.disable_saved_tensors_hooks("watched"):
            return False
    except RuntimeError:
        return True


def unwatched() -> AbstractContextManager:
    """Keep what is saved in the block out of that account.

    A step that saved its own result, gradient and all, would hold itself
    for ever.
    """
    if not is_watched():
        return nullcontext()
    return graph.saved_tensors_hooks(Tensor.detach, lambda x: x)


def ask_for_weights(
    function: Callable[..., Tensor],
    q: Tensor,
    k: Tensor,
    mask: Tensor | None,
) -> Tensor:
    """Ask a function that mixes values by which weights it does.

    Values that are 1 at one key and 0 at all others show what share that
    key gets; as many keys are asked for at once as a value has numbers.
    """
    keys, width = k.shape[2:]
    ones = torch.eye(keys, keys + -keys % width).to(k)
    parts = [
        function(q, k, one.expand(k.shape), mask)
        for one in ones.split(width, dim=1)
    ]
    return torch.cat(parts, dim=3)[..., :keys]


def exactly(device: str) -> AbstractContextManager:
    """Compute as exactly as written, whatever autocast wishes."""
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def check_recordable(model: nn.Module, layers: list) -> None:
    """Refuse a model of which no map would come."""
    if not layers:
        raise ValueError("the model has no MultiHeadAttention to record")
    for module in model.modules():
        if isinstance(module, nn.DataParallel):
            check_one_device(module)
    for layer in layers:
        code = getattr(type(layer).forward, "__code__", None)
        if code and not {"mix", "forward"} & {*code.co_names}:
            raise ValueError(
                f"the forward of {type(layer).__name__} cannot be "
                "recorded: let it call self.mix(q, k, v, mask)"
            )


def check_one_device(model: nn.DataParallel) -> None:
    """Refuse a model whose batches are split among replicas."""
    if len(model.device_ids) > 1:
        raise ValueError(
            f"nn.DataParallel splits a batch among {len(model.device_ids)}"
            " replicas, which cannot be recorded: record and call its "
            "`module`"
        )


def check_replica(layer: nn.Module, recorded: bool) -> None:
    """Refuse a part of a batch, on a replica of what is recorded."""
    if recorded and getattr(layer, "_is_replica", False):
        raise ValueError(
            "a replica of the recorded model came, with a part of the "
            "batch: call the model itself, not nn.DataParallel"
        )


def check_mixture(mixed: Tensor, weights: Tensor, v: Tensor) -> None:
    """Refuse weights that do not make of the values what came out."""
    with torch.no_grad():
        error = (weights @ v - mixed).norm() / mixed.norm()
    if error > 0.01:
        raise ValueError(
            "the function set as `attention` cannot be recorded: asked "
            f"twice, its results are {error:.0%} apart. It must mix by "
            "weights that depend on q, k and mask alone; dropout in it "
            "rests after model.eval()"
        )
