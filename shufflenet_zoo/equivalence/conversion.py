"""Comparison of the networks before and after a conversion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.arch import Plan
from shufflenet_zoo.equivalence.publishers import Network, build, build_target
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.weights.convert import Weights
from shufflenet_zoo.weights.layouts import channel_orders
from shufflenet_zoo.weights.permutations import ChannelOrders

# Relative to the largest value of a stage: the noise of one precision, not a property of any network.
TOLERANCES = {'fp64': 1e-10, 'fp32': 1e-5}
# Odd sides at every stride and even ones: some rules of padding agree on one kind.
_IMAGE_SIZE = (97, 64)


@dataclass(frozen=True)
class ConversionProof:
    """What a comparison found.

    Attributes:
        source: Whose network ran the source's weights.
        target: Whose network ran the converted ones.
        differences: The largest difference of every stage, relative to the stage's largest value.
        tolerance: What the differences may be.
    """

    source: str
    target: str
    differences: Mapping[str, float]
    tolerance: float

    @property
    def largest(self) -> float:
        return max(self.differences.values())


def verify_conversion(source: Weights, target: Weights) -> ConversionProof:
    """Run the networks before and after a conversion on the same random images and compare every stage.

    Raises:
        CheckpointError: if a stage differs by more than rounding.
        DependencyError: if a package that one of them needs is not installed.
    """
    networks = build(source), build_target(target)
    precision = 'fp32' if any(network.precision == 'fp32' for network in networks) else 'fp64'
    images = np.random.default_rng(0).standard_normal((2, source.plan.in_channels, *_IMAGE_SIZE))
    differences = compare(*(run(network, target.plan, images) for network in networks))
    found = ConversionProof(networks[0].provider, networks[1].provider, differences, TOLERANCES[precision])
    for stage, difference in found.differences.items():
        if not difference <= found.tolerance:
            raise CheckpointError(
                f'the converted network computes something else: {stage} differs by '
                f'{difference:.1e} of its largest value, {found.tolerance:.0e} may be'
            )
    return found


def run(network: Network, plan: Plan, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return a network's outputs by stage with their channels in the order of a plan's."""
    return reordered(network.forward(images), channel_orders(network.structure, plan))


def reordered(outputs: Mapping[str, np.ndarray], orders: ChannelOrders) -> dict[str, np.ndarray]:
    """Return outputs by stage with their channels in canonical order."""
    features = {name: orders.of_features(name) for name in outputs}
    return {name: output if features[name] is None else output[:, features[name]] for name, output in outputs.items()}


def compare(expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of every output, relative to the largest expected value; inf for other shapes."""
    if expected.keys() != actual.keys():
        raise CheckpointError(f'the converted network has outputs {", ".join(actual)} instead of {", ".join(expected)}')
    return {name: _relative(expected[name], actual[name]) for name in expected}


def _relative(expected: np.ndarray, actual: np.ndarray) -> float:
    if expected.shape != actual.shape:
        return float('inf')
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), np.finfo(np.float64).tiny))
