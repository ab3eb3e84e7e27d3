"""Configs that know nothing of this project but the backbone's type run with mmdet's and mmpretrain's own tools."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.tiny_coco import SIDE
from mmengine.utils import get_installed_path

pytestmark = pytest.mark.slow

DETECTOR = """
_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
model = dict(
    backbone=dict(_delete_=True, type='shufflenet_zoo.ShuffleNetV2', out_indices=(0, 1, 2)),
    neck=dict(in_channels=[116, 232, 464], out_channels=16, start_level=0),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1),
    test_cfg=dict(score_thr=0.0, max_per_img=10))
resize = dict(type='Resize', scale=({side}, {side}))
load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True), resize]
pack = dict(type='PackDetInputs',
            meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction'))
data = dict(data_root={root!r}, pipeline=[*load, pack])
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset=data)
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=data)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file={root!r} + '/annotations/instances_val2017.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
"""

CLASSIFIER = """
from pathlib import Path
import torch
from mmengine.config import Config
from mmpretrain import get_model
model = get_model(Config(dict(model=dict(
    type='ImageClassifier',
    backbone=dict(type='shufflenet_zoo.ShuffleNetV2', widen_factor=0.5),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=7, in_channels=1024)))))
print(tuple(model(torch.zeros(2, 3, 64, 64)).shape))
from mmengine.runner import Runner
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
loader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
              dataset=dict(type='CustomDataset', data_root={root!r}, data_prefix='.', pipeline=pipeline))
runner = Runner.from_cfg(Config(dict(
    default_scope='mmpretrain', work_dir='work', train_dataloader=loader,
    model=dict(type='ImageClassifier', backbone=dict(type='shufflenet_zoo.ShuffleNetV1', groups=8, widen_factor=0.5,
                                                    width_rule='paper'),
               neck=dict(type='GlobalAveragePooling'),
               head=dict(type='LinearClsHead', num_classes=3, in_channels=768)),
    train_cfg=dict(by_epoch=True, max_epochs=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)))))
runner.train()
print(Path('work/epoch_1.pth').is_file())
"""


def run(*command, cwd):
    return subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, command)],
        cwd=cwd,
        text=True,
        timeout=300,
        capture_output=True,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
    )


@pytest.fixture(scope='module')
def trained(coco, tmp_path_factory):
    """The detector's config after training by mmdet's own tool."""
    folder = tmp_path_factory.mktemp('stranger')
    config = folder / 'stranger.py'
    config.write_text(DETECTOR.format(side=SIDE, root=str(coco)))
    tool = Path(get_installed_path('mmdet')) / '.mim' / 'tools' / 'train.py'
    result = run(tool, config, '--work-dir', folder / 'work', cwd=folder)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'coco/bbox_mAP:' in result.stdout + result.stderr
    return config, folder / 'work' / 'epoch_1.pth'


def test_mmdets_tool_trains(trained):
    assert trained[1].is_file()


def test_our_tool_tests_it(trained, tmp_path):
    from shufflenet_zoo.jobs.backends import TestOptions
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.openmmlab.runner import test as evaluate

    metrics = evaluate(load_config(trained[0]), str(trained[1]), TestOptions(work_dir=str(tmp_path), device='cpu'))
    assert 'coco/bbox_mAP' in metrics


def test_mmpretrain(coco, tmp_path):
    pytest.importorskip('mmpretrain')
    (tmp_path / 'script.py').write_text(CLASSIFIER.format(root=str(coco)))
    result = run('script.py', cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    lines = result.stdout.splitlines()
    assert '(2, 7)' in lines
    assert lines[-1] == 'True'
