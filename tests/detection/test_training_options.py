"""Freezing, norm_eval, checkpointing and other normalisations in a detector's training step."""

import copy

import pytest
import torch
from helpers.tiny_job import ROOT
from mmdet.structures import DetDataSample
from mmdet.utils import register_all_modules
from mmengine.registry import MODELS
from mmengine.structures import InstanceData
from torch.nn.modules.batchnorm import _BatchNorm

from shufflenet_zoo.jobs.config import load_config

CONFIG = ROOT / 'configs' / 'detection' / 'retinanet-light_shufflenet-v2-1x_320_coco.py'


@pytest.fixture(scope='module')
def model_config():
    register_all_modules()
    config = load_config(CONFIG, {'model.backbone.widen_factor': 0.5, 'model.neck.in_channels': 'auto'}).model
    config.bbox_head.num_classes = 3
    return config


def build(model_config, **backbone):
    config = copy.deepcopy(model_config)
    config.backbone.update(backbone)
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model.train()


def batch():
    generator = torch.Generator().manual_seed(0)
    samples = []
    for label in (0, 2):
        instances = InstanceData(bboxes=torch.tensor([[8.0, 10.0, 40.0, 50.0]]), labels=torch.tensor([label]))
        shape = {'img_shape': (64, 64), 'ori_shape': (64, 64), 'pad_shape': (64, 64), 'batch_input_shape': (64, 64)}
        samples.append(DetDataSample(metainfo=shape, gt_instances=instances))
    return torch.randn(2, 3, 64, 64, generator=generator), samples


def step(model):
    """One training step; returns the loss."""
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1)
    loss, _ = model.parse_losses(model.loss(*batch()))
    loss.backward()
    optimizer.step()
    return loss


def changed(before, model):
    """Names of the backbone's tensors that a step changed."""
    return {name for name, value in model.backbone.state_dict().items() if not torch.equal(value, before[name])}


def run_step(model):
    before = copy.deepcopy(model.backbone.state_dict())
    loss = step(model)
    assert torch.isfinite(loss)
    return changed(before, model)


def test_everything_trains(model_config):
    names = run_step(build(model_config))
    assert 'conv1.bn.running_mean' in names
    assert 'layers.2.3.branch2.2.conv.weight' in names


def test_frozen_stages(model_config):
    names = run_step(build(model_config, frozen_stages=1))
    assert not any(name.startswith(('conv1', 'layers.0.')) for name in names)
    assert 'layers.1.0.branch1.0.conv.weight' in names
    assert 'layers.1.0.branch1.0.bn.running_mean' in names


def test_frozen_everything(model_config):
    assert not run_step(build(model_config, frozen_stages='all'))


def test_norm_eval(model_config):
    names = run_step(build(model_config, norm_eval=True))
    assert not any('running' in name for name in names)
    assert 'conv1.conv.weight' in names
    assert 'conv1.bn.weight' in names


def test_with_cp(model_config):
    plain, checkpointed = build(model_config), build(model_config, with_cp=True)
    assert step(plain) == step(checkpointed)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, checkpointed.state_dict()[name]), name


def test_group_norm(model_config):
    model = build(model_config, norm_cfg={'type': 'GN', 'num_groups': 4})
    assert not any(isinstance(module, _BatchNorm) for module in model.backbone.modules())
    names = run_step(model)
    assert 'conv1.gn.weight' in names


def test_sync_bn_evaluates(model_config):
    model = build(model_config, norm_cfg={'type': 'SyncBN'}).eval()
    assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in model.backbone.modules())
    with torch.no_grad():
        images, samples = batch()
        for sample in samples:
            sample.set_metainfo({'scale_factor': (1.0, 1.0)})
        assert len(model.predict(images, samples)) == 2
