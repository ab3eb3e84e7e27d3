"""Trainings in processes of their own, to be killed, starved and broken."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.tiny_job import ROOT, write_config
from shufflenet_zoo.weights.file_torch import read_checkpoint
from shufflenet_zoo.weights.files import read_content

BACKENDS = ('torch', 'mindspore')
SUFFIXES = {'torch': '.pth', 'mindspore': '.ckpt'}
# Long enough for a loaded machine; a run that hangs is killed.
_PATIENCE = 480
# 2 epochs of 24 iterations, every one of them told.
_JOB = """
train_dataloader.update(batch_size=16, num_workers={workers})
train_dataloader['dataset']['indices'] = 384
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
model['backbone'].update(groups=1, widen_factor=0.25)
"""
# An epoch that trains, then steps too large for any number.
DIVERGES = """
optim_wrapper = dict(optimizer=dict(lr=1e-2))
param_scheduler = [dict(type='MultiStepLR', milestones=[1], gamma=1e32)]
"""


def write_job(folder: Path, extra: str = '', workers: int = 0, name: str = 'job.py') -> Path:
    """Write the config of a training of 2 epochs of 24 iterations, in which every iteration has its line."""
    return write_config(folder / name, _JOB.format(workers=workers) + extra)


def command(tool: str, *arguments: Any, backend: str = 'torch') -> list[str]:
    """Return the command line of a tool; MindSpore has a tiny network, which compiles at once."""
    program = [str(ROOT / 'tools' / f'{tool}.py')] if backend == 'torch' else ['-m', 'helpers.tiny_net', tool]
    return [sys.executable, *program, *map(str, arguments), '--backend', backend]


def torchrun() -> list[str]:
    """Return the beginning of a command line that starts two processes of PyTorch."""
    launcher = ['-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={free_port()}']
    return [sys.executable, *launcher]


def msrun() -> list[str]:
    """Return the beginning of a command line that starts two processes of MindSpore; a script must follow."""
    launcher = str(Path(sys.executable).with_name('msrun'))
    workers = ['--worker_num=2', '--local_worker_num=2', f'--master_port={free_port()}']
    return [launcher, *workers, '--log_dir=logs', '--join=True']


def worker_of(launcher: subprocess.Popen, rank: int) -> int:
    """Return the process id of one of msrun's workers."""
    children = Path(f'/proc/{launcher.pid}/task/{launcher.pid}/children').read_text().split()
    for child in children:
        said = Path(f'/proc/{child}/environ').read_text().split('\0')
        is_log = 'tail' in Path(f'/proc/{child}/cmdline').read_text().split('\0')[0]
        if {'MS_ROLE=MS_WORKER', f'MS_NODE_ID={rank}'} <= set(said) and not is_log:
            return int(child)
    raise AssertionError(f'msrun has no worker {rank}')


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        return probe.getsockname()[1]


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of such a command."""
    return {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',  # where msrun looks for python
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '-1',
        'PYTHONPATH': str(ROOT / 'tests'),
        **extra,
    }


@contextmanager
def started(*args: str, cwd: Path, patience: float = _PATIENCE, **env: str) -> Iterator[subprocess.Popen]:
    """Start a command in a group of its own; kill it if it is still there after the patience, or behind the block."""
    process = subprocess.Popen(
        args,
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    timer = threading.Timer(patience, _kill, [process])
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen) -> None:
    """Kill a process and those that it has started: msrun's workers would live on."""
    if process.poll() is not None:
        return
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
    process.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)


def wait_for(process: subprocess.Popen, pattern: str) -> None:
    """Read a process's output until a line has the pattern."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            return
    raise AssertionError(f'no line with {pattern}: {"".join(lines)}{process.stderr.read()}')


def end(process: subprocess.Popen) -> tuple[int, str, str]:
    """Wait for the end of a process; return its exit status and the rest of its output and of its errors."""
    output, errors = process.communicate(timeout=_PATIENCE)
    return process.returncode, output, errors


def run(*args: str, cwd: Path, **env: str) -> tuple[int, str, str]:
    """Run a command to its end."""
    with started(*args, cwd=cwd, **env) as process:
        return end(process)


def at_iteration(epoch: int, iteration: int) -> str:
    """Return the pattern of the line of an iteration, in either backend."""
    return rf'Epoch\(train\)\s+\[{epoch}(/\d+)?\]\[\s*{iteration}/\d+\]'


def state_of(checkpoint: Path) -> dict[str, np.ndarray]:
    """Return everything that a checkpoint says of a training, by name."""
    if checkpoint.suffix == '.pth':
        content = read_checkpoint(checkpoint)
        parts = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
        said = {part: content[part] for part in parts if part in content}
        return dict(_flat({**said, 'loss': content['log_scalars']['train/loss']}))
    arrays = dict(np.load(checkpoint.with_suffix('.state.npz')))
    return {**{f'weights/{name}': array for name, array in read_content(checkpoint).tensors.items()}, **arrays}


def _flat(value: Any, name: str = '') -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, Mapping):
        value = value.items()
    elif isinstance(value, (list, tuple)):
        value = enumerate(value)
    else:
        yield name, value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        return
    for key, item in value:
        yield from _flat(item, f'{name}/{key}')


def assert_same_state(found: Path, expected: Path) -> None:
    """Assert that two checkpoints are the same to the bit."""
    a, b = state_of(found), state_of(expected)
    assert a.keys() == b.keys()
    odd = [name for name in a if not np.array_equal(a[name], b[name])]
    assert not odd, f'{len(odd)} of {len(a)} differ: {odd[:5]}'
