"""Measures exported files, each engine in processes of its own, and reports what was found."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from shufflenet_zoo.benchmark.cases import IMAGE_SIZE
from shufflenet_zoo.benchmark.file_cases import (
    CLASSES,
    ENGINES,
    GROWTH_BATCHES,
    GROWTH_NETWORKS,
    GROWTH_SIZES,
    FileCase,
)
from shufflenet_zoo.benchmark.measure import ask_worker
from shufflenet_zoo.export.engine_environments import engine_python
from shufflenet_zoo.export.forms import is_deploy_fastest
from shufflenet_zoo.jobs.tables import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (3.6, 2.9)
# Processes that write or open files at once, each in up to 2 GB.
_WORKERS = 4


@dataclass
class FileResults:
    """What was measured of exported files.

    Attributes:
        times: Milliseconds of every repetition, by the case's name.
        bytes: Size of every file, by the name of ``FileCase.file``.
        openings: What measure_opening found, by the name of ``FileCase.file``.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    openings: dict[str, dict[str, float]] = field(default_factory=dict)

    def median(self, case: FileCase) -> float:
        """Return the median time of a case in milliseconds."""
        return statistics.median(self.times[str(case)])

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            'medians_ms': {name: statistics.median(times) for name, times in self.times.items()},
            'times_ms': self.times,
            'bytes': self.bytes,
            'openings': self.openings,
        }


def run(cases: Sequence[FileCase], seconds: float, opens: bool, report: Callable[[str], None]) -> FileResults:
    """Write files, and measure them.

    Args:
        cases: The cases. Those of one engine, threads and, unless a file takes any, batch are measured in turns.
        seconds: For how long each such group is repeated.
        opens: Whether to measure the opening of every file of one image too.
        report: Told what is being done.

    Raises:
        BenchmarkError: if a file cannot be written or run.
    """
    results = FileResults()
    for engine, of_engine in groupby(sorted(cases, key=lambda case: case.engine), lambda case: case.engine):
        of_engine = list(of_engine)
        with TemporaryDirectory() as folder:
            paths = _write(engine, of_engine, folder, results, report)
            _measure(engine, of_engine, paths, seconds, results, report)
            if opens:
                results.openings |= _open(engine, of_engine, paths)
                report(f'{engine}: files opened')
    return results


def _write(
    engine: str, cases: Sequence[FileCase], folder: str, results: FileResults, report: Callable[[str], None]
) -> dict[str, str]:
    files = sorted({case.file for case in cases})
    began = time.perf_counter()
    # Converters take up to a minute a file, on one core; nothing is measured meanwhile.
    count = min(len(files), os.cpu_count() or 1, _WORKERS)

    def write(part: Sequence[FileCase]) -> dict[str, Any]:
        orders = {'job': 'write', 'cases': [file.as_dict() for file in part], 'folder': folder}
        return ask_worker(orders, f'{engine}: a file cannot be written', 1)

    with ThreadPoolExecutor(count) as pool:
        parts = list(pool.map(write, [files[first::count] for first in range(count)]))
    written = {name: found for part in parts for name, found in part.items()}
    report(f'{engine}: {len(files)} files written in {time.perf_counter() - began:.0f} s')
    results.bytes |= {name: found['bytes'] for name, found in written.items()}
    return {name: found['path'] for name, found in written.items()}


def _measure(
    engine: str,
    cases: Sequence[FileCase],
    paths: dict[str, str],
    seconds: float,
    results: FileResults,
    report: Callable[[str], None],
) -> None:
    def key(case: FileCase) -> tuple[int, int]:
        return case.threads, 0 if case.dynamic else case.batch

    for (threads, _), group in groupby(sorted(cases, key=key), key):
        group = list(group)
        began = time.perf_counter()
        used = {case.file.name: paths[case.file.name] for case in group}
        results.times |= _ask(engine, 'files', group, threads, paths=used, seconds=seconds)
        report(f'{engine}, threads {threads}: {len(group)} cases in {time.perf_counter() - began:.0f} s')


def _open(engine: str, cases: Sequence[FileCase], paths: dict[str, str]) -> dict[str, dict[str, float]]:
    files = sorted({case.file for case in cases if case.batch == 1})

    def measure(file: FileCase) -> dict[str, float]:
        return _ask(engine, 'open', [file], 1, paths={'': paths[file.name]})

    # Each runs on one thread, so that as many as there are cores do not wait for each other.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _WORKERS)) as pool:
        return {file.name: found for file, found in zip(files, pool.map(measure, files), strict=True)}


def _ask(engine: str, job: str, cases: Sequence[FileCase], threads: int, **orders: Any) -> dict[str, Any]:
    environment = ENGINES[engine].environment
    # LiteRT's environment is for its converter only.
    python = engine_python(environment) if engine == 'executorch' else sys.executable
    orders |= {'job': job, 'cases': [case.as_dict() for case in cases]}
    return ask_worker(orders, f'{engine} cannot run {cases[0].title}', threads, python=python)


