"""Options that several commands have, each with one meaning."""

import argparse
import os

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


def choose_backend(requested: str | None, checkpoint: str) -> str:
    """Return the framework to work in: the requested one, else that of the checkpoint.

    Raises:
        CheckpointError: if none is requested and the checkpoint is missing, or no weight file.
    """
    return requested or framework_of(checkpoint)
