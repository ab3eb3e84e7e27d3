"""Gradient checkpointing that leaves BatchNorm's running statistics as they would be without it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from shufflenet_zoo.backbones.tracing import recomputes


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Let the BatchNorms below module update copies of their statistics, which are thrown away at the end."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.training]
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        norm._buffers.update({name: None if b is None else b.clone() for name, b in norm._buffers.items()})
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)


def run_checkpointed(module: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Run function(x), whose layers belong to module, keeping no activations for the backward pass.

    The backward pass runs the function again. Non-reentrant, so that it works under DistributedDataParallel and
    where x needs no gradient. Inside torch.compile it only runs the function: the compiler traces no such
    recomputation, and decides on its own what to keep.
    """
    if not recomputes():
        return function(x)
    return checkpoint(function, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _statistics_kept(module)))
