"""List the networks, and the weights that are published of them."""

import argparse

from shufflenet_zoo.jobs.cli import Parser
from shufflenet_zoo.jobs.tables import align, markdown
from shufflenet_zoo.weights import listing


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        'names',
        nargs='*',
        metavar='NAME',
        help="networks, weights, publishers, patterns such as 'v2*' (default: all)",
    )
    parser.add_argument('--markdown', action='store_true', help='print the weights alone, as the table of docs/zoo.md')
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    args = parse_args()
    models, rows = listing.find(args.names)
    refusals = listing.refusals(rows).items()
    if args.markdown:
        print(markdown(listing.weight_table(rows)))
        print('\nWhat cannot be read, and why:\n')
        print('\n'.join(f'- {tags}: {reason}.' for tags, reason in refusals))
        return
    parts = [align(listing.network_table(models))] if models else []
    parts += [align(listing.weight_table(rows))] if rows else []
    parts += [f'{tags}: not readable, because {reason}' for tags, reason in refusals]
    print('\n\n'.join(parts))
