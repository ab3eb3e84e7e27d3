"""Train V1 with every number of groups, and without its channel shuffle; write the accuracies as a table."""

import argparse
import sys
from pathlib import Path

from shufflenet_zoo.commands.options import add_cfg_options, add_write_into
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from shufflenet_zoo.benchmark.ablations import CONFIG

    parser = Parser(description=__doc__)
    parser.add_argument('data', metavar='DIR', help='CIFAR-10 as images: DIR/{train,test}/<class>/*')
    parser.add_argument('--config', default=CONFIG, help=f'config of the trainings (default: {CONFIG})')
    parser.add_argument('--seeds', type=int, default=3, metavar='N', help='trainings of each variant (default: 3)')
    parser.add_argument(
        '--jobs', type=int, default=1, metavar='N', help='trainings at the same time, one thread each (default: 1)'
    )
    parser.add_argument(
        '--work-dir',
        default='work_dirs/ablations',
        metavar='DIR',
        help='where the trainings go; those that are there are not repeated (default: work_dirs/ablations)',
    )
    add_write_into(parser)
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.seeds < 1 or args.jobs < 1:
        parser.error('--seeds and --jobs must be at least 1')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.benchmark import ablations, report

    if args.write_into:
        report.check_document(Path(args.write_into))
    accuracies = ablations.run(
        args.config,
        args.data,
        Path(args.work_dir),
        range(args.seeds),
        args.jobs,
        args.cfg_options,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    table = ablations.markdown(accuracies)
    if args.write_into:
        report.write_tables(Path(args.write_into), table)
    print(table)
