"""From what the head of a detector computes to boxes, in numpy, for formats that cannot hold this part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shufflenet_zoo.errors import DataError


@dataclass(frozen=True)
class Level:
    """The priors of one feature map: the same ones at every place, row by row.

    Attributes:
        size: Rows and columns of the map.
        stride: Pixels from one place to the next, in x and in y.
        priors: Those of the first place, in pixels: boxes (left, top, right, bottom), or points (x, y).
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    priors: tuple[tuple[float, ...], ...]

    def grid(self) -> np.ndarray:
        """Return the priors of all places, float32 of shape (rows * columns * priors of a place, 4 or 2)."""
        first = np.array(self.priors, np.float32)
        rows, columns = self.size
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        shifts = np.stack([x * self.stride[0], y * self.stride[1]], -1).reshape(-1, 1, 2)
        return (np.tile(shifts, first.shape[1] // 2) + first).reshape(-1, first.shape[1])


@dataclass(frozen=True)
class Decoding:
    """How the outputs of a head become boxes.

    Attributes:
        levels: The feature maps, in the order of the outputs.
        activation: What makes scores of the outputs: 'sigmoid', or 'softmax' with the background as last class.
        score_threshold: Scores up to it are left out.
        candidates: How many scores of a level are taken at most, the best ones.
        iou_threshold: Boxes of a class that overlap a better one by more are left out.
        max_boxes: How many boxes are found at most.
        means, stds: Where priors are boxes: the shifts of the middle, in sides of the prior, and the logarithms of the
            scales are stds times the outputs plus means. Default: None, outputs are distances from points to sides.
        max_log_scale: The largest logarithm of a scale. Default: None, where outputs are distances.
        clip: Whether boxes are cut off at the edges of the image. Default: True.
        min_side: Boxes with a side up to it are left out. Default: -1, none.
    """

    levels: tuple[Level, ...]
    activation: str
    score_threshold: float
    candidates: int
    iou_threshold: float
    max_boxes: int
    means: tuple[float, ...] | None = None
    stds: tuple[float, ...] | None = None
    max_log_scale: float | None = None
    clip: bool = True
    min_side: float = -1

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> 'Decoding':
        """Build one from what JSON has of its fields."""
        levels = tuple(
            Level(tuple(level['size']), tuple(level['stride']), tuple(map(tuple, level['priors'])))
            for level in values['levels']
        )
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**plain | {'levels': levels})


def decode(
    outputs: np.ndarray, codes: np.ndarray, decoding: Decoding, input_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the boxes of an image, the most certain first.

    Args:
        outputs: What becomes the scores, float32 of shape (priors of all levels, classes).
        codes: What becomes the boxes, float32 of shape (priors of all levels, 4).
        decoding: How.
        input_size: Height and width of the image.

    Returns:
        Boxes (N, 4) in pixels, scores (N,) and classes (N,).

    Raises:
        DataError: if there are not as many priors as the decoding says.
    """
    scores = _activate(outputs, decoding.activation)
    ends = np.cumsum([level.size[0] * level.size[1] * len(level.priors) for level in decoding.levels])
    if ends[-1] != len(outputs):
        raise DataError(f'the file computes {len(outputs)} boxes, and says that it has {ends[-1]}')
    places, labels = _best(scores, ends, decoding)
    priors = np.concatenate([level.grid() for level in decoding.levels])
    boxes = _boxes(priors[places], codes[places], decoding)
    if decoding.clip:
        height, width = input_size
        boxes = boxes.clip(0, np.float32([width, height] * 2))
    kept = (boxes[:, 2:] - boxes[:, :2] > decoding.min_side).all(1)
    places, labels, boxes = places[kept], labels[kept], boxes[kept]
    scores = scores[places, labels]
    best = _suppress(boxes, scores, labels, decoding)
    return boxes[best], scores[best], labels[best]


def _activate(outputs: np.ndarray, activation: str) -> np.ndarray:
    if activation == 'sigmoid':
        # By the exponential of what is not positive, which cannot overflow.
        small = np.exp(-np.abs(outputs))
        return np.where(outputs >= 0, 1, small) / (1 + small)
    exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
    return (exponentials / exponentials.sum(1, keepdims=True))[:, :-1]


def _best(scores: np.ndarray, ends: Sequence[int], decoding: Decoding) -> tuple[np.ndarray, np.ndarray]:
    """Return places and classes of every level's best scores above the threshold."""
    places, labels = np.nonzero(scores > decoding.score_threshold)
    order = np.argsort(-scores[places, labels], kind='stable')
    places, labels = places[order], labels[order]
    levels = np.searchsorted(ends, places, side='right')
    kept = np.concatenate([np.flatnonzero(levels == level)[: decoding.candidates] for level in range(len(ends))])
    return places[kept], labels[kept]


def _boxes(priors: np.ndarray, codes: np.ndarray, decoding: Decoding) -> np.ndarray:
    if decoding.stds is None:
        return np.concatenate([priors - codes[:, :2], priors + codes[:, 2:]], 1)
    codes = codes * np.float32(decoding.stds) + np.float32(decoding.means)
    sides = priors[:, 2:] - priors[:, :2]
    middles = (priors[:, :2] + priors[:, 2:]) / 2 + sides * codes[:, :2]
    limit = np.float32(decoding.max_log_scale)
    halves = sides * np.exp(codes[:, 2:].clip(-limit, limit)) / 2
    return np.concatenate([middles - halves, middles + halves], 1)


def _suppress(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, decoding: Decoding) -> np.ndarray:
    """Return which boxes are left, the most certain first, of those that overlap another of their class too much."""
    # Classes are moved apart rather than told apart: detectors are trained and tested with the rounding of this.
    boxes = boxes + labels[:, None].astype(np.float32) * (boxes.max(initial=0) + 1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left, kept = np.argsort(-scores, kind='stable'), []
    while len(left) and len(kept) < decoding.max_boxes:
        best, left = left[0], left[1:]
        kept.append(best)
        sides = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2])
        shared = sides.clip(0).prod(1)
        with np.errstate(invalid='ignore'):  # boxes without an area overlap nothing
            left = left[~(shared / (areas[best] + areas[left] - shared) > decoding.iou_threshold)]
    return np.array(kept, int)
