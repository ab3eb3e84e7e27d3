"""Whether two detectors find the same in an image."""

from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.errors import ExportError

# Boxes, scores and classes of one image: (N, 4), (N,), (N,).
Found = tuple[np.ndarray, np.ndarray, np.ndarray]
# Largest differences of a box, in pixels, and of its score.
BOX_TOLERANCE, SCORE_TOLERANCE = 1e-3, 1e-4
# In lower precision: how far a box must score above the threshold to be looked for, and how much two must overlap.
_CERTAIN, _OVERLAP = 0.05, 0.75


@dataclass(frozen=True)
class Differences:
    """How far boxes lie apart.

    Attributes:
        boxes: How many were compared.
        pixels: Largest difference of a side of a box.
        score: Largest difference of a score.
    """

    boxes: int
    pixels: float
    score: float


def compare_boxes(expected: Found, found: Found, score_threshold: float, max_boxes: int) -> Differences:
    """Compare what two detectors found in an image.

    What scores within the tolerance of where the results end, by the threshold or by the number of boxes, may be in one
    of them only.

    Args:
        expected: What one found, the most certain first.
        found: What the other found.
        score_threshold: Scores below it are left out.
        max_boxes: How many are found at most.

    Raises:
        ExportError: if a box of one has no box of the same class, place and score in the other.
    """
    ends = [score_threshold, *(scores[-1] for _, scores, _ in (expected, found) if len(scores) == max_boxes)]
    least = max(ends) + SCORE_TOLERANCE
    pixels, score, count = 0.0, 0.0, 0
    for here, there, whose in ((expected, found, 'the live model'), (found, expected, 'the file')):
        for box, certainty, label in zip(*here, strict=True):
            # Written so that a score that is no number is compared, and fails.
            if certainty <= least:
                continue
            far = np.abs(there[0] - box).max(1)
            apart = np.abs(there[1] - certainty)
            same = (there[2] == label) & (far <= BOX_TOLERANCE) & (apart <= SCORE_TOLERANCE)
            if not same.any():
                raise ExportError(
                    f'{whose} alone finds a box of class {label} with score {certainty:.4f} at '
                    f'({", ".join(f"{side:.3f}" for side in box)}); allowed are differences of {BOX_TOLERANCE:.0e} '
                    f'pixels and {SCORE_TOLERANCE:.0e} of a score'
                )
            pixels, score = max(pixels, float(far[same].min())), max(score, float(apart[same].min()))
            count += whose == 'the file'
    return Differences(count, pixels, score)


def count_found_again(expected: Found, found: Found, score_threshold: float) -> tuple[int, int]:
    """Count the boxes that a detector of lower precision finds as well.

    Args:
        expected: What the detector finds.
        found: What it finds in lower precision.
        score_threshold: Scores below it are left out.

    Returns:
        How many of the boxes that score clearly above the threshold overlap one of the same class by three quarters,
        and how many there are.
    """
    boxes, scores, labels = expected
    certain = scores > score_threshold + _CERTAIN
    again = (_overlaps(boxes[certain], found[0]) >= _OVERLAP) & (labels[certain, None] == found[2])
    return int(again.any(1).sum()), int(certain.sum())


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersections over unions of every pair."""
    left_top = np.maximum(boxes[:, None, :2], others[:, :2])
    shared = (np.minimum(boxes[:, None, 2:], others[:, 2:]) - left_top).clip(0).prod(2)
    areas, other_areas = ((each[:, 2:] - each[:, :2]).prod(1) for each in (boxes, others))
    return shared / np.maximum(areas[:, None] + other_areas - shared, 1e-12)
