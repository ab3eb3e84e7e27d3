"""Training and testing of configs: progress, checkpoints, resuming, refusals. The network is a tiny one."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mindspore as ms
import mmengine
import numpy as np
import pytest
from helpers.tiny_net import replace_networks
from mindspore import nn

from shufflenet_zoo.errors import CheckpointError, ConfigError, DataError, ShuffleNetZooError
from shufflenet_zoo.jobs.backends import TestOptions, TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.mindspore_impl.training import trainer
from shufflenet_zoo.mindspore_impl.training.training_state import state_path

EPOCHS, EPOCH_LENGTH = 3, 4
CONFIG = """
dataset = dict(type='shufflenet_zoo.Digits', split='train', indices=64, pipeline=[
    dict(type='RandomCrop', crop_size=8, padding=2), dict(type='PackInputs')])
test_dataset = dict(type='shufflenet_zoo.Digits', split='test', indices=30, pipeline=[dict(type='PackInputs')])
data_preprocessor = dict(num_classes=10, mean=[78.0] * 3, std=[96.0] * 3)
train_dataloader = dict(batch_size=16, dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(batch_size=16, dataset=test_dataset, sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='Accuracy', topk=(1, 5))
model = dict(type='ImageClassifier', head=dict(num_classes=10))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-2),
                     paramwise_cfg=dict(norm_decay_mult=0))
