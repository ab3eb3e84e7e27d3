"""Channel order and normalisation against mmpretrain's, and what is refused."""

import numpy as np
import pytest
from mmengine.config import Config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.data.preprocessor import Preprocessor, build_preprocessor


@pytest.mark.parametrize(
    'config',
    [
        dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
        dict(mean=[78.0, 79.0, 80.0], std=[96.0, 95.0, 94.0], to_rgb=False),
        dict(mean=None, std=None, to_rgb=False, num_classes=7),
    ],
)
def test_normalises_as_mmpretrain_does(config):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpretrain')
    from mmpretrain.models import ClsDataPreprocessor

    batch = np.random.default_rng(0).integers(0, 256, (2, 45, 60, 3), dtype=np.uint8)
    inputs = torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
    theirs = ClsDataPreprocessor(**config)(dict(inputs=inputs))['inputs'].numpy()
    np.testing.assert_array_equal(Preprocessor(config)(batch), theirs)


def test_the_images_stay_as_they_are():
    images = np.full((1, 2, 2, 1), 3, np.float32)
    assert Preprocessor(dict(mean=[1.0], std=[2.0]))(images).ravel().tolist() == [1.0] * 4
    assert images.ravel().tolist() == [3.0] * 4


def test_the_models_own_section_goes_first():
    beside = dict(mean=[1.0], std=[2.0])
    assert build_preprocessor(Config(dict(model={}, data_preprocessor=beside))).mean.ravel().tolist() == [1.0]
    own = dict(data_preprocessor=dict(mean=[5.0], std=[2.0]))
    assert build_preprocessor(Config(dict(model=own, data_preprocessor=beside))).mean.ravel().tolist() == [5.0]
    assert build_preprocessor(Config(dict(model={}))).mean is None


@pytest.mark.parametrize(
    ('config', 'key'),
    [
        (dict(batch_augments=dict(augments=dict(type='Mixup', alpha=0.8))), 'batch_augments'),
        (dict(to_onehot=True), 'to_onehot'),
        (dict(pad_size_divisor=32), 'pad_size_divisor'),
        (dict(type='DetDataPreprocessor'), 'type'),
        (dict(mean=[1.0, 1.0, 1.0]), 'std'),
        (dict(bgr_to_rgb=True), 'bgr_to_rgb'),
    ],
)
def test_preprocessing_that_cannot_be_is_refused(config, key):
    with pytest.raises(ConfigError, match=f'data_preprocessor.{key}='):
        Preprocessor(config)
