"""Draw which classes a classifier takes for which, on the test data of a config."""

import argparse

from shufflenet_zoo.commands.options import add_config_and_checkpoint, add_figure, choose_backend
from shufflenet_zoo.jobs.backends import INSPECTORS, load_backend
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    add_config_and_checkpoint(parser)
    add_figure(parser, 'confusion.png')
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.figures.confusion import draw_confusion
    from shufflenet_zoo.figures.style import check_path, write_figure
    from shufflenet_zoo.jobs.config import load_config, parse_overrides

    out = check_path(args.out)
    config = load_config(args.config, parse_overrides(args.cfg_options), args.data)
    inspector = load_backend(choose_backend(args.backend, args.checkpoint), INSPECTORS)
    found = inspector.respond(config, args.checkpoint, args.device)
    write_figure(draw_confusion(found.labels, found.logits.argmax(1), found.class_names), out)
