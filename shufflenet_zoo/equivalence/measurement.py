"""What the checks measure: one difference beside its bound, and how differences are taken."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

# The noise floor is one sample of rounding noise, so that another implementation may be some times as far off.
FLOOR_FACTOR = 10.0


@dataclass(frozen=True)
class Measurement:
    """One difference between the two frameworks.

    Attributes:
        network: The network's name, or what else was compared.
        check: The check, one of CHECK_NAMES.
        case: The circumstances: input shape, mode, optimizer, ...
        item: What was compared: a stage, a parameter, a step, ...
        difference: The measured difference.
        bound: What it may be.
        floor: The difference between fp32 and fp64 of the same PyTorch network, where it was measured.
    """

    network: str
    check: str
    case: str
    item: str
    difference: float
    bound: float
    floor: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the difference is within its bound; a difference that is not a number is not."""
        return bool(self.difference <= self.bound)

    @property
    def part_of_bound(self) -> float:
        """The difference as a part of the bound; infinite where it is not a number."""
        if math.isnan(self.difference):
            return math.inf
        if self.bound > 0:
            return self.difference / self.bound
        return 0.0 if self.difference == 0 else math.inf


@dataclass(frozen=True)
class Curve:
    """A series of numbers for a plot, such as the losses of one framework's training."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes:
        measurements: The differences.
        curves: Series to plot.
        notes: What could not be compared on this machine, and why; a line each.
    """

    measurements: tuple[Measurement, ...]
    curves: tuple[Curve, ...] = ()
    notes: tuple[str, ...] = field(default=())


def calibrated(least: float, floor: float) -> float:
    """The bound that follows from the noise floor, and is never below what rounding alone explains."""
    return max(least, FLOOR_FACTOR * floor)


def relative(actual: np.ndarray, expected: np.ndarray, least_scale: float = 0.0) -> float:
    """Return the largest difference, relative to the largest expected value.

    Args:
        actual: What one network computed.
        expected: What the other computed, of the same shape.
        least_scale: The smallest scale that differences are relative to.

    Returns:
        The relative difference; infinite for other shapes, not a number if a value is none.
    """
    if actual.shape != expected.shape:
        return math.inf
    if not expected.size:
        return 0.0
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    scale = max(float(np.abs(expected).max()), least_scale)
    largest = float(np.abs(actual - expected).max())
    return largest / scale if scale > 0 else largest


def relative_l2(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the Euclidean norm of the difference, relative to the expected values' norm."""
    if actual.shape != expected.shape:
        return math.inf
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def largest_relative(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> tuple[float, str]:
    """Return the largest relative difference among tensors of equal names, and the name it belongs to."""
    found = [(relative(actual[name], expected[name]), name) for name in expected]
    return max(found, key=lambda pair: math.inf if math.isnan(pair[0]) else pair[0])


def compare_tensors(
    network: str,
    check: str,
    case: str,
    bound: Callable[[float], float],
    exact: Mapping[str, np.ndarray],
    single: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
) -> list[Measurement]:
    """Measure tensors of equal names.

    Args:
        network: The network's name.
        check: The check.
        case: The circumstances.
        bound: Makes the bound of a difference from its noise floor.
        exact: What PyTorch computed in double precision; every difference is measured from it.
        single: What PyTorch computed in single precision, whose difference is the noise floor.
        actual: What MindSpore computed.
    """
    floors = {name: relative(single[name], array) for name, array in exact.items()}
    return [
        Measurement(network, check, case, name, relative(actual[name], array), bound(floors[name]), floors[name])
        for name, array in exact.items()
    ]
