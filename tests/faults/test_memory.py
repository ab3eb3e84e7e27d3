"""Trainings that go on for long hold as much memory at their end as after their beginning."""

from pathlib import Path

import pytest
from helpers.faults import BACKENDS, at_iteration, command, end, started, wait_for, write_job

# 56 epochs of 90 iterations: 5,040.
LONG = """
train_dataloader['dataset']['indices'] = 1440
train_cfg = dict(max_epochs=56, val_interval=10)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=20))
"""


def resident(pid: int) -> int:
    """Return the kilobytes that a process holds."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(status.partition('VmRSS:')[2].split()[0])


@pytest.mark.faults
@pytest.mark.parametrize('backend', BACKENDS)
def test_memory_stays_the_same_over_5000_iterations(backend, tmp_path):
    config = write_job(tmp_path, LONG)
    train = command('train', config, '--work-dir', 'work', backend=backend)
    with started(*train, cwd=tmp_path, patience=1200) as process:
        wait_for(process, at_iteration(4, 30))
        early = resident(process.pid)
        wait_for(process, at_iteration(56, 80))
        late = resident(process.pid)
        status, _, errors = end(process)
    assert status == 0, errors
    assert late < 1.02 * early, f'{early} kB after 300 iterations, {late} kB after 5,030'
