"""Classify images, or detect objects in them."""

import argparse
import json
from pathlib import Path
from typing import Any

from shufflenet_zoo.commands.options import add_backend, add_cfg_options, add_trust, choose_backend
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.backends import PREDICTORS, PredictOptions, load_backend

# A file of one of these suffixes takes all images, anything else is a folder for them.
_PICTURE_SUFFIXES = ('.png',)


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        usage='%(prog)s CONFIG CHECKPOINT IMAGE... [options]\n       %(prog)s --model NAME IMAGE... [options]',
    )
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
    parser.add_argument('--json', action='store_true', help='print JSON rather than a table')
    parser.add_argument(
        '--out',
        metavar='DIR_OR_PNG',
        help='write every image with its labels or boxes into a folder, or all of them into one .png file',
    )
    parser.add_argument('--top-k', type=int, default=5, help='classes shown for an image (default: 5)')
    parser.add_argument('--score-thr', type=float, default=0.3, help='objects below are left out (default: 0.3)')
    add_cfg_options(parser)
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to run (default: what there is)')
    add_backend(parser)
    add_trust(parser)
    args = parser.parse_args()
    if args.top_k < 1:
        parser.error(f'--top-k {args.top_k}: must be at least 1')
    if not 0 <= args.score_thr <= 1:
        parser.error(f'--score-thr {args.score_thr}: must be from 0 to 1')
    if args.model and args.cfg_options:
        parser.error('--cfg-options override values of a config; --model stands in place of one')
    if not args.model and len(args.inputs) < 3:
        parser.error('give a config, a checkpoint and images, or --model and images')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.data.images import find_images  # these take a second: after the options are checked
    from shufflenet_zoo.jobs.predictions import format_table, picture_paths, write_grid, write_picture

    config, checkpoint, names = _resolve(args)
    images = find_images(names)
    in_one = args.out is not None and Path(args.out).suffix in _PICTURE_SUFFIXES
    pictures = picture_paths(images, args.out) if args.out and not in_one else []
    options = PredictOptions(top_k=args.top_k, score_threshold=args.score_thr, device=args.device)
    backend = load_backend(choose_backend(args.backend, checkpoint), PREDICTORS)
    predictions = backend.predict(config, checkpoint, images, options)
    for path, prediction in zip(pictures, predictions, strict=False):
        write_picture(prediction, path)
    if in_one:
        write_grid(predictions, Path(args.out))
    print(
        json.dumps([prediction.as_dict() for prediction in predictions], indent=2)
        if args.json
        else format_table(predictions)
    )


def _resolve(args: argparse.Namespace) -> tuple[Any, str, list[str]]:
    """Return the config, the checkpoint and what names the images."""
    from shufflenet_zoo.jobs.config import load_config, parse_overrides

    if not args.model:
        config, checkpoint, *names = args.inputs
        return load_config(config, parse_overrides(args.cfg_options)), checkpoint, names
    from shufflenet_zoo.weights.run_config import config_for

    checkpoint = _find_weights(args.model)
    return config_for(checkpoint), checkpoint, args.inputs


def _find_weights(name: str) -> str:
    """Return the file of a name, or the address of published weights.

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
