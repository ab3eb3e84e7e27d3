"""What the numbers of weights must be, whatever the file they come from."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shufflenet_zoo.errors import CheckpointError

# BatchNorm's statistics, by their names in PyTorch and in MindSpore.
_MEANS = ('running_mean', 'moving_mean')
_VARIANCES = ('running_var', 'moving_variance')
STATISTICS = (*_MEANS, *_VARIANCES)


def is_float(dtype: np.dtype) -> bool:
    """Whether a type is one of floating point; bfloat16 is one that numpy itself does not know."""
    return dtype.kind == 'f' or dtype.name == 'bfloat16'


def fault_of(name: str, array: np.ndarray) -> str | None:
    """Return what no trained network can have in a tensor, None where it is sound.

    Args:
        name: The tensor's name in PyTorch or in MindSpore, which tells a variance.
        array: Its values, of any type and shape.
    """
    if not is_float(array.dtype):
        return None
    if not np.isfinite(array).all():
        return 'has values that are not finite (NaN or infinite)'
    if name.endswith(_VARIANCES) and (array < 0).any():
        return 'is a variance and has values below zero'
    return None


def check_values(tensors: Iterable[tuple[str, np.ndarray]], path: str | Path) -> None:
    """Check the weights that are about to enter a network.

    Args:
        tensors: Names and values.
        path: Where they come from, named in the error.

    Raises:
        CheckpointError: if a value is not finite, or a running variance is negative.
    """
    for name, array in tensors:
        if fault := fault_of(name, array):
            raise CheckpointError(f'checkpoint {path} is spoilt: {name} {fault}; take one that was saved before')
