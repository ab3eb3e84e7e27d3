"""The check of the pixels: nothing may differ, and what does is seen."""

import cv2
import pytest

from shufflenet_zoo.data import images
from shufflenet_zoo.equivalence.checks.preprocessing import check_preprocessing

# The model's own preprocessor counts, not the one beside it, which would be refused.
CONFIG = dict(
    model=dict(data_preprocessor=dict(mean=[70.0, 80.0, 90.0], std=[95.0, 96.0, 97.0], to_rgb=True)),
    data_preprocessor=dict(type='DetDataPreprocessor'),
    test_dataloader=dict(
        dataset=dict(pipeline=[dict(type='Resize', scale=(70, 20), interpolation='lanczos'), dict(type='PackInputs')])
    ),
)
USERS = "the config's test pipeline"


def _exceeded():
    return {one.item for one in check_preprocessing([CONFIG]).measurements if not one.passed}


def test_no_pixel_differs():
    measured = check_preprocessing([CONFIG]).measurements
    assert {one.difference for one in measured} == {0.0}
    assert USERS in {one.item for one in measured}


@pytest.mark.parametrize(
    ('rule', 'other', 'items'),
    [
        ('bicubic', cv2.INTER_LINEAR, {'enlarged, bicubic'}),
        ('bilinear', cv2.INTER_LINEAR_EXACT, {'resized short edge', 'random resized crop'}),
        ('lanczos', cv2.INTER_CUBIC, {USERS}),
    ],
)
def test_another_interpolation_is_seen(rule, other, items, monkeypatch):
    monkeypatch.setitem(images.INTERPOLATIONS['cv2'], rule, other)
    assert _exceeded() == items


def test_another_order_of_channels_is_seen(monkeypatch):
    decode = images._DECODERS['cv2']
    monkeypatch.setitem(images._DECODERS, 'cv2', lambda content: decode(content)[..., ::-1])
    assert _exceeded() == {one.item for one in check_preprocessing([CONFIG]).measurements}
