"""A training job of a few seconds on the digits, for the tests of the tools."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_TEXT = """
_base_ = [{base!r}]

model = dict(backbone=dict(widen_factor=0.5), head=dict(in_channels='auto'))
train_dataloader = dict(
    batch_size=16,
    dataset=dict(indices=48, pipeline=[dict(type='RandomCrop', crop_size=8, padding=1), dict(type='PackInputs')]))
val_dataloader = dict(batch_size=64, dataset=dict(indices=64, pipeline=[dict(type='PackInputs')]))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=3)
{extra}
"""


def write_config(path: Path, extra: str = '', base: str = 'shufflenet_v1_g3.py') -> Path:
    """Write a config of 3 epochs of 3 iterations; ``extra`` is appended to it."""
    path.write_text(_TEXT.format(base=str(ROOT / 'configs' / base), extra=extra))
    return path


def run_tool(name: str, *args: object, cwd: Path, **env: str) -> subprocess.CompletedProcess:
    """Run a tool of the project in a folder, on one thread."""
    return subprocess.run(
        [sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, args)],
        cwd=cwd,
        text=True,
        timeout=300,
        capture_output=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '-1', **env},
    )
