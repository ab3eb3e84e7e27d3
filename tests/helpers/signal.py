"""Weights that carry signal, for networks of both frameworks and of every publisher."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike
from torch import nn

from shufflenet_zoo.arch import Plan
from shufflenet_zoo.equivalence.signal import signal_weights

if TYPE_CHECKING:  # the tests of PyTorch run without it
    from mindspore import nn as ms_nn

Network = TypeVar('Network', nn.Module, 'ms_nn.Cell')
# MindSpore's and Paddle's own words for what PyTorch calls otherwise.
WORDS = {
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
    'w': 'weight',
    '_mean': 'running_mean',
    '_variance': 'running_var',
}
# A slope of PReLU near 1 would leave next to nothing for its activation to do.
_SLOPE_SCALE = 0.25


def torch_name(name: str) -> str:
    """Return the name in PyTorch of a parameter in MindSpore."""
    module, dot, word = name.rpartition('.')
    return f'{module}{dot}{WORDS.get(word, word)}'


def signal_state(
    shapes: Mapping[str, tuple[int, ...]], plan: Plan | None = None, dtype: DTypeLike = np.float32, seed: int = 0
) -> dict[str, np.ndarray]:
    """Draw the weights of ``equivalence.signal`` by names of PyTorch or MindSpore.

    Args:
        shapes: Shapes by name.
        plan: The network, whose residual units are then held back. Default: None, it has none.
        dtype: Type of all but counters.
        seed: Seed of the draw.
    """
    names = {name: torch_name(name) for name in shapes}
    drawn = signal_weights(
        plan or SimpleNamespace(stages=()), {names[name]: shape for name, shape in shapes.items()}, seed
    )
    for name, array in drawn.items():
        if name.endswith(('.act.weight', '.activate.weight')):
            array *= np.float32(_SLOPE_SCALE)
    return {
        name: drawn[own] if drawn[own].dtype.kind == 'i' else drawn[own].astype(dtype) for name, own in names.items()
    }


def state_of(model: 'nn.Module | ms_nn.Cell', **kwargs) -> dict[str, np.ndarray]:
    """Draw a state for a network; see ``signal_state``."""
    shapes = {name: tuple(value.shape) for name, value in _tensors(model)}
    # The residual units are held back by their BatchNorm.
    plan = getattr(model, 'plan', None) if any('.branch2.2.bn.' in name for name in shapes) else None
    return signal_state(shapes, plan, **kwargs)


def carry_signal(model: Network, seed: int = 0) -> Network:
    """Give a network weights that hide no error; return it in the mode that it was in."""
    state = state_of(model, seed=seed)
    if isinstance(model, nn.Module):
        for name, tensor in model.state_dict().items():
            tensor.copy_(tensor.new_tensor(state[name]))
    else:
        from mindspore import Tensor

        for name, parameter in _tensors(model):
            parameter.set_data(Tensor(state[name]))
    return model


def _tensors(model: 'nn.Module | ms_nn.Cell') -> Iterator[tuple[str, Any]]:
    yield from model.state_dict().items() if isinstance(model, nn.Module) else model.parameters_and_names()
