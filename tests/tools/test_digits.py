"""The digits as a folder of images are those of the data set."""

import cv2
import numpy as np

from shufflenet_zoo.data.digits import load_split


def test_writes_every_image_once(call, tmp_path):
    status, output, errors = call('digits', 'digits')
    assert status == 0, errors
    assert output[-1].startswith('1,797 images of 10 classes')
    images, labels = load_split('test')
    for i in (0, 7, 354):
        path = tmp_path / 'digits' / 'test' / str(labels[i]) / f'{i:04d}.png'
        np.testing.assert_array_equal(cv2.imread(str(path)), images[i])
    assert len(list(tmp_path.rglob('*.png'))) == 1797


def test_a_folder_that_exists_is_left_alone(refused, tmp_path):
    refused('digits', tmp_path, words=['exists; name a new folder'])
