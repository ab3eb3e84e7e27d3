"""Boxes of two detectors are compared whatever their order; what scores at the end of the results may be missing."""

import numpy as np
import pytest

from shufflenet_zoo.errors import ExportError
from shufflenet_zoo.export.comparison import compare_boxes, count_found_again

BOXES = np.float32([[0, 0, 10, 10], [5, 5, 60, 40], [30, 8, 50, 9]])
SCORES, LABELS = np.float32([0.9, 0.5, 0.2]), np.array([0, 2, 1])


def compared(boxes=BOXES, scores=SCORES, labels=LABELS, score_threshold=0.1, max_boxes=100):
    return compare_boxes((BOXES, SCORES, LABELS), (boxes, scores, labels), score_threshold, max_boxes)


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


def test_boxes_that_a_lower_precision_finds_again():
    moved = BOXES + np.float32([[1, 0, 1, 0], [9, 9, 9, 9], [0, 0, 0, 0]])
    # The first overlaps by nine elevenths, the second by less than three quarters; the third is near the threshold.
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, LABELS), 0.1) == (2, 3)
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, LABELS), 0.16) == (1, 2)
    assert count_found_again((BOXES, SCORES, LABELS), (moved, SCORES, np.array([1, 2, 1])), 0.1) == (1, 3)
    assert count_found_again((BOXES, SCORES, LABELS), (BOXES[:0], SCORES[:0], LABELS[:0]), 0.1) == (0, 3)
