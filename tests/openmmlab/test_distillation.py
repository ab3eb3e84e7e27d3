"""A student learns from labels and teacher; what it leaves is a plain classifier's."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.openmmlab.runner import test as evaluate
from shufflenet_zoo.openmmlab.runner import train
from shufflenet_zoo.weights.file_torch import read_checkpoint

NAME = 'shufflenet-v2-1x_resnet50_digits'
SHORT = {'train_cfg.max_epochs': 1, 'model.backbone.widen_factor': 0.5}


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    """The weights of a teacher that was not trained, which is as good for a test."""
    init_default_scope('mmpretrain')
    model = MODELS.build(load_config('resnet50_digits').model)
    path = tmp_path_factory.mktemp('teacher') / 'teacher.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return str(path)


def build(teacher, **options):
    init_default_scope('mmpretrain')
    config = load_config(NAME, SHORT | {'model.checkpoint': teacher})
    config.model.update(options)
    model = MODELS.build(config.model)
    model.init_weights()
    return model.eval()


def test_the_loss_is_the_divergence_from_the_teacher(teacher):
    model = build(teacher, temperature=2.0, weight=3.0)
    model.head.fc.bias.data = torch.arange(10.0)  # a student of some conviction
    images = torch.rand(4, 3, 16, 16)
    samples = [DataSample().set_gt_label(label) for label in range(4)]
    found = model.loss(images, samples)
    with torch.no_grad():
        learnt, taught = (
            (scores.double() / 2).softmax(1).numpy() for scores in (model(images), model._teacher[0](images))
        )
    assert np.abs(learnt - taught).max() > 0.01
    expected = 3 * 4 * (taught * np.log(taught / learnt)).sum(1).mean()
    assert found['loss_distillation'].item() == pytest.approx(expected, rel=1e-4)
    assert found['loss'].item() == pytest.approx(model.head.loss(model.extract_feat(images), samples)['loss'].item())


@pytest.mark.slow
def test_a_training_leaves_a_plain_classifier(teacher, tmp_path):
    config = load_config(NAME, SHORT | {'model.checkpoint': teacher})
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.dataset.indices = 64
    train(config, TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    plain = load_config('shufflenet_v2', {'model.backbone.widen_factor': 0.5})
    plain.test_dataloader.dataset.indices = 64
    names = set(MODELS.build({**plain.model, 'data_preprocessor': None}).state_dict())
    assert set(read_checkpoint(checkpoint)['state_dict']) == names
    # The teacher is not needed any more.
    config.model.checkpoint = str(tmp_path / 'absent.pth')
    found = [evaluate(one, str(checkpoint), TestOptions(work_dir=str(tmp_path / 'test'))) for one in (config, plain)]
    assert found[0]['accuracy/top1'] == found[1]['accuracy/top1']


def test_a_teacher_that_is_not_there_is_missed_before_the_training(tmp_path):
    config = load_config(NAME, SHORT | {'model.checkpoint': str(tmp_path / 'absent.pth')})
    with pytest.raises(CheckpointError, match=r'absent\.pth'):
        train(config, TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu'))
    assert not (tmp_path / 'work').exists()
