"""Training and testing on any folder of images, in both frameworks."""

import cv2
import numpy as np
import pytest

from shufflenet_zoo.weights.file_torch import read_checkpoint
from shufflenet_zoo.weights.files import read_content

SUFFIXES = {'torch': '.pth', 'mindspore': '.ckpt'}
CONFIG = """
_base_ = {base!r}
model = dict(backbone=dict(widen_factor=0.5, small_stem=True))
load = dict(type='LoadImageFromFile')
pipeline = [load, dict(type='Resize', scale=(8, 8)), dict(type='PackInputs')]
train_dataloader = dict(num_workers=0, batch_size=8, dataset=dict(pipeline=pipeline))
val_dataloader = dict(num_workers=0, dataset=dict(pipeline=pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
"""


@pytest.fixture
def folder(tmp_path):
    """Three classes of grey: 10 pictures each."""
    generator = np.random.default_rng(0)
    for label, name in enumerate(('black', 'grey', 'white')):
        (tmp_path / 'shades' / name).mkdir(parents=True)
        for number in range(10):
            picture = generator.integers(0, 60, (9, 11, 3), np.uint8) + np.uint8(90 * label)
            cv2.imwrite(str(tmp_path / 'shades' / name / f'{number}.png'), picture)
    return tmp_path / 'shades'


@pytest.mark.parametrize('backend', ['torch', pytest.param('mindspore', marks=pytest.mark.slow)])
def test_trains_and_tests(backend, folder, call, tmp_path):
    from shufflenet_zoo.jobs.shipped import find_config

    path = tmp_path / 'mine.py'
    path.write_text(CONFIG.format(base=str(find_config('shufflenet-v2-1x_folder'))))
    status, output, errors = call('train', path, '--data', 'shades', '--backend', backend, '--work-dir', 'work')
    assert status == 0, errors
    accuracies = [float(line.split('accuracy/top1: ')[1].split()[0]) for line in output if 'accuracy/top1: ' in line]
    assert len(accuracies) == 2
    checkpoint = tmp_path / 'work' / f'epoch_2{SUFFIXES[backend]}'
    status, output, errors = call('test', path, checkpoint, '--data', 'shades')
    assert status == 0, errors
    assert f'accuracy/top1: {accuracies[-1]:.4f}' in output[-1]
    assert read_content(checkpoint).description.class_names == ('black', 'grey', 'white')


def test_both_frameworks_take_the_same_images(folder):
    pytest.importorskip('mindspore')
    from shufflenet_zoo.mindspore_impl.data.datasets import build_dataset
    from shufflenet_zoo.openmmlab.datasets import ImageFolder

    for split in ('train', 'val', 'all'):
        ours = ImageFolder(split, str(folder))
        theirs = build_dataset({'type': 'shufflenet_zoo.ImageFolder', 'data_root': str(folder), 'split': split}, 'data')
        labels = theirs.labels.tolist()
        assert [(one['img_path'], one['gt_label']) for one in ours] == list(zip(theirs.samples, labels, strict=True))
        assert ours.metainfo['classes'] == theirs.class_names


BACKBONE = """dict(
    widen_factor=0.5, small_stem=True, frozen_stages={frozen!r}, init_cfg=dict(checkpoint='zoo://shufflenet_v2_digits'))"""
TRANSFER = (
    CONFIG.replace('dict(widen_factor=0.5, small_stem=True)', BACKBONE)
    + """
train_cfg = dict(max_epochs=1)
mindspore = dict(mode='pynative')
"""
)


@pytest.mark.parametrize(
    'frozen, backend', [('all', 'torch'), (-1, 'torch'), pytest.param('all', 'mindspore', marks=pytest.mark.slow)]
)
def test_fine_tunes_from_shipped_weights(frozen, backend, folder, call, tmp_path):
    """What is frozen stays to the bit, statistics too; what is not learns, at rates of its own."""
    from shufflenet_zoo.jobs.shipped import find_config
    from shufflenet_zoo.weights.zoo import content_for

    path = tmp_path / 'mine.py'
    path.write_text(TRANSFER.format(base=str(find_config('shufflenet-v2-1x_finetune_folder')), frozen=frozen))
    status, _, errors = call('train', path, '--data', 'shades', '--backend', backend, '--work-dir', 'work')
    assert status == 0, errors
    checkpoint = tmp_path / 'work' / f'epoch_1{SUFFIXES[backend]}'
    before = content_for('zoo://shufflenet_v2_digits', 'mindspore' if backend == 'mindspore' else 'openmmlab').tensors
    after = read_content(checkpoint).tensors
    same = [np.array_equal(after[name], value) for name, value in before.items() if name.startswith('backbone.')]
    assert len(same) > 200
    assert all(same) if frozen == 'all' else not any(same)
    assert len(after['head.fc.weight']) == 3
    if frozen == -1:
        groups = read_checkpoint(checkpoint)['optimizer']['param_groups']
        rates = {group['initial_lr'] for group in groups}
        assert rates == {1e-3 / 2**halvings for halvings in range(5)}
