"""Every transform against its namesake in mmcv or mmpretrain, from the same seed."""

import numpy as np
import pytest
from PIL import Image

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.mindspore_impl.data.transforms import Pipeline, build_transform

SEEDS = range(6)
RULES = {
    'cv2': ('nearest', 'bilinear', 'bicubic', 'area', 'lanczos'),
    'pillow': ('nearest', 'bilinear', 'bicubic', 'lanczos'),
}
# The configs of transforms that must equal their namesakes bit for bit.
EXACT = {
    'resize': dict(type='Resize', scale=(40, 30)),
    'resize to a square': dict(type='mmpretrain.Resize', scale=24),
    'resize into': dict(type='Resize', scale=(40, 30), keep_ratio=True),
    **{
        f'{transform} {size} by {backend}, {rule}': dict(
            type=transform, scale=size, backend=backend, interpolation=rule
        )
        for transform in ('Resize', 'RandomResizedCrop')
        for size in (24, 100, (70, 20))
        for backend, rules in RULES.items()
        for rule in rules
    },
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
    'random resized crop that falls back': dict(
        type='RandomResizedCrop', scale=32, crop_ratio_range=(3.0, 4.0), aspect_ratio_range=(0.5, 0.6)
    ),
    'flip': dict(type='RandomFlip', prob=0.5),
    'flip every way': dict(type='RandomFlip', prob=[0.3, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    'flip any way': dict(type='RandomFlip', prob=0.9, direction=['horizontal', 'vertical']),
    'colours': dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4),
    'colours and hue': dict(type='ColorJitter', brightness=(0.5, 0.9), contrast=0.9, saturation=0.2, hue=0.5),
    'erasing': dict(type='RandomErasing'),
    'erasing squares of one size': dict(
        type='RandomErasing', erase_prob=1.0, min_area_ratio=0.0625, max_area_ratio=0.0625, aspect_range=(1.0, 1.0)
    ),
    'erasing with a colour': dict(type='RandomErasing', aspect_range=2.0, fill_color=[1, 2, 3]),
    'erasing with noise': dict(type='RandomErasing', mode='rand'),
    'erasing with noise about a colour': dict(type='RandomErasing', mode='rand', fill_color=200, fill_std=[90, 50, 9]),
    'erasing all': dict(
        type='RandomErasing', erase_prob=1.0, min_area_ratio=0.99, max_area_ratio=1.0, aspect_range=0.9
    ),
}


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


def test_random_transforms_are_random(image):
    for name, config in EXACT.items():
        if config['type'].startswith(('Random', 'Color')) and not name.endswith(('small', 'falls back')):
            transform = build_transform(config, 'pipeline')
            assert len({transform(image, np.random.RandomState(seed)).tobytes() for seed in SEEDS}) > 1, name


def test_reads_files_by_the_decoder_that_the_config_names(tmp_path, image):
    pytest.importorskip('mmpretrain')
    from mmcv.transforms import LoadImageFromFile

    path = str(tmp_path / 'image.jpg')
    Image.fromarray(image).convert('CMYK').save(path)
    read = []
    for backend in ('cv2', 'pillow'):
        read.append(build_transform(dict(type='LoadImageFromFile', imdecode_backend=backend), 'pipeline')(path, None))
        theirs = LoadImageFromFile(imdecode_backend=backend)(dict(img_path=path))['img']
        np.testing.assert_array_equal(read[-1], theirs)
    assert (read[0] != read[1]).any()  # the decoders turn CMYK into RGB differently


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='AutoAugment', policies='imagenet'), "pipeline.1.type='AutoAugment' is not supported"),
        (dict(type='CenterCrop', crop_size=8, efficientnet_style=True), 'pipeline.1.efficientnet_style=True is not'),
        (dict(type='CenterCrop'), 'pipeline.1: CenterCrop cannot be built'),
        (dict(type='Resize', scale=8, interpolation='box'), "pipeline.1.interpolation='box' is not supported"),
        (
            dict(type='ResizeEdge', scale=8, interpolation='area', backend='pillow'),
            "pipeline.1.interpolation='area' is not supported.*with backend='pillow'",
        ),
        (dict(type='RandomErasing', max_area_ratio=0.01), r'pipeline.1.max_area_ratio=0.01 is not supported'),
        (dict(type='RandomErasing', aspect_range=(2.0, 0.5)), r'pipeline.1.aspect_range=\(2.0, 0.5\) is not supported'),
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


def test_a_pipeline_for_images_leaves_the_reading_out(image):
    for load in ('LoadImageFromFile', 'mmpretrain.LoadImageFromFile', None):
        steps = [dict(type=load)] * bool(load) + [dict(type='CenterCrop', crop_size=8), dict(type='PackInputs')]
        np.testing.assert_array_equal(Pipeline.for_images(steps, 'pipeline')(image), image[18:26, 26:34])
    with pytest.raises(ConfigError, match=r'pipeline\.1: CenterCrop cannot be built'):
        Pipeline.for_images([dict(type='LoadImageFromFile'), dict(type='CenterCrop')], 'pipeline')
