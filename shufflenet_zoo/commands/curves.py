"""Draw loss, learning rate and metrics of trainings, from their work directories."""

import argparse

from shufflenet_zoo.commands.options import add_figure
from shufflenet_zoo.figures.curves import draw_courses, read_course
from shufflenet_zoo.figures.style import check_path, write_figure
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('work_dirs', nargs='+', metavar='DIR', help='work directory of a training, in either framework')
    add_figure(parser, 'curves.png')
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    args = parse_args()
    out = check_path(args.out)
    write_figure(draw_courses([read_course(folder) for folder in args.work_dirs]), out)
