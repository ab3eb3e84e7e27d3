"""What arithmetic and memory traffic alone would cost a network on this machine."""

import time
from dataclasses import dataclass

from shufflenet_zoo.arch.complexity import analyse, total
from shufflenet_zoo.arch.variants import get_variant
from shufflenet_zoo.benchmark.cases import IMAGE_SIZE, NUM_CLASSES
from shufflenet_zoo.benchmark.networks import OURS

_BYTES = 4
_REPETITIONS = 10


@dataclass(frozen=True)
class Bound:
    """The least time of one image, in milliseconds.

    Attributes:
        arithmetic: The multiply-adds of the convolutions and the classifier at the machine's peak.
        memory: What its convolutions read and write, weights included, at the machine's memory bandwidth.
    """

    arithmetic: float
    memory: float


def measure_peaks(threads: int) -> dict[str, float]:
    """Measure the peak of multiply-adds by a large matrix product, and the memory bandwidth by a large copy.

    Returns:
        multiply_adds and bytes per second.
    """
    import torch

    torch.set_num_threads(threads)
    side = 2048
    a, b = torch.randn(2, side, side)
    source, target = torch.randn(2, 2**26)
    return {
        'multiply_adds': side**3 / _fastest(lambda: a @ b),
        'bytes': 2 * source.numel() * _BYTES / _fastest(lambda: target.copy_(source)),
    }


def _fastest(run) -> float:
    times = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def bound(network: str, peaks: dict[str, float]) -> Bound:
    """Return the least time of one of our networks."""
    cost = total(analyse(get_variant(OURS[network]).plan(), (IMAGE_SIZE, IMAGE_SIZE), NUM_CLASSES))
    return Bound(cost.multiply_adds / peaks['multiply_adds'] * 1e3, cost.conv_access * _BYTES / peaks['bytes'] * 1e3)
