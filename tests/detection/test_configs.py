"""Every detection config builds; one of every head and family trains two iterations and is evaluated by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.schedules import rates
from helpers.tiny_coco import ONE_OF_EACH, shrink
from helpers.tiny_job import ROOT
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.arch.variants import VARIANTS, get_variant
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train

FOLDER = ROOT / 'configs' / 'detection'
STANDARD_HEADS = ('faster-rcnn', 'retinanet')
CONFIGS = sorted(path.name for path in FOLDER.glob('*_coco*.py'))


def parts_of(name):
    """The head, the family and the named network that a config's name says."""
    head, network = name.split('_')[:2]
    _, version, *words = network.split('-')
    groups = [word for word in words if word.startswith('g')]
    width = next(word for word in words if word.endswith('x'))
    stars = [word for word in words if word == 'star']
    return head, version, '_'.join(['shufflenet', version, *groups, *stars, f'{float(width[:-1])}x'])


def test_one_config_of_every_head_and_family_is_trained():
    trained = [parts_of(name)[:2] for name in ONE_OF_EACH]
    assert sorted(trained) == sorted({parts_of(name)[:2] for name in CONFIGS})


def test_both_standard_heads_have_the_same_networks():
    networks = {head: {parts_of(name)[2] for name in CONFIGS if parts_of(name)[0] == head} for head in STANDARD_HEADS}
    assert networks['faster-rcnn'] == networks['retinanet']
    assert {variant for variant in VARIANTS if variant.startswith('shufflenet_v2_star')} < networks['retinanet']


@pytest.mark.parametrize('name', CONFIGS)
def test_name_says_the_backbone(name):
    plan = get_variant(parts_of(name)[2]).plan()
    found = plan_backbone(load_config(FOLDER / name).model.backbone)
    assert (found.stem, found.stages) == (plan.stem, plan.stages)


def check_levels(model):
    """What the neck takes is what the backbone gives; strides of anchors are those of the maps."""
    plan = plan_backbone(model.backbone)
    assert tuple(model.neck.in_channels) == plan.out_channels
    strides = (model.get('rpn_head') or model.bbox_head).anchor_generator.strides
    assert tuple(strides)[: len(plan.out_strides)] == plan.out_strides
    if model.type == 'FasterRCNN':
        assert tuple(model.roi_head.bbox_roi_extractor.featmap_strides) == plan.out_strides == (4, 8, 16, 32)


@pytest.mark.parametrize('name', CONFIGS)
def test_builds_and_its_parts_fit(name):
    """The backbone's maps go through neck and head, without memory or arithmetic; an epoch can be all of a training."""
    register_all_modules()
    whole = load_config(FOLDER / name)
    assert all(0 <= rate <= 1 for rate in rates(whole, epochs=1))
    config = whole.model
    check_levels(config)
    with torch.device('meta'):
        model = MODELS.build(config)
        maps = model.extract_feat(torch.empty(2, 3, 128, 128))
        head = model.rpn_head if hasattr(model, 'rpn_head') else model.bbox_head
        scores, boxes = head(maps)[:2]
    assert [score.shape[-2:] for score in scores] == [level.shape[-2:] for level in maps]
    assert len(scores) == len(boxes) == len(head.prior_generator.strides)


@pytest.mark.parametrize('name', ONE_OF_EACH)
def test_trains_and_evaluates(name, coco, tmp_path):
    config = shrink(load_config(FOLDER / name), coco)
    train(config, TrainOptions(work_dir=str(tmp_path), device='cpu'))
    rows = [json.loads(line) for line in next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()]
    losses = [row['loss'] for row in rows if 'loss' in row]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    metrics = [row for row in rows if 'coco/bbox_mAP' in row]
    assert len(metrics) == 1
    assert 0 <= metrics[0]['coco/bbox_mAP_50'] <= 1
    assert (tmp_path / 'epoch_1.pth').is_file()


@pytest.mark.parametrize('side, longest', [(300, 500), (600, 1000)])
@pytest.mark.parametrize('width', ['1x', '2x'])
def test_sides_of_the_paper(width, side, longest):
    config = load_config(FOLDER / f'faster-rcnn_shufflenet-v1-{width}-g3_fpn_1x_coco-{side}.py')
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        scales = [tuple(step.scale) for step in config[field].dataset.pipeline if step.type == 'Resize']
        assert scales == [(longest, side)]


def test_resumes_and_draws(coco, tmp_path):
    def job(epochs):
        config = shrink(load_config(FOLDER / 'ssdlite_shufflenet-v2-1x_320_coco.py'), coco)
        config.train_cfg.max_epochs = epochs
        config.default_hooks.checkpoint.save_optimizer = True
        return config

    work_dir = str(tmp_path / 'work')
    train(job(1), TrainOptions(work_dir=work_dir, device='cpu', validate=False))
    train(job(2), TrainOptions(work_dir=work_dir, device='cpu', validate=False, resume='auto'))
    assert Path(work_dir, 'last_checkpoint').read_text().endswith('epoch_2.pth')
    shown = tmp_path / 'shown'
    metrics = evaluate(
        job(2),
        f'{work_dir}/epoch_2.pth',
        TestOptions(work_dir=str(tmp_path / 'test'), show_dir=str(shown), device='cpu'),
    )
    assert 'coco/bbox_mAP' in metrics
    assert len(list(shown.rglob('*.jpg'))) + len(list(shown.rglob('*.png'))) == 4
