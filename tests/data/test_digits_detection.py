"""The digits detection set: complete, reproducible, true boxes, train and test digits apart."""

import json

import cv2
import numpy as np
import pytest

from shufflenet_zoo.data import digits, digits_detection
from shufflenet_zoo.data.digits_detection import CANVAS_SIZE, PICTURES, annotation_file, draw_picture, ensure
from shufflenet_zoo.errors import DataError


@pytest.fixture
def small(monkeypatch):
    """Few pictures, so that making them takes no time."""
    monkeypatch.setattr(digits_detection, 'PICTURES', {'train': 6, 'val': 4})


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob('*') if path.is_file()}


def test_size_of_the_set():
    assert PICTURES == {'train': 800, 'val': 200}
    assert CANVAS_SIZE == 256


def test_coco_format(small, tmp_path):
    root = ensure(tmp_path / 'data' / 'digits')
    for split, count in {'train': 6, 'val': 4}.items():
        content = json.loads((root / annotation_file(split)).read_text())
        assert len(content['images']) == count
        assert [category['name'] for category in content['categories']] == list(digits.CLASSES)
        assert len({annotation['id'] for annotation in content['annotations']}) == len(content['annotations'])
        for image in content['images']:
            picture = cv2.imread(str(root / split / image['file_name']))
            assert picture.shape == (image['height'], image['width'], 3) == (256, 256, 3)
            boxes = [a['bbox'] for a in content['annotations'] if a['image_id'] == image['id']]
            assert 1 <= len(boxes) <= 6
            assert all(x >= 0 and y >= 0 and x + width <= 256 and y + height <= 256 for x, y, width, height in boxes)
            assert all(24 <= height <= 96 for *_, height in boxes)


def test_same_files_every_time(small, tmp_path):
    assert contents(ensure(tmp_path / 'first')) == contents(ensure(tmp_path / 'second'))


def test_splits_show_different_digits(small, tmp_path, monkeypatch):
    """The labels of the pictures tell which split of the digits was drawn."""
    labels = {'train': 3, 'test': 7}
    asked = []

    def load_split(split):
        asked.append(split)
        images, _ = digits_of[split]
        return images, np.full(len(images), labels[split])

    digits_of = {split: digits.load_split(split) for split in labels}
    monkeypatch.setattr(digits_detection.digits, 'load_split', load_split)
    root = ensure(tmp_path / 'digits')
    assert asked == ['train', 'test']
    for split, label in {'train': 3, 'val': 7}.items():
        annotations = json.loads((root / annotation_file(split)).read_text())['annotations']
        assert {annotation['category_id'] for annotation in annotations} == {label + 1}


def test_boxes_are_the_ink(monkeypatch):
    """Without noise, what is brighter than the background lies inside of the boxes and touches their sides."""
    monkeypatch.setattr(digits_detection, '_NOISE', 0)
    monkeypatch.setattr(digits_detection, '_BACKGROUND', (0, 0))
    images, _ = digits.load_split('train')
    picture, boxes = draw_picture(list(images[:4]), np.random.default_rng(0))
    assert any(boxes)
    outside = picture.copy()
    for x, y, width, height in filter(None, boxes):
        ink = picture[y : y + height, x : x + width] > 20
        assert ink[:2].any() and ink[-2:].any() and ink[:, :2].any() and ink[:, -2:].any()
        outside[y : y + height, x : x + width] = 0
    assert not outside.any()


def test_boxes_do_not_overlap():
    images, _ = digits.load_split('train')
    covered = np.zeros((256, 256), int)
    _, boxes = draw_picture(list(images[:6]), np.random.default_rng(1))
    for x, y, width, height in filter(None, boxes):
        covered[y : y + height, x : x + width] += 1
    assert covered.max() == 1


def test_finished_set_is_kept(small, tmp_path):
    root = ensure(tmp_path / 'digits')
    times = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    assert ensure(root) == root
    assert {path: path.stat().st_mtime_ns for path in root.rglob('*')} == times


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / 'digits').mkdir()
    with pytest.raises(DataError, match=r'digits is not the digits detection set'):
        ensure(tmp_path / 'digits')


def test_failure_leaves_nothing(small, tmp_path, monkeypatch):
    monkeypatch.setattr(digits_detection.cv2, 'imwrite', lambda *_: False)
    with pytest.raises(DataError, match='cannot be written'):
        ensure(tmp_path / 'digits')
    assert not list(tmp_path.iterdir())
