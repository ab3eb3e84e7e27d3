"""Boxes of two detectors are compared whatever their order; what scores at the end of the results may be missing."""

import numpy as np
import pytest

from shufflenet_zoo.errors import ExportError
from shufflenet_zoo.export.comparison import Limits, compare_boxes, count_found_again

BOXES = np.float32([[0, 0, 10, 10], [5, 5, 60, 40], [30, 8, 50, 9]])
SCORES, LABELS = np.float32([0.9, 0.5, 0.2]), np.array([0, 2, 1])


def compared(
    boxes=BOXES, scores=SCORES, labels=LABELS, score_threshold=0.1, max_boxes=100, expected=(BOXES, SCORES, LABELS)
):
    limits = Limits(score_threshold, 0.5, max_boxes)
    return compare_boxes(expected, (boxes, scores, labels), candidates=expected, limits=limits)


def test_the_same_in_another_order():
    order = [2, 0, 1]
    assert compared(BOXES[order] + np.float32(5e-4), SCORES[order], LABELS[order]).boxes == 3
    assert compared(BOXES + np.float32(5e-4)).pixels == pytest.approx(5e-4, rel=0.02)
    assert compared(scores=SCORES + np.float32(5e-5)).score == pytest.approx(5e-5, rel=0.02)


@pytest.mark.parametrize(
    'changed',
    [
        dict(boxes=BOXES + np.float32([[0, 0, 0, 0], [0, 0, 0, 2e-3], [0, 0, 0, 0]])),
        dict(scores=SCORES + np.float32([0, 3e-4, 0])),
        dict(labels=np.array([0, 2, 2])),
        dict(boxes=BOXES * np.float32('nan')),
        dict(scores=SCORES * np.float32('nan')),
        dict(boxes=BOXES[:2], scores=SCORES[:2], labels=LABELS[:2]),
        dict(boxes=BOXES[:0], scores=SCORES[:0], labels=LABELS[:0]),
    ],
    ids=['box', 'score', 'class', 'box-nan', 'score-nan', 'one-less', 'none'],
)
def test_a_box_of_one_alone(changed):
    with pytest.raises(ExportError, match='the (live model|file) alone finds a box of class'):
        compared(**changed)


def test_what_scores_at_the_end_may_be_missing():
    two = dict(boxes=BOXES[:2], scores=SCORES[:2], labels=LABELS[:2])
    assert compared(**two, score_threshold=0.19995).boxes == 2
    # Of three places, the last one is not compared.
    assert compared(labels=np.array([0, 2, 2]), max_boxes=3).boxes == 2


# The first two overlap by 0.6, the last two by half, and by rounding; the first and the third by a third.
OVERLAPPING = np.float32([[0, 0, 10, 8], [0, 2, 10, 10], [0, 4.6665, 10, 12.6665]])


def pick(scores: list[float], kept: list[int]):
    return OVERLAPPING[kept], np.float32(scores)[kept], np.array([3] * len(kept))


@pytest.mark.parametrize(
    ('scores', 'kept_here', 'kept_there', 'undecided'),
    [
        ([0.70001, 0.7, 0.3], [0, 2], [1], 3),  # of two that score alike, one suppresses the other, and with it a third
        ([0.2, 0.7, 0.3], [1, 2], [1], 1),  # at the threshold of overlaps
        ([0.8, 0.7, 0.3], [0, 2], [1], None),
        ([0.8, 0.7, 0.3], [0, 2], [0, 1, 2], None),
        ([0.8, 0.3, 0.7], [0, 2], [0], None),
    ],
    ids=['tie', 'edge', 'worse-suppresses', 'unsuppressed', 'missing'],
)
def test_which_of_two_overlapping_boxes_is_left(scores, kept_here, kept_there, undecided):
    limits, everything = Limits(0.1, 0.5, 100), pick(scores, [0, 1, 2])
    for kept in ((kept_here, kept_there), (kept_there, kept_here)):
        pairs = [pick(scores, which) for which in kept]
        if undecided is None:
            with pytest.raises(ExportError, match='alone finds a box of class 3'):
                compare_boxes(*pairs, everything, limits)
        else:
            assert compare_boxes(*pairs, everything, limits).undecided == undecided


def test_a_box_that_was_no_candidate():
    # It overlaps what it is in the place of, and scores alike.
    shifted = OVERLAPPING[:1] + np.float32(0.5), np.float32([0.7]), np.array([3])
    expected = pick([0.7], [0])
    with pytest.raises(ExportError, match='the file alone finds'):
        compare_boxes(expected, shifted, expected, Limits(0.1, 0.5, 100))


def test_boxes_that_a_lower_precision_finds_again():
    moved = BOXES + np.float32([[1, 0, 1, 0], [9, 9, 9, 9], [0, 0, 0, 0]])
    # The first overlaps by nine elevenths, the second by less than three quarters; the third is near the threshold.
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, LABELS), 0.1) == (2, 3)
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, LABELS), 0.16) == (1, 2)
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, np.array([1, 2, 1])), 0.1) == (1, 3)
    assert count_found_again((BOXES, SCORES, LABELS), (BOXES[:0], SCORES[:0], LABELS[:0]), 0.1) == (0, 3)
