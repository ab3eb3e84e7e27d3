"""Seeds of random draws that depend on the seed and the position in the training alone.

Both backends take them, so that a resumed training draws what the uninterrupted one draws, and equal seeds give
equal augmentations in both.
"""

import numpy as np

# What a seed is for: the augmentation of a sample, or one iteration of the model.
SAMPLE_STREAM, ITERATION_STREAM = range(2)


def derive_seed(*numbers: int) -> int:
    """Return a seed of 32 bits derived from numbers such as base seed, stream, rank, epoch and position."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
