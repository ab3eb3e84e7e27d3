"""Disks that fill up, are read-only or go away, and runs that want one work directory."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.faults import BACKENDS, at_iteration, command, end, run, started, state_of, wait_for, write_job
from helpers.refusals import assert_refused, nothing_left

from shufflenet_zoo.jobs.workdir import latest_checkpoint


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, of 4 MB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], capture_output=True).returncode:
        pytest.skip('mounting needs root')
    yield folder
    subprocess.run(['umount', '--lazy', folder], check=True)


def drafts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob('*') if path.name.startswith('.unfinished') or path.suffix == '.tmp']


def fill(folder: Path, left: int) -> None:
    """Fill a disk but for so many bytes."""
    free = shutil.disk_usage(folder).free
    with (folder / 'filler').open('wb') as stream:
        stream.write(bytes(max(free - left, 0)))


# At once the log fails; with some bytes left it is the checkpoint.
@pytest.mark.faults
@pytest.mark.parametrize(
    ('backend', 'left'), [('torch', 0), ('torch', 200_000), ('mindspore', 0), ('mindspore', 24_000)]
)
def test_a_full_disk_is_one_line_and_costs_no_checkpoint(backend, left, disk, tmp_path):
    work = disk / 'work'
    train = command('train', write_job(tmp_path), '--work-dir', work, backend=backend)
    with started(*train, cwd=tmp_path) as process:
        wait_for(process, at_iteration(2, 1))
        fill(disk, left)
        status, _, errors = end(process)
    assert_refused(status, errors, str(work), 'cannot be written: No space left on device')
    assert latest_checkpoint(work).stem == 'epoch_1'
    assert state_of(latest_checkpoint(work))
    assert not drafts(disk)
    assert not list(work.glob('epoch_2*'))


@pytest.mark.faults
@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_a_read_only_disk_is_refused(backend, tool, disk, tmp_path):
    config = write_job(tmp_path)
    status, _, errors = run(*command('train', config, '--work-dir', 'work', backend=backend), cwd=tmp_path)
    assert status == 0, errors
    subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
    arguments = [latest_checkpoint(tmp_path / 'work')] if tool == 'test' else []
    refused = run(*command(tool, config, *arguments, '--work-dir', disk / 'new', backend=backend), cwd=tmp_path)
    assert_refused(refused[0], refused[2], str(disk / 'new'), 'Read-only file system')


@pytest.mark.faults
@pytest.mark.parametrize('backend', BACKENDS)
def test_a_removed_work_dir_is_one_line(backend, tmp_path):
    with started(
        *command('train', write_job(tmp_path), '--work-dir', 'work', backend=backend), cwd=tmp_path
    ) as process:
        wait_for(process, at_iteration(1, 3))
        (tmp_path / 'work').rename(tmp_path / 'gone')
        status, _, errors = end(process)
    assert_refused(status, errors, str(tmp_path / 'work'), 'was removed during the run')


@pytest.mark.parametrize(
    'backend',
    [pytest.param('torch', marks=pytest.mark.slow), pytest.param('mindspore', marks=pytest.mark.faults)],
)
def test_a_work_dir_has_one_run_until_its_process_ends(backend, tmp_path):
    train = command('train', write_job(tmp_path, workers=2), '--work-dir', 'work', backend=backend)
    with started(*train, cwd=tmp_path) as process:
        wait_for(process, at_iteration(1, 1))
        process.send_signal(signal.SIGSTOP)
        with nothing_left(tmp_path):
            status, _, errors = run(*train, cwd=tmp_path)
        assert_refused(status, errors, 'work is in use', f'process {process.pid} ')
        process.kill()
        process.wait()
        # Killed while it wrote, a process leaves a draft.
        (tmp_path / 'work' / '.unfinished-0123abcd-epoch_1.pth').write_bytes(b'half')
        status, _, errors = run(*train, cwd=tmp_path)
        assert status == 0, errors
    assert not drafts(tmp_path)
