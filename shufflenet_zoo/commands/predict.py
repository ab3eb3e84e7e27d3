"""Classify images, or detect objects in them."""

import argparse
import json

from shufflenet_zoo.jobs.backends import PREDICTORS, PredictOptions, load_backend


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument('checkpoint', help='checkpoint of the model')
    parser.add_argument('images', nargs='+', metavar='image', help='image file')
    parser.add_argument('--json', action='store_true', help='print JSON rather than a table')
    parser.add_argument('--out', metavar='DIR', help='write every image with its labels or boxes there')
    parser.add_argument('--top-k', type=int, default=5, help='classes shown for an image (default: 5)')
    parser.add_argument('--score-thr', type=float, default=0.3, help='objects below are left out (default: 0.3)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='override values of the config; lists are written key=[a,b] or key=a,b',
    )
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to run (default: what there is)')
    parser.add_argument('--backend', choices=tuple(PREDICTORS), default='torch', help='framework (default: torch)')
    args = parser.parse_args()
    if args.top_k < 1:
        parser.error(f'--top-k {args.top_k}: must be at least 1')
    if not 0 <= args.score_thr <= 1:
        parser.error(f'--score-thr {args.score_thr}: must be from 0 to 1')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.jobs.config import load_config, parse_overrides  # takes a second: after the options are checked
    from shufflenet_zoo.jobs.predictions import format_table, picture_paths, write_picture

    config = load_config(args.config, parse_overrides(args.cfg_options))
    pictures = picture_paths(args.images, args.out) if args.out else []
    options = PredictOptions(top_k=args.top_k, score_threshold=args.score_thr, device=args.device)
    predictions = load_backend(args.backend, PREDICTORS).predict(config, args.checkpoint, args.images, options)
    for path, prediction in zip(pictures, predictions, strict=False):
        write_picture(prediction, path)
    print(
        json.dumps([prediction.as_dict() for prediction in predictions], indent=2)
        if args.json
        else format_table(predictions)
    )
