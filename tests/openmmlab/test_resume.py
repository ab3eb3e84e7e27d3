"""A training that was killed and resumed ends with the same bits as one that was not."""

import signal
import subprocess
import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from helpers.tiny_job import run_tool, write_config
from mmengine.fileio import LocalBackend
from torch._dynamo.utils import counters

from shufflenet_zoo.jobs.backends import TrainOptions
from shufflenet_zoo.jobs.config import load_config
from shufflenet_zoo.jobs.workdir import latest_checkpoint
from shufflenet_zoo.openmmlab.runner import train
from shufflenet_zoo.weights.file_torch import read_checkpoint

# Dropout, mixed batches and averaged weights draw or carry what a naive resume loses; workers draw augmentations.
HARD = """
model['train_cfg'] = dict(augments=dict(type='Mixup', alpha=0.8))
custom_hooks = [dict(type='EMAHook', momentum=0.1, update_buffers=True)]
train_dataloader.update(num_workers=2)
randomness = dict(seed=None)
"""
KILLER = """
import os, signal
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class Killer(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if os.environ.get('KILL_AT') == str(runner.iter):
            os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED = """
custom_imports = dict(imports=['killer'])
custom_hooks.append(dict(type='Killer'))
"""


def run(path, work_dir, **options):
    train(load_config(path), TrainOptions(work_dir=str(work_dir), device='cpu', **options))
    return read_checkpoint(latest_checkpoint(work_dir))


def assert_same_bits(a, b):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same_bits(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same_bits(left, right)
    else:
        assert a == b


def assert_same_training(a, b):
    for key in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        assert (key in a) == (key in b)
        assert_same_bits(a.get(key), b.get(key))
    assert a['meta']['epoch'] == b['meta']['epoch'] == 3
    assert_same_bits(a['log_scalars']['train/loss'], b['log_scalars']['train/loss'])


@pytest.fixture(scope='module')
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# A last batch of another size is left uncompiled; activations are computed twice; one stage is compiled soonest.
COMPILED = """
model['backbone'].update(with_cp=True, out_indices=(0,))
train_dataloader['dataset']['indices'] = 40
"""


@pytest.mark.slow
@pytest.mark.parametrize('extra', ['', COMPILED], ids=['eager', 'compiled'])
def test_killed_in_mid_epoch(extra, tmp_path, threads):
    (tmp_path / 'killer.py').write_text(KILLER)
    config = write_config(tmp_path / 'killed.py', HARD + extra + KILLED)
    path = {'PYTHONPATH': str(tmp_path)}
    options = ('--compile',) if extra else ()
    killed = run_tool('train', config, *options, '--work-dir', 'killed', cwd=tmp_path, KILL_AT='4', **path)
    assert killed.returncode == -signal.SIGKILL
    assert latest_checkpoint(tmp_path / 'killed').name == 'epoch_1.pth'
    seed = read_checkpoint(tmp_path / 'killed' / 'epoch_1.pth')['meta']['seed']

    again = ('--work-dir', 'killed', '--resume', 'auto')
    resumed = run_tool('train', config, *options, *again, cwd=tmp_path, **path)
    assert resumed.returncode == 0, resumed.stderr
    assert 'resumed epoch: 1' in resumed.stdout
    a = read_checkpoint(tmp_path / 'killed' / 'epoch_3.pth')
    whole = write_config(tmp_path / 'whole.py', f"{HARD}{extra}\nrandomness['seed'] = {seed}")
    counters.clear()
    assert_same_training(a, run(whole, tmp_path / 'whole', compile=bool(extra)))
    assert counters['stats']['unique_graphs'] == bool(extra)
    assert 'ema_state_dict' in a


@pytest.fixture(scope='module')
def whole(tmp_path_factory, threads):
    folder = tmp_path_factory.mktemp('whole')
    return run(write_config(folder / 'whole.py'), folder / 'whole')


@pytest.mark.slow
def test_checkpoints_are_read_by_anybodys_torch(tmp_path):
    """mmpretrain's own tool, which fails on the logs that mmengine writes, and torch without any of us."""
    run(write_config(tmp_path / 'job.py'), tmp_path / 'work')
    path = latest_checkpoint(tmp_path / 'work')
    code = 'import sys, torch; print(*torch.load(sys.argv[1], weights_only=True))'
    done = subprocess.run([sys.executable, '-c', code, path], check=True, capture_output=True, text=True)
    assert {'state_dict', 'optimizer', 'log_scalars'} <= set(done.stdout.split())
    tool = Path(mmpretrain.__file__).parent / '.mim' / 'tools' / 'model_converters' / 'publish_model.py'
    subprocess.run([sys.executable, tool, path, tmp_path / 'published.pth'], check=True, capture_output=True)
    assert list(tmp_path.glob('published*.pth'))


class Cut(Exception):
    pass


def test_cut_while_saving(tmp_path, whole, monkeypatch):
    put = LocalBackend.put

    def put_half(self, content, path):
        if 'epoch_2' in str(path):
            put(self, content[: len(content) // 2], path)
            raise Cut
        put(self, content, path)

    config = write_config(tmp_path / 'cut.py')
    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(LocalBackend, 'put', put_half)
        run(config, tmp_path / 'cut')
    assert latest_checkpoint(tmp_path / 'cut').name == 'epoch_1.pth'
    assert not (tmp_path / 'cut' / 'epoch_2.pth').exists()
    assert_same_training(run(config, tmp_path / 'cut', resume='auto'), whole)
    assert not list((tmp_path / 'cut').glob('.unfinished*'))


def test_outdated_checkpoint_goes_last(tmp_path, threads, monkeypatch):
    put = LocalBackend.put

    def put_nothing(self, content, path):
        if 'epoch_3' in str(path):
            raise Cut
        put(self, content, path)

    config = write_config(tmp_path / 'keep.py', 'default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))')
    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(LocalBackend, 'put', put_nothing)
        run(config, tmp_path / 'keep')
    assert latest_checkpoint(tmp_path / 'keep').is_file()
    run(config, tmp_path / 'keep', resume='auto')
    assert [path.name for path in (tmp_path / 'keep').glob('epoch_*')] == ['epoch_3.pth']


def test_moved_work_dir(tmp_path, whole):
    config = write_config(tmp_path / 'moved.py', 'train_cfg = dict(max_epochs=2)')
    run(config, tmp_path / 'before')
    (tmp_path / 'before').rename(tmp_path / 'after')
    assert latest_checkpoint(tmp_path / 'after') == tmp_path / 'after' / 'epoch_2.pth'


def test_same_draws_with_and_without_workers(tmp_path, whole):
    config = write_config(tmp_path / 'workers.py', 'train_dataloader.update(num_workers=2)')
    assert_same_training(run(config, tmp_path / 'workers'), whole)


@pytest.mark.slow
def test_iteration_based(tmp_path, threads):
    loop = """
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=6, val_interval=100)
param_scheduler = None
train_dataloader.update(sampler=dict(_delete_=True, type='InfiniteSampler'))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=4, max_keep_ckpts=3))
"""
    config = write_config(tmp_path / 'iterations.py', loop)
    complete = run(config, tmp_path / 'iterations')
    assert complete['meta']['iter'] == 6
    halfway = tmp_path / 'iterations' / 'iter_4.pth'
    resumed = run(config, tmp_path / 'resumed', resume=str(halfway))
    assert_same_bits(resumed['state_dict'], complete['state_dict'])
    assert_same_bits(resumed['optimizer'], complete['optimizer'])
