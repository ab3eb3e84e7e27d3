"""The digits: fixed, stratified, disjoint, complete."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from shufflenet_zoo.data import digits
from shufflenet_zoo.errors import ArgumentError


def test_splits_are_stratified():
    counts = {split: np.bincount(digits.load_split(split)[1]) for split in digits.SPLITS}
    assert counts['train'].sum() == 1442
    assert counts['test'].sum() == 355
    shares = counts['test'] / (counts['train'] + counts['test'])
    assert (abs(shares - 0.2) < 0.005).all()


def test_splits_are_disjoint_and_complete():
    images = np.concatenate([digits.load_split(split)[0] for split in digits.SPLITS])
    source = np.rint(load_digits().images * 255 / 16).astype(np.uint8)
    assert images.shape == (1797, 8, 8, 3)
    assert images.dtype == np.uint8
    assert (images == images[..., :1]).all()

    def as_sorted(array: np.ndarray) -> list[bytes]:
        return sorted(image.tobytes() for image in array)

    assert as_sorted(images[..., 0]) == as_sorted(source)


def test_labels_belong_to_their_images():
    source = load_digits()
    labels = {image.tobytes(): label for image, label in zip(source.images, source.target, strict=True)}
    images, targets = digits.load_split('test')
    restored = np.rint(images[..., 0] * (16 / 255)).astype(float)
    assert [labels[image.tobytes()] for image in restored] == targets.tolist()


def test_every_fifth_of_a_class_is_for_testing():
    source = load_digits()
    images, labels = digits.load_split('test')
    for label in range(10):
        fifth = source.images[np.flatnonzero(source.target == label)[4::5]]
        assert np.array_equal(images[labels == label][..., 0], np.rint(fifth * 255 / 16))


def test_caller_gets_a_copy():
    digits.load_split('test')[0][:] = 0
    assert digits.load_split('test')[0].any()


def test_unknown_split():
    with pytest.raises(ArgumentError, match="'val'.*train.*test"):
        digits.load_split('val')
