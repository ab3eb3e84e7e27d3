"""tools/test.py: its results, its options, and the checkpoints it refuses."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score

from shufflenet_zoo.weights.file_torch import read_checkpoint


def predict(call, config, checkpoint, *options):
    """Return the scores of the test images, of shape (64, 10)."""
    status, _, errors = call('test', config, checkpoint, '--out', 'scores.pkl', *options)
    assert status == 0, errors
    return np.stack([sample['pred_score'] for sample in pickle.loads(Path('scores.pkl').read_bytes())])


def test_metrics_agree_with_predictions(call, trained):
    config, checkpoint = trained
    status, output, errors = call('test', config, checkpoint, '--out', 'metrics.json', '--out-item', 'metrics')
    assert status == 0, errors
    metrics = json.loads(Path('metrics.json').read_text())
    assert f'accuracy/top1: {metrics["accuracy/top1"]:.4f}' in output[-1]

    assert call('test', config, checkpoint, '--out', 'predictions.pkl')[0] == 0
    predictions = pickle.loads(Path('predictions.pkl').read_bytes())
    assert len(predictions) == 64
    truth, found = ([int(sample[key][0]) for sample in predictions] for key in ('gt_label', 'pred_label'))
    assert metrics['accuracy/top1'] == pytest.approx(100 * accuracy_score(truth, found), abs=1e-4)
    assert {path.name for path in Path().iterdir()} == {'metrics.json', 'predictions.pkl', 'work_dirs'}


def test_options(call, trained):
    config, checkpoint = trained
    shows = ('--show-dir', 'shown', '--interval', '16')
    for options in ((), ('--amp',), ('--tta',), shows):
        status, output, errors = call('test', config, checkpoint, *options)
        assert status == 0, errors
        assert 'accuracy/top1: ' in output[-1]
    assert len(list(Path('shown').glob('*.png'))) == 4


def test_tta_averages_flips(call, trained):
    config, checkpoint = trained
    plain, averaged = predict(call, config, checkpoint), predict(call, config, checkpoint, '--tta')
    assert averaged.shape == (64, 10)
    assert not np.array_equal(averaged, plain)
    assert averaged.sum(1) == pytest.approx(np.ones(64), abs=1e-5)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--out', 'out.txt'), ('out.txt', '.pkl')),
        (('--out', 'absent/out.pkl'), ('absent', 'does not exist')),
        (('--device', 'cuda'), ('--device cuda',)),
        (('--cfg-options', 'test_evaluator=None'), ('test_evaluator',)),
        (('--show', '--cfg-options', 'default_hooks.visualization=None'), ('visualization',)),
    ],
)
def test_wrong_options(refused, trained, options, words):
    refused('test', *trained, *options, words=words)


def test_out_item_needs_out(call, trained):
    status, _, errors = call('test', *trained, '--out-item', 'pred')
    assert status == 2
    assert '--out-item needs --out' in errors[-1]


def test_checkpoint_must_fit(refused, trained):
    config, checkpoint = trained
    content = read_checkpoint(checkpoint)
    weights = content['state_dict']

    def save(name, state_dict):
        torch.save({'meta': content['meta'], 'state_dict': state_dict}, name)
        return name

    name = save('missing.pth', {key: value for key, value in weights.items() if not key.startswith('head')})
    refused('test', config, name, words=(name, '2 weights missing (head.fc.weight, head.fc.bias)'))
    name = save('surplus.pth', weights | {'head.extra': torch.zeros(1)})
    refused('test', config, name, words=(name, '1 weights unexpected (head.extra)'))
    refused(
        'test',
        config,
        checkpoint,
        '--cfg-options',
        'model.backbone.groups=1',
        words=(str(checkpoint), 'groups=3 (the network has 1)'),
    )
    refused(
        'test',
        config,
        checkpoint,
        '--cfg-options',
        'model.head.num_classes=11',
        words=(str(checkpoint), '2 weights of other shape', 'instead of'),
    )
    name = save('wordy.pth', {'head': 'text'})
    refused('test', config, name, words=(name, 'no state dict'))


def test_bare_and_parallel_state_dicts(call, trained):
    config, checkpoint = trained
    weights = read_checkpoint(checkpoint)['state_dict']
    torch.save(weights, 'bare.pth')
    torch.save({'state_dict': {f'module.{key}': value for key, value in weights.items()}}, 'parallel.pth')
    scores = [predict(call, config, name) for name in (checkpoint, 'bare.pth', 'parallel.pth')]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])


def test_unreadable_checkpoints(refused, trained):
    config, checkpoint = trained
    content = checkpoint.read_bytes()
    Path('empty.pth').touch()
    Path('text.pth').write_text('no checkpoint')
    Path('half.pth').write_bytes(content[: len(content) // 2])
    torch.save([1, 2], 'list.pth')
    for name in ('absent.pth', 'empty.pth', 'text.pth', 'half.pth', 'list.pth'):
        refused('test', config, name, words=(f'checkpoint {name} ',))
