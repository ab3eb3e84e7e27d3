"""The command lines with --backend mindspore, on a network of this project."""

import json
import shutil

import pytest
from helpers.tiny_job import ROOT, run_tool, write_config

BACKEND = ('--backend', 'mindspore')


@pytest.fixture(scope='module')
def job(tmp_path_factory):
    """A folder with a config, trained."""
    folder = tmp_path_factory.mktemp('job')
    write_config(folder / 'job.py', 'train_cfg = dict(max_epochs=2)\ndefault_hooks = dict(logger=dict(interval=1))\n')
    write_config(folder / 'wider.py', 'model = dict(backbone=dict(widen_factor=1.0))\n')
    result = run_tool('train', 'job.py', *BACKEND, '--amp', cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_trains_a_real_network_and_says_how_to_test_it(job):
    _, result = job
    lines = result.stdout.splitlines()
    assert sum('eta: ' in line and 'loss: ' in line for line in lines) == 6
    assert sum('accuracy/top1: ' in line for line in lines) == 2
    assert lines[-1] == (
        'done: the checkpoint is work_dirs/job_mindspore/epoch_2.ckpt; test it with: python '
        f'{ROOT}/tools/test.py work_dirs/job_mindspore/job.py work_dirs/job_mindspore/epoch_2.ckpt'
    )
    assert '48 to train on, 64 to validate' in result.stdout
    # Nothing of mindspore's own, at the exit neither.
    assert result.stderr == ''


def test_the_command_of_the_last_line_works(job):
    folder, result = job
    command = result.stdout.splitlines()[-1].partition('tools/test.py ')[2].split()
    tested = run_tool('test', *command, '--out', 'metrics.json', '--out-item', 'metrics', cwd=folder)
    assert tested.returncode == 0, tested.stderr
    assert tested.stderr == ''
    assert set(json.loads((folder / 'metrics.json').read_text())) == {'accuracy/top1', 'accuracy/top5'}


@pytest.mark.parametrize(
    ('tool', 'arguments', 'words'),
    [
        ('test', ('job.py', 'absent.ckpt'), ('absent.ckpt', 'does not exist')),
        ('test', ('job.py', 'cut.ckpt'), ('cut.ckpt',)),
        ('test', ('wider.py', 'work_dirs/job_mindspore/epoch_2.ckpt'), ('epoch_2.ckpt',)),
        (
            'train',
            ('job.py', '--cfg-options', 'optim_wrapper.accumulative_counts=2'),
            ('optim_wrapper.accumulative_counts=2', '--backend mindspore'),
        ),
        (
            'train',
            (
                'job.py',
                '--cfg-options',
                'train_dataloader.dataset.type=CustomDataset',
                'train_dataloader.dataset.data_root=nowhere',
            ),
            ('nowhere', 'does not exist'),
        ),
    ],
    ids=['absent', 'truncated', 'another architecture', 'unsupported key', 'no data'],
)
def test_bad_input_is_one_line(job, refused, tmp_path, tool, arguments, words):
    shutil.copytree(job[0], tmp_path, dirs_exist_ok=True)
    checkpoint = tmp_path / 'work_dirs/job_mindspore/epoch_2.ckpt'
    (tmp_path / 'cut.ckpt').write_bytes(checkpoint.read_bytes()[:-100])
    refused(tool, *arguments, *BACKEND, '--work-dir', 'other/dir', words=words)
