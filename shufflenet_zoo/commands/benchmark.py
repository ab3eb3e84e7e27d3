"""Measure the speed of ShuffleNets in every engine, beside named peers in the same process.

Without options, the standard table: what docs/performance.md shows.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.benchmark.cases import PROCESSES, STANDARD_CASES, STANDARD_RATIOS, STANDARD_STARTS
from shufflenet_zoo.benchmark.file_cases import (
    ENGINES,
    file_cases,
    growth_cases,
    left_out,
    missing,
)
from shufflenet_zoo.commands.options import add_write_into
from shufflenet_zoo.errors import BenchmarkError
from shufflenet_zoo.figures.style import write_figure
from shufflenet_zoo.jobs.cli import Parser

_PARTS = (*PROCESSES, 'start', 'files')
# Other things than networks, with tables of their own.
_DATA = 'data'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--processes',
        nargs='+',
        choices=(*_PARTS, _DATA),
        metavar='NAME',
        help=f'measure these only: {", ".join(PROCESSES)}, start (start-up, memory), files (see --engines); or, alone, '
        f'{_DATA}: what prepares the images of a training',
    )
    parser.add_argument(
        '--engines',
        nargs='+',
        choices=tuple(ENGINES),
        metavar='NAME',
        help=f'only exported files in these runtimes, on one thread and two: {", ".join(ENGINES)} (default: those '
        f'that are installed)',
    )
    parser.add_argument(
        '--plots',
        action='store_true',
        help='only draw how the time grows with pixels and batch, into growth.png',
    )
    parser.add_argument('--networks', nargs='+', metavar='NAME', help='measure these only, such as ours/v2')
    parser.add_argument('--batches', nargs='+', type=int, metavar='N', help='these batch sizes only')
    parser.add_argument(
        '--seconds',
        type=float,
        default=2,
        help='for how long each engine repeats the networks of a batch size (default: 2)',
    )
    parser.add_argument('--threads', type=int, default=os.cpu_count(), help='threads of an engine (default: all cores)')
    parser.add_argument(
        '--out',
        metavar='DIR',
        default='work_dirs/benchmark',
        help='where results.json, results.md and results.svg go (default: work_dirs/benchmark)',
    )
    add_write_into(parser)
    args = parser.parse_args()
    if args.threads < 1 or args.seconds < 0:
        parser.error('--threads must be at least 1 and --seconds not negative')
    if args.processes is None:
        args.processes = ['files'] if args.engines and not args.plots else [] if args.plots else _PARTS
    elif args.engines and 'files' not in args.processes and not args.plots:
        parser.error('--engines is for --processes files and --plots')
    if _DATA in args.processes and (len(args.processes) > 1 or args.plots):
        parser.error(f'--processes {_DATA} is measured alone')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.benchmark import files, measure, pipeline, report

    if args.write_into:
        report.check_document(Path(args.write_into))

    def chosen(case) -> bool:
        return (not args.networks or case.network in args.networks) and (not args.batches or case.batch in args.batches)

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    if _DATA in args.processes:
        found = pipeline.measure(args.threads, args.seconds, say)
        _write(args, pipeline.markdown(found), found)
        return
    cases = [case for case in STANDARD_CASES if case.process in args.processes and chosen(case)]
    starts = [case for case in STANDARD_STARTS if 'start' in args.processes and chosen(case)]
    engines, notes = _engines(args.engines) if args.plots or 'files' in args.processes else ([], [])
    of_files = [case for case in file_cases(engines) if 'files' in args.processes and chosen(case)]
    growth = [case for case in growth_cases(engines, args.threads) if args.plots and chosen(case)]
    if not cases and not starts and not of_files and not growth:
        networks = sorted({case.network for case in STANDARD_CASES})
        raise BenchmarkError(
            f'nothing to measure: the networks are {", ".join(networks)}, the batch sizes '
            f'{", ".join(map(str, sorted({case.batch for case in STANDARD_CASES})))}'
        )
    for note in notes:
        say(note)
    results = measure.run(cases, starts, args.threads, args.seconds, say)
    ratios = [ratio for ratio in STANDARD_RATIOS if set(ratio.cases) <= set(cases)]
    text = report.markdown(results, cases, ratios)
    found = results.as_dict(ratios)
    if of_files:
        measured = files.run(of_files, args.seconds, True, say)
        text = '\n\n'.join([text, files.report(measured, of_files, left_out(engines))])
        found['files'] = measured.as_dict()
    figure = None
    if growth:
        measured = files.run(growth, args.seconds, False, say)
        figure, found['growth'] = files.draw_growth(measured, growth), measured.as_dict()
    with _naming_files():
        if figure:
            write_figure(figure, Path(args.out) / 'growth.png')
        if cases:
            with replacing(Path(args.out) / 'results.svg') as draft:
                report.plot(results, cases, draft)
    _write(args, text, found)


def _write(args: argparse.Namespace, text: str, found: Mapping[str, Any]) -> None:
    """Write what was measured, and print it."""
    from shufflenet_zoo.benchmark.report import write_tables

    folder = Path(args.out)
    with _naming_files():
        with replacing(folder / 'results.md') as draft:
            draft.write_text(text + '\n')
        with replacing(folder / 'results.json') as draft:
            draft.write_text(json.dumps(found, indent=1))
        if args.write_into:
            write_tables(Path(args.write_into), text)
    print(text)


@contextmanager
def _naming_files() -> Iterator[None]:
    """Name the file that cannot be written."""
    try:
        yield
    except OSError as error:
        raise BenchmarkError(f'{error.filename} cannot be written: {error.strerror}') from error


def _engines(asked: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the engines to measure, and a line for each that is left out; those that were asked for must be there."""
    lacks = {engine: missing(engine) for engine in asked or ENGINES}
    for engine, what in lacks.items():
        if what and asked:
            raise BenchmarkError(f'--engines {engine}: {what}')
    return (
        [engine for engine, what in lacks.items() if not what],
        [f'{engine} is left out: {what}' for engine, what in lacks.items() if what],
    )
