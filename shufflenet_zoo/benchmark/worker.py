"""The process that measures; started by ``measure`` with its orders on standard input."""

import functools
import importlib
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shufflenet_zoo.benchmark.cases import Case
from shufflenet_zoo.benchmark.file_cases import FileCase
from shufflenet_zoo.benchmark.roofline import measure_peaks
from shufflenet_zoo.jobs.memory import keep_freed_memory

_MODULES = {
    'mindspore': 'shufflenet_zoo.benchmark.mindspore_engines',
    'mindspore-as-installed': 'shufflenet_zoo.benchmark.mindspore_engines',
    'detection': 'shufflenet_zoo.benchmark.detection_engines',
}
_TORCH = 'shufflenet_zoo.benchmark.torch_engines'
_WARM_UP = 2
_MIN_ROUNDS = 5
# Milliseconds for which a network that is faster runs again and again in its turn.
_TURN = 50
_ALLOCATED_BY_TORCH = ('eager', 'traced', 'compiled', 'training')


def _prepare(case: Case, threads: int):
    return importlib.import_module(_MODULES.get(case.process, _TORCH)).prepare(case, threads)


def measure_in_turns(cases: list[Case], threads: int, seconds: float) -> dict[str, list[float]]:
    """Time cases round by round, so that a disturbance meets all of them alike.

    Args:
        cases: Cases of one batch size.
        threads: Threads of the engine.
        seconds: Time after which no new round begins, once there were five.

    Returns:
        Milliseconds of every repetition, by the case's name.
    """
    if any('training' in case.engine for case in cases):
        keep_freed_memory()  # as tools/train.py does, for the peers too
    return _in_turns({str(case): _prepare(case, threads) for case in cases}, seconds)


def _in_turns(runs: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(_WARM_UP):
            run()
    begin, rounds = time.perf_counter(), 0
    while rounds < _MIN_ROUNDS or time.perf_counter() - begin < seconds:
        for name, run in runs.items():
            turn = [_milliseconds(run)]
            while sum(turn) < _TURN:
                turn.append(_milliseconds(run))
            # The first run finds the weights and threads of another network in their places.
            times[name] += turn[1:] or turn
        rounds += 1
    return times


def _milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def measure_start(case: Case, threads: int) -> dict[str, float]:
    """Time a case from the start of the process to its first result, and find the memory that it takes.

    Returns:
        Seconds to the first result, peak of the process in MiB and, where PyTorch runs, the peak of the tensors that
        one further run allocates.
    """
    run = _prepare(case, threads)
    run()
    found = {'seconds': time.time() - float(os.environ['BENCHMARK_START'])}
    run()
    found['peak_mib'] = _peak_mib()
    if case.engine in _ALLOCATED_BY_TORCH:
        found['tensors_mib'] = _peak_of_tensors(run) / 2**20
    return found


def measure_files_in_turns(cases: list[FileCase], paths: Mapping[str, str], seconds: float) -> dict[str, list[float]]:
    """Time exported files in one runtime round by round, as measure_in_turns does.

    Args:
        cases: Cases of one engine.
        paths: The file of every case, by the name of ``FileCase.file``.
        seconds: Time after which no new round begins, once there were five.
    """
    from shufflenet_zoo.benchmark.file_running import make_images, open_file

    opened, runs = {}, {}
    for case in cases:
        name = case.file.name
        if name not in opened:
            opened[name] = open_file(case, paths[name])
        runs[str(case)] = functools.partial(opened[name], make_images(case))
    return _in_turns(runs, seconds)


def measure_opening(case: FileCase, path: str) -> dict[str, float]:
    """Time a file from the disk to its first result, once the runtime has been used, and find the memory it takes.

    Returns:
        Milliseconds, and the peak of the process with one such file in MiB.
    """
    from shufflenet_zoo.benchmark.file_running import make_images, open_file

    images = make_images(case)
    open_file(case, path)(images)
    peak = _peak_mib()
    return {'milliseconds': _milliseconds(lambda: open_file(case, path)(images)), 'peak_mib': peak}


def _peak_mib() -> float:
    try:
        # What the other way gives begins with the memory of the process that started this one.
        status = Path('/proc/self/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) / 1024
    except OSError:
        # Without /proc it is macOS, which counts bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _peak_of_tensors(run: Callable[[], object]) -> int:
    """Return by how many bytes the memory in tensors rises at most during a run."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == '[memory]']
    sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return max(itertools.accumulate(sizes))


def _write_files(orders: Mapping[str, Any]) -> dict[str, Any]:
    from shufflenet_zoo.benchmark.file_writing import write_files

    return write_files(_file_cases(orders), Path(orders['folder']))


def _cases(orders: Mapping[str, Any]) -> list[Case]:
    return [Case(**fields) for fields in orders['cases']]


def _file_cases(orders: Mapping[str, Any]) -> list[FileCase]:
    return [FileCase(**fields) for fields in orders['cases']]


_JOBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    'peaks': lambda orders: measure_peaks(orders['threads']),
    'start': lambda orders: measure_start(_cases(orders)[0], orders['threads']),
    'times': lambda orders: measure_in_turns(_cases(orders), orders['threads'], orders['seconds']),
    'write': _write_files,
    'files': lambda orders: measure_files_in_turns(_file_cases(orders), orders['paths'], orders['seconds']),
    'open': lambda orders: measure_opening(_file_cases(orders)[0], *orders['paths'].values()),
}


def main() -> None:
    """Follow the orders."""
    orders: dict[str, Any] = json.load(sys.stdin)
    # What the engines print must not mix with the answer.
    answer = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    json.dump(_JOBS[orders['job']](orders), answer)
    answer.close()
    # Without the interpreter's farewell, in which some engines complain.
    os._exit(0)


if __name__ == '__main__':
    main()
