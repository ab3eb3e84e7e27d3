"""Draw the features of the test images as points of a plane, by t-SNE."""

import argparse

from shufflenet_zoo.commands.options import add_config_and_checkpoint, add_figure, choose_backend, require_positive
from shufflenet_zoo.jobs.backends import INSPECTORS, load_backend
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    add_config_and_checkpoint(parser)
    parser.add_argument('--per-class', type=int, default=100, help='images of a class, at most (default: 100)')
    add_figure(parser, 'tsne.png')
    args = parser.parse_args()
    require_positive(parser, '--per-class', args.per_class)
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.figures.features import draw_features
    from shufflenet_zoo.figures.style import check_path, write_figure
    from shufflenet_zoo.jobs.config import load_config, parse_overrides

    out = check_path(args.out)
    config = load_config(args.config, parse_overrides(args.cfg_options), args.data)
    inspector = load_backend(choose_backend(args.backend, args.checkpoint), INSPECTORS)
    found = inspector.respond(config, args.checkpoint, args.device)
    write_figure(draw_features(found.features, found.labels, found.class_names, args.per_class), out)
