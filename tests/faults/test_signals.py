"""SIGTERM and Ctrl-C: the training saves its moment, says so, and goes on from there to the same bits."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.faults import (
    BACKENDS,
    SUFFIXES,
    assert_same_state,
    at_iteration,
    command,
    end,
    run,
    started,
    torchrun,
    wait_for,
    write_job,
)
from helpers.refusals import assert_one_line

from shufflenet_zoo.jobs.workdir import latest_checkpoint

# What a naive resumption loses: averaged weights, augmentations that workers draw, and a batch mixed by chance.
HARD = {
    'torch': """
custom_hooks = [dict(type='EMAHook', momentum=0.1, update_buffers=True)]
model['train_cfg'] = dict(augments=dict(type='Mixup', alpha=0.8))
""",
    'mindspore': "custom_hooks = [dict(type='EMAHook', momentum=0.1, update_buffers=True)]\n",
}


def stop(process: subprocess.Popen, signum: int, moment: str) -> tuple[int, str, str]:
    """Send a signal as timeout does, to a process and to its group with the data workers; return what end() does."""
    wait_for(process, moment)
    process.send_signal(signum)
    os.killpg(process.pid, signum)
    return end(process)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The config and the last checkpoint of a training that nothing stops, by backend."""
    found = {}

    def train(backend):
        if backend not in found:
            folder = tmp_path_factory.mktemp(backend)
            config = write_job(folder, HARD[backend], workers=2)
            status, _, errors = run(*command('train', config, '--work-dir', 'whole', backend=backend), cwd=folder)
            assert status == 0, errors
            found[backend] = config, folder / 'whole' / f'epoch_2{SUFFIXES[backend]}'
        return found[backend]

    return train


# make test-all has the first.
MARKS = {('torch', signal.SIGTERM): pytest.mark.slow}
CASES = [(backend, signum) for backend in BACKENDS for signum in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize(
    ('backend', 'signum'), [pytest.param(*case, marks=MARKS.get(case, pytest.mark.faults)) for case in CASES]
)
def test_stopped_in_mid_epoch_and_resumed_to_the_bit(backend, signum, whole, tmp_path):
    config, expected = whole(backend)
    arguments = command('train', config, '--work-dir', 'work', '--resume', backend=backend)
    with started(*arguments, cwd=tmp_path) as process:
        status, output, errors = stop(process, signum, at_iteration(2, 5))
    if backend == 'mindspore':  # itself sends SIGTERM at every SIGINT while a compiled graph runs
        signum = signal.SIGTERM
    assert status == 128 + signum, errors
    assert 'done' not in output
    moment = latest_checkpoint(tmp_path / 'work')
    assert_one_line(errors, f'stopped by {signum.name} at iteration ', moment.name, '--resume')
    assert moment.name == f'interrupted{SUFFIXES[backend]}'
    assert not list((tmp_path / 'work').glob('epoch_2*'))

    status, output, errors = run(*arguments, cwd=tmp_path)
    assert status == 0, errors
    assert 'resumed' in output
    assert_same_state(tmp_path / 'work' / expected.name, expected)
    assert not list((tmp_path / 'work').glob('interrupted*'))


@pytest.mark.faults
@pytest.mark.parametrize('to', ['launcher', 'one process', 'every process'])
def test_all_processes_stop_at_one_iteration(to, tmp_path):
    config = write_job(tmp_path, HARD['torch'], workers=1)
    launcher = torchrun()
    tool = command('train', config, '--launcher', 'pytorch', '--device', 'cpu', '--resume')[1:]
    status, _, errors = run(*launcher, *tool, '--work-dir', 'whole', cwd=tmp_path)
    assert status == 0, errors
    with started(*launcher, *tool, '--work-dir', 'work', cwd=tmp_path) as process:
        wait_for(process, at_iteration(2, 5))
        workers = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
        if to == 'every process':  # as Slurm does, with the launcher and the data workers
            os.killpg(process.pid, signal.SIGTERM)
        else:
            os.kill(process.pid if to == 'launcher' else int(workers[1]), signal.SIGTERM)
        errors = end(process)[2]
    assert errors.count('stopped by SIGTERM at iteration ') == 1, errors
    assert latest_checkpoint(tmp_path / 'work').name == 'interrupted.pth'
    status, _, errors = run(*launcher, *tool, '--work-dir', 'work', cwd=tmp_path)
    assert status == 0, errors
    assert_same_state(tmp_path / 'work' / 'epoch_2.pth', tmp_path / 'whole' / 'epoch_2.pth')
