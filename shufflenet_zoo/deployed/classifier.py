"""A classifier in an exported file, from image to class names."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from shufflenet_zoo.data.images import read_image, resize
from shufflenet_zoo.deployed.metadata import Loaded, Metadata
from shufflenet_zoo.deployed.runtimes import RUNTIMES
from shufflenet_zoo.errors import DataError, DependencyError
from shufflenet_zoo.jobs.predictions import Finding


def load(path: str | os.PathLike) -> 'Classifier':
    """Load a file that tools/export.py wrote.

    Args:
        path: The file; what belongs to it, such as OpenVINO's .bin, lies beside it.

    Raises:
        DataError: if it is missing, of a format that needs a framework, damaged, or holds no metadata.
        DependencyError: if the runtime of its format is not installed.
    """
    path = Path(path)
    runtime = next((found for suffix, found in RUNTIMES.items() if path.name.endswith(suffix)), None)
    if runtime is None:
        raise DataError(f'{path} is called otherwise than files that run without a framework: *{", *".join(RUNTIMES)}')
    if not path.is_file():
        raise DataError(f'{path} does not exist; tools/export.py writes such files')
    try:
        loaded = runtime.load(path)
        return Classifier(loaded, Metadata.from_texts(loaded.texts))
    except ModuleNotFoundError as error:
        raise DependencyError(
            f'{path} is run by the package {error.name!r}, which is not installed; '
            f'install it with pip install {runtime.package}'
        ) from error
    except KeyError as error:
        raise DataError(f'{path} does not say {error}, as files of tools/export.py do; export it again') from error
    except Exception as error:  # the runtimes raise what they like
        raise DataError(f'{path} cannot be loaded: {str(error).strip() or type(error).__name__}') from error


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
        array = _cut(_resized(_pixels(image), said), said.crop_size)
        if not said.dynamic and array.shape[:2] != said.input_size:
            raise DataError(
                f'the prepared image has {array.shape[0]}x{array.shape[1]} pixels (height x width), and the file takes '
                f'{said.input_size[0]}x{said.input_size[1]} only; cut it to these proportions, or export with --dynamic'
            )
        ordered = array[..., ::-1] if said.channel_order == 'rgb' else array
        normalised = (ordered.astype(np.float32) - np.float32(said.mean)) / np.float32(said.std)
        return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def _pixels(image: Any) -> np.ndarray:
    """Return an image as uint8 of shape (height, width, 3), blue first."""
    if isinstance(image, str | os.PathLike):
        return read_image(os.fspath(image))
    array = np.asarray(image if isinstance(image, np.ndarray) else image.convert('RGB'))
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise DataError(
            f'the image must be uint8 of shape (height, width, 3), got {array.dtype} of shape {tuple(array.shape)}'
        )
    return array[..., ::-1]


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
