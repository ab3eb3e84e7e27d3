"""Some steps of every optimizer, with groups of parameters that decay and others that do not."""

import gc
from collections.abc import Mapping
from typing import Any

import numpy as np

from shufflenet_zoo.equivalence.checks.training import BATCHES, draw_batch
from shufflenet_zoo.equivalence.measurement import Measurement, Outcome, calibrated, largest_relative, relative
from shufflenet_zoo.equivalence.trio import Trio

STEPS = 4
LOSS_BOUND = 1e-5
WEIGHT_BOUND = 1e-5
_NO_DECAY = {'norm_decay_mult': 0, 'bias_decay_mult': 0}
# The decay moves a weight by 15 times the strict bound a step.
OPTIMIZERS = {
    'SGD': {'type': 'SGD', 'lr': 1e-2, 'momentum': 0.9, 'weight_decay': 0.015},
    # With its default eps of 1e-8, Adam turns the rounding noise of a gradient that is zero into a full step.
    'AdamW': {'type': 'AdamW', 'lr': 1e-3, 'weight_decay': 0.15, 'eps': 0.1},
}


def check_optimizers(trio: Trio) -> Outcome:
    """Compare the losses and all weights of a smooth network after every step; the first step strictly."""
    measurements = []
    for name, settings in OPTIMIZERS.items():
        for attempt in range(BATCHES):
            found = _compare_steps(trio, name, settings, first_seed=attempt * STEPS)
            # MindSpore's optimizer is part of reference cycles, and its moments as large as the network.
            gc.collect()
            # Two pixels of the stem's max-pool may be equal but for rounding; an error shows from every batch.
            if all(one.passed for one in found):
                break
        measurements += found
    return Outcome(tuple(measurements))


def _compare_steps(trio: Trio, name: str, settings: Mapping[str, Any], first_seed: int) -> list[Measurement]:
    trio.reload()
    config = {'optimizer': settings, 'paramwise_cfg': _NO_DECAY}
    networks = (trio.exact, trio.single, trio.mindspore)
    steps = [network.optimizer(config) for network in networks]
    case = f'{name} {trio.mindspore.mode}, SiLU, from batch {first_seed + 1}'
    measurements = []

    def add(item: str, difference: float, strict: float, floor: float) -> None:
        # The first step has nothing to diverge from.
        bound = strict if number == 1 else calibrated(strict, floor)
        measurements.append(Measurement(trio.subject.name, 'optimizers', case, item, difference, bound, floor))

    for number in range(1, STEPS + 1):
        batch = draw_batch(trio.subject, first_seed + number - 1)
        losses, weights = [], []
        for network, step in zip(networks, steps, strict=True):
            losses.append(np.array(network.differentiate(*batch).loss))
            step()
            weights.append({key: array for key, array in network.tensors().items() if array.dtype.kind == 'f'})
        floor, difference = (relative(loss, losses[0]) for loss in losses[1:])
        add(f'loss of step {number}', difference, LOSS_BOUND, floor)
        (floor, _), (difference, worst) = (largest_relative(tensors, weights[0]) for tensors in weights[1:])
        add(f'weights after step {number}, {worst}', difference, WEIGHT_BOUND, floor)
    return measurements
