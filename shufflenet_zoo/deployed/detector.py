"""A detector in an exported file, from image to boxes with class names."""

from typing import Any

import numpy as np

from shufflenet_zoo.data.images import resize
from shufflenet_zoo.deployed.decoding import decode
from shufflenet_zoo.deployed.images import normalise, read_pixels
from shufflenet_zoo.deployed.metadata import DetectorMetadata, Loaded
from shufflenet_zoo.jobs.predictions import Finding


class Detector:
    """A detector in its runtime.

    Args:
        loaded: The file.
        metadata: What the file says about itself.

    Attributes:
        metadata: As given.
    """

    def __init__(self, loaded: Loaded, metadata: DetectorMetadata) -> None:
        self.metadata = metadata
        self._run = loaded.run

    def __call__(self, image: Any, score_threshold: float = 0.0) -> list[Finding]:
        """Find the objects in an image.

        Args:
            image: A file, a picture of Pillow, or uint8 of shape (height, width, 3), red first.
            score_threshold: Leaves out what is less certain. Default: 0.0; the file has a threshold of its own.

        Returns:
            The objects, the most certain first, with boxes in pixels of the image; numbers where the file has no names.

        Raises:
            DataError: if the image cannot be read.
        """
        boxes, scores, labels = self.find(image)
        names = self.metadata.class_names
        return [
            Finding(names[label] if names else str(label), float(score), tuple(box))
            for box, score, label in zip(boxes.tolist(), scores, labels, strict=True)
            if score >= score_threshold
        ]

    def find(self, image: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (N, 4) in pixels of an image, their scores (N,) and their classes (N,)."""
        array = read_pixels(image)
        boxes, scores, labels = self.run(self._prepare(array))
        height, width = array.shape[:2]
        fitted_height, fitted_width = self._fitted_size(height, width)
        boxes = boxes * np.float32([width / fitted_width, height / fitted_height] * 2)
        # A box may reach into what the image was filled up with.
        return boxes.clip(0, np.float32([width, height] * 2)), scores, labels

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (N, 4) in pixels of a prepared image, their scores (N,) and their classes (N,)."""
        found = self._run(images)
        said = self.metadata
        if said.decoding is None:
            return found
        outputs, codes = found
        return decode(outputs[0], codes[0], said.decoding, said.input_size)

    def prepare(self, image: Any) -> np.ndarray:
        """Return an image as the file takes it: float32 of shape (1, 3, height, width)."""
        return self._prepare(read_pixels(image))

    def _prepare(self, array: np.ndarray) -> np.ndarray:
        said = self.metadata
        height, width = self._fitted_size(*array.shape[:2])
        fitted = resize(np.ascontiguousarray(array), (height, width), said.interpolation, said.resize_backend)
        if said.padding is None:
            whole = np.zeros((1, 3, *said.input_size), np.float32)
            whole[0, :, :height, :width] = normalise(fitted, said)
            return whole
        filled = np.full((*said.input_size, 3), said.padding, np.uint8)
        filled[:height, :width] = fitted
        return np.ascontiguousarray(normalise(filled, said)[None])

    def _fitted_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that an image is resized to."""
        if not self.metadata.keep_ratio:
            return self.metadata.input_size
        bottom, right = self.metadata.input_size
        factor = min(bottom / height, right / width)
        return max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5))
