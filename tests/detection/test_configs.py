"""Every detection config builds, trains two iterations and is evaluated by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_coco import shrink
from helpers.tiny_job import ROOT

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train

FOLDER = ROOT / 'configs' / 'detection'
CONFIGS = sorted(path.name for path in FOLDER.glob('*_coco*.py'))
# Every variant under both heads, the paper's settings, light detectors.
EXPECTED = [
    *(
        f'{head}_shufflenet-{variant}_fpn_1x_coco.py'
        for head in ('faster-rcnn', 'retinanet')
        for variant in (
            'v1-1x-g3',
            'v1-2x-g3',
            *(f'v2-{star}{width}' for star in ('', 'star-') for width in ('0.5x', '1x', '1.5x', '2x')),
        )
    ),
    *(f'faster-rcnn_shufflenet-v1-{width}-g3_fpn_1x_coco-{side}.py' for width in ('1x', '2x') for side in (300, 600)),
    'retinanet-light_shufflenet-v2-1x_320_coco.py',
    'rtmdet-tiny_shufflenet-v2-1x_640_coco.py',
    'ssdlite_shufflenet-v2-1x_320_coco.py',
]


def test_all_are_there():
    assert sorted(EXPECTED) == CONFIGS


def check_levels(model):
    """What the neck takes is what the backbone gives; strides of anchors are those of the maps."""
    plan = plan_backbone(model.backbone)
    assert tuple(model.neck.in_channels) == plan.out_channels
    strides = (model.get('rpn_head') or model.bbox_head).anchor_generator.strides
    assert tuple(strides)[: len(plan.out_strides)] == plan.out_strides
    if model.type == 'FasterRCNN':
        assert tuple(model.roi_head.bbox_roi_extractor.featmap_strides) == plan.out_strides == (4, 8, 16, 32)


@pytest.mark.parametrize('name', CONFIGS)
def test_trains_and_evaluates(name, coco, tmp_path):
    config = shrink(load_config(FOLDER / name), coco)
    check_levels(config.model)
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
