"""Tables, JSON and pictures of predictions."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflenet_zoo.errors import DataError
from shufflenet_zoo.jobs.predictions import (
    Finding,
    Prediction,
    draw,
    format_table,
    picture_paths,
    write_picture,
)

IMAGE = np.full((40, 60, 3), 30, np.uint8)
CLASSES = Prediction('a.png', IMAGE, [Finding('cat', 0.75), Finding('dog', 0.25)])
OBJECTS = Prediction('dir/b.png', IMAGE, [Finding('car', 0.9, (5.2, 10.0, 25.4, 30.0))])


def test_table_of_classes():
    assert format_table([CLASSES]).splitlines() == [
        'image  label  score',
        'a.png  cat    0.750',
        'a.png  dog    0.250',
    ]


def test_table_of_objects():
    nothing = Prediction('c.png', IMAGE, [])
    assert format_table([OBJECTS, nothing]).splitlines() == [
        'image      label            score  box (left, top, right, bottom)',
        'dir/b.png  car              0.900  5 10 25 30',
        'c.png      (nothing found)',
    ]


def test_json():
    assert json.loads(json.dumps(OBJECTS.as_dict())) == {
        'image': 'dir/b.png',
        'predictions': [{'label': 'car', 'score': 0.9, 'box': [5.2, 10.0, 25.4, 30.0]}],
    }
    assert 'box' not in CLASSES.as_dict()['predictions'][0]


def test_box_is_drawn_where_it_was_found():
    picture = draw(OBJECTS)
    factor = picture.shape[1] // 60
    assert picture.shape == (40 * factor, 60 * factor, 3)
    changed = (picture != 30).any(-1)
    left, top, right, bottom = (round(side * factor) for side in OBJECTS.findings[0].box)
    assert changed[(top + bottom) // 2, left] and changed[(top + bottom) // 2, right]
    assert changed[bottom, (left + right) // 2]
    assert not changed[top + 10 : bottom - 10, left + 10 : right - 10].any()


def test_labels_are_written_below():
    picture = draw(CLASSES)
    factor = picture.shape[1] // 60
    assert (picture[: 40 * factor] == 30).all()
    strip = picture[40 * factor :]
    assert (strip[:20] > 128).any() and (strip[24:] > 128).any()


def test_picture_file(tmp_path):
    (path,) = picture_paths(['x/b.jpg'], tmp_path / 'out')
    assert path == tmp_path / 'out' / 'b.png'
    write_picture(OBJECTS, path)
    assert np.array_equal(cv2.imread(str(path)), draw(OBJECTS))
    assert list(path.parent.iterdir()) == [path]


def test_pictures_of_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match=r'x/a\.png and x/a\.jpg would both'):
        picture_paths(['x/a.png', 'x/a.jpg'], tmp_path / 'out')


def test_pictures_lie_in_the_folders_of_their_images():
    assert picture_paths(['in/x/a.png', 'in/y/a.jpg'], 'out') == [Path('out/x/a.png'), Path('out/y/a.png')]
    assert picture_paths(['in/x/a.png', 'in/x/b.jpg'], 'out') == [Path('out/a.png'), Path('out/b.png')]


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match=r'file/a\.png cannot be written'):
        write_picture(CLASSES, tmp_path / 'file' / 'a.png')
