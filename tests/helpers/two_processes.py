"""Trainings over two processes of the CPU; started by torchrun, as ``python -m helpers.two_processes JOBS``."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from helpers.tiny_job import ROOT


def run_two_processes(jobs: list[dict], folder: Path) -> None:
    """Train jobs one after the other in the same two processes.

    Args:
        jobs: For each its config file, the dict of overrides, the work directory and, for a detector, the folder of
            the tiny COCO set that its config is shrunk to.
        folder: Where to run.
    """
    (folder / 'jobs.json').write_text(json.dumps(jobs))
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        port = probe.getsockname()[1]
    command = ['-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}']
    done = subprocess.run(
        [sys.executable, *command, '-m', 'helpers.two_processes', 'jobs.json'],
        cwd=folder,
        timeout=600,
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT / 'tests')},
    )
    assert done.returncode == 0, done.stderr[-12000:]


def main() -> None:
    """Train every job."""
    from helpers.tiny_coco import shrink
    from shufflenet_zoo.jobs.backends import TrainOptions
    from shufflenet_zoo.jobs.config import load_config
    from shufflenet_zoo.openmmlab.runner import train

    for job in json.loads(Path(sys.argv[1]).read_text()):
        config = load_config(job['config'])
        if job.get('coco'):
            config = shrink(config, Path(job['coco']))
        config.merge_from_dict(job['overrides'])
        train(config, TrainOptions(work_dir=job['work_dir'], launcher='pytorch', device='cpu'))


if __name__ == '__main__':
    main()
