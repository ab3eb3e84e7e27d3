"""Write a trained classifier or detector into a file for an inference runtime, checked there against the live model."""

import argparse

from shufflenet_zoo.commands.options import add_backend, add_cfg_options, add_trust, choose_backend
from shufflenet_zoo.deployed.metadata import PRECISION_HINTS
from shufflenet_zoo.export.contract import FORMATS
from shufflenet_zoo.jobs.cli import Parser


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument('checkpoint', help='checkpoint of the model: a file, or zoo://NAME')
    parser.add_argument('--format', choices=tuple(FORMATS), required=True, help='file format')
    parser.add_argument('--out', metavar='FILE', help='the file (default: beside the checkpoint, named as the config)')
    parser.add_argument(
        '--deploy',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='write the form that is fastest in the format, with or without the deploy rewriting (default), '
        'or the network as it is',
    )
    parser.add_argument('--dynamic', action='store_true', help='take any batch and image size')
    parser.add_argument(
        '--input-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the images (default: what the config's test pipeline gives)",
    )
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument('--fp16', dest='precision', action='store_const', const='fp16', help='half precision')
    precision.add_argument(
        '--int8',
        dest='precision',
        action='store_const',
        const='int8',
        help='quantize statically; prints the accuracy before and after',
    )
    parser.add_argument(
        '--calibration', type=int, metavar='N', help="quantize by N images of the config's training data"
    )
    parser.add_argument(
        '--float-ends',
        action='store_true',
        help='leave the first and the last convolutions of an int8 detector in float',
    )
    parser.add_argument(
        '--precision-hint',
        choices=PRECISION_HINTS,
        help='what the file asks its runtime to compute in, for --format openvino (default: nothing)',
    )
    add_cfg_options(parser)
    add_backend(parser)
    add_trust(parser)
    args = parser.parse_args()
    if args.calibration is not None and args.calibration < 1:
        parser.error(f'--calibration {args.calibration}: must be at least 1')
    if args.input_size and min(args.input_size) < 1:
        parser.error(f'--input-size {args.input_size}: must be positive')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from shufflenet_zoo.export.exporter import ExportOptions, export
    from shufflenet_zoo.jobs.config import load_config, parse_overrides  # takes a second: after the options are checked

    config = load_config(args.config, parse_overrides(args.cfg_options))
    exported = export(
        config,
        args.checkpoint,
        ExportOptions(
            format=args.format,
            deploy=args.deploy,
            precision=args.precision or 'fp32',
            calibration=args.calibration,
            dynamic=args.dynamic,
            input_size=tuple(args.input_size) if args.input_size else None,
            out=args.out,
            backend=choose_backend(args.backend, args.checkpoint),
            precision_hint=args.precision_hint,
            float_ends=args.float_ends,
        ),
    )
    if args.deploy:
        print(f'form: {"the deploy form" if exported.deployed else "as trained, which suits this format better"}')
    if exported.accuracies:
        before, after = exported.accuracies
        print(
            f'top-1 on the test data: {before:.2f} % in fp32, {after:.2f} % in int8; '
            f'{exported.difference:.2%} of the images are decided otherwise'
        )
        if exported.instruction_sets:
            print(f'right too under {", ".join(exported.instruction_sets)}')
    elif exported.precisions:
        before, after = exported.precisions
        print(f'mAP on the test data: {before:.4f} in fp32, {after:.4f} in int8')
    elif exported.boxes:
        print(
            f'largest difference from the live model: {exported.boxes.pixels:.1e} pixels and '
            f'{exported.boxes.score:.1e} of a score, of {exported.boxes.boxes} boxes'
        )
        if exported.boxes.undecided:
            print(
                f'{exported.boxes.undecided} boxes are found by one of both alone: rounding decides which of two that '
                f'overlap is left'
            )
    elif exported.difference is None:
        print('not run: the runtime does not exist for this system; inputs, outputs and metadata were read again')
    else:
        print(f'largest difference from the live model: {exported.difference:.1e} of the largest logit')
    if exported.default:
        precision, difference = exported.default
        shown = f'{1 - difference:.2%} of the boxes are found again' if exported.boxes else f'{difference:.1e}'
        print(f'in {precision}, which the runtime chooses by itself on this CPU: {shown}')
    print(f'written: {exported.path}')
