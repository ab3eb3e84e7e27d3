"""Data sets and batches against mmpretrain's, and what is said of data that is not there."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from shufflenet_zoo.errors import ConfigError, DataError
from shufflenet_zoo.mindspore_impl.data.datasets import build_dataset
from shufflenet_zoo.mindspore_impl.data.loader import DataLoader, pad_batch
from shufflenet_zoo.mindspore_impl.data.preprocessor import Preprocessor
from shufflenet_zoo.mindspore_impl.training.metrics import build_evaluator

SEED = 7
CROP = [dict(type='RandomCrop', crop_size=8, padding=2), dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
DIGITS = dict(
    batch_size=16,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='shufflenet_zoo.Digits', split='train', indices=40, pipeline=CROP),
)
NORMALISE = dict(mean=[70.0, 80.0, 90.0], std=[95.0, 96.0, 97.0], to_rgb=True)


def _loader(config=DIGITS, preprocessor=NORMALISE, **changes):
    return DataLoader({**config, **changes}, 'train_dataloader', Preprocessor(preprocessor), 10, SEED)


def _their_batches(config, epoch):
    """The batches that the PyTorch backend feeds its network."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpretrain')
    import mmpretrain.datasets  # noqa: F401
    from mmengine.registry import DefaultScope
    from mmpretrain.models import ClsDataPreprocessor

    from shufflenet_zoo.openmmlab.seeding import SeededDataset, SeededSampler

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = SeededDataset(config['dataset'])
        sampler = SeededSampler(config['sampler'], dataset, SEED, SEED)
    sampler.set_epoch(epoch)
    samples = [dataset[index] for index in sampler]
    images = ClsDataPreprocessor(**NORMALISE)(dict(inputs=torch.stack([s['inputs'] for s in samples])))['inputs']
    return images.numpy(), np.array([s['data_samples'].gt_label.item() for s in samples])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Images of three classes under train/, some names and sizes of which would sort wrongly."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ('b/10.png', 'b/9.JPG', 'a/deep/x.png', 'a/y.png', 'c/z.jpeg', 'c/.hidden.png', 'c/notes.txt'):
        path = Path('images/train') / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = generator.integers(30, 60, 2)
        if path.suffix != '.txt':
            Image.fromarray(generator.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(path)
    return Path('images')


def _folder_loader(dataset, pipeline=None):
    pipeline = pipeline or [
        dict(type='LoadImageFromFile'),
        dict(type='RandomResizedCrop', scale=16),
        dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4),
        dict(type='Resize', scale=20, interpolation='bicubic'),
        *CROP[1:],
    ]
    return dict(
        batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True), dataset=dict(**dataset, pipeline=pipeline)
    )


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('epoch', [0, 2])
@pytest.mark.parametrize('kind', ['digits', 'folder'])
def test_equal_seeds_give_the_batches_of_the_pytorch_backend(kind, epoch, folder):
    config = (
        DIGITS
        if kind == 'digits'
        else _folder_loader(dict(type='CustomDataset', data_root='images', data_prefix='train'))
    )
    batches = list(_loader(config).epoch(epoch))
    images, labels = _their_batches(config, epoch)
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch in batches]), labels)
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in batches]), images)


@pytest.mark.filterwarnings('ignore')
def test_the_pipeline_changes_at_its_epoch():
    smaller = [*CROP[:-1], dict(type='Resize', scale=6), CROP[-1]]
    loader = _loader()
    loader.switch_pipeline(1, smaller, 'custom_hooks.0.schedule.0.train_pipeline')
    for epoch, pipeline in enumerate((CROP, smaller, smaller)):
        images, _ = _their_batches({**DIGITS, 'dataset': {**DIGITS['dataset'], 'pipeline': pipeline}}, epoch)
        np.testing.assert_array_equal(np.concatenate([batch for batch, _ in loader.epoch(epoch)]), images)


def test_epochs_differ_and_repeat():
    loader = _loader()
    first, again, second = ([images for images, _ in loader.epoch(epoch)] for epoch in (0, 0, 1))
    assert [len(images) for images in first] == [16, 16, 8]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], second[0])
    assert first[0].dtype == np.float32
    assert first[0].shape == (16, 3, 8, 8)


def test_a_resumed_epoch_goes_on_where_it_was():
    whole, rest = (list(_loader().epoch(1, first)) for first in (0, 2))
    assert len(rest) == 1
    np.testing.assert_array_equal(whole[2][0], rest[0][0])
    np.testing.assert_array_equal(whole[2][1], rest[0][1])


def test_opencv_starts_no_threads_of_its_own():
    cv2.setNumThreads(2)
    _loader()
    assert cv2.getNumThreads() == 1


def test_the_last_batch_can_be_dropped_or_padded():
    assert len(_loader(drop_last=True)) == len(list(_loader(drop_last=True).epoch(0))) == 2
    padded = pad_batch(np.arange(6).reshape(3, 2), 5)
    assert padded.tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]


