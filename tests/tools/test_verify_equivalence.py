import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from shufflenet_zoo.equivalence import named_subjects
from shufflenet_zoo.equivalence.signal import signal_weights
from shufflenet_zoo.equivalence.torch_network import tensor_shapes

NAME = 'verify_equivalence'
VARIANT = 'shufflenet_v2_0.25x'
# In this process, so that the frameworks are imported once.
QUICK = ('--checks', 'weights', 'training', '--jobs', '1')
CONFIG = """
model = dict(
    type='ImageClassifier',
    backbone=dict(type='shufflenet_zoo.ShuffleNetV2', widen_factor=0.25),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels='auto'))
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(CONFIG)
    return path


def weights():
    subject = named_subjects([VARIANT])[0]
    drawn = signal_weights(subject.plan, tensor_shapes(subject), seed=3)
    return {
        name if name.startswith('head.') else f'backbone.{name}': torch.from_numpy(np.array(array))
        for name, array in drawn.items()
    }


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'mine.pth'
    torch.save({'state_dict': weights()}, path)
    return path


def test_a_network_that_is_the_same_ends_with_status_0(call, tmp_path):
    status, lines, errors = call(
        NAME, '--variants', VARIANT, *QUICK, '--json', tmp_path / 'all.json', '--report', tmp_path / 'report'
    )
    assert status == 0, (lines, errors)
    assert lines[-1].startswith('equivalent: all ')
    assert sum(line.startswith(VARIANT) for line in lines) == 4
    assert json.loads((tmp_path / 'all.json').read_text())['verdict'] == 'equivalent'
    assert 'Equivalent' in (tmp_path / 'report' / 'equivalence.html').read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['all.json', 'report']


def test_an_exceeded_bound_ends_with_status_1(call, tmp_path):
    status, lines, _ = call(
        NAME,
        '--variants',
        VARIANT,
        '--checks',
        'weights',
        '--jobs',
        '1',
        '--mutation',
        'dropped-key',
        '--json',
        tmp_path / 'all.json',
    )
    assert status == 1
    assert any('EXCEEDED' in line for line in lines)
    assert 'exceed their bounds' in lines[-1]
    assert json.loads((tmp_path / 'all.json').read_text())['verdict'] == 'different'


def test_a_users_own_model_is_verified_with_its_weights(call, config, checkpoint, tmp_path):
    status, lines, errors = call(NAME, config, checkpoint, *QUICK, '--json', tmp_path / 'own.json')
    assert status == 0, (lines, errors)
    assert {one['network'] for one in json.loads((tmp_path / 'own.json').read_text())['measurements']} == {'mine'}


def missing_key(state):
    del state['backbone.layers.2.1.branch2.0.conv.weight']


def extra_key(state):
    state['backbone.layers.9.conv.weight'] = torch.zeros(1)


def shape_off_by_one(state):
    state['backbone.layers.2.1.branch2.0.conv.weight'] = torch.zeros(49, 48, 1, 1)


def nan_weights(state):
    state['backbone.conv1.conv.weight'][0, 0, 0, 0] = float('nan')


def whole_numbers(state):
    state['backbone.conv1.conv.weight'] = state['backbone.conv1.conv.weight'].long()


def other_classes(state):
    state['head.fc.weight'], state['head.fc.bias'] = torch.ones(7, 512), torch.ones(7)


@pytest.mark.parametrize(
    ('damage', 'word'),
    [
        (missing_key, 'missing'),
        (extra_key, 'left over'),
        (shape_off_by_one, '(49, 48, 1, 1)'),
        (nan_weights, 'finite'),
        (whole_numbers, 'floating point'),
        (other_classes, '7 classes'),
    ],
)
def test_weights_that_do_not_fit_end_with_status_2(refused, config, tmp_path, damage, word):
    state = weights()
    damage(state)
    torch.save(state, tmp_path / 'bad.pth')
    refused(NAME, config, tmp_path / 'bad.pth', '--json', tmp_path / 'new.json', words=[word])


class Attack:
    """A pickle that would write a file."""

    def __reduce__(self):
        return os.system, ('touch executed',)


@pytest.mark.parametrize(
    ('content', 'word'), [(b'', 'empty'), (b'no weights', 'bad.pth'), (pickle.dumps(Attack()), 'bad.pth')]
)
def test_damaged_and_hostile_files_end_with_status_2(refused, config, tmp_path, content, word):
    (tmp_path / 'bad.pth').write_bytes(content)
    refused(NAME, config, tmp_path / 'bad.pth', words=[word])
    assert not Path('executed').exists()


def test_truncated_weights_end_with_status_2(refused, config, checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    refused(NAME, config, checkpoint, words=[checkpoint.name])


def test_weights_of_another_network_end_with_status_2(refused, config, checkpoint):
    config.write_text(CONFIG.replace('0.25', '0.5'))
    refused(NAME, config, checkpoint, words=['widen_factor'])


@pytest.mark.parametrize(
    ('args', 'word'),
    [
        (('--variants', 'shufflenet_v3'), 'shufflenet_v3'),
        (('nowhere.py',), 'nowhere.py'),
        (('mine.py', '--variants', VARIANT), 'either'),
        (('mine.py', 'nowhere.pth'), 'nowhere.pth'),
        (('--mutation', 'none-such'), 'none-such'),
        (('--variants', VARIANT, '--mutation', 'count-include-pad-off'), 'count-include-pad-off'),
        (('--json', '.'), 'folder'),
        (('--report', 'mine.py'), 'not a folder'),
        (('--json', 'mine.py/x.json'), 'not a folder'),
    ],
)
def test_bad_arguments_end_with_status_2(refused, config, args, word):
    refused(NAME, *args, words=[word])


def test_a_detector_ends_with_status_2(refused, config):
    config.write_text(CONFIG.replace('ImageClassifier', 'FasterRCNN'))
    refused(NAME, config, words=['FasterRCNN', 'ImageClassifier'])


def test_a_backbone_that_cannot_be_built_ends_with_status_2(refused, config):
    config.write_text(CONFIG.replace('0.25', '0.26'))
    refused(NAME, config, words=['widen_factor'])