param_scheduler = [dict(type='LinearLR', end=1, convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', begin=1, convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=1)
val_cfg, test_cfg = {}, {}
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(logger=dict(type='LoggerHook', interval=2), checkpoint=dict(type='CheckpointHook', interval=1))
randomness = dict(seed=3)
"""


def _enter(folder, monkeypatch):
    """Work in a folder, with the tiny network in place of every other."""
    replace_networks(monkeypatch.setattr)
    monkeypatch.chdir(folder)


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch, tmp_path):
    _enter(tmp_path, monkeypatch)


@pytest.fixture(scope='module')
def first_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('first')
    with pytest.MonkeyPatch.context() as monkeypatch:
        _enter(folder, monkeypatch)
        return _train().absolute()


@pytest.fixture
def trained(first_run, tiny_network):
    """A finished training's work directory, for this test alone."""
    return Path(shutil.copytree(first_run, 'work'))


def _config(extra='', **overrides):
    path = Path('tiny.py')
    path.write_text(CONFIG + extra)
    return load_config(path, overrides)


def _train(extra='', work_dir='work', overrides=None, **options):
    trainer.train(_config(extra, **(overrides or {})), TrainOptions(work_dir=work_dir, **options))
    return Path(work_dir)


def _weights(path):
    return {name: value.asnumpy() for name, value in ms.load_checkpoint(str(path)).items()}


def _assert_same(first, second):
    first, second = _weights(first), _weights(second)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def _scalars(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in the program catches it."""


def _kill_at(monkeypatch, iteration):
    """Let the training die in the middle of an iteration."""
    step, calls = trainer.TrainStep.__call__, []

    def die(self, images, labels):
        calls.append(1)
        if len(calls) == iteration:
            raise Killed
        return step(self, images, labels)

    monkeypatch.setattr(trainer.TrainStep, '__call__', die)
    return lambda: monkeypatch.setattr(trainer.TrainStep, '__call__', step)


def test_trains_and_tests(capsys):
    work_dir = _train(extra="default_hooks['checkpoint'].update(max_keep_ckpts=2, save_best='auto')\n")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == (
        'done: the checkpoint is work/epoch_3.ckpt; test it with: shufflenet-zoo test work/tiny.py work/epoch_3.ckpt'
    )
    assert any(re.search(r'Epoch\(train\) \[2/3\]\[4/4\].*lr: .*eta: 0:00:\d\d.*loss: ', line) for line in lines)
    assert sorted(path.name for path in work_dir.glob('epoch_*.ckpt')) == ['epoch_2.ckpt', 'epoch_3.ckpt']
    assert len(list(work_dir.glob('*.state.npz'))) == 2
    (best,) = work_dir.glob('best_accuracy_top1_epoch_*.ckpt')
    assert not list(work_dir.glob('.unfinished*'))

    validations = [values for values in _scalars(work_dir) if 'accuracy/top1' in values]
    metrics = trainer.test(_config(), str(best), TestOptions(work_dir='tested', out='metrics.json', out_item='metrics'))
    assert metrics['accuracy/top1'] == max(values['accuracy/top1'] for values in validations)
    assert json.loads(Path('metrics.json').read_text()) == metrics
    trainer.test(_config(), str(best), TestOptions(work_dir='tested', out='scores.pkl', out_item='pred'))
    samples = mmengine.load('scores.pkl')
    scores = np.stack([sample['pred_score'] for sample in samples])
    assert scores.min() >= 0 and np.allclose(scores.sum(1), 1)
    right = [sample['gt_label'] == sample['pred_label'] == sample['pred_score'].argmax() for sample in samples]
    assert 100 * np.mean(right) == pytest.approx(metrics['accuracy/top1'])


def test_scalars_are_those_of_mmengine(trained):
    scalars = _scalars(trained)
    # What mmengine 0.10.7 writes for a training with paramwise_cfg on a CPU; val_loss is this backend's own.
    keys = ['base_lr', 'lr', 'data_time', 'loss', 'time', 'epoch', 'iter', 'step']
    train = [values for values in scalars if 'loss' in values]
    assert all(list(values) == keys for values in train)
    assert [(values['epoch'], values['iter'], values['step']) for values in train] == [
        (1, 2, 2),
        (1, 4, 4),
        (2, 6, 6),
        (2, 8, 8),
        (3, 10, 10),
        (3, 12, 12),
    ]
    validations = [values for values in scalars if 'loss' not in values]
    assert [list(values) for values in validations] == [
        ['accuracy/top1', 'accuracy/top5', 'val_loss', 'data_time', 'time', 'step']
    ] * EPOCHS
    assert [values['step'] for values in validations] == [1, 2, 3]
    assert train[-1]['loss'] < train[0]['loss']


# A last batch of half the size is compiled apart.
RESUMED = {
    'sgd, random seed': "randomness['seed'] = None\ndataset['indices'] = 56\n",
    'adamw, average, clipping, dynamic loss scaling, schedule by epoch': (
        "optim_wrapper.update(type='AmpOptimWrapper', optimizer=dict(type='AdamW', lr=0.01), "
        'clip_grad=dict(max_norm=0.1), loss_scale=dict(init_scale=8.0, growth_interval=3))\n'
        "custom_hooks = [dict(type='EMAHook', momentum=0.3)]\n"
        "param_scheduler = dict(type='StepLR', step_size=1, gamma=0.5)\n"
    ),
}


@pytest.mark.parametrize(
    'name', [pytest.param(name, marks=pytest.mark.slow) if 'sgd' in name else name for name in RESUMED]
)
def test_resumed_training_equals_the_uninterrupted_one(name, monkeypatch):
    extra = RESUMED[name]
    monkeypatch.setattr(trainer.recipe.random, 'SystemRandom', lambda: SeededRandom(11))
    whole = _train(extra, 'whole')
    revive = _kill_at(monkeypatch, 2 * EPOCH_LENGTH + 2)
    with pytest.raises(Killed):
        _train(extra, 'resumed')
    revive()
    # The seed must come from the checkpoint.
    monkeypatch.setattr(trainer.recipe.random, 'SystemRandom', lambda: SeededRandom(12))
    resumed = _train(extra, 'resumed', resume='auto')
    _assert_same(whole / 'epoch_3.ckpt', resumed / 'epoch_3.ckpt')
    first, second = (np.load(state_path(folder / 'epoch_3.ckpt')) for folder in (whole, resumed))
    for part in first.files:
        np.testing.assert_array_equal(first[part], second[part], err_msg=part)


class SeededRandom:
    def __init__(self, seed):
        self.seed = seed

    def randrange(self, stop):
        return self.seed


@pytest.mark.slow
def test_resumes_in_the_middle_of_an_epoch(monkeypatch):
    extra = """
train_cfg = dict(type='IterBasedTrainLoop', max_iters=10, val_interval=5)
param_scheduler = dict(type='PolyLR', by_epoch=False)
default_hooks['checkpoint'].update(interval=3, by_epoch=False, max_keep_ckpts=2)
"""
    whole = _train(extra, 'whole')
    assert sorted(path.name for path in whole.glob('*.ckpt')) == ['iter_10.ckpt', 'iter_9.ckpt']
    revive = _kill_at(monkeypatch, 8)
    with pytest.raises(Killed):
        _train(extra, 'resumed')
    revive()
    _assert_same(whole / 'iter_10.ckpt', _train(extra, 'resumed', resume='auto') / 'iter_10.ckpt')


def test_resuming_a_finished_training_changes_nothing(trained, capsys):
    before = (trained / 'epoch_3.ckpt').read_bytes()
    _train(resume='work/epoch_3.ckpt')
    assert (trained / 'epoch_3.ckpt').read_bytes() == before
    assert 'done: the checkpoint is work/epoch_3.ckpt' in capsys.readouterr().out


@pytest.mark.parametrize('overrides', [{'randomness.seed': 4}, {'load_from': 'work/epoch_3.ckpt'}])
def test_the_seed_and_the_loaded_weights_decide(trained, overrides):
    other = _weights(_train(work_dir='other', overrides={'train_cfg.max_epochs': 2, **overrides}) / 'epoch_1.ckpt')
    assert not np.array_equal(_weights(trained / 'epoch_1.ckpt')['fc.weight'], other['fc.weight'])


def test_averaged_weights_are_those_of_mmengine():
    torch = pytest.importorskip('torch')
    from mmengine.model import ExponentialMovingAverage

    from shufflenet_zoo.mindspore_impl.training.ema import WeightAverage

    ours, theirs = nn.Dense(3, 2), torch.nn.Linear(3, 2)
    average = WeightAverage(ours, dict(momentum=0.25, interval=2), 'custom_hooks.0')
    expected = ExponentialMovingAverage(theirs, momentum=0.25, interval=2)
    for step in range(6):
        value = np.random.default_rng(step).standard_normal((2, 3)).astype(np.float32)
        ours.weight.set_data(ms.Tensor(value))
        theirs.weight.data.copy_(torch.from_numpy(value))
        average.update(0, step)
        expected.update_parameters(theirs)
        shadow = average.state()['ema.weight'].asnumpy().copy()
        np.testing.assert_allclose(shadow, expected.module.weight.numpy(), atol=1e-6)
    average.exchange()
    np.testing.assert_array_equal(ours.weight.asnumpy(), shadow)


def test_clipping_limits_the_gradients():
    scalars = _scalars(_train(extra="optim_wrapper['clip_grad'] = dict(max_norm=1e-9)\n"))
    train = [values for values in scalars if 'loss' in values]
    assert all(values['grad_norm'] > 0 for values in train)
    weights, start = _weights('work/epoch_3.ckpt'), _weights('work/epoch_1.ckpt')
    # Only BatchNorm's statistics and the weight decay move them.
    np.testing.assert_allclose(weights['bn.gamma'], start['bn.gamma'], atol=1e-6)


def test_an_overflow_leaves_the_weights_and_halves_the_scale():
    extra = (
        "optim_wrapper.update(type='AmpOptimWrapper', loss_scale=dict(init_scale=2.0**130))\n"
        "mindspore = dict(amp_level='O3')\n"
    )
    work_dir = _train(extra)
    first, last = _weights(work_dir / 'epoch_1.ckpt'), _weights(work_dir / 'epoch_3.ckpt')
    np.testing.assert_array_equal(first['fc.weight'], last['fc.weight'])
    meta = json.loads(np.load(state_path(work_dir / 'epoch_3.ckpt'))['meta'].tobytes())
    assert meta['loss_scale']['value'] == 2.0 ** (130 - EPOCHS * EPOCH_LENGTH)


@pytest.mark.parametrize('level', ['O2', 'O3', 'auto'])
def test_trains_in_mixed_precision(level):
    extra = f"optim_wrapper.update(type='AmpOptimWrapper', loss_scale=1024.0)\nmindspore = dict(amp_level={level!r})\n"
    work_dir = _train(extra)
    losses = [values['loss'] for values in _scalars(work_dir) if 'loss' in values]
    assert losses[-1] < losses[0]
    assert all(value.dtype == np.float32 for value in _weights(work_dir / 'epoch_3.ckpt').values())


def test_pynative_mode_trains_the_same():
    shorter = {'train_cfg.max_epochs': 2}
    graph = _weights(_train(work_dir='graph', overrides=shorter) / 'epoch_1.ckpt')
    extra = "mindspore = dict(mode='pynative')\n"
    pynative = _weights(_train(extra, 'pynative', overrides=shorter) / 'epoch_1.ckpt')
    for name in graph:
        np.testing.assert_allclose(pynative[name], graph[name], atol=1e-4, err_msg=name)


def test_scales_the_learning_rate_and_skips_validation():
    scalars = _scalars(_train(auto_scale_lr=True, validate=False, overrides={'auto_scale_lr.base_batch_size': 8}))
    assert max(values['lr'] for values in scalars) == pytest.approx(0.2, rel=0.2)
    assert not any('accuracy/top1' in values for values in scalars)


REFUSED = {
    'sync_bn = "torch"': "sync_bn='torch'",
    "custom_hooks = [dict(type='EarlyStoppingHook', monitor='x')]": "custom_hooks.0.type='EarlyStoppingHook'",
    "custom_hooks = [dict(type='EMAHook', ema_type='Mean')]": "custom_hooks.0.ema_type.type='Mean'",
    "custom_hooks = [dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=2, batch_augments=None)])]": (
        'custom_hooks.0.schedule.0.batch_augments=None'
    ),
    "custom_hooks = [dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=0, train_pipeline=[])])]": (
        'custom_hooks.0.schedule.0.action_epoch=0'
    ),
    "custom_hooks = [dict(type='SwitchRecipeHook', schedule=[dict(action_epoch=2, train_pipeline=[{}])])]": (
        "custom_hooks.0.schedule.0.train_pipeline.0.type='None'"
    ),
    "default_hooks['profiler'] = dict(type='ProfilerHook')": 'default_hooks.profiler',
    "default_hooks['checkpoint']['out_dir'] = '/x'": "default_hooks.checkpoint.out_dir='/x'",
    "default_hooks['checkpoint']['save_best'] = 'mAP'": "default_hooks.checkpoint.save_best='mAP'",
    "default_hooks['visualization'] = dict(type='VisualizationHook', enable=True)": (
        'default_hooks.visualization.enable=True'
    ),
    "visualizer = dict(type='Visualizer', vis_backends=[dict(type='WandbVisBackend')])": (
        "visualizer.vis_backends.0.type='WandbVisBackend'"
    ),
    "train_cfg['max_epochs'] = 'many'": "train_cfg.max_epochs='many'",
    "train_cfg['dynamic_intervals'] = [(1, 1)]": 'train_cfg.dynamic_intervals',
    "optim_wrapper['type'] = 'ApexOptimWrapper'": "optim_wrapper.type='ApexOptimWrapper'",
    "optim_wrapper['accumulative_counts'] = 4": 'optim_wrapper.accumulative_counts=4',
    "optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')": "optim_wrapper.dtype='bfloat16'",
    "optim_wrapper['clip_grad'] = dict(type='value', clip_value=1)": 'optim_wrapper.clip_grad.clip_value=1',
    "train_dataloader['batch_sampler'] = dict(type='AspectRatioBatchSampler')": 'train_dataloader.batch_sampler',
    "train_dataloader['sampler'] = dict(type='RepeatAugSampler')": "train_dataloader.sampler.type='RepeatAugSampler'",
    "dataset['type'] = 'mmdet.CocoDataset'": "train_dataloader.dataset.type='mmdet.CocoDataset'",
    "dataset['type'] = 'Caltech101'": "train_dataloader.dataset.type='Caltech101'",
    "dataset['pipeline'].insert(0, dict(type='RandAugment'))": "train_dataloader.dataset.pipeline.0.type='RandAugment'",
    "data_preprocessor['batch_augments'] = dict(augments=[dict(type='CutMix', alpha=1)])": (
        'data_preprocessor.batch_augments'
    ),
    'val_cfg = dict(fp16=True)': 'val_cfg.fp16=True',
    "val_evaluator = dict(type='ConfusionMatrix')": "val_evaluator.type='ConfusionMatrix'",
    "val_evaluator['topk'] = (1, 50)": 'val_evaluator.topk',
    "mindspore = dict(amp_level='O1')": "mindspore.amp_level='O1'",
    "param_scheduler = dict(type='ReduceOnPlateauLR')": "param_scheduler.0.type='ReduceOnPlateauLR'",
    "randomness['unknown'] = 1": 'randomness.unknown=1',
}


@pytest.mark.parametrize('extra', REFUSED)
def test_what_cannot_be_honoured_is_refused_before_training(extra):
    with pytest.raises(ConfigError) as caught:
        _train(extra + '\n')
    message = str(caught.value)
    assert message.startswith(REFUSED[extra])
    assert 'is not supported by --backend mindspore' in message
    assert '\n' not in message
    assert not Path('work').exists()


@pytest.mark.parametrize('options', [dict(device='cuda'), dict(launcher='slurm')])
def test_options_that_cannot_be_honoured_are_refused(options):
    with pytest.raises(ConfigError, match=f'--{next(iter(options))}='):
        _train(**options)
    for options in (dict(tta=True), dict(show_dir='x'), dict(show=True)):
        with pytest.raises(ConfigError, match='is not supported by --backend mindspore'):
            trainer.test(_config(), 'any.ckpt', TestOptions(**options))


@pytest.mark.parametrize(
    ('variable', 'launcher'),
    [('OMPI_COMM_WORLD_SIZE', 'mpirun'), ('WORLD_SIZE', 'torchrun'), ('RANK_SIZE', 'a rank table')],
)
def test_launchers_other_than_msrun_are_refused(variable, launcher, monkeypatch):
    monkeypatch.setenv(variable, '2')
    with pytest.raises(ConfigError, match=f'started by {launcher} .*start them by msrun'):
        _train()
    assert not Path('work').exists()


def _break_data(kind):
    return {
        'missing': "dataset.update(type='CustomDataset', data_root='/nowhere')\ndataset.pop('split')\n",
        'cifar missing': "dataset.update(type='CIFAR10', data_root='nowhere')\n",
    }[kind]


@pytest.mark.parametrize('kind', ['missing', 'cifar missing'])
def test_missing_data_is_named(kind):
    with pytest.raises(DataError, match='nowhere.* does not exist'):
        _train(_break_data(kind))
    assert not Path('work').exists()


def test_bad_checkpoints_are_refused(trained):
    whole, broken = trained / 'epoch_3.ckpt', Path('broken.ckpt')
    cases = []

    def refused(path, *words, resume=True):
        runs = [lambda: trainer.test(_config(), str(path), TestOptions(work_dir='tested'))]
        if resume:
            runs.append(lambda: _train(work_dir='other', resume=str(path)))
        for run in runs:
            with pytest.raises(CheckpointError) as caught:
                run()
            for word in (str(path), *words):
                assert word in str(caught.value)
            assert '\n' not in str(caught.value)
            cases.append(str(caught.value))
        assert not Path('other').exists()
        assert not Path('tested').exists()

    refused('missing.ckpt', 'does not exist')
    broken.write_bytes(whole.read_bytes()[:-100])
    shutil.copy(state_path(whole), state_path(broken))
    refused(broken)
    ms.save_checkpoint(nn.Dense(2, 2), 'foreign.ckpt')
    shutil.copy(state_path(whole), state_path('foreign.ckpt'))
    refused('foreign.ckpt')
    assert len(cases) == 6


def test_a_checkpoint_without_its_state_cannot_be_resumed(trained):
    state = state_path(trained / 'epoch_3.ckpt')
    whole = state.read_bytes()
    state.unlink()
    with pytest.raises(CheckpointError, match='the training state epoch_3.state.npz is not beside it'):
        _train(resume='auto')
    state.write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match='epoch_3.state.npz is damaged or no zip archive'):
        _train(resume='auto')
    state.write_bytes(whole)
    with pytest.raises(CheckpointError, match='does not fit the config'):
        _train("optim_wrapper['optimizer'] = dict(type='AdamW', lr=0.1)\n", resume='auto')


def test_a_pytorch_checkpoint_is_not_resumed():
    Path('work').mkdir()
    Path('work/epoch_1.pth').write_bytes(b'x')
    Path('work/last_checkpoint').write_text(str(Path('work/epoch_1.pth').absolute()))
    with pytest.raises(CheckpointError, match=r'cannot be resumed by --backend mindspore'):
        _train(resume='auto')


@pytest.mark.parametrize(
    ('out', 'item'), [('x.txt', 'pred'), ('x.csv', 'metrics'), ('nowhere/x.pkl', 'pred'), ('folder.pkl', 'pred')]
)
def test_output_files_are_checked_first(out, item):
    Path('folder.pkl').mkdir()
    with pytest.raises(ShuffleNetZooError, match='--out'):
        trainer.test(_config(), 'any.ckpt', TestOptions(out=out, out_item=item))


# Trains the tiny network as tools/train.py would; one argument: whether to resume.
DRIVER = """
import sys
import time
sys.path.insert(0, {tests!r})
from helpers.tiny_net import replace_networks, trainer
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.jobs.backends import TrainOptions
replace_networks()
trainer.train(load_config('tiny.py'), TrainOptions(work_dir=sys.argv[1], resume=sys.argv[2] or None))
"""


def _start(work_dir, resume=''):
    driver = DRIVER.format(tests=str(Path(__file__).parents[2]))
    return subprocess.Popen(
        [sys.executable, '-c', driver, work_dir, resume], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_without_torch_sigkill_and_resume_end_bit_equal():
    _config("dataset['indices'] = 960\n")
    whole = _start('whole')
    killed = _start('killed')
    deadline = time.monotonic() + 120
    while not Path('killed/last_checkpoint').exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert whole.communicate()[1] == ''
    assert not Path('killed/epoch_3.ckpt').exists()
    resumed = _start('killed', 'auto')
    # Nothing of mindspore's reaches the terminal at the end.
    assert resumed.communicate()[1] == ''
    assert resumed.returncode == 0
    _assert_same('whole/epoch_3.ckpt', 'killed/epoch_3.ckpt')
