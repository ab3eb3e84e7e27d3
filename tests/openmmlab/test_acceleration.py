"""How feature maps are stored in training on the CPU."""

import re

import pytest
import torch
from helpers.tiny_job import write_config

from shufflenet_zoo.errors import ConfigError
from shufflenet_zoo.jobs.backends import FASTEST, TrainOptions, load_backend
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.jobs.workdir import latest_checkpoint
from shufflenet_zoo.openmmlab import acceleration
from shufflenet_zoo.openmmlab.runner import train
from shufflenet_zoo.weights.file_torch import read_checkpoint


@pytest.fixture
def formats(monkeypatch):
    """How the last stage's maps were stored, training step by training step."""
    seen = []
    forward = acceleration.ShuffleNet.forward

    def note(self, x):
        def is_channels_last(module, args, output):
            seen.append(output.is_contiguous(memory_format=torch.channels_last))

        if not self.training:
            return forward(self, x)
        with self.layers[self._last_layer].register_forward_hook(is_channels_last):
            return forward(self, x)

    monkeypatch.setattr(acceleration.ShuffleNet, 'forward', note)
    return seen


def run(tmp_path, extra='', **options):
    # At 64 pixels the last stage's maps have more than one, so that they tell how they are stored.
    images = "train_dataloader['dataset']['pipeline'][0:1] = [dict(type='Resize', scale=64)]\n"
    tmp_path.mkdir(exist_ok=True)
    config = load_config(write_config(tmp_path / 'job.py', images + extra))
    train(config, TrainOptions(work_dir=str(tmp_path / 'work'), device='cpu', validate=False, **options))
    return read_checkpoint(latest_checkpoint(tmp_path / 'work'))


ONE_EPOCH = "train_cfg['max_epochs'] = 1"


@pytest.mark.parametrize(('choice', 'is_channels_last'), [(None, True), ('channels_last', True), ('contiguous', False)])
def test_given(choice, is_channels_last, formats, tmp_path):
    run(tmp_path, ONE_EPOCH, memory_format=choice)
    assert formats == 3 * [is_channels_last]


def test_measured_once(formats, tmp_path, capsys, monkeypatch):
    steps = {'channels_last': 0.3, 'contiguous': 0.2}
    monkeypatch.setattr(acceleration, '_measure', lambda backbone, name, *args: steps[name])
    run(tmp_path, ONE_EPOCH, memory_format=FASTEST)
    assert 'memory format  contiguous, measured: channels_last 300 ms, contiguous 200 ms' in capsys.readouterr().out
    steps['contiguous'] = 0.4
    run(tmp_path, memory_format=FASTEST, resume='auto')
    assert 'measured: ' not in capsys.readouterr().out
    assert formats == 9 * [False]


def test_measuring_changes_nothing(formats, tmp_path, capsys):
    measured = run(tmp_path / 'measured', ONE_EPOCH, memory_format=FASTEST)
    assert {True, False} == set(formats[:-3])
    choice = re.search(r'memory format  (\w+), measured: channels_last \d+ ms', capsys.readouterr().out)[1]
    given = run(tmp_path / 'given', ONE_EPOCH, memory_format=choice)
    for name, tensor in measured['state_dict'].items():
        assert torch.equal(tensor, given['state_dict'][name]), name


@pytest.mark.parametrize(
    ('extra', 'backend', 'problem'),
    [
        (
            "model['backbone'] = dict(_delete_=True, type='ResNet', depth=18)\nmodel['head'] = dict(in_channels=512)",
            'torch',
            'backbone is a ResNet',
        ),
        ("runner_type = 'FlexibleRunner'", 'torch', 'has a runner_type'),
        ('', 'mindspore', 'left out: MindSpore chooses it'),
    ],
)
def test_refused(extra, backend, problem, tmp_path):
    config = load_config(write_config(tmp_path / 'job.py', extra))
    options = TrainOptions(work_dir=str(tmp_path / 'work'), memory_format='contiguous')
    with pytest.raises(ConfigError, match=problem):
        load_backend(backend).train(config, options)
    assert not (tmp_path / 'work').exists()
