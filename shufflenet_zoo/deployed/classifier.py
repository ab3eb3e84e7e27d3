"""A classifier in an exported file, from image to class names."""

from typing import Any

import numpy as np

from shufflenet_zoo.data.images import resize
from shufflenet_zoo.deployed.images import normalise, read_pixels
from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.errors import DataError
from shufflenet_zoo.jobs.predictions import Finding


class Classifier:
    """A classifier in its runtime.

    Args:
        loaded: The file.
        metadata: What the file says about itself.

    Attributes:
        metadata: As given.
    """

    def __init__(self, loaded: Loaded, metadata: Metadata) -> None:
        self.metadata = metadata
        self._run = loaded.run

    def __call__(self, image: Any, top_k: int = 5) -> list[Finding]:
        """Classify an image.

        Args:
            image: A file, a picture of Pillow, or uint8 of shape (height, width, 3), red first.
            top_k: How many classes to return. Default: 5.

        Returns:
            The classes, the most probable first, with their probabilities; numbers where the file has no names.

        Raises:
            DataError: if the image cannot be read, or prepared as the classifier needs it.
        """
        logits = self.run(self.prepare(image))[0].astype(np.float64)
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        names = self.metadata.class_names
        best = np.argsort(-scores, kind='stable')[:top_k]
        return [Finding(names[index] if names else str(index), float(scores[index])) for index in best]

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the logits of prepared images."""
        return self._run(images)

    def prepare(self, image: Any) -> np.ndarray:
        """Return an image as the test pipeline of the config prepares it: float32 of shape (1, 3, height, width)."""
        said = self.metadata
        if said.other_step is not None:
            raise DataError(
                f'the images of this file are prepared by {said.other_step}, which is not known here; '
                f'prepare them yourself and call run'
            )
        array = _cut(_resized(read_pixels(image), said), said.crop_size)
        if not said.dynamic and array.shape[:2] != said.input_size:
            raise DataError(
                f'the prepared image has {array.shape[0]}x{array.shape[1]} pixels (height x width), and the file takes '
                f'{said.input_size[0]}x{said.input_size[1]} only; cut it to these proportions, or export with --dynamic'
            )
        return np.ascontiguousarray(normalise(array, said)[None])


def _resized(array: np.ndarray, said: Metadata) -> np.ndarray:
    if said.short_side is None:
        return array
    sides = array.shape[:2]
    size = tuple(int(said.short_side * side / min(sides)) for side in sides)
    return resize(np.ascontiguousarray(array), size, said.interpolation, said.resize_backend)


def _cut(array: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    if size is None:
        return array
    top, left = (max(0, round((side - part) / 2)) for side, part in zip(array.shape[:2], size, strict=True))
    return array[top : top + size[0], left : left + size[1]]
