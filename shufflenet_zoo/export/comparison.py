"""Whether two detectors find the same in an image."""

from dataclasses import dataclass

import numpy as np

from shufflenet_zoo.errors import ExportError

# Boxes, scores and classes of one image: (N, 4), (N,), (N,).
Found = tuple[np.ndarray, np.ndarray, np.ndarray]
# Largest differences of a box, in pixels, and of its score.
BOX_TOLERANCE, SCORE_TOLERANCE = 1e-3, 1e-4
# How far rounding moves an overlap: classes are moved apart by thousands of pixels before overlaps are computed.
_OVERLAP_TOLERANCE = 1e-3
# In lower precision: how far a box must score above the threshold to be looked for, and how much two must overlap.
_CERTAIN, _OVERLAP = 0.05, 0.75


@dataclass(frozen=True)
class Limits:
    """What ends the results of a detector.

    Attributes:
        score_threshold: Scores below it are left out.
        iou_threshold: Boxes of a class that overlap a better one by more are left out.
        max_boxes: How many boxes are found in an image at most.
    """

    score_threshold: float
    iou_threshold: float
    max_boxes: int


@dataclass(frozen=True)
class Differences:
    """How far boxes lie apart.

    Attributes:
        boxes: How many of the file's were compared.
        pixels: Largest difference of a side of a box.
        score: Largest difference of a score.
        undecided: How many one of both alone found, since rounding decides which of two overlapping ones is left.
    """

    boxes: int
    pixels: float
    score: float
    undecided: int = 0


def compare_boxes(expected: Found, found: Found, candidates: Found, limits: Limits) -> Differences:
    """Compare what a file finds in an image with what the live detector finds.

    Every box of the file must be one of the live detector's before suppression. One of both may lack a box that scores
    within the tolerance of where the results end, and one that another suppresses there by as little: whose overlap is
    within rounding of the threshold, or whose score is within the tolerance of the suppressed one's.

    Args:
        expected: What the live detector finds, the most certain first.
        found: What the file finds.
        candidates: What the live detector finds before overlapping boxes are left out, in any order.
        limits: What ends the results of both.

    Raises:
        ExportError: if a box of one should be in the other, and is not.
    """
    ends = [limits.score_threshold]
    ends += [scores[-1] for _, scores, _ in (expected, found) if len(scores) == limits.max_boxes]
    least = max(ends) + SCORE_TOLERANCE
    # Written so that a score that is no number is compared, and fails.
    counted = ~(found[1] <= least)
    same, far, apart = _pairs(found, candidates)
    _check(found, counted & ~same.any(1), 'the file')
    alone = ~_pairs(expected, found)[0].any(1), ~_pairs(found, expected)[0].any(1)
    undecided = 0
    for here, there, own, others, whose in (
        (expected, found, *alone, 'the live model'),
        (found, expected, *reversed(alone), 'the file'),
    ):
        own = own & ~(here[1] <= least)
        _check(here, own & ~_may_be_suppressed(here, there, others, limits), whose)
        undecided += int(own.sum())
    if not counted.any():
        return Differences(0, 0.0, 0.0, undecided)
    pixels, score = (np.where(same, each, np.inf)[counted].min(1).max() for each in (far, apart))
    return Differences(int(counted.sum()), float(pixels), float(score), undecided)


def _pairs(boxes: Found, others: Found) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for every pair, whether they are the same, and how far the boxes and the scores lie apart."""
    far = np.abs(boxes[0][:, None] - others[0]).max(2)
    apart = np.abs(boxes[1][:, None] - others[1])
    return (boxes[2][:, None] == others[2]) & (far <= BOX_TOLERANCE) & (apart <= SCORE_TOLERANCE), far, apart


def _may_be_suppressed(boxes: Found, others: Found, alone: np.ndarray, limits: Limits) -> np.ndarray:
    """Return which boxes the other detector may lack; ``alone`` are those of its boxes that this one lacks."""
    overlaps = _overlaps(boxes[0], others[0])
    better = others[1] >= boxes[1][:, None] - SCORE_TOLERANCE
    at_the_edge = np.abs(overlaps - limits.iou_threshold) <= _OVERLAP_TOLERANCE
    # Both detectors would have left it out for a box that both found.
    by_another = (overlaps > limits.iou_threshold) & alone
    return ((boxes[2][:, None] == others[2]) & better & (at_the_edge | by_another)).any(1)


def _check(found: Found, missing: np.ndarray, whose: str) -> None:
    for box, certainty, label in zip(*(each[missing] for each in found), strict=True):
        raise ExportError(
            f'{whose} alone finds a box of class {label} with score {certainty:.4f} at '
            f'({", ".join(f"{side:.3f}" for side in box)}); allowed are differences of {BOX_TOLERANCE:.0e} '
            f'pixels and {SCORE_TOLERANCE:.0e} of a score'
        )


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
