"""What a network sees in images, and how a user gets it: table, JSON, pictures. Without a framework."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.errors import DataError
from shufflenet_zoo.jobs.tables import align

# Small images are enlarged to about this side, so that labels can be read.
_PICTURE_SIDE = 512
_FONT, _FONT_SCALE, _LINE_HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 20
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_COLORS = 12


@dataclass(frozen=True)
class Finding:
    """One class of an image, or one object in it.

    Attributes:
        label: Name of the class.
        score: Confidence from 0 to 1.
        box: Left, top, right and bottom in pixels of the image; None for a class of the whole image.
    """

    label: str
    score: float
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Prediction:
    """What was found in an image, the most confident first.

    Attributes:
        path: File of the image.
        image: The image, uint8 of shape (height, width, 3), blue first.
        findings: What was found.
    """

    path: str
    image: np.ndarray
    findings: Sequence[Finding]

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {
            'image': self.path,
            'predictions': [
                {'label': found.label, 'score': found.score} | ({'box': list(found.box)} if found.box else {})
                for found in self.findings
            ],
        }


def format_table(predictions: Sequence[Prediction]) -> str:
    """Return a table with a line for every finding."""
    rows = [('image', 'label', 'score', 'box (left, top, right, bottom)')]
    for prediction in predictions:
        rows += [
            (
                prediction.path,
                found.label,
                f'{found.score:.3f}',
                ' '.join(f'{side:.0f}' for side in found.box) if found.box else '',
            )
            for found in prediction.findings
        ] or [(prediction.path, '(nothing found)', '', '')]
    # Classes of whole images have no boxes.
    columns = list(zip(*rows, strict=True))
    columns = columns if any(columns[3][1:]) else columns[:3]
    return align(list(zip(*columns, strict=True)))


def picture_paths(images: Sequence[str], folder: str | Path) -> list[Path]:
    """Return the file for every image's picture, in the folders that the images have below a common one.

    Raises:
        DataError: if two images would share a picture.
    """
    absolute = [Path(image).absolute() for image in images]
    common = os.path.commonpath([path.parent for path in absolute])
    paths = [Path(folder, path.relative_to(common)).with_suffix('.png') for path in absolute]
    for i, path in enumerate(paths):
        if path in paths[:i]:
            raise DataError(
                f'images {images[paths.index(path)]} and {images[i]} would both be drawn into {path}; '
                f'draw them into different folders'
            )
    return paths


def write_picture(prediction: Prediction, path: Path) -> None:
    """Write the image with its labels or boxes.

    Args:
        prediction: What was found.
        path: A PNG file, which appears complete or not at all; its folder is made.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with replacing(path) as draft:
            draft.write_bytes(cv2.imencode('.png', draw(prediction))[1].tobytes())
    except OSError as error:
        raise DataError(f'picture {path} cannot be written: {error.strerror}') from error


def draw(prediction: Prediction) -> np.ndarray:
    """Draw the boxes into the image, or the labels of the whole image below it.

    Returns:
        uint8 of shape (height, width, 3), blue first.
    """
    image = prediction.image
    factor = max(round(_PICTURE_SIDE / max(image.shape[:2])), 1)
    picture = np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)
    whole = [found for found in prediction.findings if not found.box]
    # The most confident last, on top of the others.
    for found in reversed([found for found in prediction.findings if found.box]):
        _draw_box(picture, found, factor)
    if whole:
        strip = np.zeros((_LINE_HEIGHT * len(whole) + 8, picture.shape[1], 3), np.uint8)
        for i, found in enumerate(whole):
            cv2.putText(
                strip, _caption(found), (4, _LINE_HEIGHT * (i + 1) - 2), _FONT, _FONT_SCALE, _WHITE, 1, cv2.LINE_AA
            )
        picture = np.vstack([picture, strip])
    return picture


def _draw_box(picture: np.ndarray, found: Finding, factor: int) -> None:
    left, top, right, bottom = (round(side * factor) for side in found.box)
    color = _color(found.label)
    cv2.rectangle(picture, (left, top), (right, bottom), color, 2)
    caption = _caption(found)
    (width, height), _ = cv2.getTextSize(caption, _FONT, _FONT_SCALE, 1)
    # Above the box, or inside where that is outside of the picture.
    base = top - 4 if top - 8 - height >= 0 else top + height + 4
    left = max(min(left, picture.shape[1] - width - 2), 0)
    cv2.rectangle(picture, (left, base - height - 3), (left + width + 2, base + 4), color, -1)
    cv2.putText(picture, caption, (left + 1, base), _FONT, _FONT_SCALE, _BLACK, 1, cv2.LINE_AA)


def _caption(found: Finding) -> str:
    return f'{found.label} {found.score:.2f}'


def _color(label: str) -> tuple[int, int, int]:
    """Return the same bright colour for the same label."""
    hue = sum(map(ord, label)) * 7 % _COLORS * (180 // _COLORS)
    return tuple(int(level) for level in cv2.cvtColor(np.uint8([[[hue, 160, 255]]]), cv2.COLOR_HSV2BGR)[0, 0])
