"""How many images per second one core prepares for training, stage by stage, beside what the networks consume."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shufflenet_zoo.benchmark.cases import Case
from shufflenet_zoo.benchmark.measure import describe_machine, run
from shufflenet_zoo.errors import BenchmarkError
from shufflenet_zoo.jobs import tables
from shufflenet_zoo.jobs.config import load_config

# The configs' pipelines, each transform of which is a stage, and the packages that can decode.
_DECODERS = 'decoders'
_WORKERS = ('torch', 'mindspore', _DECODERS)
_CONFIGS = ('shufflenet-v1-1x-g3_in1k', 'shufflenet-v2-1x_in1k')
_TRAINING_BATCH = 32
_CONSUMERS = [
    Case(network, engine, _TRAINING_BATCH)
    for network in ('ours/v1', 'ours/v2')
    for engine in ('training', 'mindspore-training')
]
# As ImageNet-1k's training pictures are: most of 500 by 375 pixels, 115,000 bytes on average.
_SIZE = 375, 500
_QUALITY = 92
_NUM_IMAGES = 32
# Noise of single pixels, so strong that the files have their bytes.
_GRAIN = 20.0


def measure(threads: int, seconds: float, report: Callable[[str], None]) -> dict[str, Any]:
    """Measure the pipelines of both backends, the decoders and the training of the networks.

    Args:
        threads: Threads of the networks; the pipelines have one.
        seconds: For how long every stage runs.
        report: Told what is being measured.

    Returns:
        What the machine is, the mean bytes of an image, images per second by worker and stage, and by network.

    Raises:
        BenchmarkError: if a backend cannot be measured.
    """
    results: dict[str, Any] = {'machine': describe_machine(threads), 'stages': {}}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(Path(folder), _NUM_IMAGES)
        results['bytes'] = sum(path.stat().st_size for path in paths) / len(paths)
        for worker in _WORKERS:
            for config in _CONFIGS if worker != _DECODERS else [None]:
                name = f'{worker}, {config}' if config else worker
                report(f'stages: {name}')
                results['stages'][name] = _work(worker, config, paths, seconds)
    found = run(_CONSUMERS, [], threads, seconds, report)
    results['networks'] = {str(case): _TRAINING_BATCH / found.median(case) * 1e3 for case in _CONSUMERS}
    return results


def write_images(folder: Path, count: int) -> list[Path]:
    """Write JPEG files of the size that ImageNet's have, in pixels and in bytes; the same ones every time."""
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        image = np.full((*_SIZE, 3), 128, np.float32)
        # Structure of every scale, as in photographs: the coarser, the stronger.
        for octave in range(2, 9):
            cells = random.normal(size=(max(2, _SIZE[0] >> octave), max(2, _SIZE[1] >> octave), 3)).astype(np.float32)
            image += 8 * octave * cv2.resize(cells, _SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        image += random.normal(scale=_GRAIN, size=image.shape)
        paths.append(folder / f'{number}.jpg')
        cv2.imwrite(str(paths[-1]), np.clip(image, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return paths


def _work(worker: str, config: str | None, paths: Sequence[Path], seconds: float) -> dict[str, Any]:
    """Let a fresh process measure."""
    orders: dict[str, Any] = {'worker': worker, 'paths': [str(path) for path in paths], 'seconds': seconds}
    if config:
        said = load_config(config)
        orders |= {
            'pipeline': said.train_dataloader.dataset.pipeline,
            'preprocessor': {name: value for name, value in said.data_preprocessor.items() if name != 'type'},
        }
    done = subprocess.run(
        [sys.executable, '-m', 'shufflenet_zoo.benchmark.pipeline_worker'],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or 'no message').splitlines()[-1]
        raise BenchmarkError(f'the pipeline of {worker} cannot be measured: {last}')
    return json.loads(done.stdout)


def markdown(results: Mapping[str, Any]) -> str:
    """Return what was measured as tables."""
    machine = results['machine']
    parts = [
        f'{machine["processor"]}, one core; JPEG files of {_SIZE[1]}x{_SIZE[0]} pixels and '
        f'{results["bytes"] / 1e3:.0f} kB.'
    ]
    for name, stages in results['stages'].items():
        times = {stage: said['seconds'] for stage, said in stages.items()}
        notes = {stage: said['note'] for stage, said in stages.items()}
        if name != _DECODERS:
            times['all'], notes['all'] = sum(times.values()), ''
        rows = [(f'{stage}', f'{1 / times[stage]:.0f}', f'{1e3 * times[stage]:.2f}', notes[stage]) for stage in times]
        parts.append(tables.markdown([(name, 'images per second', 'ms', ''), *rows]))
    rows = [(f'training, batch {_TRAINING_BATCH}, {machine["threads"]} threads', 'images per second')]
    rows += [(name, f'{value:.0f}') for name, value in results['networks'].items()]
    return '\n\n'.join([*parts, tables.markdown(rows)])
