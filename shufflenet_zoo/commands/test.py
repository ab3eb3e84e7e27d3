"""Evaluate a checkpoint, or a file that tools/export.py wrote, on the test data of a config file."""

import argparse
import os

from shufflenet_zoo.commands.options import add_backend, add_cfg_options, add_data, add_trust, choose_backend
from shufflenet_zoo.deployed.loading import is_exported
from shufflenet_zoo.jobs.backends import TestOptions, load_backend
from shufflenet_zoo.jobs.cli import Parser
from shufflenet_zoo.jobs.launchers import LAUNCHERS

# Options that say how a framework evaluates.
_OF_CHECKPOINTS = (
    'out',
    'amp',
    'show_dir',
    'show',
    'tta',
    'launcher',
    'device',
    'backend',
    'work_dir',
)


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a shipped config')
    parser.add_argument(
        'checkpoint', help='checkpoint of the model: a file, or zoo://NAME; or an exported file (.onnx, .xml, ...)'
    )
    parser.add_argument('--work-dir', help='where the log goes (default: ./work_dirs/<name of the config>)')
    parser.add_argument('--out', metavar='FILE', help='write the results to a file')
    parser.add_argument(
        '--out-item',
        choices=('metrics', 'pred'),
        help='what goes into --out: metrics (.json, .yaml, .pkl) or predictions (.pkl; the default)',
    )
    add_cfg_options(parser)
    add_data(parser)
    parser.add_argument('--amp', action='store_true', help='evaluate in mixed precision')
    parser.add_argument('--show-dir', metavar='DIR', help='draw predictions into images there')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--interval', type=int, default=1, help='draw every n-th sample (default: 1)')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that a window stays (default: 2)')
    parser.add_argument('--no-pin-memory', action='store_true', help='do not pin the memory of batches')
    parser.add_argument('--tta', action='store_true', help="test-time augmentation: the config's, else flips")
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='how distributed testing was started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    parser.add_argument('--device', choices=('cpu', 'cuda'), help='where to evaluate (default: what there is)')
    add_backend(parser)
    add_trust(parser)
    args = parser.parse_args()
    if args.out_item and not args.out:
        parser.error('--out-item needs --out')
    if is_exported(args.checkpoint):
        given = [name for name in _OF_CHECKPOINTS if getattr(args, name) != parser.get_default(name)]
        if given:
            parser.error(f'--{given[0].replace("_", "-")} is for checkpoints; {args.checkpoint} is an exported file')
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from shufflenet_zoo.jobs.config import load_config, parse_overrides  # takes a second: after the options are checked

    config = load_config(args.config, parse_overrides(args.cfg_options), args.data)
    if is_exported(args.checkpoint):
        metrics = load_backend('torch', {'torch': 'shufflenet_zoo.export.evaluation'}).evaluate(config, args.checkpoint)
        for name, value in metrics.items():
            print(f'{name}: {value:.4f}')
        return
    options = TestOptions(
        work_dir=args.work_dir,
        out=args.out,
        out_item=args.out_item or 'pred',
        amp=args.amp,
        show_dir=args.show_dir,
        show=args.show,
        interval=args.interval,
        wait_time=args.wait_time,
        tta=args.tta,
        launcher=args.launcher,
        device=args.device,
        pin_memory=not args.no_pin_memory,
    )
    load_backend(choose_backend(args.backend, args.checkpoint)).test(config, args.checkpoint, options)
