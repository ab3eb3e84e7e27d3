"""Show on a web page what models make of a picture: the best classes or boxes, in every framework, and Grad-CAM."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_zoo.commands.options import add_cfg_options, add_trust, find_weights
from shufflenet_zoo.jobs.cli import Parser
from shufflenet_zoo.jobs.shipped import find_config
from shufflenet_zoo.weights.frameworks import framework_of
from shufflenet_zoo.weights.index import SCHEME

if TYPE_CHECKING:
    from shufflenet_zoo.demo.models import Model

_LOOPBACK = ('127.0.0.1', 'localhost', '::1')


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.usage = '%(prog)s [CONFIG CHECKPOINT] [--model NAME_OR_FILE]... [options]'
    parser.add_argument(
        'inputs', nargs='*', metavar='CONFIG CHECKPOINT', help='a classifier or detector of yours, to choose as well'
    )
    parser.add_argument(
        '--model',
        dest='models',
        action='append',
        default=[],
        metavar='NAME_OR_FILE',
        help='published weights, a weight file that tells its network, or a file of the export command; may be '
        'repeated (the models that come with the package can always be chosen)',
    )
    parser.add_argument('--host', default='127.0.0.1', help='where to listen (default: 127.0.0.1, this machine alone)')
    parser.add_argument('--port', type=int, help='port to listen at (default: the first free one from 7860 on)')
    parser.add_argument('--max-megabytes', type=float, default=20, help='largest picture file (default: 20)')
    parser.add_argument('--max-megapixels', type=float, default=32, help='largest picture (default: 32)')
    add_cfg_options(parser)
    add_trust(parser)
    args = parser.parse_args()
    if len(args.inputs) not in (0, 2):
        parser.error('give a config and its checkpoint, or neither')
    if args.cfg_options and not args.inputs:
        parser.error('--cfg-options override values of a config; give one')
    for name in ('max_megabytes', 'max_megapixels'):
        if getattr(args, name) <= 0:
            parser.error(f'--{name.replace("_", "-")} {getattr(args, name):g}: must be more than 0')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.demo.folder import own_folder
    from shufflenet_zoo.demo.uploads import Limits

    given = [_absolute(find_weights(name)) for name in args.models]
    own = None
    if args.inputs:
        config, checkpoint = args.inputs
        framework_of(checkpoint)
        own = find_config(config).absolute(), _absolute(checkpoint)
    if args.host not in _LOOPBACK:
        print(f'warning: --host {args.host}: whoever reaches this machine can use the page', file=sys.stderr)
    with own_folder() as folder:
        from shufflenet_zoo.demo.models import Network
        from shufflenet_zoo.demo.server import serve
        from shufflenet_zoo.jobs.config import load_config, parse_overrides

        models = list(_models(given, folder))
        if own:
            config, checkpoint = load_config(own[0], parse_overrides(args.cfg_options)), own[1]
            models.insert(0, Network(f'{own[0].stem}, {Path(checkpoint).name}', config, checkpoint, folder))
        serve(models, folder, args.host, args.port, Limits(args.max_megabytes, args.max_megapixels))


def _models(given: Sequence[str], folder: Path) -> 'Iterator[Model]':
    """Make what can be chosen besides a config's model: what the user names, and what comes with the package."""
    from shufflenet_zoo.demo.models import ExportedFile, Network
    from shufflenet_zoo.deployed.runtimes import RUNTIMES
    from shufflenet_zoo.weights.index import published_weights
    from shufflenet_zoo.weights.run_config import config_for

    shipped = [row.address for row in published_weights() if row.file]
    for source in dict.fromkeys([*given, *shipped]):
        if source.endswith(tuple(RUNTIMES)):
            yield ExportedFile(Path(source))
        else:
            yield Network(source.removeprefix(SCHEME).rpartition('/')[2], config_for(source), source, folder)


def _absolute(checkpoint: str) -> str:
    """Return a checkpoint such that it is found from every folder."""
    return checkpoint if '://' in checkpoint else str(Path(checkpoint).absolute())
