"""How far outputs of networks are apart."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from shufflenet_zoo.equivalence.measurement import relative

if TYPE_CHECKING:  # the tests of PyTorch run without it
    import mindspore

Array: TypeAlias = 'np.ndarray | torch.Tensor | mindspore.Tensor'


def difference(found: Iterable[Array], expected: Iterable[Array]) -> float:
    """Return the largest difference of any output, relative to the largest value of that output.

    Not a number where an output is none, infinite where shapes differ; neither is within any bound.
    """
    pairs = [(as_array(a), as_array(b)) for a, b in zip(found, expected, strict=True)]
    return float(np.max([relative(a, b) for a, b in pairs]))


def as_array(values: Array) -> np.ndarray:
    """Return a tensor of either framework as a numpy array."""
    if isinstance(values, torch.Tensor):
        return values.detach().numpy()
    return values if isinstance(values, np.ndarray) else values.asnumpy()
