"""Measure the accuracy of published weights, beside the published figures."""

import argparse

from shufflenet_zoo.commands.options import add_trust
from shufflenet_zoo.jobs.backends import BACKENDS, load_backend
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        'names',
        nargs='+',
        metavar='NAME',
        help="published weights: names, tags or patterns such as 'v2*' or torchvision, zoo:// addresses; or files",
    )
    parser.add_argument(
        '--data',
        metavar='DIR',
        help='images as DIR/<class>/*, such as the validation folder of ImageNet (default: the data set that comes '
        'with the package, for weights of it)',
    )
    parser.add_argument('--csv', metavar='FILE', help='write the table there as well, anew after every network')
    add_trust(parser)
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to evaluate (default: what there is)')
    parser.add_argument('--backend', choices=tuple(BACKENDS), default='torch', help='framework (default: torch)')
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.weights import validation  # takes a second: after the options are checked

    sources = validation.select(args.names)
    load_backend(args.backend)
    results = []
    for source in sources:
        results.append(validation.validate(source, args.data, args.backend, args.device))
        if args.csv:
            validation.write_results(args.csv, results)
    print(validation.format_results(results))
    validation.check_all_measured(results)
