"""Convert ShuffleNet weights from one layout and file format into another."""

import argparse
import ast

from shufflenet_zoo.commands.options import add_trust
from shufflenet_zoo.errors import CheckpointError
from shufflenet_zoo.jobs.cli import Parser
from shufflenet_zoo.weights import LAYOUT_NAMES, convert_file
from shufflenet_zoo.weights.recognise import PARTS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('source', help='weight file of PyTorch, safetensors, MindSpore or numpy, or zoo://NAME')
    parser.add_argument('destination', help='weight file to write: .pth, .pt, .pth.tar, .safetensors, .ckpt or .npz')
    parser.add_argument(
        '--from', dest='source_layout', choices=LAYOUT_NAMES, help='layout of the source (default: recognised)'
    )
    parser.add_argument(
        '--to',
        dest='target_layout',
        choices=LAYOUT_NAMES,
        help='layout of the destination (default: mindspore for .ckpt, else openmmlab)',
    )
    parser.add_argument('--prefix', help='what the names of the network begin with, where the file has several')
    parser.add_argument(
        '--part', choices=PARTS, help='take the backbone alone, and name what is left out (default: all of the network)'
    )
    parser.add_argument(
        '--verify',
        action='store_true',
        help='run the networks before and after, and write the file only if they compute the same',
    )
    parser.add_argument(
        '--backbone',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='backbone arguments that weights do not show, such as shuffle_order=megvii',
    )
    parser.add_argument(
        '--half', action='store_true', help='round the weights to half precision, which halves the file'
    )
    add_trust(parser)
    args = parser.parse_args()
    if args.half and args.verify:
        parser.error('--half rounds the weights, so that --verify would not find the same; convert twice')
    return args


def parse_backbone(items: list[str]) -> dict:
    """Turn ['groups=3', 'shuffle=even_odd'] into a dict."""
    arguments = {}
    for item in items:
        key, equals, text = item.partition('=')
        if not equals or not key.isidentifier():
            raise CheckpointError(f'--backbone {item}: expected KEY=VALUE, such as shuffle_order=megvii')
        try:
            arguments[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            arguments[key] = text
    return arguments


def main() -> None:
    """Convert one file and say what was done."""
    args = parse_args()
    check = None
    if args.verify:
        from shufflenet_zoo.equivalence import verify_conversion as check  # takes a second
    converted, found = convert_file(
        args.source,
        args.destination,
        source_layout=args.source_layout,
        target_layout=args.target_layout,
        backbone=parse_backbone(args.backbone),
        prefix=args.prefix,
        part=args.part,
        check=check,
        half=args.half,
    )
    backbone = ', '.join(f'{key}={value!r}' for key, value in converted.architecture.reduced().items())
    print(f'{args.destination}: {len(converted.tensors)} tensors in layout {converted.layout.name}')
    print(f'backbone: dict({backbone})')
    for note in converted.notes:
        print(f'note: {note}')
    if found:
        print(
            f"verified: {found.source}'s network before and {found.target}'s after differ by at most "
            f'{found.largest:.1e} of the largest value of a stage ({found.tolerance:.0e} may be)'
        )
