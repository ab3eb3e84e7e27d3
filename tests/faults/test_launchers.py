"""MindSpore's launcher of several processes, which the trainer does not serve yet."""

import os
import sys
from pathlib import Path

import pytest
from helpers.faults import command, free_port, run, write_job


@pytest.mark.faults
def test_msrun_with_several_processes_is_refused(tmp_path):
    train = command('train', write_job(tmp_path), '--work-dir', 'work', backend='mindspore')[1:]
    msrun = [str(Path(sys.executable).with_name('msrun')), '--worker_num=2', '--local_worker_num=2', '--join=True']
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    # msrun takes a script, not a module.
    code = f'import runpy, sys; del sys.argv[1]; runpy.run_module({train[1]!r}, run_name="__main__")'
    (tmp_path / 'run.py').write_text(code)
    run(*msrun, f'--master_port={free_port()}', '--log_dir=logs', 'run.py', *train[1:], cwd=tmp_path, PATH=path)
    logs = [(tmp_path / 'logs' / f'worker_{rank}.log').read_text() for rank in range(2)]
    assert all("error: msrun --worker_num='2' is not supported by --backend mindspore" in log for log in logs), logs
    assert not (tmp_path / 'work').exists()
