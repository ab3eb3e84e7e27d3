"""Classify images, or detect objects in them."""

import argparse
import json
from pathlib import Path

from shufflenet_zoo.commands.options import (
    add_model_and_images,
    check_inputs,
    choose_backend,
    require_positive,
    resolve_inputs,
)
from shufflenet_zoo.jobs.backends import PREDICTORS, PredictOptions, load_backend
from shufflenet_zoo.jobs.cli import Parser

# A file of one of these suffixes takes all images, anything else is a folder for them.
_PICTURE_SUFFIXES = ('.png',)


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    add_model_and_images(parser)
    parser.add_argument('--json', action='store_true', help='print JSON rather than a table')
    parser.add_argument(
        '--out',
        metavar='DIR_OR_PNG',
        help='write every image with its labels or boxes into a folder, or all of them into one .png file',
    )
    parser.add_argument('--top-k', type=int, default=5, help='classes shown for an image (default: 5)')
    parser.add_argument('--score-thr', type=float, default=0.3, help='objects below are left out (default: 0.3)')
    args = parser.parse_args()
    check_inputs(parser, args)
    require_positive(parser, '--top-k', args.top_k)
    if not 0 <= args.score_thr <= 1:
        parser.error(f'--score-thr {args.score_thr}: must be from 0 to 1')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    # These take a second: after the options are checked.
    from shufflenet_zoo.figures.grid import draw_grid
    from shufflenet_zoo.figures.style import save_figure
    from shufflenet_zoo.jobs.predictions import format_table, picture_paths, write_picture

    config, checkpoint, images = resolve_inputs(args)
    in_one = args.out is not None and Path(args.out).suffix in _PICTURE_SUFFIXES
    pictures = picture_paths(images, args.out) if args.out and not in_one else []
    options = PredictOptions(top_k=args.top_k, score_threshold=args.score_thr, device=args.device)
    backend = load_backend(choose_backend(args.backend, checkpoint), PREDICTORS)
    predictions = backend.predict(config, checkpoint, images, options)
    for path, prediction in zip(pictures, predictions, strict=False):
        write_picture(prediction, path)
    if in_one:
        # Without a word: standard output may be JSON.
        save_figure(draw_grid(predictions, args.out), args.out)
    print(
        json.dumps([prediction.as_dict() for prediction in predictions], indent=2)
        if args.json
        else format_table(predictions)
    )
