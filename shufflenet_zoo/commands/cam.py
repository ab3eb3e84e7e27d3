"""Draw where in images a classifier sees a class, by Grad-CAM."""

import argparse

from shufflenet_zoo.commands.options import (
    add_figure,
    add_model_and_images,
    check_inputs,
    choose_backend,
    resolve_inputs,
)
from shufflenet_zoo.jobs.backends import INSPECTORS, load_backend
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    add_model_and_images(parser)
    parser.add_argument('--class', dest='wanted', metavar='NAME', help='the class (default: the most probable one)')
    parser.add_argument(
        '--stage',
        type=int,
        default=-1,
        help='stage of the backbone, from 0, negative from the end: earlier ones see finer (default: -1, the last)',
    )
    add_figure(parser, 'cam.png')
    args = parser.parse_args()
    check_inputs(parser, args)
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.figures.heat import draw_heat_maps
    from shufflenet_zoo.figures.style import check_path, write_figure

    out = check_path(args.out)
    config, checkpoint, images = resolve_inputs(args)
    inspector = load_backend(choose_backend(args.backend, checkpoint), INSPECTORS)
    found = inspector.find_evidence(config, checkpoint, images, args.wanted, args.stage, args.device)
    write_figure(draw_heat_maps(found), out)
