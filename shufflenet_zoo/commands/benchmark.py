"""Measure the speed of ShuffleNets in every engine, beside named peers in the same process.

Without options, the standard table: what docs/performance.md shows.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.benchmark.cases import PROCESSES, STANDARD_CASES, STANDARD_RATIOS, STANDARD_STARTS
from shufflenet_zoo.errors import BenchmarkError
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--processes',
        nargs='+',
        choices=(*PROCESSES, 'start'),
        default=(*PROCESSES, 'start'),
        metavar='NAME',
        help=f'measure these only: {", ".join(PROCESSES)}, start (start-up, memory)',
    )
    parser.add_argument('--networks', nargs='+', metavar='NAME', help='measure these only, such as ours/v2')
    parser.add_argument('--batches', nargs='+', type=int, metavar='N', help='these batch sizes only')
    parser.add_argument(
        '--seconds',
        type=float,
        default=4,
        help='for how long each engine repeats the networks of a batch size (default: 4)',
    )
    parser.add_argument('--threads', type=int, default=os.cpu_count(), help='threads of an engine (default: all cores)')
    parser.add_argument(
        '--out',
        metavar='DIR',
        default='work_dirs/benchmark',
        help='where results.json, results.md and results.svg go (default: work_dirs/benchmark)',
    )
    parser.add_argument(
        '--write-into', metavar='FILE', help='also replace the tables between the markers in a Markdown file'
    )
    args = parser.parse_args()
    if args.threads < 1 or args.seconds < 0:
        parser.error('--threads must be at least 1 and --seconds not negative')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.benchmark import measure, report

    def chosen(case) -> bool:
        return (not args.networks or case.network in args.networks) and (not args.batches or case.batch in args.batches)

    cases = [case for case in STANDARD_CASES if case.process in args.processes and chosen(case)]
    starts = [case for case in STANDARD_STARTS if 'start' in args.processes and chosen(case)]
    if not cases and not starts:
        networks = sorted({case.network for case in STANDARD_CASES})
        raise BenchmarkError(
            f'nothing to measure: the networks are {", ".join(networks)}, the batch sizes '
            f'{", ".join(map(str, sorted({case.batch for case in STANDARD_CASES})))}'
        )
    results = measure.run(cases, starts, args.threads, args.seconds, lambda line: print(line, file=sys.stderr))
    ratios = [ratio for ratio in STANDARD_RATIOS if set(ratio.cases) <= set(cases)]
    text = report.markdown(results, cases, ratios)
    folder = Path(args.out)
    try:
        with replacing(folder / 'results.md') as draft:
            draft.write_text(text + '\n')
        with replacing(folder / 'results.json') as draft:
            draft.write_text(json.dumps(results.as_dict(ratios), indent=1))
        if cases:
            with replacing(folder / 'results.svg') as draft:
                report.plot(results, cases, draft)
        if args.write_into:
            document = Path(args.write_into)
            with replacing(document) as draft:
                draft.write_text(report.replace_tables(document.read_text(), text))
    except OSError as error:
        raise BenchmarkError(f'{error.filename} cannot be written: {error.strerror}') from error
    print(text)
