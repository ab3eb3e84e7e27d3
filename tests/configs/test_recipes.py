"""Published recipes run: a few iterations with every part that they have, on images made for it."""

import cv2
import numpy as np
import pytest
import torch

from shufflenet_zoo.figures.curves import read_course
from shufflenet_zoo.jobs.backends import TrainOptions, load_backend
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import train
from shufflenet_zoo.weights.file_torch import read_checkpoint


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Eight images of two classes, as folders."""
    folder = tmp_path_factory.mktemp('images')
    randoms = np.random.default_rng(0)
    for i in range(8):
        path = folder / 'ab'[i % 2] / f'{i}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), randoms.integers(0, 256, (64, 64, 3), np.uint8))
    return folder


def load_recipe(name, images, batch):
    """A recipe of one epoch on the images, with its pipeline, its model, its optimizer, its schedule and its hooks."""
    config = load_config(name)
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = config[field]
        loader.batch_size, loader.num_workers = batch, 0
        pipeline = loader.dataset.pipeline
        loader.dataset = {'type': 'CustomDataset', 'data_root': str(images), 'pipeline': pipeline}
    config.train_cfg.max_epochs = 1
    for section in (config.model.head, config.data_preprocessor):
        section.num_classes = 2
    config.val_evaluator.topk = (1,)
    return config


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [
        'shufflenet-v2-2x_megvii_in1k',
        'shufflenet-v1-1x-g3_mmpretrain_in1k',
        'shufflenet-v2-1.5x_torchvision_in1k',
    ],
)
def test_a_recipe_trains(name, images, tmp_path):
    config = load_recipe(name, images, batch=4)
    if isinstance(config.param_scheduler, list):  # the second begins where the first ends
        for number, schedule in enumerate(config.param_scheduler):
            schedule.update(by_epoch=False, begin=number, end=number + 1)
    is_official = 'megvii' in name
    if is_official:
        config.custom_hooks[0].update(interval=1, num_samples=8)
    train(config, TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    state = read_checkpoint(tmp_path / 'work' / 'epoch_1.pth')['state_dict']
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())
    assert bool((state['head.fc.bias'] == 0).all()) == is_official


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['torch', 'mindspore'])
def test_the_tutorials_recipe_trains_in_both_frameworks(backend, images, tmp_path):
    pytest.importorskip(backend)
    config = load_recipe('shufflenet-v1-2x-g3_tutorial_cifar10', images, batch=4)
    config.default_hooks.logger.interval = 1
    options = TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu', validate=False)
    load_backend(backend).train(config, options)
    (folder,) = {path.parent for path in tmp_path.glob('*/*/vis_data/scalars.json')}
    course = read_course(folder.parents[1])
    assert sorted(course.loss) == [1, 2]
    assert all(0 < loss < 10 for loss in course.loss.values())
    # Warm-up and cosine, not the constant rate that the tutorial's code ends with.
    assert course.rate[1] < course.rate[2]
