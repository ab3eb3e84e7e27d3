"""Every transform against its namesake in mmcv or mmpretrain, from the same seed."""

import numpy as np
import pytest
from PIL import Image

from shufflenet_zoo.errors import ConfigError, DataError
from shufflenet_zoo.mindspore_impl.data.loader import Preprocessor
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline, build_transform

SEEDS = range(6)
# The configs of transforms that must equal their namesakes bit for bit.
EXACT = {
    'resize': dict(type='Resize', scale=(40, 30)),
    'resize to a square': dict(type='mmpretrain.Resize', scale=24),
    'resize into': dict(type='Resize', scale=(40, 30), keep_ratio=True),
    'resize, area': dict(type='Resize', scale=24, interpolation='area'),
    'resize, nearest': dict(type='Resize', scale=24, interpolation='nearest'),
    'resize by pillow': dict(type='Resize', scale=24, backend='pillow'),
    'resize by pillow, bicubic': dict(type='Resize', scale=100, backend='pillow', interpolation='bicubic'),
    'short edge': dict(type='ResizeEdge', scale=32),
    'long edge by pillow': dict(type='ResizeEdge', scale=32, edge='long', backend='pillow'),
    'width': dict(type='ResizeEdge', scale=32, edge='width'),
    'height': dict(type='ResizeEdge', scale=32, edge='height'),
    'center crop': dict(type='CenterCrop', crop_size=21),
    'center crop, wide': dict(type='CenterCrop', crop_size=(30, 10)),
    'center crop, larger than the image': dict(type='CenterCrop', crop_size=60),
    'random crop': dict(type='RandomCrop', crop_size=32),
    'random crop with padding': dict(type='RandomCrop', crop_size=(32, 40), padding=4, pad_val=(7, 8, 9)),
    'random crop with four paddings': dict(type='RandomCrop', crop_size=32, padding=(1, 2, 3, 4)),
    'random crop of a small image': dict(type='RandomCrop', crop_size=70, pad_if_needed=True, padding_mode='reflect'),
    'random crop of an image that is too small': dict(type='RandomCrop', crop_size=50),
    'random resized crop': dict(type='RandomResizedCrop', scale=32),
    'random resized crop by pillow': dict(type='RandomResizedCrop', scale=(24, 32), backend='pillow'),
    'random resized crop that falls back': dict(
        type='RandomResizedCrop', scale=32, crop_ratio_range=(3.0, 4.0), aspect_ratio_range=(0.5, 0.6)
    ),
    'flip': dict(type='RandomFlip', prob=0.5),
    'flip every way': dict(type='RandomFlip', prob=[0.3, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    'flip any way': dict(type='RandomFlip', prob=0.9, direction=['horizontal', 'vertical']),
    'colours': dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4),
    'colours and hue': dict(type='ColorJitter', brightness=(0.5, 0.9), contrast=0.9, saturation=0.2, hue=0.5),
}
# Bicubic resizing of OpenCV 4.11 and of MindData differ by rounding.
ONE_LEVEL = {'bicubic': dict(type='Resize', scale=(70, 20), interpolation='bicubic')}


@pytest.fixture(scope='module')
def image():
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((60, 45), Image.Resampling.BICUBIC))


def _theirs(config, image, seed):
    pytest.importorskip('mmpretrain')
    import mmpretrain.datasets  # noqa: F401
    from mmpretrain.registry import TRANSFORMS

    transform = TRANSFORMS.build(config)
    np.random.seed(seed)
    return transform(dict(img=image.copy()))['img']


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', EXACT)
def test_equals_its_namesake(name, image):
    for seed in SEEDS:
        ours = build_transform(EXACT[name], 'pipeline')(image, np.random.RandomState(seed))
        np.testing.assert_array_equal(ours, _theirs(EXACT[name], image, seed))


@pytest.mark.parametrize('name', ONE_LEVEL)
def test_equals_its_namesake_to_one_level(name, image):
    ours = build_transform(ONE_LEVEL[name], 'pipeline')(image, np.random.RandomState(0)).astype(int)
    assert np.abs(ours - _theirs(ONE_LEVEL[name], image, 0)).max() <= 1


def test_random_transforms_are_random(image):
    for name, config in EXACT.items():
        if config['type'].startswith(('Random', 'Color')) and not name.endswith(('small', 'falls back')):
            transform = build_transform(config, 'pipeline')
            assert len({transform(image, np.random.RandomState(seed)).tobytes() for seed in SEEDS}) > 1, name


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_reads_files_as_mmcv_does(tmp_path, image, suffix, mode):
    pytest.importorskip('mmpretrain')
    from mmcv.transforms import LoadImageFromFile

    path = str(tmp_path / f'image{suffix}')
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(image).convert(mode).save(path, exif=exif, quality=95)
    ours = build_transform(dict(type='LoadImageFromFile'), 'pipeline')(path, None)
    np.testing.assert_array_equal(ours, LoadImageFromFile()(dict(img_path=path))['img'])


@pytest.mark.parametrize(
    'config',
    [
        dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
        dict(mean=[78.0, 79.0, 80.0], std=[96.0, 95.0, 94.0], to_rgb=False),
        dict(mean=None, std=None, to_rgb=False, num_classes=7),
    ],
)
def test_normalises_as_mmpretrain_does(config, image):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpretrain')
    from mmpretrain.models import ClsDataPreprocessor

    batch = np.stack([image, image[::-1]])
    inputs = torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
    theirs = ClsDataPreprocessor(**config)(dict(inputs=inputs))['inputs'].numpy()
    np.testing.assert_array_equal(Preprocessor(config)(batch), theirs)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='AutoAugment', policies='imagenet'), "pipeline.1.type='AutoAugment' is not supported"),
        (dict(type='CenterCrop', crop_size=8, efficientnet_style=True), 'pipeline.1.efficientnet_style=True is not'),
        (dict(type='CenterCrop'), 'pipeline.1: CenterCrop cannot be built'),
        (dict(type='Resize', scale=8, interpolation='lanczos'), "pipeline.1.interpolation='lanczos' is not supported"),
        (dict(type='RandomFlip', prob=1.5), r'pipeline.1.prob=1.5 is not supported'),
        (dict(type='ColorJitter', brightness=1, backend='cv2'), "pipeline.1.backend='cv2' is not supported"),
        (dict(type='RandomCrop', crop_size=8, pad_val=7), r'pipeline.1.pad_val=7 is not supported'),
        (dict(type='LoadImageFromFile'), 'pipeline must have no LoadImageFromFile'),
    ],
)
def test_what_cannot_be_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        Pipeline([dict(type='Resize', scale=8), config, dict(type='PackInputs')], 'pipeline', has_files=False)


def test_a_pipeline_must_have_its_ends():
    with pytest.raises(ConfigError, match='must begin with LoadImageFromFile'):
        Pipeline([dict(type='PackInputs')], 'pipeline', has_files=True)
    with pytest.raises(ConfigError, match='must end with PackInputs'):
        Pipeline([dict(type='Resize', scale=8)], 'pipeline', has_files=False)


def test_a_damaged_image_is_named(tmp_path):
    path = tmp_path / 'image.jpg'
    path.write_bytes(b'no image')
    with pytest.raises(DataError, match=r'image .*image.jpg cannot be read: it is damaged'):
        build_transform(dict(type='LoadImageFromFile'), 'pipeline')(str(path), None)


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
