"""From what a user gives to the normalised images that files take."""

import os
from typing import Any

import numpy as np

from shufflenet_zoo.data.images import read_image
from shufflenet_zoo.deployed.metadata import Metadata
from shufflenet_zoo.errors import DataError


def read_pixels(image: Any) -> np.ndarray:
    """Return an image as uint8 of shape (height, width, 3), blue first.

    Args:
        image: A file, a picture of Pillow, or uint8 of shape (height, width, 3), red first.

    Raises:
        DataError: if it cannot be read, or is an array of something else.
    """
    if isinstance(image, str | os.PathLike):
        return read_image(os.fspath(image))
    array = np.asarray(image if isinstance(image, np.ndarray) else image.convert('RGB'))
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise DataError(
            f'the image must be uint8 of shape (height, width, 3), got {array.dtype} of shape {tuple(array.shape)}'
        )
    return array[..., ::-1]


def normalise(array: np.ndarray, said: Metadata) -> np.ndarray:
    """Return a uint8 image (height, width, 3), blue first, as normalised float32 of shape (3, height, width)."""
    ordered = array[..., ::-1] if said.channel_order == 'rgb' else array
    return ((ordered.astype(np.float32) - np.float32(said.mean)) / np.float32(said.std)).transpose(2, 0, 1)
