"""Prove that networks compute the same in PyTorch and in MindSpore.

Ends with status 0 if every difference is within its bound, 1 if one exceeds it, 2 on bad input.
"""

import argparse
import os
import sys

from shufflenet_zoo.commands.options import add_trust
from shufflenet_zoo.equivalence import (
    CHECK_NAMES,
    FAST_VARIANTS,
    MUTATIONS,
    configured_subject,
    get_mutation,
    named_subjects,
    verify,
)
from shufflenet_zoo.equivalence.records import Destinations
from shufflenet_zoo.equivalence.table import HEADER, rows
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', nargs='?', help='config of a classifier: a file, or a shipped name (default: named networks)'
    )
    parser.add_argument('checkpoint', nargs='?', help='its weights (default: random ones that hide no error)')
    parser.add_argument(
        '--variants', nargs='+', metavar='NAME', help=f"named networks, or 'all' (default: {' '.join(FAST_VARIANTS)})"
    )
    parser.add_argument(
        '--checks',
        nargs='+',
        choices=CHECK_NAMES,
        default=CHECK_NAMES,
        metavar='CHECK',
        help=f'some of {", ".join(CHECK_NAMES)} (default: all)',
    )
    parser.add_argument('--report', metavar='DIR', help='write the report DIR/equivalence.html')
    parser.add_argument('--json', metavar='FILE', help='write every measured difference beside its bound')
    parser.add_argument(
        '--mutation',
        metavar='NAME',
        help=f'make an error on purpose, so that the comparison must fail: {", ".join(MUTATIONS)}',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=os.cpu_count() or 1,
        metavar='N',
        help='processes that share the work (default: one per core)',
    )
    add_trust(parser)
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error(f'--jobs {args.jobs}: must be at least 1')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    if args.config and args.variants:
        raise ArgumentError('give either a config or --variants, not both')
    destinations = Destinations(args.report, args.json)
    subjects = (
        [configured_subject(args.config, args.checkpoint)]
        if args.config
        else named_subjects(args.variants or FAST_VARIANTS)
    )
    if args.mutation:
        get_mutation(args.mutation, subjects)
    print(HEADER, flush=True)
    found = verify(
        subjects,
        args.checks,
        args.mutation,
        lambda outcome: print('\n'.join(rows(outcome)), flush=True),
        jobs=args.jobs,
    )
    for note in found.notes:
        print(f'note: {note}')
    for path in destinations.write(found):
        print(f'written: {path}')
    count, exceeded = len(found.measurements), len(found.exceeded)
    print(
        f'{exceeded} of {count} differences exceed their bounds'
        if exceeded
        else f'equivalent: all {count} differences are within their bounds'
    )
    sys.exit(1 if exceeded else 0)
