"""Training over two processes in PyTorch, by what each launcher tells them."""

import json
import subprocess
import sys

import pytest
import torch
from helpers.faults import environment, free_port
from helpers.tiny_job import ROOT, run_tool, write_config

from shufflenet_zoo.weights.file_torch import read_checkpoint

# Nothing that depends on how images are dealt out to processes and iterations.
PLAIN = """
model['backbone'].update(norm_cfg=dict(type='GN', num_groups=2), with_cp={with_cp})
train_dataloader.update(batch_size={batch})
train_dataloader['dataset']['pipeline'] = [dict(type='PackInputs')]
val_dataloader['dataset']['indices'] = 63
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4),
    accumulative_counts={accumulative_counts})
param_scheduler = []
"""
# What each launcher tells one of two processes.
TOLD = {
    'pytorch': {'RANK': '{rank}', 'WORLD_SIZE': '2', 'LOCAL_RANK': '{rank}', 'MASTER_ADDR': '127.0.0.1'},
    'slurm': {'SLURM_PROCID': '{rank}', 'SLURM_NTASKS': '2', 'SLURM_LOCALID': '{rank}', 'SLURM_NNODES': '1'},
    'mpi': {
        **{f'OMPI_COMM_WORLD_{name}': '{rank}' for name in ('RANK', 'LOCAL_RANK')},
        **{f'OMPI_COMM_WORLD_{name}': '2' for name in ('SIZE', 'LOCAL_SIZE')},
    },
}


def accuracies(work_dir):
    """Return the accuracies of every evaluation of a run."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = map(json.loads, path.read_text().splitlines())
    return [line['accuracy/top1'] for line in lines if 'accuracy/top1' in line]


@pytest.fixture(scope='module')
def one_process(tmp_path_factory):
    """The folder of a training of three steps with 48 images each."""
    folder = tmp_path_factory.mktemp('one')
    config = write_config(folder / 'one.py', PLAIN.format(with_cp=False, batch=48, accumulative_counts=1))
    done = run_tool('train', config, '--device', 'cpu', '--work-dir', 'work', cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / 'work'


@pytest.mark.slow
@pytest.mark.parametrize('launcher', TOLD)
def test_two_processes_of_a_launcher_equal_one(launcher, one_process, tmp_path):
    """Their gradients are summed over processes and iterations, of recomputed activations."""
    config = write_config(tmp_path / 'two.py', PLAIN.format(with_cp=True, batch=8, accumulative_counts=3))
    tool = [ROOT / 'tools' / 'train.py', config, '--launcher', launcher, '--device', 'cpu', '--work-dir', 'work']
    port, processes = free_port(), []
    for rank in range(2):
        told = {name: value.format(rank=rank) for name, value in TOLD[launcher].items()}
        env = environment(MASTER_PORT=str(port), **told)
        processes.append(
            subprocess.Popen(
                [sys.executable, *map(str, tool)],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [output.count('done: ') for output, _ in outputs] == [1, 0]
    assert not [line for _, errors in outputs for line in errors.splitlines() if 'Warning' in line], outputs
    one, two = (read_checkpoint(path) for path in (one_process / 'epoch_3.pth', tmp_path / 'work' / 'epoch_3.pth'))
    assert two['meta']['iter'] == 9
    for name, tensor in one['state_dict'].items():
        torch.testing.assert_close(two['state_dict'][name], tensor, rtol=0, atol=1e-5, msg=name)
    assert accuracies(tmp_path / 'work') == accuracies(one_process)


def test_a_launcher_that_has_not_started_the_process_is_named(refused):
    refused(
        'train',
        ROOT / 'configs' / 'shufflenet_v2.py',
        '--launcher',
        'slurm',
        '--device',
        'cpu',
        words=('--launcher slurm: srun has not started this process (SLURM_PROCID is not set)',),
    )