@pytest.mark.parametrize(
    'dataset',
    [
        dict(type='CustomDataset', data_root='images', data_prefix='train'),
        dict(type='mmpretrain.CustomDataset', data_prefix=dict(img_path='images/train'), extensions=('.png',)),
        dict(type='CustomDataset', data_root='images', data_prefix='train', ann_file='list.txt'),
        dict(type='ImageNet', data_root='images', split='train'),
        dict(
            type='ImageNet',
            data_root='images',
            split='val',
            data_prefix='train',
            metainfo=dict(classes=('a', 'b', 'c')),
        ),
        dict(type='CustomDataset', data_root='images', data_prefix='train', indices=-2),
        dict(type='CustomDataset', data_root='images', data_prefix='train', indices=[0, 3]),
        dict(type='CIFAR10', data_root='cifar', split='train', indices=3),
        dict(type='CIFAR100', data_root='cifar', split='test'),
    ],
    ids=str,
)
def test_reads_what_mmpretrain_reads(dataset, folder, monkeypatch):
    pytest.importorskip('mmpretrain')
    from mmpretrain.datasets import CIFAR10
    from mmpretrain.registry import DATASETS

    (folder / 'list.txt').write_text('b/10.png 4\na/deep/x.png 2\n')
    (folder / 'meta').mkdir()
    (folder / 'meta/train.txt').write_text('c/z.jpeg 7\n')
    _write_cifar()
    monkeypatch.setattr(CIFAR10, '_check_integrity', lambda self: True)
    ours = build_dataset(dataset, 'dataset')
    monkeypatch.setattr(CIFAR10, '_load_meta', lambda self: None)
    theirs = DATASETS.build(dict(dataset))
    theirs = [theirs.get_data_info(index) for index in range(len(theirs))]
    assert ours.labels.tolist() == [info['gt_label'] for info in theirs]
    for sample, info in zip(ours.samples, theirs, strict=True):
        np.testing.assert_array_equal(sample, info.get('img', info.get('img_path')))
    assert len(ours) > 0


def _write_cifar():
    generator = np.random.default_rng(0)
    files = {f'cifar-10-batches-py/data_batch_{i}': ('labels', 10) for i in range(1, 6)}
    files['cifar-100-python/test'] = ('fine_labels', 100)
    for name, (key, classes) in files.items():
        path = Path('cifar') / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            pickle.dumps(
                {
                    'data': generator.integers(0, 256, (4, 3072), dtype=np.uint8),
                    key: generator.integers(0, classes, 4).tolist(),
                }
            )
        )


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (dict(type='CustomDataset', data_root='nowhere'), 'nowhere does not exist'),
        (dict(type='CustomDataset', data_root='images', ann_file='no.txt'), r'annotation file images/no.txt does not'),
        (dict(type='CustomDataset', data_root='images', data_prefix='train', ann_file='bad.txt'), r'bad.txt, line 2: '),
        (dict(type='CustomDataset', data_root='images/train/a/deep'), 'no image .* in a folder of'),
        (
            dict(type='CustomDataset', data_root='images', data_prefix='train', metainfo=dict(classes=('x', 'y'))),
            'has 3 classes; dataset.metainfo.classes names 2',
        ),
        (dict(type='ImageNet', data_root='images', data_prefix='train'), 'has 3 folders; ImageNet has 1000'),
        (dict(type='CIFAR10', data_root='nowhere'), 'data_batch_1 does not exist'),
        (dict(type='CIFAR10', data_root='broken'), 'data_batch_1 is damaged'),
    ],
    ids=str,
)
def test_data_that_is_not_there_is_named(dataset, message, folder):
    (folder / 'bad.txt').write_text('a/y.png 0\na/y.png cat\n')
    path = Path('broken/cifar-10-batches-py/data_batch_1')
    path.parent.mkdir(parents=True)
    path.write_bytes(b'no pickle')
    with pytest.raises(DataError, match=message):
        build_dataset(dataset, 'dataset')


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (dict(type='mmdet.CocoDataset'), r"dataset.type='mmdet.CocoDataset' is not supported"),
        (dict(type='CocoDataset'), 'must be a data set of classification'),
        (dict(type='Digits'), "dataset.type='Digits' is not supported"),
        (dict(type='CustomDataset', data_root='images', with_label=False), 'dataset.with_label=False'),
        (dict(type='CustomDataset', data_root='images', filter_cfg=1), 'dataset.filter_cfg=1 is not supported'),
        (dict(type='ImageNet', data_root='images', split='test'), "dataset.split='test'"),
    ],
    ids=str,
)
def test_data_sets_that_this_backend_has_not_are_refused(dataset, message, folder):
    with pytest.raises(ConfigError, match=message):
        build_dataset(dataset, 'dataset')


def test_a_damaged_image_is_named_in_one_line(folder):
    (folder / 'train/a/y.png').write_bytes(b'no image')
    loader = _loader(_folder_loader(dict(type='CustomDataset', data_root='images', data_prefix='train')))
    with pytest.raises(DataError, match=r'^image images/train/a/y.png cannot be read: [^\n]*$'):
        list(loader.epoch(0))


def test_labels_must_fit_the_model(folder):
    (folder / 'list.txt').write_text('a/y.png 10\n')
    with pytest.raises(DataError, match='has a label 10; the model has 10 classes'):
        _loader(
            _folder_loader(dict(type='CustomDataset', data_root='images', data_prefix='train', ann_file='list.txt'))
        )


def test_images_of_different_sizes_are_no_batch(folder):
    loader = _loader(
        _folder_loader(
            dict(type='CustomDataset', data_root='images', data_prefix='train'),
            [dict(type='LoadImageFromFile'), dict(type='PackInputs')],
        )
    )
    with pytest.raises(DataError, match='the images of a batch differ in size'):
        list(loader.epoch(0))


def test_accuracy_is_mmpretrains():
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpretrain')
    from mmpretrain.evaluation import Accuracy

    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((50, 10)).astype(np.float32), generator.integers(0, 10, 50)
    (metric,) = build_evaluator(dict(type='Accuracy', topk=(1, 3, 5)), 'val_evaluator', 10)
    expected = Accuracy.calculate(torch.from_numpy(logits).softmax(1), torch.from_numpy(labels), topk=(1, 3, 5))
    assert metric.compute(logits, labels) == pytest.approx(
        {f'accuracy/top{k}': value[0].item() for k, value in zip((1, 3, 5), expected, strict=True)}
    )