def report(results: FileResults, cases: Sequence[FileCase], left_out: Sequence[str]) -> str:
    """Return Markdown: ratios of all engines, and for each its times, with the files' sizes, openings and memory.

    Args:
        results: What was measured.
        cases: The cases.
        left_out: What the tables do not have, and why.
    """
    parts = ['Exported files, each engine in a process that has the runtime alone, through `deployed.load`:']
    if ratios := _ratios(results, cases):
        parts.append(ratios)
    for engine, group in groupby(sorted(cases, key=lambda case: case.engine), lambda case: case.engine):
        parts.append(f'{engine}:\n\n{_table(results, list(group))}')
    if left_out:
        parts.append(f'Not in these tables: {"; ".join(left_out)}.')
    return '\n\n'.join(parts)


def _ratios(results: FileResults, cases: Sequence[FileCase]) -> str:
    engines = sorted({case.engine for case in cases})
    found = {(case.engine, case.title, case.batch, case.threads): results.median(case) for case in cases}
    rows = []
    for batch, threads in sorted({(case.batch, case.threads) for case in cases}):
        for title, peer, subject in _RATIOS:
            ratios = []
            for engine in engines:
                names = (title_of(engine) for title_of in (peer, subject))
                there, here = (found.get((engine, name, batch, threads)) for name in names)
                ratios.append(f'{there / here:.2f}' if there and here else '')
            if any(ratios):
                rows.append((title, str(batch), str(threads), *ratios))
    return markdown([('times as fast', 'batch', 'threads', *engines), *rows]) if rows else ''


def _written(network: str) -> Callable[[str], str]:
    """Return what names the form of a network that is written for an engine."""

    def title(engine: str) -> str:
        deployed = is_deploy_fastest(ENGINES[engine].format, CLASSES[network])
        return f'{network} (deploy)' if deployed else network

    return title


def _always(title: str) -> Callable[[str], str]:
    return lambda engine: title


# What a row says, the peer, and of ours what is compared with it, both by the engine.
_RATIOS: tuple[tuple[str, Callable[[str], str], Callable[[str], str]], ...] = (
    *(
        (f'{network}: deploy form / as trained', _always(network), _always(f'{network} (deploy)'))
        for network in CLASSES
    ),
    ("V1 1.0x g3: our file / mmpretrain's", _always('mmpretrain/v1'), _written('ours/v1')),
    ("V2 1.0x: our file / torchvision's", _always('torchvision/v2'), _written('ours/v2')),
    ('V2 1.0x: our file / MobileNetV2', _always('torchvision/mobilenet_v2'), _written('ours/v2')),
    ('V2 1.0x: our int8 / our file', _written('ours/v2'), _always('ours/v2 (int8)')),
)


def _table(results: FileResults, cases: Sequence[FileCase]) -> str:
    columns = sorted({(case.batch, case.threads) for case in cases})
    found = {(case.title, case.batch, case.threads): case for case in cases}
    rows = []
    for title in sorted({case.title for case in cases}):
        times = [
            f'{results.median(found[title, *column]):.2f}' if (title, *column) in found else '' for column in columns
        ]
        one = min((each for each in cases if each.title == title), key=lambda each: each.batch).file
        opening = results.openings.get(one.name)
        rows.append(
            (
                title,
                *times,
                f'{results.bytes[one.name] / 2**20:.1f}',
                *((f'{opening["milliseconds"]:.0f}', f'{opening["peak_mib"]:.0f}') if opening else ('', '')),
            )
        )
    head = [f'ms, batch {batch}, {_threads(threads)}' for batch, threads in columns]
    return markdown([('network', *head, 'MiB of the file', 'ms to the first result', 'peak MiB'), *rows])


def _threads(count: int) -> str:
    return '1 thread' if count == 1 else f'{count} threads'


def draw_growth(results: FileResults, cases: Sequence[FileCase]) -> 'Figure':
    """Draw the time of an image over its pixels and over the batch, a column for every engine."""
    from shufflenet_zoo.figures.style import COLOURS, new_axes

    engines = sorted({case.engine for case in cases})
    figure, axes = new_axes(2, len(engines), _PANEL)
    for column, engine in enumerate(engines):
        for (network, form), colour in zip(GROWTH_NETWORKS, COLOURS, strict=False):
            mine = [case for case in cases if (case.engine, case.network, case.form) == (engine, network, form)]
            rows = (
                {case.size: results.median(case) for case in mine if case.batch == 1},
                {case.batch: results.median(case) / case.batch for case in mine if case.size == IMAGE_SIZE},
            )
            for row, times in enumerate(rows):
                label = mine[0].title if mine and not row and not column else None
                panel = axes[row, column]
                panel.plot(sorted(times), [times[x] for x in sorted(times)], color=colour, label=label, marker='o')
        _label(axes[0, column], engine, 'height and width in pixels', GROWTH_SIZES)
        _label(axes[1, column], engine, 'images at once', GROWTH_BATCHES)
    # Beside the panels: within one it may hide a line.
    figure.legend(loc='outside lower center', ncols=len(GROWTH_NETWORKS), frameon=False)
    return figure


def _label(axes: Any, engine: str, axis: str, ticks: Sequence[int]) -> None:
    from matplotlib.ticker import LogLocator

    axes.set_title(engine)
    axes.set_xlabel(axis)
    axes.set_ylabel('ms per image')
    axes.set_xscale('log')
    axes.set_yscale('log')
    axes.set_xticks(ticks, labels=map(str, ticks))
    # Decades alone may leave no tick between the least and the largest time.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter('{x:g}')
    axes.grid(alpha=0.3)
