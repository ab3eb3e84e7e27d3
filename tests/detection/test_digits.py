"""The config of the digits detection set: it makes its data, starts from the classifier, and learns."""

import json

import pytest
import torch
from helpers.tiny_job import ROOT
from mmengine.registry import MODELS

from shufflenet_zoo.data import digits_detection
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.backends import TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import train

CONFIG = ROOT / 'configs' / 'detection' / 'retinanet_shufflenet-v2-1x_digits.py'
CLASSIFIER = ROOT / 'configs' / 'shufflenet_v2.py'


def test_starts_from_what_the_classifier_saves_last():
    init_cfg = load_config(CONFIG).model.backbone.init_cfg
    epochs = load_config(CLASSIFIER).train_cfg.max_epochs
    assert init_cfg.checkpoint == f'work_dirs/{CLASSIFIER.stem}/epoch_{epochs}.pth'


def test_without_the_classifier(tmp_path, monkeypatch):
    monkeypatch.setattr(digits_detection, 'PICTURES', {'train': 2, 'val': 1})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r'work_dirs/shufflenet_v2/epoch_\d+\.pth does not exist'):
        train(load_config(CONFIG), TrainOptions(device='cpu'))
    assert not (tmp_path / 'work_dirs').exists()


def test_trains_from_the_classifiers_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(digits_detection, 'PICTURES', {'train': 16, 'val': 4})
    monkeypatch.chdir(tmp_path)
    config = load_config(CONFIG, {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1})
    config.model.test_cfg.score_thr = 0.0
    config.default_hooks.logger.interval = 1
    torch.manual_seed(0)
    job = load_config(CLASSIFIER)
    classifier = MODELS.build(job.model | {'_scope_': 'mmpretrain'})
    path = tmp_path / config.model.backbone.init_cfg.checkpoint
    path.parent.mkdir(parents=True)
    # With the config, as the Runner saves it: the classifier's stem keeps the resolution of small images.
    torch.save({'state_dict': classifier.state_dict(), 'meta': {'cfg': job.pretty_text}}, path)
    train(config, TrainOptions(work_dir='work', device='cpu'))
    rows = [json.loads(line) for line in next(tmp_path.glob('work/*/vis_data/scalars.json')).read_text().splitlines()]
    assert len([row for row in rows if 'loss' in row]) == 2
    assert [row for row in rows if 'coco/bbox_mAP' in row]
    assert (tmp_path / 'data' / 'digits_detection' / 'annotations' / 'instances_val.json').is_file()
    log = next(tmp_path.glob('work/*/*.log')).read_text()
    assert 'tensors loaded' in log
