"""Whether the converted weights fit the MindSpore network one to one, and come back bit for bit."""

import numpy as np

from shufflenet_zoo.equivalence.measurement import Measurement, Outcome
from shufflenet_zoo.equivalence.trio import Trio

_COUNTER = 'num_batches_tracked'


def check_weights(trio: Trio) -> Outcome:
    """Count parameters without weights, weights without parameter, and tensors that a round trip changes."""
    returned = trio.mindspore.tensors()
    changed = [
        name
        for name, array in trio.tensors.items()
        if not name.endswith(_COUNTER) and not _same_bits(array, returned.get(name))
    ]
    counts = {
        'parameters without weights': len(trio.mindspore.missing),
        'weights without parameter': len(trio.mindspore.unexpected),
        'tensors changed by the round trip': len(changed),
    }
    return Outcome(
        tuple(
            Measurement(trio.subject.name, 'weights', 'conversion', item, float(count), 0.0)
            for item, count in counts.items()
        )
    )


def _same_bits(before: np.ndarray, after: np.ndarray | None) -> bool:
    return after is not None and before.shape == after.shape and before.tobytes() == after.tobytes()
