"""Draw training images as they are augmented."""

import argparse

from shufflenet_zoo.commands.options import add_cfg_options, add_data, add_figure, require_positive
from shufflenet_zoo.jobs.backends import INSPECTORS, load_backend
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument('--images', type=int, default=6, help='images, spread over the data set (default: 6)')
    parser.add_argument('--times', type=int, default=7, help='how often each is augmented (default: 7)')
    add_data(parser)
    add_cfg_options(parser)
    parser.add_argument('--backend', choices=tuple(INSPECTORS), default='torch', help='framework (default: torch)')
    add_figure(parser, 'augmented.png')
    args = parser.parse_args()
    for name in ('images', 'times'):
        require_positive(parser, f'--{name}', getattr(args, name))
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.figures.augmentation import draw_augmented
    from shufflenet_zoo.figures.style import check_path, write_figure
    from shufflenet_zoo.jobs.config import load_config, parse_overrides

    out = check_path(args.out)
    config = load_config(args.config, parse_overrides(args.cfg_options), args.data)
    write_figure(draw_augmented(load_backend(args.backend, INSPECTORS).augment(config, args.images, args.times)), out)
