"""Trainings of MindSpore in two processes: they equal one, stop and resume together, and end together."""

import json
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.faults import (
    DIVERGES,
    assert_same_state,
    at_iteration,
    command,
    end,
    msrun,
    run,
    started,
    state_of,
    wait_for,
    worker_of,
    write_job,
)
from helpers.refusals import assert_refused
from helpers.tiny_job import ROOT

from shufflenet_zoo.jobs.workdir import latest_checkpoint
from shufflenet_zoo.weights.files import read_content

# Nothing that depends on how the images are dealt out: no statistics of a batch, and no augmentation.
PLAIN = """
model['backbone']['norm_cfg'] = dict(type='GN', num_groups=1)
train_dataloader.update(batch_size={batch})
train_dataloader['dataset'].update(pipeline=[dict(type='PackInputs')], indices=96)
val_dataloader.update(batch_size=8)
val_dataloader['dataset']['indices'] = 63
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.05, momentum=0.9))
param_scheduler = []
train_cfg = dict(max_epochs=1)
"""


def scalars(work_dir: Path) -> list[dict]:
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def tiny(tool: str, *arguments: object, folder: Path) -> list[str]:
    """Return the command line of a tool in two processes, with the tiny network."""
    # It takes a script, not a module.
    (folder / 'tiny.py').write_text('from helpers.tiny_net import main\n\nmain()\n')
    return [*msrun(), 'tiny.py', *command(tool, *arguments, backend='mindspore')[3:]]


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    """With a network of full depth: what runs with the tiny one may exceed a limit of the compiler's."""
    outputs = []
    for count in (1, 2):
        config = write_job(tmp_path, PLAIN.format(batch=16 // count), name=f'{count}.py')
        launcher = [sys.executable] if count == 1 else msrun()
        train = [*launcher, str(ROOT / 'tools' / 'train.py'), str(config), '--backend', 'mindspore']
        status, output, errors = run(*train, '--work-dir', f'work{count}', cwd=tmp_path)
        assert status == 0, output + errors
        outputs.append(output)
    assert all(output.count('[1/1][6/6]') == output.count('done: ') == 1 for output in outputs), outputs
    one, two = scalars(tmp_path / 'work1'), scalars(tmp_path / 'work2')
    for name in ('loss', 'accuracy/top1', 'val_loss'):
        found, expected = ([line[name] for line in lines if name in line] for lines in (two, one))
        assert found == pytest.approx(expected, abs=1e-5), name
    one, two = (read_content(tmp_path / work / 'epoch_1.ckpt').tensors for work in ('work1', 'work2'))
    assert one.keys() == two.keys()
    differences = {name: float(np.abs(one[name] - two[name]).max()) for name in one}
    print(f'largest difference of a weight: {max(differences.values())}')
    assert max(differences.values()) < 1e-4, differences


@pytest.fixture
def train(tmp_path):
    """The command line of a training in two processes; the work directory must follow."""
    extra = "custom_hooks = [dict(type='EMAHook', momentum=0.1, update_buffers=True)]\n"
    config = write_job(tmp_path, extra + "test_dataloader['dataset']['indices'] = 63\n")
    return [*tiny('train', config, '--resume', folder=tmp_path), '--work-dir']


@pytest.mark.faults
def test_stopped_by_a_signal_to_one_and_resumed_to_the_bit(train, tmp_path):
    status, output, errors = run(*train, 'whole', cwd=tmp_path)
    assert status == 0, output + errors
    with started(*train, 'work', cwd=tmp_path) as launcher:
        wait_for(launcher, at_iteration(2, 2))
        os.kill(worker_of(launcher, 1), signal.SIGTERM)
        _, output, errors = end(launcher)
    assert (output + errors).count('stopped by SIGTERM at iteration ') == 1, output + errors
    assert latest_checkpoint(tmp_path / 'work').name == 'interrupted.ckpt'
    status, output, errors = run(*train, 'work', cwd=tmp_path)
    assert status == 0, output + errors
    assert 'resumed at iteration ' in output
    assert_same_state(tmp_path / 'work' / 'epoch_2.ckpt', tmp_path / 'whole' / 'epoch_2.ckpt')

    # A test finds what one process finds, in its order.
    arguments = ('test', tmp_path / 'job.py', 'work/epoch_2.ckpt')
    found = {}
    for count, test in {1: command(*arguments, backend='mindspore'), 2: tiny(*arguments, folder=tmp_path)}.items():
        status, output, errors = run(*test, '--out', f'{count}.pkl', cwd=tmp_path)
        assert status == 0, output + errors
        found[count] = pickle.loads((tmp_path / f'{count}.pkl').read_bytes())
    assert [len(items) for items in found.values()] == [63, 63]
    for one, two in zip(found[1], found[2], strict=True):
        assert one['gt_label'] == two['gt_label']
        np.testing.assert_allclose(one['pred_score'], two['pred_score'], atol=1e-6)

    # Of another number of processes an iteration is another.
    alone = command('train', tmp_path / 'job.py', '--resume', '--work-dir', 'work', backend='mindspore')
    assert_refused(*run(*alone, cwd=tmp_path)[::2], 'was trained by 2 processes, and there are 1')


@pytest.mark.faults
def test_all_processes_stop_and_one_says_why(tmp_path):
    train = tiny('train', write_job(tmp_path, DIVERGES), '--work-dir', 'work', folder=tmp_path)
    _, output, errors = run(*train, cwd=tmp_path)
    assert (output + errors).count('error: the loss is nan at iteration ') == 1, output + errors
    assert latest_checkpoint(tmp_path / 'work').stem == 'epoch_1'


@pytest.mark.faults
def test_a_killed_process_ends_the_other(train, tmp_path):
    with started(*train, 'work', cwd=tmp_path) as launcher:
        wait_for(launcher, at_iteration(2, 1))
        main = worker_of(launcher, 0)
        os.kill(worker_of(launcher, 1), signal.SIGKILL)
        killed = time.monotonic()
        while 'State:\tZ' not in Path(f'/proc/{main}/status').read_text():  # msrun looks after it later
            assert time.monotonic() < killed + 60
            time.sleep(0.1)
        print(f'the other ended after {time.monotonic() - killed:.0f} s')
        status, output, _ = end(launcher)
    assert status != 0
    assert 'done: ' not in output
    assert latest_checkpoint(tmp_path / 'work').stem == 'epoch_1'
    assert state_of(latest_checkpoint(tmp_path / 'work'))
