"""Files of both backends tell their backbone, class names and preprocessing, and conversions keep all three."""

import json

import cv2
import numpy as np
import pytest
from helpers.tiny_job import ROOT

from shufflenet_zoo.weights import convert_file
from shufflenet_zoo.weights.files import read_content

CONFIG = """
_base_ = ['{root}/configs/shufflenet_v1_g3.py']
model = dict(
    backbone=dict(widen_factor=0.25, groups=1, shuffle_order='none'), head=dict(num_classes=2, in_channels='auto'))
data_preprocessor = dict(num_classes=2, mean=[10.0, 20.0, 30.0], std=[50.0, 60.0, 70.0], to_rgb=True)
pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(8, 8)), dict(type='PackInputs')]
dataset = dict(type='CustomDataset', data_root={data!r}, pipeline=pipeline, _delete_=True)
train_dataloader = dict(batch_size=8, dataset=dataset)
val_dataloader = dict(batch_size=8, dataset=dataset)
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2)
"""
CLASSES = ('one', 'zero')
SUFFIXES = {'torch': '.pth', 'mindspore': '.ckpt'}


@pytest.fixture(scope='module')
def job(tmp_path_factory):
    """A config of a folder of pictures, a picture for every class."""
    folder = tmp_path_factory.mktemp('descriptions')
    generator = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (folder / 'data' / name).mkdir(parents=True)
        for number in range(8):
            picture = generator.integers(0, 100, (10, 12, 3), np.uint8) + 120 * label
            cv2.imwrite(str(folder / 'data' / name / f'{number}.png'), picture)
    (folder / 'job.py').write_text(CONFIG.format(root=ROOT, data=str(folder / 'data')))
    return folder / 'job.py'


@pytest.mark.parametrize('backend', ['torch', pytest.param('mindspore', marks=pytest.mark.slow)])
def test_what_training_writes_tells_what_it_is_in_both_backends(backend, job, call, tmp_path):
    status, _, errors = call('train', job, '--backend', backend, '--work-dir', 'work')
    assert status == 0, errors
    trained = tmp_path / 'work' / f'epoch_2{SUFFIXES[backend]}'
    other = next(name for name in SUFFIXES if name != backend)
    converted = tmp_path / f'converted{SUFFIXES[other]}'
    convert_file(trained, converted)
    said = read_content(trained).description
    assert said.backbone == {
        'type': 'shufflenet_zoo.ShuffleNetV1',
        'groups': 1,
        'widen_factor': 0.25,
        'shuffle_order': 'none',
        'small_stem': True,
    }
    assert said.class_names == CLASSES
    assert said.preprocessing == {
        'mean': [10.0, 20.0, 30.0],
        'std': [50.0, 60.0, 70.0],
        'to_rgb': True,
        'pipeline': [{'type': 'Resize', 'scale': [8, 8]}],
    }
    again = read_content(converted).description
    assert (again.backbone, again.class_names, again.preprocessing) == (
        said.backbone,
        said.class_names,
        said.preprocessing,
    )
    picture = job.parent / 'data' / 'zero' / '0.png'
    found = [predict(call, job, path, picture, name) for path, name in ((trained, backend), (converted, other))]
    assert [row['label'] for row in found[0]] == [row['label'] for row in found[1]]
    assert {row['label'] for row in found[0]} == set(CLASSES)
    for mine, theirs in zip(*found, strict=True):
        assert mine['score'] == pytest.approx(theirs['score'], abs=1e-4)


def predict(call, config, checkpoint, picture, backend):
    status, lines, errors = call('predict', config, checkpoint, picture, '--json', '--backend', backend)
    assert status == 0, errors
    return json.loads('\n'.join(lines))[0]['predictions']
