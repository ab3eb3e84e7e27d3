"""The handwritten digits that scikit-learn carries: 1,797 real 8x8 images of 10 classes; no file, no download."""

from functools import cache

import numpy as np

from shufflenet_zoo.errors import ArgumentError, DependencyError

CLASSES = tuple(str(digit) for digit in range(10))
SPLITS = ('train', 'test')
IMAGE_SIZE = 8
# Grey levels of the source run from 0 to 16.
_SOURCE_MAX = 16
# Of every class, each fifth image in the source's order belongs to the test split.
_TEST_EVERY = 5


@cache
def _load_all() -> tuple[np.ndarray, np.ndarray]:
    """Load all images as uint8 (1797, 8, 8, 3) and their labels as int64 (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DependencyError(
            'the digits data set needs scikit-learn: install it with `pip install scikit-learn`'
        ) from error
    source = load_digits()
    grey = np.rint(source.images * (255 / _SOURCE_MAX)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1), source.target.astype(np.int64)


def load_split(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load one split of the digits; the split is stratified and fixed: 80 % of every class train, 20 % test.

    Args:
        split: 'train' (1,442 images) or 'test' (355 images).

    Returns:
        The images, uint8 of shape (N, 8, 8, 3), three equal channels of 0 (background) to 255 (ink); and their
        labels, int64 of shape (N,).

    Raises:
        ArgumentError: if the split is unknown.
        DependencyError: if scikit-learn is not installed.
    """
    if split not in SPLITS:
        raise ArgumentError(f'split of the digits is {split!r}, must be one of {SPLITS}')
    images, labels = _load_all()
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(len(CLASSES)):
        is_test[np.flatnonzero(labels == label)[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    chosen = is_test if split == 'test' else ~is_test
    return images[chosen], labels[chosen]
