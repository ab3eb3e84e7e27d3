"""A detection config of every head on real COCO pictures; skipped where the archive is not at hand."""

import os
import tarfile
from pathlib import Path

import pytest
from helpers.tiny_coco import ONE_OF_EACH, shrink
from helpers.tiny_job import ROOT

from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train

ARCHIVE = Path(os.environ.get('SHUFFLENET_ZOO_DATA', 'absent')) / 'tiny-coco.tar.xz'
FOLDER = ROOT / 'configs' / 'detection'
SIDE = 160

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason='SHUFFLENET_ZOO_DATA names no folder with the archive')


@pytest.fixture(scope='module')
def real_coco(tmp_path_factory):
    folder = tmp_path_factory.mktemp('real')
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter='data')
    return folder / 'tiny_coco'


@pytest.mark.parametrize('name', ONE_OF_EACH)
def test_trains_and_evaluates(name, real_coco, tmp_path):
    config = shrink(load_config(FOLDER / name), real_coco, SIDE)
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = config[field].dataset
        (dataset.dataset if 'dataset' in dataset else dataset).indices = 4
    train(config, TrainOptions(work_dir=str(tmp_path), device='cpu', validate=False))
    metrics = evaluate(config, str(tmp_path / 'epoch_1.pth'), TestOptions(work_dir=str(tmp_path), device='cpu'))
    assert 0 <= metrics['coco/bbox_mAP_50'] <= 1
