"""Options that several commands have, each with one meaning."""

import argparse
import os
from pathlib import Path
from typing import Any

from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.backends import BACKENDS
from shufflenet_zoo.weights.download import TRUST
from shufflenet_zoo.weights.frameworks import framework_of


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add --cfg-options, for ``parse_overrides``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='override values of the config; lists are written key=[a,b] or key=a,b',
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --data, for ``load_config``."""
    parser.add_argument(
        '--data',
        metavar='DIR',
        help="folder of the data, in place of the config's; those in configs/folder take any with a folder of images "
        'for every class',
    )


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add --trust, which holds for the whole process."""
    parser.add_argument('--trust', action=_Trust, help='take published files of which no hash is known')


class _Trust(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, *_: object) -> None:
        os.environ[TRUST] = '1'


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add --backend, for ``choose_backend``."""
    parser.add_argument('--backend', choices=tuple(BACKENDS), help="framework (default: the checkpoint's, else torch)")


def add_write_into(parser: argparse.ArgumentParser) -> None:
    """Add --write-into, for ``benchmark.report``."""
    parser.add_argument(
        '--write-into', metavar='FILE', help='also replace the tables between the markers in a Markdown file'
    )


def choose_backend(requested: str | None, checkpoint: str) -> str:
    """Return the framework to work in: the requested one, else that of the checkpoint.

    Raises:
        CheckpointError: if none is requested and the checkpoint is missing, or no weight file.
    """
    return requested or framework_of(checkpoint)


def add_model_and_images(parser: argparse.ArgumentParser) -> None:
    """Add model and images, for ``check_inputs`` and ``resolve_inputs``."""
    parser.usage = '%(prog)s CONFIG CHECKPOINT IMAGE... [options]\n       %(prog)s --model NAME IMAGE... [options]'
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='CONFIG CHECKPOINT IMAGE',
        help='config: a file, or the name of a shipped one; checkpoint of the model; images: files, folders, or '
        "patterns such as 'photos/*.jpg'",
    )
    parser.add_argument(
        '--model',
        metavar='NAME',
        help='published weights, such as shufflenet_v1_digits, or a file that tells its network and preprocessing, '
        'in place of config and checkpoint',
    )
    add_cfg_options(parser)
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to run (default: what there is)')
    add_backend(parser)
    add_trust(parser)


def check_inputs(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a usage error where config, checkpoint, model and images do not go together."""
    if args.model and args.cfg_options:
        parser.error('--cfg-options override values of a config; --model stands in place of one')
    if not args.model and len(args.inputs) < 3:
        parser.error('give a config, a checkpoint and images, or --model and images')


def resolve_inputs(args: argparse.Namespace) -> tuple[Any, str, list[str]]:
    """Return the config, the checkpoint, and the image files.

    Raises:
        ShuffleNetZooError: if one of them is not there.
    """
    # These take a second: after the options are checked.
    from shufflenet_zoo.data.images import find_images
    from shufflenet_zoo.jobs.config import load_config, parse_overrides

    if not args.model:
        config, checkpoint, *names = args.inputs
        return load_config(config, parse_overrides(args.cfg_options)), checkpoint, find_images(names)
    from shufflenet_zoo.weights.run_config import config_for

    checkpoint = find_weights(args.model)
    return config_for(checkpoint), checkpoint, find_images(args.inputs)


def find_weights(name: str) -> str:
    """Return the file that --model names, or the address of published weights.

    Raises:
        CheckpointError: if there is neither.
    """
    from shufflenet_zoo.weights.index import get_weights

    if Path(name).exists():
        return name
    try:
        return get_weights(name).address
    except CheckpointError as error:
        raise CheckpointError(f'--model {name}: there is no such file, and {error}') from error


def add_config_and_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add what a command needs that runs a model on the data of its config."""
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument('checkpoint', help='checkpoint of the model, or published weights such as zoo://NAME')
    add_data(parser)
    add_cfg_options(parser)
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to run (default: what there is)')
    add_backend(parser)
    add_trust(parser)


def add_figure(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --out, the file of a figure."""
    parser.add_argument('--out', metavar='PNG', default=default, help=f'the figure (default: {default})')


def require_positive(parser: argparse.ArgumentParser, option: str, number: int) -> None:
    """End with a usage error where the number given for an option is not positive."""
    if number < 1:
        parser.error(f'{option} {number}: must be at least 1')
