"""Measures cases, each engine in a process of its own, one after the other, and reports what was found."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shufflenet_zoo.benchmark.cases import ENVIRONMENTS, Case, Ratio
from shufflenet_zoo.errors import BenchmarkError

_PACKAGES = (
    'torch',
    'torchvision',
    'mmpretrain',
    'pytorchcv',
    'timm',
    'onnxruntime',
    'openvino',
    'nncf',
    'ncnn',
    'MNN',
    'ai-edge-litert',
    'mindspore',
    'mindcv',
)


@dataclass
class Results:
    """What was measured.

    Attributes:
        times: Milliseconds of every repetition, by the case's name.
        starts: What measure_start found, by the case's name.
        machine: Processor, cores, threads and the versions of the packages.
        peaks: What roofline.measure_peaks found.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    starts: dict[str, dict[str, float]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    def median(self, case: Case) -> float:
        """Return the median time of a case in milliseconds."""
        return statistics.median(self.times[str(case)])

    def spread(self, case: Case) -> float:
        """Return half the distance of the quartiles, in percent of the median."""
        low, middle, high = statistics.quantiles(self.times[str(case)], n=4)
        return 50 * (high - low) / middle

    def ratio(self, ratio: Ratio) -> float:
        """Return how many times as fast as its fastest peer the subject is."""
        return min(map(self.median, ratio.peers)) / self.median(ratio.subject)

    def as_dict(self, ratios: Sequence[Ratio]) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            'machine': self.machine,
            'medians_ms': {name: statistics.median(times) for name, times in self.times.items()},
            'times_ms': self.times,
            'starts': self.starts,
            'peaks_per_second': self.peaks,
            'ratios': [
                {'title': ratio.title, 'batch': ratio.subject.batch, 'ratio': self.ratio(ratio)} for ratio in ratios
            ],
        }


def run(
    cases: Iterable[Case], starts: Iterable[Case], threads: int, seconds: float, report: Callable[[str], None]
) -> Results:
    """Measure cases.

    Args:
        cases: Cases whose speed is measured.
        starts: Cases whose start-up and memory are measured.
        threads: Threads of every engine.
        seconds: For how long every engine repeats the cases of one batch size.
        report: Told what is being measured.

    Raises:
        BenchmarkError: if an engine fails.
    """
    results = Results(machine=describe_machine(threads))
    results.peaks = _work('peaks', [], threads, 0)

    def key(case: Case) -> tuple[str, int]:
        return case.process, case.batch

    for (process, batch), group in groupby(sorted(cases, key=key), key):
        group = list(group)
        began = time.perf_counter()
        results.times |= _work('times', group, threads, seconds)
        report(f'{process}, batch {batch}: {len(group)} networks in {time.perf_counter() - began:.0f} s')
    for case in starts:
        results.starts[str(case)] = _work('start', [case], threads, 0)
        report(f'start-up: {case}')
    return results


def _work(job: str, cases: Sequence[Case], threads: int, seconds: float) -> dict[str, Any]:
    """Let a fresh process measure."""
    orders = {'job': job, 'cases': [case.as_dict() for case in cases], 'threads': threads, 'seconds': seconds}
    what = f'{cases[0].process} cannot measure {cases[0].network}' if cases else 'PyTorch cannot be measured'
    return ask_worker(orders, what, threads, ENVIRONMENTS.get(cases[0].process, {}) if cases else {})


def ask_worker(
    orders: Mapping[str, Any],
    what: str,
    threads: int,
    environment: Mapping[str, str] = MappingProxyType({}),
    python: str | Path = sys.executable,
) -> dict[str, Any]:
    """Let a fresh process follow orders.

    Args:
        orders: What ``worker`` reads.
        what: What the error says that failed.
        threads: Threads of OpenMP.
        environment: What its environment says besides. Default: nothing.
        python: Its Python. Default: this one.

    Returns:
        Its answer.

    Raises:
        BenchmarkError: if it fails.
    """
    root = str(Path(__file__).parents[2])
    own = {
        'OMP_NUM_THREADS': str(threads),
        'BENCHMARK_START': repr(time.time()),
        # Another environment may have no package of this name, or another.
        **({} if python == sys.executable else {'PYTHONPATH': root}),
    }
    worker = subprocess.run(
        [str(python), '-m', 'shufflenet_zoo.benchmark.worker'],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        env=os.environ | own | dict(environment),
        check=False,
    )
    if worker.returncode:
        last = (worker.stderr.strip() or 'no message').splitlines()[-1]
        raise BenchmarkError(f'{what}: {last}')
    return json.loads(worker.stdout)


def describe_machine(threads: int) -> dict[str, Any]:
    """Return what the times depend on."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {'processor': _processor(), 'cores': os.cpu_count(), 'threads': threads, 'packages': packages}


def _processor() -> str:
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return next(line.split(':')[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
