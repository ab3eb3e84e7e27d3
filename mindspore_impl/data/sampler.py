"""The order of the samples: that of mmengine's DefaultSampler, without torch."""

import numpy as np

# Up to here torch.randperm draws one 32-bit number per swap; no data set is larger.
_LARGEST = (2**32 - 1) // 20


def randperm(length: int, seed: int) -> np.ndarray:
    """Return what ``torch.randperm`` gives on the CPU with a generator of this seed.

    Both torch and numpy's RandomState seed the Mersenne Twister of 32 bits by its authors' ``init_genrand``;
    torch then swaps every position with one of those behind it.

    Args:
        length: Number of samples.
        seed: Seed of the generator; its lower 32 bits count.

    Returns:
        The permutation, int64 of shape (length,).
    """
    if length >= _LARGEST:
        raise ValueError(f'length={length} must be less than {_LARGEST}')
    generator = np.random.RandomState(seed & 0xFFFFFFFF)
    draws = generator.randint(0, 2**32, size=max(length - 1, 0), dtype=np.uint32)
    offsets = (draws.astype(np.int64) % np.arange(length, 1, -1)).tolist()
    order = list(range(length))
    for position, offset in enumerate(offsets):
        other = position + offset
        order[position], order[other] = order[other], order[position]
    return np.array(order, dtype=np.int64)


def epoch_order(length: int, shuffle: bool, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the samples in one epoch, as mmengine's DefaultSampler gives it to a single process.

    Args:
        length: Number of samples.
        shuffle: Whether the order is drawn anew for every epoch.
        seed: Seed of the training or of the sampler.
        epoch: The epoch, from 0.
    """
    return randperm(length, seed + epoch) if shuffle else np.arange(length)


def share(order: np.ndarray, rank: int, count: int) -> np.ndarray:
    """Return what one of several processes takes of an order, as mmengine's DefaultSampler deals it out.

    All take equally many: the first samples of the order come once more at its end, where they must.

    Args:
        order: The order of the samples.
        rank: Number of the process.
        count: How many processes there are.
    """
    return np.resize(order, -(-len(order) // count) * count)[rank::count]
